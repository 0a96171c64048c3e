"""Cookies, partners, joint use and information: as a page, as a part of a page, for machines."""

from __future__ import annotations

import copy
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from jsonschema import Draft202012Validator, FormatChecker

from consentmgr.demo.catalogue import read_catalogue
from consentmgr.demo.places import get_places
from tests.factories.clock import NOW
from tests.factories.registry import SITE, make_site, text
from tests.integration.preferences.declared import JOINT_USE, declaration, declare
from tracking.lib.short_memory import forget_everything
from tracking.notices import history
from tracking.notices.models import NoticeVersion
from tracking.notices.operations import publish_notice_version
from tracking.preferences import listings
from tracking.preferences.types import Listing
from tracking.registry.models import JointUse
from tracking.registry.operations import apply_catalogue

pytestmark = pytest.mark.django_db

SCHEMAS = Path(__file__).parents[3] / "docs" / "schemas"
EVERY = pytest.mark.parametrize("listing", [listing.value for listing in Listing])


def page(listing: str, language: str = "en") -> str:
    answer = Client().get(f"/{listing}/{SITE}/?lang={language}")
    assert answer.status_code == 200
    return str(answer.content.decode())


def entry(html: str, anchor: str) -> str:
    found = re.search(rf'<article class="[^"]*" id="{anchor}">(.*?)</article>', html, re.DOTALL)
    assert found, anchor
    return re.sub(r"<[^>]+>", " ", found.group(1))


