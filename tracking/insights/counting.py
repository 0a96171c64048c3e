"""How decisions become counts. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date, timedelta
from hashlib import md5
from uuid import UUID

from tracking.consents import rules as consents
from tracking.consents.types import DecisionCount, Method, ReferrerClass, Surface
from tracking.insights.types import Cell, Kind, Occasion
from tracking.lib import bits, canonical_json
from tracking.regimes.types import Regime

# What paints the notice unasked.
SHOWN_BY = frozenset({Surface.BAR, Surface.CARD, Surface.DIALOG, Surface.LINK})

_SHOWN = {
    Occasion.FIRST: Kind.SHOWN,
    Occasion.AGAIN: Kind.SHOWN_AGAIN,
    Occasion.RENEWAL: Kind.ASKED_AGAIN,
}
_FIRST = {Method.ALLOW: Kind.ALLOWED, Method.CHOOSE: Kind.CHOSEN}


@dataclass(frozen=True, slots=True, kw_only=True)
class PagesKey:
    """What page views are counted by; see `models.DailyPages`."""

    site: int
    day: date
    device_class: str
    purposes: str


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


def showing_cell(
    *,
    occasion: Occasion,
    presentation: Surface,
    notice: int,
    language: str,
    regime: Regime,
    device_class: str,
    variant: str,
    referrer_class: ReferrerClass,
    is_bot: bool,
    waited_ms: int | None,
) -> Cell:
    """Return where a showing is counted."""
    is_suspect = is_bot or consents.is_inhuman(waited_ms=waited_ms)
    return Cell(
        kind=Kind.SUSPECT_SHOWN if is_suspect else _SHOWN[occasion],
        language=language,
        device_class=device_class,
        regime=regime.code,
        country_group=regime.country_group,
        presentation=presentation,
        surface="",
        notice=str(notice),
        variant=variant,
        referrer_class=referrer_class,
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


def gathered_key(site_id: int, day: date, cell: Cell) -> str:
    """Return the text under which showings are gathered until they are counted."""
    return _gathered({"site": site_id, "day": day.isoformat(), **asdict(cell)})


def read_gathered(gathered: Mapping[str, int]) -> Counter[tuple[int, date, Cell]]:
    """Return what was gathered; another version of the service may know fewer or more fields."""
    counts: Counter[tuple[int, date, Cell]] = Counter()
    for key, count in gathered.items():
        said = json.loads(key)
        values = {field.name: said.get(field.name, "") for field in fields(Cell)}
        cell = Cell(**{**values, "kind": Kind(said["kind"])})
        counts[said["site"], date.fromisoformat(said["day"]), cell] += count
    return counts


def gathered_pages_key(key: PagesKey) -> str:
    """Return the text under which page views are gathered until they are counted."""
    return _gathered({**asdict(key), "day": key.day.isoformat()})


def read_gathered_pages(gathered: Mapping[str, int]) -> dict[PagesKey, int]:
    """Return what was gathered of page views."""
    return {
        PagesKey(
            site=said["site"],
            day=date.fromisoformat(said["day"]),
            device_class=said["device_class"],
            purposes=said["purposes"],
        ): count
        for key, count in gathered.items()
        for said in (json.loads(key),)
    }


def _gathered(values: dict[str, object]) -> str:
    return canonical_json.dumps(values).decode()
