"""What is material."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.factories import notices
from tracking.notices import rules


@pytest.fixture
def content() -> dict[str, Any]:
    return notices.content()


def test_another_vendor_is_not_material(content: dict[str, Any]) -> None:
    changed = copy.deepcopy(content)
    changed["tags"][2]["vendor"] = "google"

    assert since(content, changed) == set()


def since(previous: dict[str, Any], content: dict[str, Any]) -> set[str]:
    found = rules.material_since(previous=previous, content=content, number=2)
    return {choice for choice, number in found.items() if number == 2}


def test_a_sentence_is_not_material(content: dict[str, Any]) -> None:
    changed = copy.deepcopy(content)
    changed["purposes"][1]["description"]["ja"] = "言い換えた文"
    changed["wording"]["ja"]["banner_title"] = "言い換えた題"

    assert since(content, changed) == set()


def test_only_what_changed_is_asked_again(content: dict[str, Any]) -> None:
    changed = copy.deepcopy(content)
    changed["partners"][2]["legal_name"]["en"] = "Bought by Somebody Inc."
    changed["purposes"][3]["nature"] = "advertising"

    assert since(content, changed) == {"partner:adco", "purpose:personalisation"}


def test_a_partner_that_receives_more_is_asked_again_and_less_is_not(
    content: dict[str, Any],
) -> None:
    more, less = copy.deepcopy(content), copy.deepcopy(content)
    more["tags"][2]["required_items"] = ["id.cookie", "activity.url"]
    less["tags"][3]["required_items"] = ["id.cookie"]

    assert since(content, more) == {"partner:adco"}
    assert since(content, less) == set()


def test_something_new_is_new(content: dict[str, Any]) -> None:
    changed = copy.deepcopy(content)
    changed["data_items"].append({**changed["data_items"][0], "code": "attr.age", "number": 90})

    assert since(content, changed) == {"item:attr.age"}
