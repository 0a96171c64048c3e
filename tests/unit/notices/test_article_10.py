"""Policy Article 10: a changed notice asks again only about what changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.factories.notices import content, entry
from tests.factories.registry import catalogue, item, partner, purpose, tag, text
from tracking.notices import rules


def asked_again(now: dict[str, Any]) -> set[str]:
    """Return what version 2 asks again after the small site's version 1."""
    since = rules.material_since(previous=content(), content=now, number=2)
    return {choice for choice, number in since.items() if number == 2}


def reword_everything(now: dict[str, Any]) -> None:
    now["wording"]["ja"] = {**now["wording"]["ja"], "banner_title": "言い換えた題ですか"}
    now["company"]["representative"] = text("C. Person")
    for one in (*now["purposes"], *now["data_items"]):
        one["name"] = text("Said otherwise")
        one["description"] = text("Said otherwise.")
    for one in now["tags"]:
        for field in ("name", "our_purpose", "their_purpose", "optout_effect", "retention"):
            one[field] = text("Said otherwise")
    for one in now["partners"]:
        one["service_name"] = one["address"] = text("Said otherwise")


@pytest.mark.parametrize("change", [lambda now: None, reword_everything])
def test_a_typo_fix_does_not_ask_again(change: Callable[[dict[str, Any]], None]) -> None:
    now = content()
    change(now)

    assert asked_again(now) == set()


def test_adding_a_recipient_asks_about_that_one_only() -> None:
    now = content(
        partners=[*catalogue()["partners"], partner("newco")],
        tags=[*catalogue()["tags"], tag("fresh", "newco", ["advertising"])],
    )

    assert asked_again(now) == {"partner:newco"}


def test_adding_a_purpose_asks_about_that_one_only() -> None:
    now = content(purposes=[*catalogue()["purposes"], purpose("media", "functional")])

    assert asked_again(now) == {"purpose:media"}


def test_adding_a_data_item_asks_about_that_one_only() -> None:
    now = content(data_items=[*catalogue()["data_items"], item("attr.age", "1")])

    assert asked_again(now) == {"item:attr.age"}


@pytest.mark.parametrize(
    "more",
    [
        {"required_items": ["id.cookie", "activity.url"]},
        {"optional_items": ["attr.gender"]},
        {"purposes": ["advertising", "analytics"]},
        {"transport": "server"},
        {"is_linkable": True},
    ],
)
def test_who_receives_more_is_asked_about_again_and_nobody_else(more: dict[str, Any]) -> None:
    now = content()
    entry(now, "tags", "ads").update(more)

    assert asked_again(now) == {"partner:adco"}


@pytest.mark.parametrize(
    "change", [{"country": "FR"}, {"role": "processor"}, {"legal_name": text("Bought Inc.")}]
)
def test_another_recipient_under_the_same_code_is_asked_about(change: dict[str, Any]) -> None:
    now = content()
    entry(now, "partners", "adco").update(change)

    assert asked_again(now) == {"partner:adco"}


def test_who_receives_less_is_not_asked_about_again() -> None:
    now = content()
    entry(now, "tags", "retarget").update(required_items=["id.cookie"], purposes=["advertising"])

    assert asked_again(now) == set()
