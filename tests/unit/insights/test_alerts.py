"""What marketing has to hear of, and what is only noise."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from tracking.insights import alerts
from tracking.insights.alerts import Machines, PurposeDay, Sample
from tracking.insights.types import AlertKind, PartnerLine, Rate

DAY = date(2026, 5, 12)
NOW = datetime(2026, 5, 12, 15, 0, tzinfo=UTC)


def rate(granted: int, shown: int, **missing: int) -> Rate:
    return Rate(granted=granted, shown=shown, decided=shown, is_partial=bool(missing), **missing)


def changes(now: Rate, *before: Rate) -> list[AlertKind]:
    found = alerts.find_rate_changes(
        [PurposeDay(code="advertising", rate=now, before=before)], day=DAY
    )
    return [one.kind for one in found]


USUAL = (rate(400, 1000), rate(410, 1000), rate(395, 1000), rate(402, 1000))


def test_a_rate_that_fell_is_told_with_both_sides() -> None:
    (found,) = alerts.find_rate_changes(
        [PurposeDay(code="advertising", rate=rate(300, 1000), before=USUAL)], day=DAY
    )

    assert (found.kind, found.subject) == (AlertKind.RATE_FELL, "advertising")
    assert found.facts == {
        "day": "2026-05-12", "granted": 300, "shown": 1000,
        "granted_before": 1607, "shown_before": 4000, "weeks": 4,
    }  # fmt: skip


def test_a_rate_that_rose_is_told_too() -> None:
    assert changes(rate(520, 1000), *USUAL) == [AlertKind.RATE_ROSE]


@pytest.mark.parametrize(
    ("now", "before"),
    [
        # Four points, but of 1,000 people: between one and two standard errors more than usual.
        (rate(362, 1000), USUAL),
        # One and a half points of a million: no chance, and nothing to get up for either.
        (rate(385_000, 1_000_000), (rate(400_000, 1_000_000), rate(400_000, 1_000_000))),
        # The weeks before differ as much among themselves.
        (rate(300, 1000), (rate(300, 1000), rate(500, 1000), rate(310, 1000), rate(490, 1000))),
        # Few were shown, now or before.
        (rate(10, 190), USUAL),
        (rate(300, 1000), (rate(60, 90), rate(60, 90))),
        # One week alone does not tell how much rates vary.
        (rate(300, 1000), (rate(400, 1000),)),
        (rate(300, 1000), (rate(400, 1000), rate(0, 0))),
        (rate(0, 0), USUAL),
        # Who is not told of could have granted as usual, or kept the weeks before from it.
        (rate(300, 900, may_grant=100), USUAL),
        (rate(300, 1000), [rate(300, 700, may_refuse=300)] * 4),
    ],
)  # fmt: skip
def test_noise_is_not_told(now: Rate, before: tuple[Rate, ...]) -> None:
    assert changes(now, *before) == []


def test_only_four_weeks_before_count() -> None:
    assert changes(rate(300, 1000), *USUAL, rate(0, 1_000_000)) == [AlertKind.RATE_FELL]


def test_chance_alone_raises_next_to_no_alarm() -> None:
    """Three purposes, looked at on each day of ten years, of which nothing ever changes."""
    dice = random.Random(1)  # noqa: S311

    def day() -> Rate:
        return rate(sum(dice.random() < 0.4 for _ in range(300)), 300)

    alarms = 0
    for _ in range(3 * 365):
        purposes = [
            PurposeDay(code=code, rate=day(), before=[day() for _ in range(4)]) for code in "abc"
        ]
        alarms += len(alerts.find_rate_changes(purposes, day=DAY))
    # 39 times four weeks, each with an alarm in 20: two are expected.
    assert alarms <= 5


# --- nobody is shown anything


def samples(
    per_hour: Callable[[datetime], int], *, days: int = 9, until: datetime = NOW
) -> list[Sample]:
    """Return a look every ten minutes, with so many showings in the hour before each."""
    found, total = [], 0
    at = until - timedelta(days=days)
    day = at.date()
    while at <= until:
        if at.date() != day:
            day, total = at.date(), 0
        total += round(per_hour(at) / 6)
        found.append(Sample(at=at, day=day, total=total))
        at += timedelta(minutes=10)
    return found


def by_day(at: datetime) -> int:
    return 60 if 8 <= at.hour < 23 else 0


def until_half_past_one(at: datetime) -> int:
    return by_day(at) if at <= NOW - timedelta(minutes=90) else 0


def silence(
    per_hour: Callable[[datetime], int],
    *,
    versions: dict[int, datetime] | None = None,
    now: datetime = NOW,
) -> alerts.Finding | None:
    return alerts.find_silence(samples(per_hour, until=now), versions=versions or {}, now=now)


def test_a_banner_that_nobody_sees_any_more_is_told_since_when() -> None:
    found = silence(until_half_past_one)

    assert found is not None
    assert found.kind is AlertKind.SHOWN_TO_NOBODY
    assert found.facts == {"since": "2026-05-12T13:30:00+00:00", "is_none": 1}


def test_the_version_that_took_effect_then_is_named() -> None:
    versions = {
        11: NOW - timedelta(days=3),
        12: NOW - timedelta(minutes=95),
        13: NOW + timedelta(days=1),
    }
    found = silence(until_half_past_one, versions=versions)

    assert found is not None
    assert found.facts["version"] == 12
    assert found.facts["effective_at"] == "2026-05-12T13:25:00+00:00"


def test_a_version_of_the_night_is_named_and_one_that_came_after_the_silence_is_not() -> None:
    morning = NOW.replace(hour=11)
    found = silence(
        lambda at: by_day(at) if at.date() < NOW.date() else 0,
        versions={12: NOW.replace(hour=3), 13: NOW.replace(hour=10)},
        now=morning,
    )

    assert found is not None
    assert found.facts["since"] == "2026-05-11T22:50:00+00:00"
    assert found.facts["version"] == 12


def test_next_to_none_is_told_without_the_number() -> None:
    def a_few(at: datetime) -> int:
        return by_day(at) if at <= NOW - timedelta(hours=6) else 6 * (at.minute == 0)

    found = silence(lambda at: 10 * a_few(at) if at <= NOW - timedelta(hours=6) else a_few(at))

    assert found is not None
    assert found.facts == {"since": "2026-05-12T09:00:00+00:00", "is_none": 0}


@pytest.mark.parametrize(
    ("per_hour", "now"),
    [
        (by_day, NOW),
        # At night nobody comes anyway.
        (by_day, NOW.replace(hour=4)),
        # Half of the usual is a slow day.
        (lambda at: by_day(at) if at.date() < NOW.date() else by_day(at) // 2, NOW),
        # A site with few visitors.
        (lambda at: 6 * (at.hour in {9, 14}) if at.date() < NOW.date() else 0, NOW),
        # A shop for offices, on a Saturday.
        (lambda at: by_day(at) * (at.weekday() < 5), NOW.replace(day=16)),
    ],
)
def test_a_quiet_hour_is_no_alarm(per_hour: Callable[[datetime], int], now: datetime) -> None:
    assert silence(per_hour, now=now) is None


def test_nothing_is_said_while_nobody_looked() -> None:
    whole = samples(until_half_past_one)
    asleep = [one for one in whole if not timedelta(0) < NOW - one.at <= timedelta(minutes=55)]

    assert alerts.find_silence(asleep, versions={}, now=NOW) is None
    assert alerts.find_silence([], versions={}, now=NOW) is None


def test_the_first_week_says_nothing() -> None:
    assert not alerts.has_week(samples(by_day, days=7), now=NOW)
    assert alerts.has_week(samples(by_day, days=8), now=NOW)
    assert not alerts.has_week([], now=NOW)
    assert alerts.find_silence(samples(until_half_past_one, days=3), versions={}, now=NOW) is None


# --- partners and machines


def test_partners_past_a_deadline_are_told_each() -> None:
    lines = [
        PartnerLine(
            code=code, legal_name={}, is_working=True, waiting=3, overdue=overdue, dead=0,
            oldest_unconfirmed_seconds=None,
        )
        for code, overdue in (("adco", 2), ("metrico", 0))
    ]  # fmt: skip

    (found,) = alerts.find_overdue(lines)
    assert (found.kind, found.subject, found.facts) == (
        AlertKind.PARTNER_OVERDUE, "adco", {"overdue": 2},
    )  # fmt: skip


def machines(suspects: int, people: int) -> Machines:
    return Machines(suspects=suspects, people=people)


@pytest.mark.parametrize(
    ("on_day", "before", "is_told"),
    [
        (machines(60, 140), machines(100, 5000), True),
        (machines(60, 140), machines(0, 0), True),
        # Fewer than a fifth, usual here, or few.
        (machines(60, 300), machines(100, 5000), False),
        (machines(60, 140), machines(1000, 4000), False),
        (machines(40, 40), machines(100, 5000), False),
        (machines(0, 0), machines(0, 0), False),
    ],
)
def test_machines_are_told_where_their_share_jumped(
    on_day: Machines, before: Machines, is_told: bool
) -> None:
    found = alerts.find_machines(day=DAY, on_day=on_day, before=before)
    assert (found is not None) == is_told
