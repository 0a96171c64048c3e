"""Policy Article 1: every use has a purpose that the policy names."""

from __future__ import annotations

import pytest

from tests.factories.notices import content, entry, whole
from tests.unit.notices.finding import stops
from tracking.notices import rules


def test_a_tag_with_no_purpose_cannot_go_live() -> None:
    changed = whole()
    entry(changed, "tags", "stats")["purposes"] = []

    assert stops(changed) == {("no_purpose", "tags", "stats", "purposes")}


def test_a_purpose_names_those_of_the_policy() -> None:
    changed = whole()
    entry(changed, "purposes", "advertising")["policy_codes"] = []

    assert stops(changed) == {("policy_codes_missing", "purposes", "advertising", "policy_codes")}


@pytest.mark.parametrize("field", ["name", "description"])
@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_purpose_is_explained_in_every_language(field: str, language: str) -> None:
    changed = whole()
    entry(changed, "purposes", "advertising")[field][language] = ""

    assert stops(changed) == {("text_missing", "purposes", "advertising", field, language)}


def test_a_tag_needs_a_grant_for_each_of_its_purposes_and_no_other() -> None:
    needed = rules.read_terms(content()).tags["retarget"].needed_ids

    assert {one for one in needed if one.startswith("purpose:")} == {
        "purpose:advertising", "purpose:personalisation",
    }  # fmt: skip
