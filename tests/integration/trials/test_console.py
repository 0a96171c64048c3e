"""The pages about experiments: who may what, what they say, what a press does."""

from __future__ import annotations

import html as html_lib
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from consentmgr.roles import ROLES
from tests.factories.people import signed_in
from tests.factories.registry import SITE, catalogue
from tests.served_script import config_in
from tracking.experiments import models, queries
from tracking.experiments.types import Stage
from tracking.insights import counting
from tracking.insights import models as insights
from tracking.insights.types import Cell, Kind
from tracking.lib.short_memory import forget_everything
from tracking.notices import queries as notices
from tracking.notices.types import Notice
from tracking.registry import operations as registry

pytestmark = pytest.mark.django_db

DESK = "/console/experiments/"
PAGE = f"{DESK}{SITE}/title/"
TITLE = "外部の会社に送ってよいですか"


@pytest.fixture
def privacy(notice: Notice) -> Client:
    return signed_in("privacy")


def read(client: Client, address: str = PAGE, language: str = "en") -> str:
    forget_everything()
    answer = client.get(address, {"lang": language})
    assert answer.status_code == 200, answer.content
    return html_lib.unescape(answer.content.decode())


def create(client: Client) -> Any:
    return client.post(f"{DESK}{SITE}/", {"lang": "en", "code": "title", "name": "A shorter title"})


def write(client: Client, **more: str) -> Any:
    sent = {
        "lang": "en", "revision": str(models.Experiment.objects.get().revision),
        "name": "A shorter title", "hypothesis": "Fewer words", "purpose": "analytics",
        "days": "14", "difference": "3", "share.a": "50", "share.b": "50",
        "presentation.b": "", "line.b.ja.banner_title": TITLE, "save": "1", **more,
    }  # fmt: skip
    return client.post(PAGE, sent)


def press(client: Client, act: str, **more: str) -> str:
    revision = models.Experiment.objects.get().revision
    answer = client.post(
        f"{PAGE}{act}/", {"lang": "en", "revision": str(revision), **more}, follow=True
    )
    assert answer.status_code == 200
    return html_lib.unescape(answer.content.decode())


def started(client: Client) -> None:
    create(client)
    write(client)
    press(client, "start")


def days_pass(days: int) -> None:
    """Only the tables' owner may say so."""
    guard = "ALTER TABLE experiments_experiment {} TRIGGER experiments_go_on"
    with connection.cursor() as cursor:
        cursor.execute(guard.format("DISABLE"))
        cursor.execute(
            "UPDATE experiments_experiment"
            " SET started_at = started_at - %(ago)s, ends_at = ends_at - %(ago)s",
            {"ago": timedelta(days=days)},
        )
        cursor.execute(guard.format("ENABLE"))


def told(
    notice: Notice, arm: str, kind: Kind, count: int, purposes: str = "", *, days_ago: int = 0
) -> None:
    """Put a number there, as telling would have."""
    cell = Cell(
        kind=kind, language="ja", device_class="phone", regime="jp-a", country_group="jp",
        presentation="bar", surface="", notice="1", variant=f"title:{arm}" if arm else "",
        referrer_class="direct", purposes=purposes, choices=purposes,
    )  # fmt: skip
    fields = {name: getattr(cell, name) for name in Cell.__slots__}
    row, _ = insights.Cell.objects.get_or_create(id=counting.digest(cell), defaults=fields)
    day = timezone.localtime(timezone=timezone.get_fixed_timezone(540)).date()
    insights.DailyNumber.objects.create(
        site_id=notice.site_id, day=day - timedelta(days=days_ago), cell=row, count=count
    )


def analytics(notice: Notice) -> str:
    return "0" * notice.numbers["purpose:analytics"] + "1"


@pytest.mark.parametrize("role", ROLES)
def test_who_may_look_write_and_run(notice: Notice, role: str) -> None:
    client = signed_in(role)
    may_look = role in {"marketing", "privacy", "auditor"}
    may_write, may_run = role in {"marketing", "privacy"}, role == "privacy"

    assert client.get(DESK).status_code == (200 if may_look else 403)
    assert create(client).status_code == (302 if may_write else 403)
    if not models.Experiment.objects.exists():
        create(signed_in("privacy"))
    assert client.get(PAGE).status_code == (200 if may_look else 403)
    assert write(client).status_code == (302 if may_write else 403)
    if not may_write:
        write(_privacy())
    for act in ("start", "stop", "promote"):
        answer = client.post(f"{PAGE}{act}/", {"revision": "2", "arm": "b"})
        assert answer.status_code == (302 if may_run else 403), act
    assert client.post(f"{PAGE}discard/", {"revision": "9"}).status_code == (
        302 if may_write else 403
    )
    assert models.Experiment.objects.count() == 1