def copy_of(listing: str, site: str = SITE) -> dict[str, Any]:
    answer = Client().get(f"/{listing}/{site}.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def errors(listing: str, found: dict[str, Any]) -> list[str]:
    schema = json.loads((SCHEMAS / f"{listing}.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    return [error.message for error in validator.iter_errors(found)]


# --- what they say


def test_the_cookie_list_names_whose_it_is_what_for_and_how_long(db: None) -> None:
    declare()
    html = page("cookies")

    assert "Adco Inc.</h2>" in html
    ads = entry(html, "tag-ads")
    for words in (
        "_ad (2 years)", "_ad_s (until the browser is closed)", "ad-state", "We use ads.",
        "advertising", "Only if you allow it",
    ):  # fmt: skip
        assert words in ads, words
    # What keeps nothing is not listed, what we keep ourselves is.
    assert 'id="tag-events"' not in html
    assert "400 days from the last use" in entry(html, "own-cm_choices")


def test_our_own_storage_is_what_the_scripts_and_the_service_write(db: None) -> None:
    """A name that is added to the sources must be added to the list."""
    root = Path(__file__).parents[3]
    written: set[str] = set()
    for path in (*root.glob("static/src/**/*.ts"), root / "tracking/consents/cookies.py"):
        written |= set(re.findall(r'"(cm_[a-z]+)"', path.read_text("utf-8")))
        written |= set(re.findall(r"sessionStorage\.(cm_[a-z]+)", path.read_text("utf-8")))
    # An event in the data layer and a lock, nothing that is kept.
    written -= {"cm_consent", "cm_outbox"}
    declare()

    assert written
    assert written <= {one["name"] for one in copy_of("cookies")["cookies"]}


def test_the_partner_list_is_in_the_classes_of_the_policy(db: None) -> None:
    declare()
    html = page("partners")

    heads = re.findall(r"<h2>(.*?)</h2>|<h3>(.*?)</h3>", html)
    assert [first or second for first, second in heads] == [
        "Ourselves", "Own Inc.",
        "Advertisers", "Adco Inc.",
        "Information providers", "Retargeter Inc.",
        "Service providers", "Statco Inc.", "Mailer Inc.", "Outlet Inc.",
    ]  # fmt: skip
    adco = entry(html, "partner-adco")
    for words in (
        "Adco Ads", "United States", "1 Ad Street (representative: B. Boss)", "third party",
        "attr.gender", "advertising", "They use ads.",
        "This company may know whose information it received is (ads).",
        "We ask and tell Adco.", "It receives information only with your permission.",
        "The law there: The law over there.", "What the partner does: What Adco does.",
        "You can switch this partner off on the page of settings.",
    ):  # fmt: skip
        assert words in adco, words
    assert "The tags of this site send it nothing." in entry(html, "partner-outlet")
    assert "It cannot be stopped: Needed to show again" in entry(html, "partner-own")
    assert "may know whose" not in entry(html, "partner-mailer")


def test_the_joint_use_notice_has_everything_that_the_law_names(db: None) -> None:
    declare()
    told = entry(page("joint-use"), "joint-members")

    for words in (
        "We use the information below jointly", "attr.gender", "Shop K.K. and Outlet K.K.",
        "To serve members alike", "Responsible K.K.",
        "2-2 Jinnan, Shibuya (representative: R. Sponsible)", "Outlet Inc.",
    ):  # fmt: skip
        assert words in told, words


def test_a_joint_use_that_is_announced_is_shown_before_its_day(db: None) -> None:
    declare()
    later = NOW + timedelta(days=30)
    changed = {**JOINT_USE, "purpose": text("To recommend")}
    new = {**JOINT_USE, "code": "stores", "purpose": text("To run stores together")}
    declare(tables=declaration(joint_uses=[changed, new]), effective_at=later)
    # What a catalogue leaves out stays declared.
    JointUse.objects.get(code="stores").delete()
    declare(tables=declaration(joint_uses=[changed]), effective_at=later + timedelta(days=30))
    html = page("joint-use")

    assert "To serve members alike" in entry(html, "joint-members")
    assert re.search(r"From \w+ \d+ \w+ \d{4} it is as follows.", entry(html, "joint-members-2"))
    assert "To recommend" in entry(html, "joint-members-2")
    assert "To run stores together" in entry(html, "joint-stores-2")
    assert "It ends on" in entry(html, "joint-stores-3")
    found = copy_of("joint-use")
    assert [one["purpose"]["en"] for one in found["joint_uses"]] == ["To serve members alike"]
    assert [one["number"] for one in found["coming"]] == [2, 3]
    assert errors("joint-use", found) == []


def test_a_member_whose_day_has_not_come_is_said_to_receive_nothing(db: None) -> None:
    tables = declaration()
    tables["partners"][-1]["effective_at"] = NOW + timedelta(days=10)
    declare(tables=tables)

    told = entry(page("joint-use"), "joint-members")
    assert re.search(r"Outlet Inc\. \(from .*; it receives nothing before\)", told)


def test_information_is_listed_by_kind_with_who_gets_it_and_why(db: None) -> None:
    declare()
    html = page("information")

    heads = re.findall(r"<h2>(.*?)</h2>|<h3>(.*?)</h3>", html)
    assert [(first or second).split(" (")[0] for first, second in heads] == [
        "Attributes", "attr.gender",
        "What tells devices and browsers apart", "id.cookie",
        "Activity history", "activity.url", "activity.sequence", "activity.purchase",
    ]  # fmt: skip
    gender = entry(html, "item-attr.gender")
    assert "What attr.gender is." in gender
    assert "Named in Article 9." in gender
    assert "Adco Inc. (United States): advertising (you can withhold just this)" in gender
    assert "May know whose it is: Adco Inc." in gender
    cookie = entry(html, "item-id.cookie")
    assert "Retargeter Inc. (United States): advertising, personalisation" in cookie
    assert "you can withhold just this" not in cookie
    purchase = entry(html, "item-activity.purchase")
    assert "Named in Article 3." in purchase
    assert "At present no company receives it." in purchase


@pytest.mark.parametrize(
    ("listing", "words"),
    [
        ("cookies", "The tags of this site leave nothing in the browser."),
        ("partners", "No company receives information."),
        ("joint-use", "No information is used jointly."),
        ("information", "No information is collected."),
    ],
)
def test_a_page_that_has_nothing_to_say_says_so(db: None, listing: str, words: str) -> None:
    make_site(partners=[], tags=[], data_items=[])

    assert words in page(listing)
    assert words in Client().get(f"/{listing}/{SITE}.html?lang=en").content.decode()
    assert errors(listing, copy_of(listing)) == []


# --- as pages


@EVERY
def test_it_is_there_in_both_languages_without_a_script(db: None, listing: str) -> None:
    declare()
    japanese, english = page(listing, "ja"), page(listing, "en")

    assert '<html lang="ja">' in japanese
    assert '<html lang="en">' in english
    assert "Japanese text is the authoritative one" in english
    for html in (japanese, english):
        assert "<script" not in html
        assert "style=" not in html
        assert html.count("<h1") == 1
        assert "{" not in re.sub(r"<[^>]+>", "", html)


@EVERY
def test_it_leads_to_all_the_others(db: None, listing: str) -> None:
    declare()
    places = [*(f"/{one.value}/" for one in Listing), "/preferences/", "/external-transmission/"]
    for place in places:
        html = Client().get(f"{place}{SITE}/?lang=en").content.decode()
        assert (f'href="/{listing}/{SITE}/?lang=en"' in html) == (place != f"/{listing}/"), place


@EVERY
def test_it_is_the_same_for_everybody_and_may_be_kept(db: None, listing: str) -> None:
    declare()
    answer = Client().get(f"/{listing}/{SITE}/", headers={"Accept-Language": "en"})

    assert answer["Cache-Control"].startswith("public")
    assert answer["Vary"] == "Accept-Language"
    assert not answer.cookies
    assert '<html lang="en">' in answer.content.decode()


@EVERY
@pytest.mark.parametrize("ending", ["/", ".html", ".json"])
def test_it_is_only_read_and_only_of_a_site_that_is_here(
    db: None, listing: str, ending: str
) -> None:
    declare()

    assert Client().get(f"/{listing}/nobody{ending}").status_code == 404
    assert Client().post(f"/{listing}/{SITE}{ending}").status_code == 405


@EVERY
@pytest.mark.parametrize("ending", ["/", ".html", ".json"])
def test_while_the_database_is_away_nothing_is_kept_of_it(
    db: None, monkeypatch: pytest.MonkeyPatch, listing: str, ending: str
) -> None:
    def away(**kwargs: object) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(listings.registry, "get_site", away)
    answer = Client().get(f"/{listing}/{SITE}{ending}")

    assert answer.status_code == 503
    assert answer["Cache-Control"] == "no-store"
    assert answer["Retry-After"] == "5"


# --- as parts of the site's own page


@pytest.mark.parametrize("listing", [*(one.value for one in Listing), "external-transmission"])
def test_the_part_stands_by_itself_on_any_page(db: None, listing: str) -> None:
    declare()
    answer = Client().get(f"/{listing}/{SITE}.html?lang=en")
    part = answer.content.decode().strip()

    assert part.startswith('<section class="cm-part" lang="en">')
    assert part.endswith("</section>")
    for strange in ("<html", "<head", "<body", "<script", "<style", "style=", "<form", "<main"):
        assert strange not in part
    # Nothing of it is touched by the page's own styles by accident, nor by its own anchors.
    names = {name for found in re.findall(r'class="([^"]*)"', part) for name in found.split()}
    assert names
    assert all(name.startswith("cm-") for name in names)
    assert all(name.startswith("cm-") for name in re.findall(r' id="([^"]*)"', part))
    # It is read elsewhere: every way leads to a whole address.
    ways = re.findall(r'href="([^"]*)"', part)
    assert all(way.startswith(("http://testserver/", "https://", "mailto:")) for way in ways)
    assert "privacy@shop.example" in part
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Cache-Control"].startswith("public")
    assert not answer.cookies


@pytest.mark.parametrize(
    ("query", "top"), [("", 2), ("&heading=3", 3), ("&heading=9", 2), ("&heading=x", 2)]
)
def test_the_parts_headings_fit_the_page(db: None, query: str, top: int) -> None:
    declare()
    part = Client().get(f"/partners/{SITE}.html?lang=en{query}").content.decode()

    levels = [int(level) for level in re.findall(r"<h(\d)>", part)]
    assert levels[:3] == [top, top + 1, top + 2]
    assert set(levels) == {top, top + 1, top + 2}


def test_the_part_is_in_the_sites_first_language_unless_asked(db: None) -> None:
    declare()
    address = f"/cookies/{SITE}.html"

    # Whoever fetches it while building a page speaks no language.
    found = Client().get(address, headers={"Accept-Language": "en"}).content.decode()
    assert 'lang="ja"' in found
    assert 'lang="en"' in Client().get(f"{address}?lang=en").content.decode()


def test_the_parts_of_the_external_transmission_page_have_no_state(db: None) -> None:
    declare()
    part = Client().get(f"/external-transmission/{SITE}.html?lang=en").content.decode()

    for words in ("Adco Inc.", "They use ads.", "Yes, free of charge.", "First published."):
        assert words in part
    # Apart without any style, too.
    said = re.sub(r"<[^>]+>", "", part)
    assert "_ad (2 years), _ad_s (until the browser is closed)" in said
    assert "On this device" not in part
    assert f'href="http://testserver/external-transmission/{SITE}/?lang=en#tag-ads"' in part


# --- for machines


@EVERY
def test_the_copy_is_what_its_schema_promises(db: None, listing: str) -> None:
    notice = declare()
    found = copy_of(listing)

    assert errors(listing, found) == []
    assert found["site"] == SITE
    assert found["notice"]["hash"] == notice.hash
    assert found["page"] == f"http://testserver/{listing}/{SITE}/"
    assert Client().get(found["page"]).status_code == 200


@EVERY
def test_the_copy_may_be_read_and_kept_by_anybody(db: None, listing: str) -> None:
    declare()
    answer = Client().get(f"/{listing}/{SITE}.json")

    assert answer["Content-Type"] == "application/json"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Cache-Control"].startswith("public")


@EVERY
def test_the_demos_copies_are_valid_too(db: None, listing: str) -> None:
    apply_catalogue(catalogue=read_catalogue(places=get_places()).declaration)
    publish_notice_version(site_code="kloset", wording={}, author="tests", now=NOW)

    assert errors(listing, copy_of(listing, "kloset")) == []


@pytest.mark.parametrize(
    ("listing", "spoil"),
    [
        ("cookies", lambda found: found["cookies"][0].pop("use")),
        ("partners", lambda found: found["partners"][0].update(recipient_class="friend")),
        ("joint-use", lambda found: found["joint_uses"][0]["responsible"].pop("address")),
        ("information", lambda found: found["information"][0].update(kind="gossip")),
    ],
)
def test_the_schema_refuses_what_says_too_little(db: None, listing: str, spoil: Any) -> None:
    declare()
    found = copy.deepcopy(copy_of(listing))
    spoil(found)

    assert len(errors(listing, found)) == 1


def test_the_copies_say_what_the_pages_say(db: None) -> None:
    declare()
    adco = next(one for one in copy_of("partners")["partners"] if one["code"] == "adco")
    assert adco["recipient_class"] == "advertiser"
    assert adco["foreign"]["system"] == text("The law over there.")
    assert [(one["code"], one["is_optional"]) for one in adco["information"]] == [
        ("id.cookie", False),
        ("attr.gender", True),
    ]
    gender = next(
        one for one in copy_of("information")["information"] if one["code"] == "attr.gender"
    )
    assert gender["kind"] == "attribute"
    assert {(one["tag"], one["is_linkable"]) for one in gender["receivers"]} == {
        ("ads", True),
        ("stats", False),
    }
    (joint_use,) = copy_of("joint-use")["joint_uses"]
    assert [one["code"] for one in joint_use["members"]] == ["outlet"]
    kept = {one["name"]: one for one in copy_of("cookies")["cookies"]}
    assert (kept["_ad"]["lifetime_days"], kept["_ad"]["partner"]) == (730, "adco")
    assert kept["ad-state"]["kind"] == "storage"


def test_a_notice_older_than_what_is_declared_today_is_shown_all_the_same(db: None) -> None:
    """Frozen contents of earlier releases lack the keys of this one."""
    notice = make_site()
    old = copy.deepcopy(dict(notice.content))
    del old["joint_uses"]
    for row in old["partners"]:
        for key in ("recipient_class", "joint_use", "confirmation", "foreign_basis",
                    "foreign_system", "foreign_measures"):  # fmt: skip
            del row[key]
    for row in old["tags"]:
        del row["is_linkable"], row["is_own_use"]
    for row in old["data_items"]:
        del row["named_in"]
    old["number"] = 2
    NoticeVersion.objects.create(
        site_id=notice.site_id, number=2, content=old, content_hash="0" * 64, author="tests",
        published_at=NOW, effective_at=NOW,
    )  # fmt: skip
    forget_everything()

    for listing in Listing:
        assert "Version 2" in page(listing.value)
        assert errors(listing.value, copy_of(listing.value)) == []
    assert "Service providers" in page("partners")


# --- what they cost


@pytest.fixture
def large(db: None) -> None:
    """200 tags of 80 partners, and 30 versions."""
    tables = declaration()
    tables["partners"] += [
        {**tables["partners"][3], "code": f"p{n}", "legal_name": text(f"Partner {n}")}
        for n in range(80 - len(tables["partners"]))
    ]
    few = len(tables["tags"])
    tables["tags"] += [
        {**tables["tags"][3], "code": f"t{n}", "partner": f"p{n % 74}", "name": text(f"Tag {n}")}
        for n in range(200 - few)
    ]
    apply_catalogue(catalogue=tables)
    for number in range(30):
        publish_notice_version(
            site_code=SITE,
            wording={"ja": {"banner_title": f"外部に送ってもよいですか {number}"}},
            author="tests",
            effective_at=NOW,
            now=NOW,
        )


PLACES = [*(f"/{one.value}/{SITE}" for one in Listing), f"/external-transmission/{SITE}"]


def test_however_much_is_declared_the_reads_are_few(
    large: None, django_assert_max_num_queries: Any
) -> None:
    addresses = [
        f"{place}{ending}"
        for place in PLACES
        for ending in ("/", ".html", ".json")
        if (place, ending) != (PLACES[-1], ".json")
    ]
    for address in addresses:
        Client().get(address)
        with django_assert_max_num_queries(5):
            answer = Client().get(address)
        assert answer.status_code == 200
    html = Client().get(f"{PLACES[-1]}/?lang=en").content.decode()
    assert html.count("<article") == 200
    assert html.count("<details") == 30


def test_what_versions_changed_is_read_once(large: None, django_assert_num_queries: Any) -> None:
    # Which version is the newest, and all contents one after the other.
    with django_assert_num_queries(2):
        first = history.list_revisions(site_code=SITE)
    forget_everything()
    with django_assert_num_queries(1):
        assert history.list_revisions(site_code=SITE) is first
    assert [revision.publication.number for revision in first] == list(range(30, 0, -1))
