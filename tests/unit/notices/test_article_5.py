"""Policy Article 5, APPI Art. 27(5)(iii) and 27(6): joint use is announced before it happens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.factories.clock import NOW
from tests.factories.notices import entry, whole
from tests.factories.registry import catalogue, partner, text
from tests.unit.notices.finding import advice, stops
from tracking.notices import rules

JOINT_USE = {
    "code": "members",
    "items": ["attr.gender"],
    "scope": text("Shop K.K. and Outlet K.K."),
    "purpose": text("To serve members alike."),
    "responsible_name": text("Shop K.K."),
    "responsible_address": text("1-1 Jinnan, Shibuya"),
    "responsible_representative": text("A. Person"),
}
LATER = NOW + timedelta(days=14)


def announced(*codes: str) -> dict[str, Any]:
    """Return a content with a joint use and these members besides the site."""
    return whole(
        joint_uses=[JOINT_USE],
        partners=[
            *catalogue()["partners"],
            *(
                partner(code, role="joint_user", joint_use="members", country="JP")
                for code in codes
            ),
        ],
    )


@pytest.fixture
def before() -> dict[str, Any]:
    return announced("outlet")


@pytest.fixture
def now() -> dict[str, Any]:
    return announced("outlet")


def test_a_whole_joint_use_is_announced(now: dict[str, Any]) -> None:
    assert stops(now) == set() == advice(now)


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize(
    "field",
    ["scope", "purpose", "responsible_name", "responsible_address", "responsible_representative"],
)
def test_it_names_scope_purpose_and_who_answers_for_it(
    now: dict[str, Any], field: str, language: str
) -> None:
    entry(now, "joint_uses", "members")[field][language] = ""

    assert stops(now) == {("text_missing", "joint_uses", "members", field, language)}


def test_it_names_what_is_used(now: dict[str, Any]) -> None:
    entry(now, "joint_uses", "members")["items"] = []

    assert stops(now) == {("joint_use_without_items", "joint_uses", "members", "items")}


@pytest.mark.parametrize("named", [None, "others"])
def test_a_joint_user_belongs_to_a_joint_use(now: dict[str, Any], named: str | None) -> None:
    entry(now, "partners", "outlet")["joint_use"] = named

    assert stops(now) == {("joint_user_of_nothing", "partners", "outlet", "joint_use")}


def test_a_joint_use_of_nobody_is_noticed() -> None:
    assert advice(announced()) == {("joint_use_of_nobody", "joint_uses", "members", "scope")}


@pytest.mark.parametrize("effective_at", [NOW, LATER])
@pytest.mark.parametrize(
    ("field", "value"), [("items", ["attr.gender", "id.cookie"]), ("scope", text("Everybody."))]
)
def test_a_change_of_scope_or_items_needs_a_new_notice(
    before: dict[str, Any], now: dict[str, Any], field: str, value: Any, effective_at: Any
) -> None:
    entry(now, "joint_uses", "members")[field] = value

    expected = {("joint_use_changed", "joint_uses", "members", field)}
    assert stops(now, before, effective_at=effective_at) == expected


@pytest.mark.parametrize("members", [("outlet", "newcomer"), ("newcomer",)])
def test_a_change_of_members_needs_a_new_notice(
    before: dict[str, Any], members: tuple[str, ...]
) -> None:
    assert stops(announced(*members), before, effective_at=LATER) == {
        ("joint_use_changed", "joint_uses", "members", "members")
    }


@pytest.mark.parametrize("field", ["purpose", "responsible_name"])
def test_a_change_of_purpose_or_responsible_needs_a_future_effective_date(
    before: dict[str, Any], now: dict[str, Any], field: str
) -> None:
    entry(now, "joint_uses", "members")[field] = text("Another one.")

    expected = {("joint_use_change_at_once", "joint_uses", "members", field)}
    assert stops(now, before) == expected
    assert stops(now, before, effective_at=LATER) == set()


@pytest.mark.parametrize("field", ["responsible_address", "responsible_representative"])
def test_address_and_representative_are_changed_without_delay(
    before: dict[str, Any], now: dict[str, Any], field: str
) -> None:
    entry(now, "joint_uses", "members")[field] = text("Another one.")

    assert stops(now, before) == set()


def test_another_language_is_no_change(before: dict[str, Any], now: dict[str, Any]) -> None:
    del entry(before, "joint_uses", "members")["scope"]["en"]

    assert stops(now, before) == set()


def test_a_new_joint_use_is_compared_with_nothing(now: dict[str, Any]) -> None:
    assert stops(now, whole()) == set()


def test_its_tags_wait_for_the_day_that_was_announced(now: dict[str, Any]) -> None:
    entry(now, "partners", "outlet")["effective_at"] = int(LATER.timestamp())

    assert rules.read_terms(now).partners["outlet"].effective_at == int(LATER.timestamp())
