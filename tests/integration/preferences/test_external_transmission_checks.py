"""
The checks that an external-transmission page has to pass, by their numbers.

ET-01 to ET-11 follow from Japan's Telecommunications Business Act Art. 27-12 and Regs 22-2-27 to
22-2-31, the others are good practice. What only a browser can tell (ET-06, ET-07, ET-08, ET-15) is
in tests/e2e/test_external_transmission.py.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from jsonschema import Draft202012Validator, FormatChecker

from tests.factories.clock import NOW
from tests.factories.registry import SITE, catalogue, make_site, tag, text
from tests.integration.preferences.declared import declaration, declare
from tests.integration.preferences.pages import PAGE, TRANSMISSION, Browser
from tests.integration.preferences.test_transmission import entry, state
from tests.visitors import Visitor
from tracking.lib.short_memory import forget_everything
from tracking.notices.operations import NoticeIncomplete, publish_notice_version
from tracking.preferences import queries
from tracking.preferences.types import Reader, TransmissionPage
from tracking.registry.models import Tag
from tracking.registry.operations import apply_catalogue
from tracking.scans.operations import record_scan

pytestmark = pytest.mark.django_db

JARGON = ("Cookie", "SDK", "ピクセル", "リターゲティング", "DMP", "ハッシュ")


def words_of(html: str) -> str:
    return re.sub(r"<[^>]+>", "", html)


def facts(html: str, tag_code: str) -> dict[str, str]:
    """Return what an entry says, by its labels."""
    return {
        label: words_of(said)
        for label, said in re.findall(
            r"<dt>(.*?)</dt><dd[^>]*>(.*?)</dd>", entry(html, tag_code), re.DOTALL
        )
    }


def test_et_01_there_is_one_entry_for_each_live_tag_and_never_a_merged_list(db: None) -> None:
    tables = declaration()
    tables["tags"].append({**tables["tags"][2], "code": "ads2", "name": text("ads2")})
    tables["tags"].append({**tables["tags"][2], "code": "draft", "status": "draft"})
    declare(tables=tables)
    html = Browser("ja").open(TRANSMISSION).html

    live = set(Tag.objects.filter(status="live").values_list("code", flat=True))
    listed = re.findall(r'<article class="panel entry" id="tag-(\w+)"', html)
    assert len(listed) == len(set(listed))
    assert set(listed) == live == {"cart", "stats", "ads", "ads2", "retarget", "events"}


def test_et_02_each_entry_lists_what_is_sent_in_japanese(db: None) -> None:
    notice = declare()
    html = Browser("ja").open(TRANSMISSION).html

    names = {item["code"]: item["name"]["ja"] for item in notice.content["data_items"]}
    for one in notice.content["tags"]:
        said = facts(html, one["code"])
        assert one["required_items"]
        for code in one["required_items"]:
            assert names[code].partition("（")[0] in said["送られる情報"].replace(" ", "")
        for code in one["optional_items"]:
            assert names[code].partition("（")[0] in said["許可した場合だけ送る情報"]
        assert not said["送られる情報"].rstrip("。").endswith("等")


def test_et_02_a_tag_that_says_nothing_of_what_it_sends_is_not_published(db: None) -> None:
    tags = catalogue()["tags"]
    tags[2]["required_items"] = []

    with pytest.raises(NoticeIncomplete):
        make_site(tags=tags)


def test_et_03_each_entry_names_the_company_and_beside_it_the_service(db: None) -> None:
    notice = declare()
    html = Browser("ja").open(TRANSMISSION).html

    partners = {partner["code"]: partner for partner in notice.content["partners"]}
    for one in notice.content["tags"]:
        partner = partners[one["partner"]]
        said = facts(html, one["code"])["送り先"]
        assert said.startswith(partner["legal_name"]["ja"])
        assert partner["service_name"].get("ja", "") in said


def test_et_04_each_entry_says_both_purposes(db: None) -> None:
    notice = declare()
    html = Browser("ja").open(TRANSMISSION).html

    for one in notice.content["tags"]:
        said = facts(html, one["code"])
        assert one["our_purpose"]["ja"] in said["当社の目的"]
        assert one["their_purpose"]["ja"] in said["送り先の目的"]


@pytest.mark.parametrize("field", ["our_purpose", "their_purpose"])
def test_et_04_a_tag_without_one_of_them_is_not_published(db: None, field: str) -> None:
    tags = catalogue()["tags"]
    tags[2][field] = {"en": "Only in English."}

    with pytest.raises(NoticeIncomplete):
        make_site(tags=tags)


def test_et_05_it_is_in_japanese_and_hard_words_are_explained_where_they_first_stand(
    db: None,
) -> None:
    tables = declaration()
    for number, one in enumerate(tables["tags"]):
        one["our_purpose"]["ja"] = f"{JARGON[number % 6]}と{JARGON[(number + 1) % 6]}で数えるため"
        one["retention"] = {"ja": f"{JARGON[number % 6]}は1年", "en": "1 year"}
    declare(tables=tables)
    html = Browser("ja").open(TRANSMISSION).html

    assert '<html lang="ja">' in html
    for word in JARGON:
        told = len(re.findall(rf'<dfn title="[^"]+">{word}</dfn>', html))
        assert told == words_of(html).count(word) > 0, word
        # In words right behind it, once; a title alone is nothing to a thumb.
        first = html.partition(f">{word}</dfn>")[2]
        assert first.startswith('<span class="gloss">（'), word
        assert len(re.findall(rf'>{word}</dfn><span class="gloss">', html)) == 1


def test_et_05_what_a_text_explains_itself_is_not_explained_again(db: None) -> None:
    tables = declaration()
    tables["tags"][2]["our_purpose"]["ja"] = "接続元の番号（IPアドレス）を見るため"
    declare(tables=tables)

    assert facts(Browser("ja").open(TRANSMISSION).html, "ads")["当社の目的"].startswith(
        "接続元の番号（IPアドレス）を見るため"
    )


def test_et_06_the_page_lets_itself_be_enlarged(notice: Any) -> None:
    html = Browser("ja").open(TRANSMISSION).html

    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html
    for forbidden in ("user-scalable", "maximum-scale"):
        assert forbidden not in html


def test_et_07_it_is_there_without_a_cookie_a_sign_in_or_a_script(notice: Any) -> None:
    answer = Client().get(TRANSMISSION)
    html = answer.content.decode()

    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/html")
    assert "<script" not in html
    assert html.count("<h1") == 1
    for code in notice.terms.tags:
        assert f'id="tag-{code}-name"' in html
        assert len(facts(html, code)) >= 6
    for partner in {terms.partner for terms in notice.terms.tags.values()}:
        assert f'href="#partner-{partner}"' in html
        assert html.count(f'id="partner-{partner}"') == 1


def test_et_08_all_of_our_pages_lead_there(notice: Any) -> None:
    for place in (PAGE, f"/cookies/{SITE}/", f"/partners/{SITE}/", f"/information/{SITE}/",
                  f"/joint-use/{SITE}/", f"/first-layer/{SITE}/"):  # fmt: skip
        answer = Client().get(place, headers={"Sec-Fetch-Site": "same-site"})
        assert f'href="{TRANSMISSION}?lang=' in answer.content.decode(), place


def test_et_09_a_tag_is_shut_until_the_page_that_shows_it_is_published(visitor: Visitor) -> None:
    tables = catalogue()
    tables["tags"].append(tag("newad", "adco", ["advertising"]))
    apply_catalogue(catalogue=tables)
    forget_everything()
    visitor.allow()

    assert visitor.gate("newad")["newad"] == {
        "allowed": False,
        "reason": "unknown_tag",
        "withheld_data_items": [],
    }
    assert 'id="tag-newad"' not in Browser().open(TRANSMISSION).html

    visitor.notice = publish_notice_version(site_code=SITE, wording={}, author="tests", now=NOW)
    forget_everything()
    assert 'id="tag-newad"' in Browser().open(TRANSMISSION).html
    visitor.allow()
    assert visitor.gate("newad")["newad"]["allowed"]


def test_et_09_a_page_that_is_not_in_effect_yet_opens_nothing(visitor: Visitor) -> None:
    tables = catalogue()
    tables["tags"].append(tag("newad", "adco", ["advertising"]))
    apply_catalogue(catalogue=tables)
    publish_notice_version(
        site_code=SITE, wording={}, author="tests", now=NOW, effective_at=NOW + timedelta(days=9)
    )
    forget_everything()
    visitor.allow()

    assert visitor.gate("newad")["newad"]["reason"] == "unknown_tag"


@pytest.mark.parametrize(
    ("kind", "what"), [("stop_sending", "送信の停止"), ("stop_use", "利用の停止")]
)
def test_et_10_each_entry_says_the_seven_things_of_an_opt_out(
    db: None, kind: str, what: str
) -> None:
    """Regs 22-2-31, in its order."""
    tables = declaration()
    tables["tags"][2]["optout_kind"] = kind
    declare(tables=tables)
    html = Browser("ja").open(TRANSMISSION).html
    said = facts(html, "ads")

    assert said["止められるか"].startswith("はい。")
    assert what in said["止まるもの"]
    assert "「止める」ボタン" in said["受け付け方"]
    assert said["止めたあと"] == "Nothing changes.（日本語）"
    assert "id." in said["送られる情報"]
    assert "Adco Inc." in said["送り先"]
    assert "They use ads." in said["送り先の目的"]
    assert facts(html, "events")["止めたあと"] == "Nothing else changes.（日本語）"


def test_et_11_an_exempt_tag_is_listed_with_its_exemption(notice: Any) -> None:
    said = facts(Browser("ja").open(TRANSMISSION).html, "cart")

    assert "入力した内容をもう一度表示するため" in said["止められない理由"]
    assert "電気通信事業法施行規則 第22-2-30(2)" in said["止められない理由"]
    assert "止められるか" not in said


def test_et_11_a_necessary_tag_without_its_exemption_is_not_published(db: None) -> None:
    tags = catalogue()["tags"]
    tags[0]["exemption_code"] = ""

    with pytest.raises(NoticeIncomplete):
        make_site(tags=tags)


def test_et_12_country_retention_cookies_and_the_partners_pages_are_there(db: None) -> None:
    declare()
    html = Browser("ja").open(TRANSMISSION).html
    said = facts(html, "ads")

    assert "アメリカ合衆国" in said["送り先"]
    assert said["送り先での保存期間"] == "13 months（日本語）"
    assert said["クッキーと保存期間"].startswith("_ad（2年）")
    assert "_ad_s（ブラウザを閉じるまで）" in said["クッキーと保存期間"]
    assert said["ブラウザの保存領域"] == "ad-state"
    for address in ("https://adco.example/privacy", "https://adco.example/optout"):
        assert f'href="{address}"' in entry(html, "ads")


def page_now() -> TransmissionPage:
    forget_everything()
    return queries.get_transmission_page(
        site_code=SITE,
        reader=Reader(
            languages="ja", device_token=None, place=None, gpc=False, shown_notice=None,
            is_doubtful=False,
        ),
        saved_key="",
        saved_tag="",
        keys={"k1": b"0" * 32},
        now=NOW,
    )  # fmt: skip


def test_et_13_the_day_of_the_last_check_is_said_where_there_was_one(notice: Any) -> None:
    assert page_now().checked == ""
    record_scan(
        site_code=SITE, notice_number=1, pages=["https://shop.example/"], findings=[],
        started_at=datetime(2026, 11, 25, 15, tzinfo=UTC),
        now=datetime(2026, 11, 25, 15, 1, tzinfo=UTC),
    )  # fmt: skip
    assert page_now().checked == "実際の送信との照合日：2026年11月26日（木）"


def test_et_13_every_version_has_its_days_and_what_it_changed(db: None) -> None:
    tables = declaration()
    declare(tables=tables)
    # Second: a tag comes, one goes, a purpose is put into other words, an item goes along.
    tables = declaration()
    tables["tags"].pop()
    tables["tags"][1]["our_purpose"] = {"ja": "数えるため", "en": "To count"}
    tables["tags"][2]["required_items"] = ["id.cookie", "activity.url"]
    tables["tags"].append(tag("newad", "adco", ["advertising"]))
    tables["site"]["company"]["email"] = "other@shop.example"
    declare(tables=tables)
    # Third: announced.
    tables["partners"][1]["legal_name"] = {"ja": "新統計社", "en": "New Stat Inc."}
    declare(tables=tables, effective_at=NOW + timedelta(days=20))

    html = Browser("en").open(TRANSMISSION).html
    revisions = html.partition("Revisions</h2>")[2]
    third, second, first = re.findall(r"<details.*?</details>", revisions, re.DOTALL)

    assert re.search(r"Version 3, published \w+ \d+ \w+ \d{4}", words_of(third))
    assert "not in effect yet" in third
    assert "Changed partners “New Stat Inc.”: name (“Statco Inc.” is now “New Stat Inc.”)" in (
        words_of(third)
    )
    # What the second changed is the second's.
    assert "newad" not in third
    said = words_of(second)
    assert "not in effect yet" not in said
    assert "New tags: newad" in said
    assert "No longer here, tags: events" in said
    assert "our purpose (“We use stats.” is now “To count”)" in said
    assert "Changed tags “ads”: New information sent: activity.url" in said
    assert "Our name or contact changed." in said
    assert "First published." in words_of(first)
    # The page itself is still the second version, and says whom to ask.
    assert "Version 2, published" in html.partition("Revisions")[0]
    assert "other@shop.example" in html


def test_et_13_the_changes_are_told_in_the_readers_language(db: None) -> None:
    declare()
    tables = declaration()
    tables["tags"][1]["our_purpose"]["ja"] = "数えるため"
    tables["tags"][2]["retention"] = {"ja": "1年", "en": "1 year"}
    declare(tables=tables)

    japanese = words_of(Browser("ja").open(TRANSMISSION).html.partition("改定の記録</h2>")[2])
    english = words_of(Browser("en").open(TRANSMISSION).html.partition("Revisions</h2>")[2])

    assert "タグ「stats（日本語）」の変更：当社の目的（「We use stats.（日本語）」を" in japanese
    assert "「数えるため」に変更）" in japanese
    # What changed in Japanese alone is said without Japanese words.
    assert "Changed tags “stats”: our purpose" in english
    assert "数えるため" not in english
    assert "送り先での保存期間（「13 months（日本語）」を「1年」に変更）" in japanese


def test_et_15_each_entry_says_what_the_gate_decides_for_this_device(visitor: Visitor) -> None:
    visitor.choose(
        granted={"partner:adco", "purpose:advertising", "item:id.cookie"},
        refused={"partner:retargeter", "purpose:analytics"},
    )
    browser = Browser("en")
    browser.client.cookies = visitor.client.cookies
    html = browser.open(TRANSMISSION).html
    codes = list(visitor.notice.terms.tags)

    decided = visitor.gate(*codes)
    assert {code: state(html, code) == "on" for code in codes} == {
        code: decision["allowed"] for code, decision in decided.items()
    }
    assert {state(html, code) for code in codes} == {"on", "off"}


def test_et_16_there_is_a_valid_copy_for_machines_and_an_english_version(db: None) -> None:
    declare()
    schema = json.loads(
        (Path(__file__).parents[3] / "docs/schemas/external-transmission.json").read_text("utf-8")
    )
    found = Client().get("/.well-known/external-transmission.json").json()

    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    assert [error.message for error in validator.iter_errors(found)] == []
    assert found["authoritative_language"] == "ja"
    english = Browser("en").open(TRANSMISSION).html
    assert '<html lang="en">' in english
    assert "The Japanese text is the authoritative one." in english
    assert 'hreflang="ja"' in english
