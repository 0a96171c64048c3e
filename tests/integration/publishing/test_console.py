"""The pages from a draft to a notice: who may what, what they say, what a press does."""

from __future__ import annotations

import html as html_lib
import re
from typing import Any

import pytest
from django.test import Client

from consentmgr.roles import ROLES
from tests.factories.people import signed_in
from tests.factories.registry import SITE, catalogue, make_site, tag
from tests.visitors import Visitor
from tracking.notices import models, queries
from tracking.notices.types import Notice
from tracking.registry import operations as registry

pytestmark = pytest.mark.django_db

DESK = "/console/notices/"
WORDING = f"{DESK}{SITE}/wording/"
TITLE = "見たページの記録を、外部の会社に送ってもよいですか"


@pytest.fixture
def notice() -> Notice:
    return make_site()


@pytest.fixture
def privacy(notice: Notice) -> Client:
    return signed_in("privacy")


def read(client: Client, address: str = DESK) -> str:
    answer = client.get(address, {"lang": "en"})
    assert answer.status_code == 200, answer.content
    return html_lib.unescape(answer.content.decode())


def write(client: Client, revision: int = 0, **fields: str) -> Any:
    sent = {"lang": "en", "revision": str(revision), "line.ja.banner_title": TITLE, **fields}
    return client.post(WORDING, sent)


def press(client: Client, act: str) -> str:
    revision = queries.get_draft(site_code=SITE).revision
    answer = client.post(f"{DESK}{SITE}/{act}/", {"lang": "en", "revision": revision}, follow=True)
    assert answer.status_code == 200
    return html_lib.unescape(answer.content.decode())


@pytest.mark.parametrize("role", ROLES)
def test_only_those_who_answer_for_the_wording_may_look_and_write(
    notice: Notice, role: str
) -> None:
    client = signed_in(role)
    may_look, may_write = role in {"privacy", "auditor"}, role == "privacy"

    assert client.get(DESK).status_code == (200 if may_look else 403)
    assert write(client).status_code == (302 if may_write else 403)
    assert client.get(f"{DESK}{SITE}/restore/1/").status_code == (200 if may_write else 403)
    for act in ("submit", "return", "discard", "publish"):
        answer = client.post(f"{DESK}{SITE}/{act}/", {"revision": "7"})
        assert answer.status_code == (302 if may_write else 403)
    assert models.NoticeVersion.objects.count() == 1


def test_a_site_without_a_notice_is_told_so(client: Client) -> None:
    registry.apply_catalogue(catalogue=catalogue())
    html = read(signed_in("privacy"))
    assert "Nothing is published yet" in html
    assert "the first notice" in html


def test_without_a_site_the_page_says_what_to_do() -> None:
    assert "catalogue apply" in read(signed_in("privacy"))


# What takes effect now is in effect for the next transaction.
@pytest.mark.django_db(transaction=True)
def test_the_whole_way_from_a_word_to_its_publication(privacy: Client) -> None:
    assert "There is no draft" in read(privacy)

    assert write(privacy, note="plain words").status_code == 302
    html = read(privacy)
    assert "saved by privacy" in html
    assert "Nobody is asked again" in html

    assert "In review, submitted by privacy" in press(privacy, "submit")
    assert "Version 2" in press(privacy, "publish")
    assert queries.get_current(site_code=SITE).content["wording"]["ja"]["banner_title"] == TITLE
    assert "plain words" in read(privacy)


def test_a_draft_is_read_beside_what_is_published(privacy: Client) -> None:
    write(privacy)
    html = read(privacy, f"{DESK}{SITE}/compare/1/draft/")
    before = html[html.index('data-label="Version 1"') :]
    assert "<del>など</del>" in before
    # On a phone a cell is a grid of its children: a text in pieces has to be one of them.
    assert re.match(
        r'data-label="Version 1" lang="ja"><div>.*<del>など</del>.*?</div></td>', before
    )
    assert "Wording" in html
    assert "There is no difference" in read(privacy, f"{DESK}{SITE}/compare/1/1/")
    assert privacy.get(f"{DESK}{SITE}/compare/1/9/").status_code == 404


def test_it_says_who_is_asked_again_and_why(privacy: Client, notice: Notice) -> None:
    for _ in range(12):
        assert Visitor(notice).allow().status_code == 201
    assert Visitor(notice).refuse().status_code == 201
    tables = catalogue()
    tables["tags"][2]["required_items"] = ["id.cookie", "activity.url"]
    registry.apply_catalogue(catalogue=tables)

    html = read(privacy)

    assert "The registry differs from what is published" in html
    # Whoever refuses advertising is not asked whether more of it is welcome.
    assert "12 devices are asked again" in html
    assert "It receives more: activity.url" in html


