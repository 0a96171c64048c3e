"""What is material, and what keeps a notice from being published."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.factories.registry import catalogue
from tracking.notices import rules


@pytest.fixture
def content() -> dict[str, Any]:
    tables = catalogue()
    filled: dict[str, Any] = {
        "site": "shop",
        "number": 1,
        "languages": ["ja", "en"],
        "company": tables["site"]["company"],
        "wording": {
            language: dict.fromkeys(rules.WORDING_KEYS, "words") for language in ("ja", "en")
        },
    }
    number = 0
    for table in ("purposes", "data_items", "partners"):
        filled[table] = []
        for entry in tables[table]:
            filled[table].append({**entry, "number": number, "material_since": 1})
            number += 1
    filled["tags"] = [
        {
            "transport": "client",
            "vendor": "none",
            "exemption_code": "",
            "retention": {},
            "cookies": [],
            **tag,
        }
        for tag in tables["tags"]
    ]
    return filled


def test_a_whole_content_has_no_gaps(content: dict[str, Any]) -> None:
    assert rules.list_gaps(content) == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (("company", "representative", "ja"), "representative is missing in ja"),
        (("company", "email"), "email is missing"),
        (("wording", "en", "refuse"), "refuse is missing in en"),
        (("partners", 2, "legal_name", "ja"), "adco: legal name"),
        (("tags", 2, "their_purpose", "ja"), "ads: their_purpose is missing in ja"),
        (("tags", 2, "required_items"), "nothing of the information it sends"),
        (("tags", 2, "hosts"), "names no host"),
        (("tags", 0, "exemption_code"), "names its exemption"),
    ],
)
def test_every_gap_is_named(content: dict[str, Any], path: tuple[Any, ...], words: str) -> None:
    place: Any = content
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = [] if isinstance(place[path[-1]], list) else ""

    assert any(words in gap for gap in rules.list_gaps(content))


def test_advertising_cannot_be_called_necessary(content: dict[str, Any]) -> None:
    content["tags"][2]["exemption_code"] = "22-2-30(1)"

    assert any("only a tag whose purposes are all necessary" in g for g in rules.list_gaps(content))


def test_a_vendor_that_could_never_hear_of_a_grant_is_a_gap(content: dict[str, Any]) -> None:
    content["tags"][1]["vendor"] = "meta"
    content["tags"][2]["vendor"] = "meta"

    (gap,) = rules.list_gaps(content)
    assert gap.startswith("Tag stats: meta could never be told of a grant")


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
