"""Policy Article 9: only what the policy names is collected, and only what is declared is sent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories.notices import entry, whole
from tests.factories.registry import catalogue, item
from tests.unit.notices.finding import find, stops


def collecting(**more: Any) -> dict[str, Any]:
    """Return a content whose tag `ads` may send one item more."""
    items = [*catalogue()["data_items"], {**item("geo.approx"), **more}]
    changed = whole(data_items=items)
    entry(changed, "tags", "ads")["optional_items"] = ["geo.approx"]
    return changed


def test_an_item_that_the_policy_does_not_name_cannot_go_live() -> None:
    changed = collecting(is_article9=False)

    assert stops(changed) == {("not_in_policy", "data_items", "geo.approx")}
    assert [one.values for one in find(changed)] == [{"tags": "ads"}]


@pytest.mark.parametrize(
    "named", [{"is_article9": True}, {"is_article9": False, "named_in": "第3条"}]
)
def test_an_item_that_the_policy_names_can(named: dict[str, Any]) -> None:
    assert find(collecting(**named)) == ()


def test_an_item_that_no_live_tag_uses_need_not_be_named() -> None:
    changed = collecting(is_article9=False)
    entry(changed, "tags", "ads")["optional_items"] = []

    assert find(changed) == ()


@pytest.mark.parametrize("code", ["special.care", "special.health"])
def test_special_care_information_is_refused_even_if_named(code: str) -> None:
    items = [*catalogue()["data_items"], item(code)]

    assert stops(whole(data_items=items)) == {("special_care", "data_items", code)}


def test_a_tag_cannot_send_an_undeclared_item() -> None:
    changed = whole()
    entry(changed, "tags", "stats")["payload_fields"]["step"] = "activity.sequence"

    expected = {("payload_undeclared", "tags", "stats", "payload_fields")}
    assert stops(changed) == expected
    assert [one.values for one in find(changed)] == [{"name": "step", "item": "activity.sequence"}]


@pytest.mark.parametrize("fields", [["gender"], "gender", 7])
def test_fields_that_cannot_be_read_are_refused(fields: object) -> None:
    changed = whole()
    entry(changed, "tags", "stats")["payload_fields"] = fields

    assert stops(changed) == {("payload_unreadable", "tags", "stats", "payload_fields")}


def test_a_tag_says_what_it_always_sends() -> None:
    changed = whole()
    entry(changed, "tags", "stats").update(required_items=[], payload_fields={})

    assert stops(changed) == {("no_item", "tags", "stats", "required_items")}
