"""How decisions become counts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import md5
from uuid import UUID

from tracking.consents.types import DecisionCount, Method
from tracking.insights.types import Cell, Kind
from tracking.lib import bits

_FIRST = {Method.ALLOW: Kind.ALLOWED, Method.CHOOSE: Kind.CHOSEN}


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortKey:
    """What a cohort's counts are counted by; see `models.CohortCount`."""

    week: date
    regime: str
    purpose: int
    event: str
    age: int


def cell_of(decision: DecisionCount) -> Cell:
    """Return where decisions are counted."""
    if decision.is_suspect:
        kind = Kind.SUSPECT
    elif decision.is_first:
        kind = _FIRST.get(decision.method, Kind.REFUSED)
    else:
        kind = Kind.WITHDRAWN if "1" in decision.withdrawn else Kind.CHANGED
    return Cell(
        kind=kind,
        language=decision.language,
        device_class=decision.device_class,
        regime=decision.regime,
        country_group=decision.country_group,
        presentation=decision.presentation,
        surface=decision.surface,
        notice=decision.notice,
        variant=decision.variant,
        referrer_class=decision.referrer_class,
        choices=decision.withdrawn if kind is Kind.WITHDRAWN else decision.granted,
    )


def count_cells(decisions: Iterable[DecisionCount]) -> Counter[tuple[int, date, Cell]]:
    """Return how many there are by site, day and cell."""
    counts: Counter[tuple[int, date, Cell]] = Counter()
    for decision in decisions:
        counts[decision.site_id, decision.day, cell_of(decision)] += decision.count
    return counts


def count_cohorts(
    decisions: Iterable[DecisionCount], purposes: Collection[int]
) -> Counter[CohortKey]:
    """
    Return what the decisions of one site mean for the weeks in which purposes were allowed.

    Whoever decides again joins the new week; the old one counts that as renewed, or withdrawn.
    """
    counts: Counter[CohortKey] = Counter()
    for one in decisions:
        if one.is_suspect:
            continue
        week = one.day - timedelta(days=one.day.weekday())
        held = bits.unpack(one.held or "") & set(purposes)
        gone = bits.unpack(one.withdrawn)
        holds = ((bits.unpack(one.granted) & set(purposes)) | held) - gone
        for purpose in holds:
            counts[
                CohortKey(week=week, regime=one.regime, purpose=purpose, event="allowed", age=0)
            ] += one.count
        if one.held_week is None:
            continue
        age = max(0, (week - one.held_week).days // 7)
        for purpose in held:
            counts[
                CohortKey(
                    week=one.held_week,
                    regime=one.regime,
                    purpose=purpose,
                    event="renewed" if purpose in holds else "withdrawn",
                    age=age,
                )
            ] += one.count
    return counts


def digest(cell: Cell) -> UUID:
    """Return a cell's id; the database checks it."""
    text = "\x1f".join(cell.values())
    return UUID(bytes=md5(text.encode(), usedforsecurity=False).digest())
