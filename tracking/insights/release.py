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
from dataclasses import replace
from datetime import date

from tracking.insights.types import (
    BANNER,
    CELL_FIELDS,
    DECIDED,
    MIXED,
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
# Family, what is not given up yet, what it would be told as, what it is counted as, how many.
_Waiting = tuple[str, tuple[str, ...], tuple[str, ...], Cell, int]
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
        elsewhere[_from_anywhere(place)] += max(0, number - shown[place])
    waiting: list[_Waiting] = []
    for one in counts:
        told_as = replace(one.cell, purposes=mask(one.cell.choices, purposes))
        there = one.count - one.released
        if one.cell.kind is Kind.SHOWN:
            told_as = replace(told_as, kind=Kind.IGNORED)
            # Whoever decided was shown the notice, even where no count of that arrived.
            there -= answered[_place(one.cell)]
            anywhere = _from_anywhere(_place(one.cell))
            taken = max(0, min(there, elsewhere[anywhere]))
            elsewhere[anywhere] -= taken
            there -= taken
        ready = there if closes else there - (one.count - one.settled)
        if ready > 0:
            values = told_as.values()
            waiting.append((_FAMILIES[told_as.kind], values, values, one.cell, ready))
        if there > max(ready, 0):
            unsettled.add(told_as.kind)
    groups: dict[tuple[str, ...], int] = defaultdict(int)
    released = {one.cell: one.released for one in counts}
    for given_up in range(len(_GIVEN_UP) + 1 if closes else 1):
        if given_up:
            at = CELL_FIELDS.index(_GIVEN_UP[given_up - 1])
            waiting = [
                (family, (*kept[:at], MIXED, *kept[at + 1 :]), values, counted, number)
                for family, kept, values, counted, number in waiting
            ]
        buckets: dict[tuple[str, tuple[str, ...]], list[_Waiting]] = defaultdict(list)
        for one_waiting in waiting:
            buckets[one_waiting[:2]].append(one_waiting)
        waiting = []
        for bucket in buckets.values():
            together = sum(number for *_, number in bucket)
            if together < k:
                waiting.extend(bucket)
                continue
            groups[_in_common(values for _, _, values, _, _ in bucket)] += together
            for *_, counted, number in bucket:
                released[counted] += number
    return Release(
        groups={Cell.of(values): together for values, together in groups.items()},
        released=released,
        # The kind comes first among a cell's values.
        untold=frozenset(unsettled.union(Kind(values[0]) for _, _, values, _, _ in waiting)),
    )


def mask(choices: str, wanted: Collection[int]) -> str:
    """Return a text of bits with only the wanted numbers in it."""
    kept = "".join("1" if bit == "1" and n in wanted else "0" for n, bit in enumerate(choices))
    return kept.rstrip("0")


def _place(cell: Cell) -> Cell:
    """Return where a showing and its answer meet; an answer may come from the dialog."""
    return replace(cell, kind=Kind.SHOWN, surface="", choices="", purposes="")


def _from_anywhere(place: Cell) -> Cell:
    return replace(place, referrer_class=MIXED)


def _in_common(bucket: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Return what all of them share, MIXED where they differ."""
    return tuple(
        values[0] if len(set(values)) == 1 else MIXED for values in zip(*bucket, strict=True)
    )


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
