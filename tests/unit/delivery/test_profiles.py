"""What every transport says of itself is complete, so that a form can be made of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tracking.delivery.transports import TRANSPORTS
from tracking.delivery.types import ConfirmsBy, Profile, Setting, Transport

DOCS = Path(__file__).parents[3] / "docs" / "transports"
every_transport = pytest.mark.parametrize("transport", TRANSPORTS, ids=str)


def fields(profile: Profile) -> list[Setting]:
    return [*profile.settings, *([profile.secret] if profile.secret else [])]


@every_transport
def test_labels_and_help_are_there_in_both_languages(transport: Transport) -> None:
    for field in fields(TRANSPORTS[transport].profile):
        for text in (field.label, field.help):
            assert set(text) == {"ja", "en"}
            assert all(text.values())


@every_transport
def test_an_example_is_one(transport: Transport) -> None:
    for field in fields(TRANSPORTS[transport].profile):
        assert not field.example or re.fullmatch(field.pattern, field.example), field.code


@every_transport
def test_a_sample_can_be_used(transport: Transport) -> None:
    profile = TRANSPORTS[transport].profile
    assert set(profile.sample or {}) <= set(profile.needs)
    assert bool(profile.sample) == bool(profile.needs)


@every_transport
def test_who_is_polled_can_be_asked(transport: Transport) -> None:
    way = TRANSPORTS[transport]
    assert (way.check is not None) == (ConfirmsBy.POLL in way.profile.confirms_by)


@every_transport
def test_an_address_has_no_path(transport: Transport) -> None:
    assert re.fullmatch(r"(https://[a-z0-9.-]+)?", TRANSPORTS[transport].profile.url)


@every_transport
def test_a_page_tells_operators_about_it(transport: Transport) -> None:
    """Signed webhooks have docs/partners.md, which is for the partners as well."""
    if transport is not Transport.WEBHOOK:
        assert f"(`{transport}`)" in (DOCS / f"{transport}.md").read_text("utf-8")


@every_transport
def test_the_overview_says_what_the_profile_says(transport: Transport) -> None:
    profile = TRANSPORTS[transport].profile
    [line] = [
        line
        for line in (DOCS / "README.md").read_text("utf-8").splitlines()
        if f"(`{transport}`)" in line
    ]
    _, _, withdrawal, erasure, needs, _, _ = (cell.strip() for cell in line.split("|"))
    assert (withdrawal, erasure) == (profile.effect, profile.erasure_effect)
    assert set(re.findall(r"`(\w+)`", needs)) == set(profile.needs)
