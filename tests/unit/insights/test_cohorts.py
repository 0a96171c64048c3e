"""What became of cohorts: everybody is somewhere, and few are nowhere told of."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracking.insights import cohorts, release
from tracking.insights.cohorts import AGES, Cohort, Moment, State
from tracking.insights.types import CohortRow

WEEK = date(2025, 1, 6)
TODAY = date(2026, 5, 12)
NUMBER = 3


def row(event: str, age: int, count: int, **fields: object) -> CohortRow:
    values = {
        "week": WEEK, "regime": "jp-a", "purpose": NUMBER, "event": event, "age": age,
        "count": count, "released": count,
    }  # fmt: skip
    return CohortRow(**{**values, **fields})  # type: ignore[arg-type]


def build(*rows: CohortRow, today: date = TODAY, first: date = WEEK) -> tuple[Cohort, ...]:
    return cohorts.build_cohorts(
        rows,
        number=NUMBER,
        first=first,
        today=today,
        lifetime=lambda regime, _: 180 if regime == "eu" else 365,
    )


def at(cohort: Cohort, age: int) -> Moment:
    moment = cohort.moments[AGES.index(age)]
    assert moment is not None
    return moment


def counts(cohort: Cohort, age: int) -> list[int]:
    """Return kept, renewed, withdrawn, expired; nothing where nothing may be told."""
    return list(at(cohort, age).counts.values())


STORY = (
    row("allowed", 0, 1000), row("withdrawn", 0, 20), row("withdrawn", 1, 30),
    row("renewed", 4, 100), row("withdrawn", 9, 50), row("renewed", 30, 200),
)  # fmt: skip


def test_everybody_is_counted_where_they_are_at_each_age() -> None:
    (cohort,) = build(*STORY)

    assert (cohort.week, cohort.size) == (WEEK, 1000)
    assert counts(cohort, 1) == [950, 0, 50, 0]
    assert counts(cohort, 4) == [850, 100, 50, 0]
    assert counts(cohort, 13) == [800, 100, 100, 0]
    assert counts(cohort, 26) == [800, 100, 100, 0]
    assert counts(cohort, 52) == [0, 300, 100, 600]
    assert at(cohort, 1).share(State.KEPT) == 0.95


def test_a_grant_ends_by_its_own_regimes_rule() -> None:
    (cohort,) = build(*STORY, row("allowed", 0, 100, regime="eu"))

    assert counts(cohort, 13) == [900, 100, 100, 0]
    # 180 days are 25 whole weeks.
    assert counts(cohort, 26) == [800, 100, 100, 100]


def test_an_age_is_reached_when_its_whole_week_is_over() -> None:
    def known(today: date) -> list[bool]:
        (cohort,) = build(*STORY, today=today)
        return [moment is not None for moment in cohort.moments]

    assert known(WEEK + timedelta(days=13)) == [False] * 7
    assert known(WEEK + timedelta(days=14)) == [True] + [False] * 6
    assert known(WEEK + timedelta(days=14 * 7)) == [True] * 5 + [False] * 2


def test_only_what_was_released_of_this_purpose_is_used() -> None:
    found = build(
        row("allowed", 0, 100, released=90),
        row("withdrawn", 2, 35, released=30),
        row("withdrawn", 3, 9, released=0),
        row("withdrawn", 1, 50, purpose=NUMBER + 1),
        row("allowed", 0, 50, week=WEEK - timedelta(weeks=1)),
        row("allowed", 0, 5, week=WEEK + timedelta(weeks=1), released=0),
        row("withdrawn", 0, 15, week=WEEK + timedelta(weeks=2)),
    )

    assert [(one.week, one.size) for one in found] == [(WEEK, 90)]
    assert counts(found[0], 4) == [60, 0, 30, 0]


def test_where_few_are_left_nothing_is_told_of_the_others_either() -> None:
    (cohort,) = build(
        row("allowed", 0, 100), row("withdrawn", 1, 12), row("renewed", 2, 40),
        row("renewed", 4, 44),
    )  # fmt: skip

    assert counts(cohort, 2) == [48, 40, 12, 0]
    # Those who withdrew are twelve still, so that the number of the renewed would tell the rest.
    assert counts(cohort, 4) == []
    assert at(cohort, 4).share(State.KEPT) is None


def test_more_that_left_than_came_is_not_told() -> None:
    (cohort,) = build(row("allowed", 0, 20), row("withdrawn", 2, 30))

    assert counts(cohort, 1) == [20, 0, 0, 0]
    assert counts(cohort, 2) == counts(cohort, 52) == []


def test_cohorts_are_added_up_where_all_of_them_may_be_told() -> None:
    later = WEEK + timedelta(weeks=60)
    found = build(*STORY, row("allowed", 0, 500, week=later), row("withdrawn", 1, 50, week=later))
    together = cohorts.add_up(found)

    assert [one.week for one in found] == [later, WEEK]
    assert together[0] == Moment(
        size=1500,
        counts={
            State.KEPT: 1400, State.RENEWED: 0, State.WITHDRAWN: 100, State.EXPIRED: 0,
        },
    )  # fmt: skip
    assert together[-1] is not None
    assert together[-1].size == 1000
    assert cohorts.add_up(()) == (None,) * 7


@pytest.mark.parametrize(
    ("text", "weeks"), [("13", 13), ("52", 52), ("14", 26), ("", 26), ("x", 26)]
)
def test_an_address_asks_for_weeks_there_are(text: str, weeks: int) -> None:
    assert cohorts.read_weeks(text) == weeks


def test_this_week_is_the_last_of_the_period() -> None:
    assert cohorts.first_week(weeks=13, today=date(2026, 5, 12)) == date(2026, 2, 16)
    assert cohorts.first_week(weeks=1, today=date(2026, 5, 17)) == date(2026, 5, 11)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["allowed", "renewed", "withdrawn"]),
        st.integers(0, 60),
        st.integers(1, 60),
        st.sampled_from(["jp-a", "eu"]),
    ),
    max_size=30,
)


@settings(deadline=None)
@given(rounds=st.lists(EVENTS, min_size=1, max_size=4), came=st.integers(10, 300))
def test_no_number_and_no_rest_is_of_few_people(
    rounds: list[list[tuple[str, int, int, str]]], came: int
) -> None:
    counted: dict[tuple[str, int, str], int] = {("allowed", 0, "jp-a"): came}
    released: dict[tuple[str, int, str], int] = {}
    for events in rounds:
        for event, age, count, regime in events:
            key = (event, 0 if event == "allowed" else age, regime)
            counted[key] = counted.get(key, 0) + count
        rows = [
            row(key[0], key[1], count, regime=key[2], released=released.get(key, 0))
            for key, count in counted.items()
        ]
        for more in release.release_cohorts(rows):
            released[more.event, more.age, more.regime] = more.released
    told = build(
        *(
            row(key[0], key[1], count, regime=key[2], released=released.get(key, 0))
            for key, count in counted.items()
        )
    )
    for cohort in told:
        assert cohort.size >= 10
        for moment in cohort.moments:
            if moment is None or not moment.counts:
                continue
            assert all(count == 0 or count >= 10 for count in moment.counts.values())
            assert sum(moment.counts.values()) == moment.size
