"""Each duty, kept and broken."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.factories.clock import NOW
from tests.factories.notices import entry, freeze, whole
from tests.factories.registry import text
from tests.unit.notices.finding import advice, find, stops
from tracking.notices import checks
from tracking.notices.types import Level
from tracking.registry import catalogue_file

ROOT = Path(__file__).parents[3]


@pytest.fixture
def content() -> dict[str, Any]:
    return whole()


def test_nothing_is_found_in_a_whole_content(content: dict[str, Any]) -> None:
    assert find(content) == ()


@pytest.mark.parametrize("path", ["docs/examples/shop.yaml", "bench/client/bench.yaml"])
def test_what_we_give_as_an_example_can_be_published(path: str) -> None:
    assert stops(freeze(catalogue_file.read((ROOT / path).read_text("utf-8")))) == set()


def test_the_demo_can_be_published() -> None:
    tables = tomllib.loads((ROOT / "consentmgr/demo/catalogue.toml").read_text("utf-8"))

    assert stops(freeze(tables)) == set()


STOPS: list[tuple[tuple[str, ...], Any, tuple[str, ...]]] = [
    # (where, what is put there, the rule and what it adds to the place)
    (("company", "representative", "ja"), "", ("text_missing",)),
    (("company", "address", "en"), "  ", ("text_missing",)),
    (("company", "email"), "", ("email_missing",)),
    (("wording", "en", "refuse"), "", ("text_missing",)),
    (("purposes", "analytics", "description", "en"), "", ("text_missing",)),
    (("purposes", "analytics", "policy_codes"), [], ("policy_codes_missing",)),
    (("data_items", "activity.url", "name"), {"ja": "名前"}, ("text_missing", "en")),
    (("data_items", "activity.url", "description"), {"ja": "説明"}, ("text_missing", "en")),
    (("data_items", "activity.url", "name", "ja"), "閲覧履歴等", ("open_ended",)),
    (("data_items", "activity.url", "name", "ja"), "閲覧履歴など。", ("open_ended",)),
    (("data_items", "activity.url", "description", "en"), "Addresses etc.", ("open_ended",)),
    (("partners", "adco", "legal_name", "ja"), "", ("text_missing",)),
    (("partners", "adco", "address"), {"en": "1 Street"}, ("text_missing", "ja")),
    (("tags", "ads", "name", "en"), "", ("text_missing",)),
    (("tags", "ads", "our_purpose", "ja"), "", ("text_missing",)),
    (("tags", "ads", "their_purpose", "ja"), None, ("text_missing",)),
    (("tags", "ads", "retention"), {"ja": "13か月"}, ("text_missing", "en")),
    (("tags", "ads", "their_purpose", "ja"),
     "送り先のプライバシーポリシーをご覧ください。", ("purpose_elsewhere",)),
    (("tags", "ads", "their_purpose", "ja"), "送り先の規定によります", ("purpose_elsewhere",)),
    (("tags", "ads", "their_purpose", "en"),
     "Please see their privacy policy.", ("purpose_elsewhere",)),
    (("tags", "ads", "our_purpose", "en"),
     "As described in our terms. See our website.", ("purpose_elsewhere",)),
    (("tags", "ads", "required_items"), [], ("no_item",)),
    (("tags", "ads", "purposes"), [], ("no_purpose",)),
    (("tags", "ads", "hosts"), [], ("no_host",)),
    (("tags", "ads", "optout_kind"), "perhaps", ("optout_unknown",)),
    (("tags", "ads", "optout_effect", "ja"), "", ("text_missing",)),
    (("tags", "cart", "exemption_code"), "22-2-30(6)", ("exemption_unknown",)),
    (("tags", "cart", "exemption_code"), "", ("exemption_unfit",)),
    (("tags", "ads", "exemption_code"), "22-2-30(1)", ("exemption_unfit",)),
    (("tags", "stats", "vendor"), "meta", ("vendor_deaf",)),
    (("tags", "ads", "cookies"), ["_ad"], ("cookie_unreadable",)),
    (("tags", "ads", "cookies"), {"name": 3}, ("cookie_unreadable",)),
]  # fmt: skip


def put(content: Any, where: tuple[str, ...], value: Any) -> None:
    place = content
    for step in where[:-1]:
        place = entry({"": place}, "", step) if isinstance(place, list) else place[step]
    place[where[-1]] = value


@pytest.mark.parametrize(("where", "value", "rule"), STOPS)
def test_a_broken_duty_stops_the_publication(
    content: dict[str, Any], where: tuple[str, ...], value: Any, rule: tuple[str, ...]
) -> None:
    put(content, where, value)

    assert (rule[0], *where, *rule[1:]) in stops(content)


ADVICE: list[tuple[tuple[str, ...], Any, str]] = [
    (("data_items", "activity.url", "name", "ja"), "閲覧履歴、検索語等", "open_ended"),
    (("tags", "ads", "retention"), {}, "retention_missing"),
    (("tags", "ads", "cookies"), [{"name": "_ad"}], "cookie_without_lifetime"),
    (("partners", "adco", "country"), "", "country_missing"),
    (("partners", "adco", "policy_url"), "", "policy_link_missing"),
    (("partners", "adco", "optout_url"), "", "optout_link_missing"),
    (("partners", "mailer", "address"), {}, "ledger_field_missing"),
]


@pytest.mark.parametrize(("where", "value", "rule"), ADVICE)
def test_practice_only_advises(
    content: dict[str, Any], where: tuple[str, ...], value: Any, rule: str
) -> None:
    put(content, where, value)

    assert stops(content) == set()
    assert (rule, *where) in advice(content)


def test_one_purpose_that_is_not_necessary_ends_the_exemption(content: dict[str, Any]) -> None:
    entry(content, "tags", "cart")["purposes"] = ["necessary", "analytics"]

    assert stops(content) == {("exemption_unfit", "tags", "cart", "exemption_code")}


def test_the_open_end_of_an_item_is_said_once(content: dict[str, Any]) -> None:
    entry(content, "data_items", "activity.url")["name"]["ja"] = "閲覧履歴等"

    assert [one.check for one in find(content)] == ["ET-02"]


def test_a_word_that_ends_like_an_open_end_is_none(content: dict[str, Any]) -> None:
    entry(content, "data_items", "activity.url")["name"]["ja"] = "操作の同等"

    assert find(content) == ()


def test_a_session_cookie_has_a_lifetime(content: dict[str, Any]) -> None:
    entry(content, "tags", "ads")["cookies"] = [{"name": "_ad", "lifetime_days": 0}]

    assert find(content) == ()


@pytest.mark.parametrize(
    "words",
    [
        "広告を選ぶため。くわしくは送り先の規定をご覧ください。",
        "このサイトをご覧になった方を数えるため",
        "To improve pages of this site",
        "Check how fast a page is",
        "See which products of the site are liked",
    ],
)
def test_a_purpose_may_also_lead_further(content: dict[str, Any], words: str) -> None:
    language = "en" if words.isascii() else "ja"
    entry(content, "tags", "ads")["their_purpose"][language] = words

    assert stops(content) == set()


def test_a_site_without_a_language_says_nothing_to_anybody(content: dict[str, Any]) -> None:
    content["languages"] = []

    assert ("no_language", "site") in stops(content)


def test_a_site_that_does_not_speak_japanese_is_reminded_of_the_duty() -> None:
    content = whole()
    content["languages"] = ["en"]

    assert find(content)[0].level is Level.ADVICE
    assert advice(content) == {("no_japanese", "site")}


@pytest.mark.parametrize("code", sorted(checks.EXEMPTIONS))
def test_the_exemptions_of_the_law_are_known(content: dict[str, Any], code: str) -> None:
    entry(content, "tags", "cart")["exemption_code"] = code

    assert find(content) == ()


def test_a_notice_cannot_take_effect_before_it_is_published(content: dict[str, Any]) -> None:
    early = NOW - timedelta(seconds=1)

    assert stops(content, effective_at=early) == {("effective_before_published", "site")}
    assert stops(content, effective_at=NOW + timedelta(days=30)) == set()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("partner", "nobody"),
        ("purposes", ["advertising", "nobody"]),
        ("required_items", ["nobody"]),
        ("optional_items", ["nobody"]),
    ],
)
def test_a_tag_uses_only_what_is_declared(
    content: dict[str, Any], field: str, value: object
) -> None:
    entry(content, "tags", "ads")[field] = value

    assert ("undeclared", "tags", "ads", field) in stops(content)


@pytest.mark.parametrize("change", [{"transport": "server"}, {"is_linkable": True}])
@pytest.mark.parametrize("role", ["third_party", "processor", "joint_user"])
def test_a_recipient_abroad_needs_a_basis(
    content: dict[str, Any], change: dict[str, Any], role: str
) -> None:
    entry(content, "tags", "ads").update(change)
    entry(content, "partners", "adco").update(foreign_basis="", role=role)

    assert ("foreign_basis_missing", "partners", "adco", "foreign_basis") in stops(content)

    entry(content, "partners", "adco")["country"] = "JP"
    assert not any(one[0] == "foreign_basis_missing" for one in stops(content))


def test_a_tag_in_the_page_that_cannot_be_linked_needs_no_basis(content: dict[str, Any]) -> None:
    entry(content, "partners", "adco")["foreign_basis"] = ""

    assert find(content) == ()


def test_the_site_itself_is_no_recipient(content: dict[str, Any]) -> None:
    entry(content, "tags", "cart").update(transport="server", is_linkable=True, is_own_use=True)
    entry(content, "partners", "own").update(country="US", foreign_basis="", policy_url="")

    assert find(content) == ()


def test_who_consents_to_a_recipient_abroad_is_told_of_its_country_and_measures(
    content: dict[str, Any],
) -> None:
    mailer = entry(content, "partners", "mailer")
    mailer["foreign_basis"] = "consent"
    mailer["foreign_system"] = text("There is a law.")

    assert stops(content) == {
        ("text_missing", "partners", "mailer", "foreign_measures", language)
        for language in ("ja", "en")
    }


def test_a_partner_that_can_link_needs_a_confirmed_consent(content: dict[str, Any]) -> None:
    entry(content, "tags", "ads")["is_linkable"] = True
    adco = entry(content, "partners", "adco")

    assert stops(content) == {("confirmation_missing", "partners", "adco", "confirmation")}

    adco["confirmation"] = {"ja": "当社が確かめています。"}
    assert stops(content) == {("text_missing", "partners", "adco", "confirmation", "en")}

    adco["confirmation"]["en"] = "We confirm it."
    assert stops(content) == set()


def test_notices_from_before_these_fields_are_compared_with(content: dict[str, Any]) -> None:
    old = whole()
    del old["joint_uses"], old["look"]
    for table in ("partners", "tags", "data_items"):
        for one in old[table]:
            for key in ("joint_use", "confirmation", "is_linkable", "is_own_use", "named_in"):
                one.pop(key, None)

    assert find(content, old) == ()
    assert find(old, content) == ()