def _privacy() -> Client:
    client = Client()
    client.force_login(User.objects.get(username="privacy"))
    return client


def test_without_a_site_or_a_notice_the_page_says_what_to_do() -> None:
    client = signed_in("privacy")
    assert "catalogue apply" in read(client, DESK)
    registry.apply_catalogue(catalogue=catalogue())
    assert "so publish first" in read(client, DESK)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_an_empty_list_teaches(privacy: Client, language: str) -> None:
    html = read(privacy, DESK, language)
    assert html.count("<li>") >= 3
    assert 'value="test-1"' in html


@pytest.mark.django_db(transaction=True)
def test_the_whole_way_from_a_draft_to_the_next_notices_draft(
    privacy: Client, notice: Notice
) -> None:
    assert create(privacy).status_code == 302
    html = read(privacy)
    assert "Arm B is the same as another arm" in html
    assert "/start/" not in html

    assert write(privacy).status_code == 302
    html = read(privacy)
    assert TITLE in html
    assert "It can be started" in html
    assert "Published: " in html

    def script() -> dict[str, Any]:
        return config_in(Client().get(f"/b/{SITE}.js").content)

    assert "experiment" not in script()
    assert "Started." in press(privacy, "start")
    # This process remembers nothing of before.
    assert script()["experiment"]["code"] == "title"
    html = read(privacy)
    assert "it is too early" in html
    assert "14 days left" in html
    assert "From " in html
    assert "/promote/" not in html

    days_pass(8)
    for arm, granted in (("a", 300), ("b", 400)):
        told(notice, arm, Kind.IGNORED, 600 - granted)
        told(notice, arm, Kind.ALLOWED, granted, analytics(notice))
        told(notice, arm, Kind.REFUSED, 400)
    html = read(privacy)
    assert "Arm B is better by 10.0 points (3.1 to 16.9)" in html
    assert "30.0%" in html
    assert "40.0%" in html
    assert "cannot be trusted" not in html

    assert "The draft is there" in press(privacy, "promote", arm="b")
    assert notices.get_draft(site_code=SITE).wording == {"ja": {"banner_title": TITLE}}
    html = read(privacy)
    assert "became the draft of the next notice" in html
    assert "/stop/" not in html
    assert "/promote/" not in html
    assert "Arm B (as" not in html
    assert "became the draft" in read(privacy, DESK)


def test_sizes_that_are_not_the_shares_are_warned_of(privacy: Client, notice: Notice) -> None:
    started(privacy)
    told(notice, "a", Kind.IGNORED, 1000)
    told(notice, "b", Kind.IGNORED, 700)
    assert "too far from their shares" in read(privacy)


def test_many_left_out_are_warned_of(privacy: Client, notice: Notice) -> None:
    started(privacy)
    for arm in "ab":
        told(notice, arm, Kind.IGNORED, 500)
        told(notice, arm, Kind.ALLOWED, 500, analytics(notice))
    mixed = {"variant": "*"}
    cell = Cell(
        kind=Kind.REFUSED, language="ja", device_class="phone", regime="jp-a", country_group="jp",
        presentation="bar", surface="bar", notice="1", referrer_class="direct", **mixed,
    )  # fmt: skip
    row = insights.Cell.objects.create(
        id=counting.digest(cell), **{name: getattr(cell, name) for name in Cell.__slots__}
    )
    day = timezone.localtime(timezone=timezone.get_fixed_timezone(540)).date()
    number = insights.DailyNumber.objects.create(
        site_id=notice.site_id, day=day, cell=row, count=100
    )
    assert "of up to" not in read(privacy)
    number.count = 120
    number.save()
    html = read(privacy)
    assert "of up to 120 people" in html


def test_people_outside_the_experiment_are_not_counted(privacy: Client, notice: Notice) -> None:
    started(privacy)
    told(notice, "", Kind.ALLOWED, 900, analytics(notice))
    told(notice, "a", Kind.ALLOWED, 40, analytics(notice))
    told(notice, "a", Kind.SHOWN_AGAIN, 70)
    told(notice, "a", Kind.SUSPECT, 80, analytics(notice))
    html = read(privacy)
    row = html[html.index("Arm A (as published)</th>") :].split("</tr>")[0]
    cells = re.findall(r"<td data-label=\"[^\"]*\">([^<]*)</td>", row)
    assert cells[:5] == ["50%", "40", "40", "40", "100.0%"]


