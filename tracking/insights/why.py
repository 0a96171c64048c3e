"""
Why an opt-in rate changed: by how much, through whom, through which step. Pure.

Everything adds up: what the values of a dimension give makes the whole change, and so do the two
steps. Nothing is guessed, nothing is written by a model.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction

from tracking.insights import rules
from tracking.insights.marks import Mark
from tracking.insights.rules import Asked
from tracking.insights.types import MIXED, Base, CellSum, Dimension, Filters, PurposeReport, Rate
from tracking.lib import proportions
from tracking.lib.proportions import Interval

DAY = timedelta(days=1)
WEEK = 7 * DAY
MOST_QUESTIONS = 5
# A smaller change is no question, however sure it is.
_SMALLEST_QUESTION = Fraction(1, 100)
# A rate that people who are not told of could move by more than this is compared with nothing.
_VAGUEST = Fraction(6, 100)
# The values that are named explain so much of a change.
_ENOUGH = Fraction(4, 5)
# Showings have no surface, so that the rate of those shown has none either.
_DIMENSIONS = tuple(one for one in Dimension if one is not Dimension.SURFACE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A rate now and before; the interval is of the difference."""

    now: Rate
    before: Rate
    interval: Interval

    @property
    def difference(self) -> Fraction:
        return _share(self.now) - _share(self.before)

    @property
    def is_noise(self) -> bool:
        """Say whether chance alone does this, or people who are not told of could have."""
        return 0 in self.interval or self.is_open

    @property
    def is_open(self) -> bool:
        """Say whether the rates could be the same, whatever people answered who are not told of."""
        now, before = Base.SHOWN.bounds(self.now), Base.SHOWN.bounds(self.before)
        return now.low <= before.high and before.low <= now.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """
    What the people with one value of a dimension give to a change.

    `by_rate`: they decided otherwise than before; `by_mix`: there were more or fewer of them.
    `is_own`: more or less than their number alone would give, beyond noise.
    """

    value: str
    now: Rate
    before: Rate
    by_rate: Fraction
    by_mix: Fraction
    is_own: bool

    @property
    def total(self) -> Fraction:
        return self.by_rate + self.by_mix


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """
    A change by the values of one dimension, the largest part first.

    `main` are the few that explain at least four fifths of it. `concentration` is 0 where
    everybody changed alike, and grows as few did.
    """

    dimension: Dimension
    parts: tuple[Part, ...]
    main: tuple[Part, ...]
    concentration: Fraction

    @property
    def has_part(self) -> bool:
        return any(part.is_own for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """A change by the two steps of the funnel: whether people decided, and what."""

    by_deciding: Fraction
    by_allowing: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """The splits are ranked: what has a part in the change first, the most concentrated first."""

    change: Change
    steps: Steps
    splits: tuple[Split, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What there is to say about one purpose on one day. `why` is None where `reference` or the day
    itself has no rate that is told; `is_vague`: too many of its people are mixed.

    `purposes` are names by code, of all that can be asked for; `values` are those that the day's
    people have, by dimension. `is_running`: the day is not over.
    """

    filters: Filters
    purpose: str
    purposes: Mapping[str, Mapping[str, str]]
    day: date
    is_running: bool
    latest: date
    reference: tuple[date, ...]
    why: Why | None
    is_vague: bool
    marks: tuple[Mark, ...]
    values: Mapping[Dimension, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A change worth asking about; `also` are other purposes that changed alike on its day."""

    purpose: str
    name: Mapping[str, str]
    day: date
    change: Change
    also: tuple[Question, ...] = ()


def compare(now: Rate, before: Rate, *, comparisons: int = 1, spread: float = 1.0) -> Change | None:
    """
    Return how a rate changed, or None where one of them may not be said or is too vague.

    :param spread: how many times more than by chance the rate varies anyway, see `dispersion`
    """
    if not (_is_told(now) and _is_told(before)):
        return None
    return Change(
        now=now,
        before=before,
        interval=proportions.difference(
            part=now.granted,
            whole=now.shown,
            part_before=before.granted,
            whole_before=before.shown,
            z=proportions.z_of(comparisons=comparisons) * math.sqrt(spread),
        ),
    )


def reference_days(day: date, *, told: Iterable[date]) -> tuple[date, ...]:
    """
    Return what a day is held against: the same weekday a week before, or, where nothing is told of
    that, those of up to four weeks before of which something is.
    """
    known = frozenset(told)
    back = [day - WEEK * weeks for weeks in range(1, rules.WEEKDAYS_BACK + 1)]
    return tuple(back[:1] if back[0] in known else (one for one in back if one in known))


def explain(
    *,
    now: Sequence[CellSum],
    before: Sequence[CellSum],
    number: int,
    asked: Asked,
    where: Mapping[Dimension, str],
) -> Why | None:
    """
    Return why the opt-in rate of the choice with this number changed, or None where nothing may be
    said of one of the two times.

    Of each value of a dimension: Kitagawa, "Components of a Difference Between Two Rates", JASA 50
    (1955), with the share of people held against the rate that all had before. Dimensions are
    ranked as in Bhagwan et al., "Adtributor: Revenue Debugging in Advertising Systems", NSDI 2014:
    by how far the parts are from what everybody changing alike would give.
    """
    change = compare(
        rules.rate(rules.tell(now, where), number=number, asked=asked),
        rules.rate(rules.tell(before, where), number=number, asked=asked),
    )
    if change is None:
        return None
    sides: dict[Dimension, tuple[dict[str, Rate], dict[str, Rate]]] = {}
    for dimension in _DIMENSIONS:
        if dimension not in where:
            both = [
                _by_value(cells, dimension, where=where, number=number, asked=asked)
                for cells in (now, before)
            ]
            # Of one value alone, small groups beside it, nobody learns through whom it came.
            if len((both[0].keys() | both[1].keys()) - {MIXED}) > 1:
                sides[dimension] = (both[0], both[1])
    values = sum(len(of_now.keys() | of_before.keys()) for of_now, of_before in sides.values())
    splits = [
        _split(dimension, *of, change=change, comparisons=values) for dimension, of in sides.items()
    ]
    return Why(
        change=change,
        steps=_steps(change),
        splits=tuple(
            sorted(
                splits,
                key=lambda one: (one.has_part, one.concentration, abs(one.parts[0].total)),
                reverse=True,
            )
        ),
    )


def list_questions(
    purposes: Sequence[PurposeReport], *, days: Sequence[date], today: date
) -> tuple[Question, ...]:
    """
    Return the largest changes beyond noise on these days, by purpose; the largest first. The day
    that is not over yet is not among them.

    Noise is judged over all comparisons together. A change that lasts is asked about on its first
    day alone, and the end of an odd day, a week later, not at all. Purposes that fell, or rose, on
    the same day are one question.

    :param today: in the site's zone
    """
    pairs = [
        (purpose, day, reference_days(day, told=told))
        for purpose in purposes
        for told in (told_days(purpose.on),)
        for day in days
        if day in told and day < today
    ]
    comparisons = sum(1 for _, _, reference in pairs if reference)
    found: list[Question] = []
    for purpose, day, reference in pairs:
        of = purpose.on
        change = compare(of[day], add(of[one] for one in reference), comparisons=comparisons)
        if change is None or change.is_noise or abs(change.difference) < _SMALLEST_QUESTION:
            continue
        if _is_known(change, day, [one for one in found if one.purpose == purpose.code]):
            continue
        if not _is_return(change, of, day, reference, comparisons=comparisons):
            found.append(Question(purpose=purpose.code, name=purpose.name, day=day, change=change))
    found.sort(key=lambda one: (-abs(one.change.difference), one.day, one.purpose))
    alike: dict[tuple[date, bool], list[Question]] = defaultdict(list)
    for one in found:
        alike[one.day, one.change.difference > 0].append(one)
    groups = list(alike.values())[:MOST_QUESTIONS]
    return tuple(replace(first, also=tuple(others)) for first, *others in groups)


def add(rates: Iterable[Rate]) -> Rate:
    """Return the rate of several days together."""
    every = list(rates)
    return Rate(
        granted=sum(one.granted for one in every),
        shown=sum(one.shown for one in every),
        decided=sum(one.decided for one in every),
        is_partial=any(one.is_partial for one in every),
        may_grant=sum(one.may_grant for one in every),
        may_refuse=sum(one.may_refuse for one in every),
        may_ignore=sum(one.may_ignore for one in every),
    )


def told_days(of: Mapping[date, Rate]) -> frozenset[date]:
    """Return the days of which a rate is told."""
    return frozenset(day for day, rate in of.items() if _is_told(rate))


# --- inside


def _share(rate: Rate) -> Fraction:
    return Fraction(rate.granted, rate.shown)


def _by_value(
    cells: Iterable[CellSum],
    dimension: Dimension,
    *,
    where: Iterable[Dimension],
    number: int,
    asked: Asked,
) -> dict[str, Rate]:
    by_value: dict[str, list[CellSum]] = defaultdict(list)
    for one in cells:
        by_value[getattr(one.cell, dimension.value)].append(one)
    rates = {
        value: rules.rate(rules.tell(of, where), number=number, asked=asked)
        for value, of in by_value.items()
    }
    return {value: rate for value, rate in rates.items() if rate.shown}


_NOBODY = Rate(granted=0, shown=0, decided=0, is_partial=False)


def _split(
    dimension: Dimension,
    of_now: Mapping[str, Rate],
    of_before: Mapping[str, Rate],
    *,
    change: Change,
    comparisons: int,
) -> Split:
    z = proportions.z_of(comparisons=comparisons)
    parts = [
        _part(value, of_now.get(value, _NOBODY), of_before.get(value, _NOBODY), change=change, z=z)
        for value in of_now.keys() | of_before.keys()
    ]
    whole = change.difference
    parts.sort(key=lambda one: (-abs(one.total), one.value))
    return Split(
        dimension=dimension,
        parts=tuple(parts),
        main=_main(parts, whole),
        concentration=sum(
            (abs(part.total / whole - _weight(part, change)) for part in parts), Fraction(0)
        )
        / 2
        if whole
        else Fraction(0),
    )


def _part(value: str, now: Rate, before: Rate, *, change: Change, z: float) -> Part:
    share_now = Fraction(now.shown, change.now.shown)
    share_before = Fraction(before.shown, change.before.shown)
    # Who was not there at one time has no rate then: all of the part is that they came, or went.
    rate_now = _share(now if now.shown else before)
    rate_before = _share(before if before.shown else now)
    whole_before = _share(change.before)
    part = Part(
        value=value,
        now=now,
        before=before,
        by_rate=(share_now + share_before) / 2 * (rate_now - rate_before),
        by_mix=((rate_now + rate_before) / 2 - whole_before) * (share_now - share_before),
        is_own=False,
    )
    if value in (MIXED, ""):
        return part
    weight = _weight(part, change)
    error = math.sqrt(
        sum(
            _variance(rate, of, weight=weight, against=whole_before) / of.shown
            for rate, of in ((now, change.now), (before, change.before))
        )
    )
    excess = part.total - weight * change.difference
    return replace(part, is_own=abs(excess) > z * error)


def _weight(part: Part, change: Change) -> Fraction:
    """Return the share of people who have the value, over both times."""
    return (
        Fraction(part.now.shown, change.now.shown)
        + Fraction(part.before.shown, change.before.shown)
    ) / 2


def _variance(rate: Rate, of: Rate, *, weight: Fraction, against: Fraction) -> float:
    """
    Return the variance, over people, of what one of them adds to a part beyond its weight:
    (has the value − weight) · (granted − rate before).
    """

    def squares(one: Rate) -> Fraction:
        no = one.shown - one.granted
        return Fraction(one.granted) * (1 - against) ** 2 + no * against**2

    def sums(one: Rate) -> Fraction:
        return one.granted - against * one.shown

    inside, all_of_them = squares(rate), squares(of)
    second = (1 - weight) ** 2 * inside + weight**2 * (all_of_them - inside)
    first = sums(rate) - weight * sums(of)
    return float(second / of.shown - (first / of.shown) ** 2)


def _main(parts: Sequence[Part], whole: Fraction) -> tuple[Part, ...]:
    """Return the largest parts in the change's direction that together explain enough of it."""
    sign = 1 if whole > 0 else -1
    main: list[Part] = []
    explained = Fraction(0)
    for part in sorted(parts, key=lambda one: (-sign * one.total, one.value)):
        if sign * explained >= sign * whole * _ENOUGH:
            break
        main.append(part)
        explained += part.total
    return tuple(main)


def _steps(change: Change) -> Steps:
    """
    Split a change of granted ÷ shown into decided ÷ shown and granted ÷ decided, each averaged over
    the order in which they change (Shapley, "A Value for n-Person Games", 1953).
    """
    now, before = change.now, change.before
    deciding_now, deciding_before = (Fraction(one.decided, one.shown) for one in (now, before))
    allowing = [
        Fraction(one.granted, one.decided) if one.decided else None for one in (now, before)
    ]
    # Where nobody decided nothing is known of what they would have: it is taken as unchanged.
    allowing_now = next((one for one in allowing if one is not None), Fraction(0))
    allowing_before = next((one for one in reversed(allowing) if one is not None), Fraction(0))
    return Steps(
        by_deciding=(deciding_now - deciding_before) * (allowing_now + allowing_before) / 2,
        by_allowing=(allowing_now - allowing_before) * (deciding_now + deciding_before) / 2,
    )


def _is_told(rate: Rate) -> bool:
    """Say whether a rate is sure enough to be compared; `is_open` says what is left of that."""
    bounds = Base.SHOWN.bounds(rate)
    return rate.shown > 0 and bounds.high - bounds.low <= _VAGUEST


def _is_known(change: Change, day: date, found: Iterable[Question]) -> bool:
    """Say whether a change in this direction was found less than a week before."""
    return any(
        one.day > day - WEEK and (one.change.difference > 0) == (change.difference > 0)
        for one in found
    )


def _is_return(
    change: Change,
    of: Mapping[date, Rate],
    day: date,
    reference: Sequence[date],
    *,
    comparisons: int,
) -> bool:
    """Say whether a day is as it was before the day that it is held against, which was odd."""
    earlier = of.get(day - 2 * WEEK)
    if reference != (day - WEEK,) or earlier is None:
        return False
    odd = compare(of[day - WEEK], earlier, comparisons=comparisons)
    again = compare(of[day], earlier, comparisons=comparisons)
    return (
        odd is not None
        and again is not None
        and not odd.is_noise
        and (odd.difference > 0) != (change.difference > 0)
        and again.is_noise
    )
