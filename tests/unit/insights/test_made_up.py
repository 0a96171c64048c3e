"""A past that never was: as much as was asked for, the same for the same seed, and believable."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

from tracking.consents.types import DeviceClass, Method
from tracking.insights import made_up
from tracking.insights.made_up import Day, Place, Version
from tracking.insights.types import Kind
from tracking.lib import bits

FIRST, LAST, FELL_ON = date(2026, 9, 1), date(2026, 11, 1), date(2026, 10, 20)
JAPAN = Place(regime="jp-a", country_group="JP", presentation="bar")
ELSEWHERE = Place(regime="unknown", country_group="other", presentation="bar")


def days_of(**changes: Any) -> list[Day]:
    return list(
        made_up.make_days(
            **{
                "site_id": 1,
                "first": FIRST,
                "last": LAST,
                "last_share": 0.5,
                "records": 30_000,
                "seed": 1,
                "versions": [
                    Version(
                        number=number, first=first, asked=frozenset(range(8)),
                        purposes=frozenset({1, 2}),
                    )
                    for number, first in (("1", FIRST + timedelta(days=3)), ("2", FELL_ON))
                ],
                "places": {
                    country: JAPAN if country == "JP" else ELSEWHERE
                    for country in made_up.countries()
                },
                "languages": ["ja", "en"],
                "fell_on": FELL_ON,
                **changes,
            }
        )
    )  # fmt: skip


def test_there_are_as_many_decisions_as_asked_for_on_the_days_asked_for() -> None:
    days = days_of()

    assert [day.day for day in days] == [FIRST + timedelta(days=n) for n in range(62)]
    assert sum(one.count for day in days for one in day.decisions) == 30_000
    assert {one.day for one in days[5].decisions} == {days[5].day}
    assert {one.notice for one in days[0].decisions} == {"1"}
    assert {one.notice for one in days[-1].decisions} == {"2"}
    # Half of the last day is over.
    assert sum(one.count for one in days[-1].decisions) < sum(
        one.count for one in days[-8].decisions
    )


def test_the_same_seed_gives_the_same_numbers() -> None:
    assert days_of(records=3000) == days_of(records=3000)
    assert days_of(records=3000) != days_of(records=3000, seed=2)


def test_whoever_decided_was_shown_the_notice() -> None:
    for day in days_of():
        first = Counter[str]()
        for one in day.decisions:
            if one.is_first:
                first["suspect" if one.is_suspect else "people"] += one.count
        shown = Counter[str]()
        for cell, count in day.showings.items():
            shown[cell.kind] += count
        assert shown[Kind.SHOWN] > first["people"]
        assert shown[Kind.SUSPECT_SHOWN] == first["suspect"]


def test_phones_in_japanese_allow_less_from_the_known_day_on_and_nobody_else() -> None:
    days = days_of(records=200_000)

    def rate(of: Any, when: Any) -> float:
        first = [
            one
            for day in days
            if when(day.day)
            for one in day.decisions
            if one.is_first and not one.is_suspect and of(one)
        ]
        allowed = sum(one.count for one in first if one.method is Method.ALLOW)
        return allowed / sum(one.count for one in first)

    def are_hit(one: Any) -> bool:
        return one.device_class == DeviceClass.PHONE and one.language == "ja"

    fell = rate(are_hit, lambda day: day < FELL_ON) - rate(are_hit, lambda day: day >= FELL_ON)
    others = rate(lambda one: not are_hit(one), lambda day: day < FELL_ON) - rate(
        lambda one: not are_hit(one), lambda day: day >= FELL_ON
    )
    assert fell > 0.1
    assert abs(others) < 0.02


def test_a_few_are_suspects_and_a_few_decide_again_on_what_they_held() -> None:
    decisions = [one for day in days_of() for one in day.decisions]
    suspects = sum(one.count for one in decisions if one.is_suspect)
    again = [one for one in decisions if not one.is_first]

    assert 0.02 < suspects / 30_000 < 0.06
    assert 0.02 < sum(one.count for one in again) / 30_000 < 0.06
    assert {one.method for one in again} == {Method.WITHDRAW, Method.CHOOSE, Method.ALLOW}
    for one in again:
        assert one.held is not None
        assert one.held_week is not None
        assert one.held_week <= one.day
        assert one.held_week.weekday() == 0
        gone = bits.unpack(one.withdrawn)
        assert gone <= bits.unpack(one.held)
        assert not gone & bits.unpack(one.granted)


def test_what_is_granted_is_what_the_notice_asks_about() -> None:
    for day in days_of():
        for one in day.decisions:
            assert bits.unpack(one.granted) <= frozenset(range(8))
            assert not (one.method is Method.REFUSE and "1" in one.granted)
