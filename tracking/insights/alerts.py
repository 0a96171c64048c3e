"""What of the numbers marketing has to hear of without asking. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from statistics import median

from tracking.insights import why
from tracking.insights.types import AlertKind, PartnerLine, Rate
from tracking.lib import proportions

# What nobody has to act upon is not worth a mail of its own.
NOT_MAILED = frozenset({AlertKind.RATE_ROSE})

# A rate is held against the same weekday of so many weeks, of two at least: the spread of those
# days tells how much this site's rates vary anyway.
WEEKS = 4
_FEWEST_WEEKS = 2
_FEWEST_SHOWN = 200
_LEAST_CHANGE = Fraction(2, 100)
# Looked at every day: so that chance alone raises less than one alarm in 20 times four weeks.
_DAYS_LOOKED_AT = 28

# Where this many showings are usual and none come, that is chance once in 160,000 looks (e^-12).
_FEWEST_USUAL = 12
_FEWEST_A_DAY = 50
_ALMOST_NONE = 1 / 20
_WINDOWS = tuple(timedelta(hours=hours) for hours in (24, 12, 6, 3, 2, 1))
# Between two looks; while nobody looked nothing is known.
_LONGEST_GAP = timedelta(minutes=30)
_DAY = timedelta(days=1)
SAMPLES_KEPT_FOR = timedelta(days=9)

_LARGEST_SHARE_OF_MACHINES = 0.2
_FEWEST_MACHINES = 50

Facts = Mapping[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    Something to be told. `subject` is a code (of a purpose or partner) or empty; the same kind and
    subject at the next look is the same alert. `facts` are what its sentence is made of.
    """

    kind: AlertKind
    subject: str
    facts: Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What was found, and the kinds of which something could be said at all."""

    findings: tuple[Finding, ...]
    judged: frozenset[AlertKind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A finding as it is kept: from the first look that found it to the last. `id`s only grow."""

    id: int
    kind: AlertKind
    subject: str
    facts: Facts
    first_seen_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """How many showings of a day were counted at a moment, exactly. For `find_silence` alone."""

    at: datetime
    day: date
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PurposeDay:
    """A purpose's rate of the day, and of the same weekdays before, latest first."""

    code: str
    rate: Rate
    before: Sequence[Rate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """Suspected machines and people among the decisions, as far as may be told."""

    suspects: int
    people: int


def find_rate_changes(purposes: Collection[PurposeDay], *, day: date) -> tuple[Finding, ...]:
    """
    Return the purposes whose rate (granted ÷ shown) changed by two points or more, and by more than
    noise: of the purposes and days looked at, and of how much the days before vary themselves.
    """
    findings = []
    for one in purposes:
        before = [rate for rate in one.before[:WEEKS] if rate.shown]
        usual = why.add(before)
        if len(before) < _FEWEST_WEEKS or min(usual.shown, one.rate.shown) < _FEWEST_SHOWN:
            continue
        change = why.compare(
            one.rate,
            usual,
            comparisons=len(purposes) * _DAYS_LOOKED_AT,
            spread=proportions.dispersion([(rate.granted, rate.shown) for rate in before]),
        )
        if change is None or change.is_noise or abs(change.difference) < _LEAST_CHANGE:
            continue
        findings.append(
            Finding(
                kind=AlertKind.RATE_FELL if change.difference < 0 else AlertKind.RATE_ROSE,
                subject=one.code,
                facts={
                    "day": day.isoformat(),
                    "granted": one.rate.granted,
                    "shown": one.rate.shown,
                    "granted_before": usual.granted,
                    "shown_before": usual.shown,
                    "weeks": len(before),
                },
            )
        )
    return tuple(findings)


def find_silence(
    samples: Sequence[Sample], *, versions: Mapping[int, datetime], now: datetime
) -> Finding | None:
    """
    Return that next to no showing is counted although at this time of day there usually are some.

    Usual is what the same hours of the last seven days had: their median, or the same weekday's if
    that is less. The finding tells no number, only since when.

    :param samples: of the last eight days, oldest first
    :param versions: when each notice version took effect
    """
    came = _increments(samples)
    if not came or _usual(came, now=now, window=_DAY) < _FEWEST_A_DAY:
        return None
    for window in _WINDOWS:
        if not _is_watched(samples, since=now - window, now=now):
            continue
        usual = _usual(came, now=now, window=window)
        seen = _sum(came, since=now - window, until=now)
        if usual < _FEWEST_USUAL or seen > usual * _ALMOST_NONE:
            continue
        last = max((at for at, number in came if number), default=samples[0].at)
        since = last if seen == 0 else now - window
        facts: dict[str, str | int] = {"since": since.isoformat(), "is_none": int(seen == 0)}
        blamed = [
            number
            for number, at in versions.items()
            # The silence is noticed with the first look after it began; and where it began at
            # night, what took effect before the morning may be why none came then.
            if since - _LONGEST_GAP <= at <= now
            and _usual(came, now=at, window=max(at - since, timedelta())) < _FEWEST_USUAL
        ]
        if blamed:
            facts |= {"version": max(blamed), "effective_at": versions[max(blamed)].isoformat()}
        return Finding(kind=AlertKind.SHOWN_TO_NOBODY, subject="", facts=facts)
    return None


def has_week(samples: Sequence[Sample], *, now: datetime) -> bool:
    """Say whether there are samples enough for `find_silence` to say anything."""
    return bool(samples) and samples[0].at <= now - 8 * _DAY


def find_overdue(lines: Collection[PartnerLine]) -> tuple[Finding, ...]:
    """Return the partners that have not confirmed something by its deadline."""
    return tuple(
        Finding(kind=AlertKind.PARTNER_OVERDUE, subject=line.code, facts={"overdue": line.overdue})
        for line in lines
        if line.overdue
    )


def find_machines(*, day: date, on_day: Machines, before: Machines) -> Finding | None:
    """Return that a fifth of a day's decisions or more, and twice the usual, were machines'."""
    everybody, everybody_before = on_day.suspects + on_day.people, before.suspects + before.people
    if on_day.suspects < _FEWEST_MACHINES:
        return None
    share = on_day.suspects / everybody
    usual = before.suspects / everybody_before if everybody_before else 0.0
    if share < max(_LARGEST_SHARE_OF_MACHINES, 2 * usual):
        return None
    return Finding(
        kind=AlertKind.MACHINES,
        subject="",
        facts={
            "day": day.isoformat(),
            "suspects": on_day.suspects,
            "all": everybody,
            "suspects_before": before.suspects,
            "all_before": everybody_before,
        },
    )


# --- when showings came


def _increments(samples: Sequence[Sample]) -> list[tuple[datetime, int]]:
    """Return how many came between each sample and the one before it."""
    came = []
    for before, sample in zip(samples, samples[1:], strict=False):
        start = before.total if before.day == sample.day else 0
        came.append((sample.at, max(0, sample.total - start)))
    return came


def _usual(came: Sequence[tuple[datetime, int]], *, now: datetime, window: timedelta) -> float:
    days = [
        _sum(came, since=now - back * _DAY - window, until=now - back * _DAY)
        for back in range(1, 8)
    ]
    return min(median(days), days[-1])


def _sum(came: Sequence[tuple[datetime, int]], *, since: datetime, until: datetime) -> int:
    return sum(number for at, number in came if since < at <= until)


def _is_watched(samples: Sequence[Sample], *, since: datetime, now: datetime) -> bool:
    """Say whether somebody looked often enough all the time."""
    looks = [since, *(sample.at for sample in samples if since < sample.at <= now), now]
    return all(b - a <= _LONGEST_GAP for a, b in zip(looks, looks[1:], strict=False))