def test_what_cannot_be_kept_stays_in_the_form(privacy: Client) -> None:
    create(privacy)
    answer = write(privacy, days="3", name="")
    assert answer.status_code == 400
    html = html_lib.unescape(answer.content.decode())
    assert "Days are 7 to 91." in html
    assert "1 to 100 characters" in html
    assert TITLE in html
    assert models.Experiment.objects.get().days == 14

    stale = write(privacy, revision="0")
    assert stale.status_code == 409
    assert "Nothing was overwritten" in stale.content.decode()


def test_an_arm_that_hides_the_refusal_is_told_why_it_cannot_start(privacy: Client) -> None:
    create(privacy)
    write(privacy, **{"line.b.en.refuse": "Maybe later"})
    html = read(privacy)
    assert "Arm B: " in html
    assert "/start/" not in html
    # Nor does a press that the page does not offer.
    assert "cannot be started yet" in press(privacy, "start")
    assert models.Experiment.objects.get().stage == Stage.DRAFT


def test_arms_come_and_go(privacy: Client) -> None:
    create(privacy)
    write(privacy, add="1")
    experiment = queries.get_experiment(site_code=SITE, code="title", now=timezone.now())
    assert [(arm.code, arm.share) for arm in experiment.arms] == [("a", 34), ("b", 33), ("c", 33)]
    write(
        privacy, remove="b",
        **{"share.c": "33", "presentation.c": "card", "line.c.en.allow": "Yes, allow"},
    )  # fmt: skip
    experiment = queries.get_experiment(site_code=SITE, code="title", now=timezone.now())
    assert [(arm.code, arm.share, arm.presentation) for arm in experiment.arms] == [
        ("a", 50, ""),
        ("b", 50, "card"),
    ]
    assert experiment.arms[1].wording == {"en": {"allow": "Yes, allow"}}


def test_the_plan_reckons_with_the_sites_own_numbers(privacy: Client, notice: Notice) -> None:
    create(privacy)
    assert "There are no numbers of the last 28 days yet" in read(privacy)
    # Of today only what is over counts.
    told(notice, "", Kind.IGNORED, 500)
    assert "There are no numbers" in read(privacy)
    told(notice, "", Kind.IGNORED, 2800, days_ago=1)
    told(notice, "", Kind.ALLOWED, 2800, analytics(notice), days_ago=28)
    told(notice, "", Kind.IGNORED, 900, days_ago=29)
    html = read(privacy)
    assert "opt-in rate 50.0%, 200 visitors a day" in html
    assert "The planned 14 days are not enough" in html
    html = html_lib.unescape(
        privacy.get(PAGE, {"lang": "en", "baseline": "30", "visitors": "5000"}).content.decode()
    )
    assert "not enough" not in html
    assert 'value="30.0"' in html


def test_a_preview_shows_the_arm_in_a_sandbox(privacy: Client) -> None:
    create(privacy)
    write(privacy, **{"presentation.b": "dialog"})
    answer = privacy.get(f"{PAGE}b/preview/ja/")
    assert "sandbox allow-scripts" in answer["Content-Security-Policy"]
    config = config_in(answer.content)
    assert config["wording"]["ja"]["banner_title"] == TITLE
    assert config["presentation"] == "dialog"
    published = config_in(privacy.get(f"{PAGE}a/preview/ja/").content)
    assert published["wording"]["ja"]["banner_title"] != TITLE
    for missing in ("c/preview/ja/", "b/preview/fr/"):
        assert privacy.get(PAGE + missing).status_code == 404
    assert privacy.get(f"{DESK}{SITE}/nothing/").status_code == 404


def test_discarding_leads_back_to_the_list(privacy: Client) -> None:
    create(privacy)
    assert "The draft is gone" in press(privacy, "discard")
    assert not models.Experiment.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_arm_that_only_looks_different_leaves_no_draft(privacy: Client) -> None:
    create(privacy)
    write(privacy, **{"line.b.ja.banner_title": "", "presentation.b": "card"})
    press(privacy, "start")
    days_pass(8)
    forget_everything()
    html = press(privacy, "promote", arm="b")
    assert "Noted. This arm differs by its presentation alone" in html
    assert "The draft is there" not in html
    assert notices.get_draft(site_code=SITE).revision == 0


def test_stopping(privacy: Client) -> None:
    started(privacy)
    html = press(privacy, "stop")
    assert "Stopped by privacy" in html
    assert "It ran for fewer than 7 days" in html
    assert "experiment" not in config_in(Client().get(f"/b/{SITE}.js").content)
