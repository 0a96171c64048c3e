"""What a purpose sees of page views, and why that changes."""

from __future__ import annotations

import math
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.insights.loss import (
    Cause,
    Group,
    Step,
    Sum,
    add_up,
    explain,
    last_whole_day,
    list_spans,
)

DAY = date(2026, 11, 23)
SPAN = ((DAY, DAY + timedelta(days=6)),)


def group(views: int, seen: int, day: date = DAY, device_class: str = "phone") -> Group:
    return Group(day=day, device_class=device_class, views=views, seen=seen)


def span(views: int, seen: int, days: int = 7) -> Sum:
    return Sum(
        first=DAY,
        last=DAY + timedelta(days=6),
        days=days,
        views=views,
        seen=seen,
        is_partial=False,
    )


# --- what may be told


def test_groups_add_up() -> None:
    (whole,) = add_up(
        [group(100, 40), group(50, 20, DAY + timedelta(days=1)), group(30, 30, device_class="pc")],
        spans=SPAN,
    )

    assert (whole.views, whole.seen, whole.days, whole.is_partial) == (180, 90, 2, False)
    assert whole.share == 0.5


@pytest.mark.parametrize(
    ("views", "seen", "is_told"),
    [(20, 10, True), (19, 10, False), (19, 9, False), (10, 10, True), (10, 0, True), (9, 9, False)],
)
def test_a_group_is_told_as_a_whole_or_not_at_all(views: int, seen: int, is_told: bool) -> None:
    (whole,) = add_up([group(100, 50, device_class="pc"), group(views, seen)], spans=SPAN)

    assert whole.views == 100 + views * is_told
    assert whole.seen == 50 + seen * is_told
    assert whole.is_partial is not is_told


groups = st.lists(
    st.builds(
        lambda back, device, seen, unseen: group(
            seen + unseen, seen, DAY + timedelta(days=back), device
        ),
        back=st.integers(0, 20),
        device=st.sampled_from(["phone", "tablet", "desktop"]),
        seen=st.integers(0, 40),
        unseen=st.integers(0, 40),
    ),
    max_size=30,
    unique_by=lambda one: (one.day, one.device_class),
)


@given(groups)
def test_no_two_numbers_differ_by_few(found: list[Group]) -> None:
    days = [(DAY + timedelta(days=n),) * 2 for n in range(21)]
    weeks = [(DAY + timedelta(days=n), DAY + timedelta(days=n + 6)) for n in (0, 7, 14)]
    by_day, by_week = add_up(found, spans=days), add_up(found, spans=weeks)
    for one in found:
        alone = add_up([one], spans=weeks)
        for week, part in zip(by_week, alone, strict=True):
            for whole, less in ((week.seen, part.seen), (week.views, part.views)):
                assert less == 0 or less >= 10
                assert whole == 0 or whole >= 10
    assert [week.views for week in by_week] == [
        sum(day.views for day in by_day[n : n + 7]) for n in (0, 7, 14)
    ]
    assert [week.seen for week in by_week] == [
        sum(day.seen for day in by_day[n : n + 7]) for n in (0, 7, 14)
    ]


# --- why it changed


def test_less_consent_is_told_from_less_traffic() -> None:
    consent = explain(before=span(7000, 4200), after=span(7000, 2800))
    traffic = explain(before=span(7000, 4200), after=span(3500, 2100))

    assert consent is not None
    assert (round(consent.seen_before), round(consent.seen_after)) == (600, 400)
    assert (round(consent.traffic), round(consent.consent)) == (0, -200)
    assert consent.cause is Cause.CONSENT
    assert traffic is not None
    assert (round(traffic.traffic), round(traffic.consent)) == (-300, 0)
    assert traffic.cause is Cause.TRAFFIC


def test_opposite_causes_are_told_although_they_cancel_out() -> None:
    change = explain(before=span(7000, 3500), after=span(14_000, 3500))

    assert change is not None
    assert change.seen_before == change.seen_after
    assert round(change.traffic) == round(500 * math.log(2))
    assert round(change.consent) == -round(change.traffic)
    assert change.cause is not Cause.NONE


def test_a_small_change_has_no_cause() -> None:
    change = explain(before=span(7000, 3500), after=span(7050, 3500))
    assert change is not None
    assert change.cause is Cause.NONE


def test_days_without_numbers_do_not_look_like_less_traffic() -> None:
    change = explain(before=span(3000, 1500, days=3), after=span(7000, 3500))

    assert change is not None
    assert change.traffic == pytest.approx(0)
    assert change.consent == pytest.approx(0)


@pytest.mark.parametrize("nothing", [span(0, 0, days=0), span(700, 0)])
def test_what_saw_nothing_cannot_be_compared(nothing: Sum) -> None:
    assert explain(before=nothing, after=span(700, 70)) is None
    assert explain(before=span(700, 70), after=nothing) is None


numbers = st.tuples(st.integers(1, 10**6), st.integers(0, 10**6)).map(
    lambda parts: span(sum(parts), parts[0])
)


@given(numbers, numbers)
def test_the_causes_add_up_to_the_change_and_do_not_depend_on_the_order(
    one: Sum, other: Sum
) -> None:
    there, back = explain(before=one, after=other), explain(before=other, after=one)

    assert there is not None
    assert back is not None
    change = there.seen_after - there.seen_before
    assert there.traffic + there.consent == pytest.approx(change, abs=1e-6)
    assert there.traffic == pytest.approx(-back.traffic, rel=1e-6, abs=1e-6)
    # Each part has the sign of its own cause.
    assert there.traffic * (other.views - one.views) >= -1e-9
    if abs(one.seen / one.views - other.seen / other.views) > 1e-6:
        assert there.consent * (other.seen / other.views - one.seen / one.views) >= -1e-6


# --- which days


def test_days_and_weeks_are_whole() -> None:
    sunday, monday = date(2026, 11, 22), date(2026, 11, 23)

    assert last_whole_day(today=monday, step=Step.DAY) == sunday
    assert last_whole_day(today=monday, step=Step.WEEK) == sunday
    assert last_whole_day(today=sunday, step=Step.WEEK) == date(2026, 11, 15)
    assert last_whole_day(today=date(2026, 11, 25), step=Step.WEEK) == sunday
    days = list_spans(step=Step.DAY, until=sunday)
    assert (len(days), days[-1], days[0][0]) == (28, (sunday, sunday), date(2026, 10, 26))
    weeks = list_spans(step=Step.WEEK, until=sunday)
    assert (len(weeks), weeks[-1]) == (13, (date(2026, 11, 16), sunday))
    assert all(first.weekday() == 0 and last.weekday() == 6 for first, last in weeks)