def test_fewer_than_ten_devices_are_not_told_apart(privacy: Client, notice: Notice) -> None:
    assert Visitor(notice).allow().status_code == 201
    tables = catalogue()
    registry.apply_catalogue(
        catalogue={**tables, "tags": [*tables["tags"], tag("more", "adco", ["personalisation"])]}
    )
    assert "fewer than 10 devices are asked again" in read(privacy)


def test_what_cannot_be_published_has_no_button_for_it(privacy: Client) -> None:
    tables = catalogue()
    tables["tags"][2]["their_purpose"] = {"ja": "", "en": "x"}
    registry.apply_catalogue(catalogue=tables)

    html = read(privacy)

    assert "To be mended before publishing" in html
    assert f"{DESK}{SITE}/submit/" not in html
    assert "To be mended" in press(privacy, "submit")


# What takes effect now is in effect for the next transaction.
@pytest.mark.django_db(transaction=True)
def test_an_older_version_is_looked_at_and_brought_back(privacy: Client) -> None:
    write(privacy)
    press(privacy, "submit")
    press(privacy, "publish")

    address = f"{DESK}{SITE}/restore/1/"
    assert "Nobody is asked again" in read(privacy, address)
    sent = {"lang": "en", "newest": "2", "note": "too early"}
    answer = privacy.post(address, sent, follow=True)

    assert "The content of version 1 is back" in answer.content.decode()
    assert queries.get_current(site_code=SITE).number == 3
    assert "This is what is published now" in read(privacy, address)
    assert privacy.post(address, sent).status_code == 409


def test_somebody_elses_words_are_not_overwritten_and_nothing_typed_is_lost(
    privacy: Client,
) -> None:
    write(privacy)

    answer = write(privacy, **{"line.ja.banner_title": "ほかの題"})

    assert answer.status_code == 409
    html = html_lib.unescape(answer.content.decode())
    assert "Somebody else changed it first" in html
    assert "ほかの題" in html
    assert queries.get_draft(site_code=SITE).wording["ja"]["banner_title"] == TITLE


def test_a_moment_that_is_none_is_named_and_nothing_typed_is_lost(privacy: Client) -> None:
    answer = write(privacy, effective_at="tomorrow")

    assert answer.status_code == 400
    html = html_lib.unescape(answer.content.decode())
    assert "with a date and a time" in html
    assert TITLE in html


def test_the_editors_script_learns_what_was_saved(privacy: Client) -> None:
    answer = privacy.post(
        WORDING,
        {"lang": "en", "revision": "0", "line.en.allow": "Allow it"},
        headers={"Accept": "application/json"},
    )
    assert answer.json()["revision"] == 1
    assert answer.json()["lines"]["line.en.allow"]["built_in"] == "Allow"

    again = privacy.post(
        WORDING, {"lang": "en", "revision": "0"}, headers={"Accept": "application/json"}
    )
    assert (again.status_code, list(again.json())) == (409, ["problem"])


def test_the_preview_is_the_real_banner_with_the_draft_and_can_do_nothing(
    privacy: Client,
) -> None:
    write(privacy)

    answer = privacy.get(f"{DESK}{SITE}/preview/ja/")

    script = answer.content.decode()
    assert TITLE in script
    assert "consentManager" in script
    policy = answer["Content-Security-Policy"]
    assert "sandbox allow-scripts" in policy
    assert "connect-src" not in policy
    assert "default-src 'none'" in policy
    nonce = re.search(r"'nonce-([^']+)'", policy)
    assert nonce is not None
    assert f'<script nonce="{nonce[1]}">' in script
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert privacy.get(f"{DESK}{SITE}/preview/de/").status_code == 404


def test_words_cannot_end_the_previews_script(privacy: Client) -> None:
    write(privacy, **{"line.ja.banner_title": "</script><script>alert(1)</script>"})
    html = privacy.get(f"{DESK}{SITE}/preview/ja/").content.decode()
    assert "<script>alert(1)" not in html


@pytest.mark.django_db(transaction=True)
def test_where_another_person_is_needed_the_page_says_so(privacy: Client, settings: Any) -> None:
    settings.NOTICE_REVIEW_BY_ANOTHER = True
    write(privacy)
    press(privacy, "submit")

    assert "by somebody who did not submit it" in press(privacy, "publish")
    assert "Version 2" in press(signed_in("privacy", "another"), "publish")


def test_a_finding_names_its_duty_in_the_readers_language(privacy: Client) -> None:
    write(privacy, **{"line.ja.refuse": "いいえ、損をしてもかまいません"})

    html = html_lib.unescape(privacy.get(DESK, {"lang": "ja"}).content.decode())

    assert "公平な聞き方" in html
    assert f"{WORDING}?lang=ja#line-ja-refuse" in html
    assert "fairness" not in html
