"""
What may be told of exact counts, and when. Pure.

The rule against telling on a few people (policy Article 8): people are put into groups of at least
k who share a day and as much else as k people share; every number that leaves this room is a sum
of whole groups. A group is made once and told for good; whoever came since waits until k more are
together. So neither two filters set against each other nor two looks at different times differ by
fewer than k people. At the day's end those who still wait are put together with others like them,
giving up one thing they are counted by after the other; fewer than k who are left are told of
nowhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, replace
from datetime import date
from typing import Any

from tracking.insights.types import (
    BANNER,
    DECIDED,
    SMALLEST,
    Cell,
    CohortRow,
    Count,
    Kind,
    Release,
)

# What is given up first is asked for least.
_GIVEN_UP = (
    "referrer_class", "country_group", "surface", "choices", "regime", "presentation", "variant",
    "notice", "language", "device_class", "purposes", "kind",
)  # fmt: skip
# Who is never put together with whom: numbers of one are not numbers of another.
_FAMILIES = {kind: "banner" if kind in BANNER else kind.value for kind in Kind}


def release(
    *, counts: Sequence[Count], purposes: Collection[int], closes: bool, k: int = SMALLEST
) -> Release:
    """
    Return the groups that a round adds to one day's numbers, and how far each count is told then.

    :param purposes: the choice numbers that are purposes
    :param closes: nobody can come any more, so that those who wait are put together
    """
    waiting: list[tuple[Cell, Cell, int]] = []
    unsettled: set[Kind] = set()
    answered: dict[Cell, int] = defaultdict(int)
    shown: dict[Cell, int] = defaultdict(int)
    for one in counts:
        if one.cell.kind in DECIDED:
            answered[_place(one.cell)] += one.count
        elif one.cell.kind is Kind.SHOWN:
            shown[_place(one.cell)] += one.count
    # Whoever answers on a later page came to that page from the site itself, and to the one where
    # the notice was shown first from elsewhere.
    elsewhere: dict[Cell, int] = defaultdict(int)
    for place, number in answered.items():
        elsewhere[_without(place, ["referrer_class"])] += max(0, number - shown[place])
    for one in counts:
        told_as = replace(one.cell, purposes=mask(one.cell.choices, purposes))
        there = one.count - one.released
        if one.cell.kind is Kind.SHOWN:
            told_as = replace(told_as, kind=Kind.IGNORED)
            # Whoever decided was shown the notice, even where no count of that arrived.
            there -= answered[_place(one.cell)]
            anywhere = _without(_place(one.cell), ["referrer_class"])
            taken = max(0, min(there, elsewhere[anywhere]))
            elsewhere[anywhere] -= taken
            there -= taken
        ready = there if closes else there - (one.count - one.settled)
        if ready > 0:
            waiting.append((told_as, one.cell, ready))
        if there > max(ready, 0):
            unsettled.add(told_as.kind)
    groups: dict[Cell, int] = defaultdict(int)
    released = {one.cell: one.released for one in counts}
    for given_up in range(len(_GIVEN_UP) + 1 if closes else 1):
        buckets: dict[tuple[str, Cell], list[tuple[Cell, Cell, int]]] = defaultdict(list)
        for told_as, counted, number in waiting:
            key = _without(told_as, _GIVEN_UP[:given_up])
            buckets[_FAMILIES[told_as.kind], key].append((told_as, counted, number))
        waiting = []
        for bucket in buckets.values():
            together = sum(number for _, _, number in bucket)
            if together < k:
                waiting.extend(bucket)
                continue
            groups[_in_common(told_as for told_as, _, _ in bucket)] += together
            for _, counted, number in bucket:
                released[counted] += number
    untold = unsettled.union(told_as.kind for told_as, _, _ in waiting)
    return Release(groups=dict(groups), released=released, untold=frozenset(untold))


def mask(choices: str, wanted: Collection[int]) -> str:
    """Return a text of bits with only the wanted numbers in it."""
    kept = "".join("1" if bit == "1" and n in wanted else "0" for n, bit in enumerate(choices))
    return kept.rstrip("0")


def _place(cell: Cell) -> Cell:
    """Return where a showing and its answer meet; an answer may come from the dialog."""
    return replace(cell, kind=Kind.SHOWN, surface="", choices="", purposes="")


def _in_common(cells: Iterable[Cell]) -> Cell:
    """Return what all of them share."""
    first, *others = cells
    values = asdict(first)
    differs = [name for name in values if any(getattr(c, name) != values[name] for c in others)]
    return _without(first, differs)


def _without(cell: Cell, fields: Collection[str]) -> Cell:
    mixed: dict[str, Any] = dict.fromkeys(fields, Kind.MIXED)
    return replace(cell, **mixed)


def release_cohorts(rows: Iterable[CohortRow], *, k: int = SMALLEST) -> list[CohortRow]:
    """
    Return the rows of which more can be told now, with how many.

    Each step is of k people or more, and so are those of whom nothing is told: neither who is left
    of a cohort nor who left it since the last look are few.
    """
    cohorts: dict[tuple[date, str, int], list[CohortRow]] = defaultdict(list)
    for row in rows:
        cohorts[row.week, row.regime, row.purpose].append(row)
    more = []
    for cohort in cohorts.values():
        left = sum(_sign(row) * row.released for row in cohort)
        # The cohort itself comes first.
        for row in sorted(cohort, key=lambda one: (one.event != "allowed", one.age, one.event)):
            step = row.count - row.released
            after = left + _sign(row) * step
            # Of a cohort that began before counting did, more may leave than came.
            if step >= k and (after <= 0 or after >= k):
                more.append(replace(row, released=row.count))
                left = after
    return more


def _sign(row: CohortRow) -> int:
    return 1 if row.event == "allowed" else -1
