"""The library holds together: every entry is a whole declaration, and says what is not verified."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tracking.registry import known_cookies, library, models
from tracking.registry.catalogue_schema import catalogue_schema, declared_fields, entry_schema
from tracking.registry.owners import find_owner
from tracking.registry.types import LibraryEntry

ENTRIES = library.load()
each = pytest.mark.parametrize("entry", ENTRIES.values(), ids=list(ENTRIES))
TAXONOMY = library.load_taxonomy()

# The rows of the seed: nobody else has them.
JAPAN = [
    "ga4",
    "google_ads",
    "yahoo_ads",
    "line_tag",
    "criteo",
    "meta_pixel",
    "x_pixel",
    "tiktok_pixel",
    "smartnews_ads",
    "karte",
    "repro",
    "bdash",
    "treasure_data",
    "adebis",
    "rtoaster",
    "logly",
    "unicorn",
    "adjust",
    "appsflyer",
    "clarity",
    "a8",
    "valuecommerce",
]
INTERNATIONAL = [
    "gtm",
    "ga4",
    "google_ads",
    "floodlight",
    "meta_pixel",
    "meta_capi",
    "x_pixel",
    "tiktok_pixel",
    "linkedin_insight",
    "pinterest_tag",
    "snap_pixel",
    "reddit_pixel",
    "microsoft_uet",
    "clarity",
    "hotjar",
    "criteo",
    "taboola",
    "outbrain",
    "amazon_ads",
    "tradedesk",
    "adroll",
    "hubspot",
    "marketo",
    "salesforce_mc",
    "pardot",
    "adobe_analytics",
    "segment",
    "amplitude",
    "mixpanel",
    "heap",
    "fullstory",
    "optimizely",
    "vwo",
    "intercom",
    "zendesk",
    "klaviyo",
    "braze",
    "onesignal",
    "matomo",
    "plausible",
    "youtube",
    "vimeo",
    "google_maps",
    "recaptcha",
    "stripe",
    "cloudflare",
    "sentry",
    "newrelic",
    "datadog_rum",
]
HOSTS_ONLY = [
    "microad.jp",
    "socdm.com",
    "im-apps.net",
    "ladsp.com",
    "i-mobile.co.jp",
    "gssprt.jp",
    "adingo.jp",
    "popin.cc",
    "amoad.com",
    "ad-stir.com",
    "usergram.info",
    "sprocket.bz",
    "flipdesk.jp",
    "ec-concier.com",
    "satori.segs.jp",
    "ptengine.com",
    "silveregg.net",
    "snva.jp",
]
ITEMS = [
    "id.cookie",
    "id.device",
    "device.env",
    "log.access",
    "activity.url",
    "activity.content",
    "activity.sequence",
    "attr.gender",
    "attr.age",
    "attr.occupation",
    "attr.other",
    "net.ip",
    "activity.referrer",
    "activity.purchase",
    "activity.search",
    "activity.ad",
    "geo.approx",
    "inferred.interest",
    "id.member",
    "contact.hashed",
]
ARTICLE9 = set(ITEMS[:11])


def texts(fields: dict[str, Any]) -> Iterator[dict[str, str]]:
    return (value for value in fields.values() if isinstance(value, dict) and "ja" in value)


def test_everyone_who_should_be_in_it_is() -> None:
    assert {*JAPAN, *INTERNATIONAL} <= ENTRIES.keys()
    assert [known.host for known in library.load_hosts()] == HOSTS_ONLY
    assert len(ENTRIES) >= 65


@each
def test_an_entry_keeps_to_the_schema_of_catalogues(entry: LibraryEntry) -> None:
    Draft202012Validator(entry_schema(models.Tag)).validate(entry.tag)
    Draft202012Validator(entry_schema(models.Partner)).validate(entry.partner)


@each
def test_an_entry_says_everything_in_both_languages(entry: LibraryEntry) -> None:
    for name in ("name", "our_purpose", "their_purpose", "optout_effect", "retention"):
        assert entry.tag[name].keys() == {"ja", "en"}, name
    for name in ("legal_name", "service_name"):
        assert entry.partner[name].keys() == {"ja", "en"}, name
    assert all(all(one.values()) for one in (*texts(dict(entry.tag)), *texts(dict(entry.partner))))


@each
def test_its_japanese_is_plain(entry: LibraryEntry) -> None:
    for one in texts(dict(entry.tag)):
        assert not re.search(r"等$|させていただ", one["ja"])
        assert all(len(sentence) <= 60 for sentence in one["ja"].split("。"))
    assert re.search("[ぁ-ん]", entry.tag["our_purpose"]["ja"])


@each
def test_an_entry_speaks_of_the_taxonomy_alone(entry: LibraryEntry) -> None:
    items = {*entry.tag["required_items"], *entry.tag.get("optional_items", ())}

    assert items <= set(ITEMS)
    assert not items & {row["code"] for row in TAXONOMY["forbidden"]}
    assert set(entry.tag["purposes"]) <= {row["code"] for row in TAXONOMY["purposes"]}
    assert not set(entry.tag["required_items"]) & set(entry.tag.get("optional_items", ()))


@each
def test_what_is_to_be_verified_are_fields_and_something_always_is(entry: LibraryEntry) -> None:
    fields = {
        *declared_fields(models.Tag),
        *(f"partner.{name}" for name in declared_fields(models.Partner)),
    }

    assert entry.verify
    assert set(entry.verify) <= fields
    assert len(set(entry.verify)) == len(entry.verify)


@each
def test_a_host_belongs_to_the_partner_or_is_listed_as_unknown(entry: LibraryEntry) -> None:
    for host in entry.tag["hosts"]:
        owner = find_owner(host)
        if owner is None:
            assert entry.unknown_hosts.get(host), host
        else:
            assert host not in entry.unknown_hosts
            assert {owner.name, owner.company} & set(entry.known_as), (host, owner)


def test_no_host_is_listed_as_unknown_for_nothing() -> None:
    for entry in ENTRIES.values():
        used = {
            host
            for other in ENTRIES.values()
            if other.partner == entry.partner
            for host in other.tag["hosts"]
        }
        assert set(entry.unknown_hosts) <= used


def test_every_code_is_used_once() -> None:
    """Entries are kept by the code of their tag: of two with one code, the first would be lost."""
    folder = Path(library.__file__).parent / "data" / "library"
    text = "".join(path.read_text("utf-8") for path in folder.glob("*.yaml"))
    partners = re.findall(r"^  - partner:\n      code: (.*)$", text, re.MULTILINE)

    assert text.count("\n      - code: ") == len(ENTRIES)
    assert len(partners) == len(set(partners))
    assert {entry.partner["code"] for entry in ENTRIES.values()} == set(partners)


def test_the_taxonomy_has_every_item_and_says_which_article_9_names() -> None:
    items = {row["code"]: row for row in TAXONOMY["data_items"]}

    assert list(items) == ITEMS
    assert {code for code, row in items.items() if row.get("is_article9", True)} == ARTICLE9
    assert {row["code"] for row in TAXONOMY["forbidden"]} == {"special.care"}
    assert all(one.keys() == {"ja", "en"} for row in items.values() for one in texts(row))
    for table in ("purposes", "data_items"):
        Draft202012Validator(catalogue_schema()["properties"][table]).validate(TAXONOMY[table])


def test_the_taxonomy_has_a_purpose_for_every_nature() -> None:
    assert {row["nature"] for row in TAXONOMY["purposes"]} == {
        "necessary", "analytics", "advertising", "personalisation", "functional",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        ("pixel meta", {"meta_pixel"}),
        ("ラインタグ", {"line_tag"}),
        ("karte.io", {"karte"}),
        ("microsoft", {"microsoft_uet", "clarity"}),
        ("nobody at all", set()),
    ],
)
def test_searching_looks_at_names_codes_and_hosts(words: str, codes: set[str]) -> None:
    assert {entry.code for entry in library.search(words)} == codes


@pytest.mark.parametrize(
    ("host", "tags", "known"),
    [
        ("www.clarity.ms", ["clarity"], []),
        ("tm.r-ad.ne.jp", [], []),
        ("b97.yahoo.co.jp", ["yahoo_ads"], []),
        ("sync.im-apps.net", [], ["im-apps.net"]),
        ("notsnva.jp", [], []),
    ],
)
def test_a_host_leads_to_its_tags(host: str, tags: list[str], known: list[str]) -> None:
    entries, hosts = library.find_by_host(host)

    assert [entry.code for entry in entries] == tags
    assert [one.host for one in hosts] == known


@pytest.mark.skipif(
    not os.environ.get("OPEN_COOKIE_DATABASE"), reason="OPEN_COOKIE_DATABASE names no copy"
)
def test_lifetimes_are_those_of_the_open_cookie_database() -> None:
    known = known_cookies.read(Path(os.environ["OPEN_COOKIE_DATABASE"]).read_text("utf-8"))
    for entry in ENTRIES.values():
        natures = set(entry.tag["purposes"])
        for cookie in entry.tag.get("cookies", ()):
            rows = known_cookies.match(cookie["name"], known)
            advice = list(known_cookies.advise(cookie, natures=natures, known=rows))
            assert "cookies" in entry.verify or not any("declared with" in a for a in advice), (
                advice
            )
