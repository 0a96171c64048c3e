"""Whom a new notice asks again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories.registry import SITE, catalogue, make_site, tag
from tracking.notices import queries
from tracking.notices.types import Notice, Proposal
from tracking.publishing import rules
from tracking.registry import operations as registry


@pytest.fixture
def proposal(db: None) -> Proposal:
    """The ad partner also gets the pages viewed, and a new tag of another partner needs nothing."""
    from tests.factories.clock import NOW

    make_site()
    tables = catalogue()
    tables["tags"][2]["required_items"] = ["id.cookie", "activity.url"]
    registry.apply_catalogue(
        catalogue={**tables, "tags": [*tables["tags"], tag("more", "adco", ["personalisation"])]}
    )
    return queries.get_proposal(site_code=SITE, wording={}, effective_at=None, now=NOW)


def asked(proposal: Proposal, *refusing: tuple[str, ...]) -> Any:
    from tests.factories.clock import NOW

    proposed: Notice = queries.read_proposed(proposal, site_code=SITE, now=NOW)
    return rules.count_asked_again(
        proposal=proposal,
        proposed=proposed,
        refusals={
            frozenset(proposed.numbers[choice] for choice in refused): number
            for number, refused in enumerate(refusing, start=1)
        },
    )


def test_whoever_refuses_what_every_changed_tag_needs_is_not_asked(proposal: Proposal) -> None:
    found = asked(
        proposal,
        (),
        ("purpose:advertising",),
        ("purpose:advertising", "purpose:personalisation"),
        ("partner:adco",),
        ("item:attr.gender",),
    )
    # One refuses nothing, two refuse one of the two purposes, five something that is not needed.
    assert found.by_choice == {"partner:adco": 1 + 2 + 5}
    assert found.devices == 8


def test_nobody_there_means_nobody_asked(proposal: Proposal) -> None:
    assert asked(proposal).devices == 0
