"""Whom a new notice asks again. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from tracking.notices.types import Notice, Proposal
from tracking.publishing.types import AskedAgain


def count_asked_again(
    *, proposal: Proposal, proposed: Notice, refusals: Mapping[frozenset[int], int]
) -> AskedAgain:
    """
    Return how many devices are asked again, when each choice that would be renewed is new to all.

    A device is asked about a tag that needs a renewed choice, unless it refuses something that the
    tag needs: then the answer is known. `refusals`: devices by the choice numbers that they refuse.
    """
    renewed = {renewal.choice for renewal in proposal.renewals}
    tags = [
        (frozenset(tag.needed_ids) & renewed, {proposed.numbers[id] for id in tag.needed_ids})
        for tag in proposed.terms.tags.values()
        if not tag.is_exempt and renewed.intersection(tag.needed_ids)
    ]
    in_all, by_choice = 0, dict.fromkeys((one.choice for one in proposal.renewals), 0)
    for refused, devices in refusals.items():
        about: set[str] = set()
        for choices, numbers in tags:
            if not refused & numbers:
                about |= choices
        in_all += devices if about else 0
        for choice in about:
            by_choice[choice] += devices
    return AskedAgain(devices=in_all, by_choice=by_choice)
