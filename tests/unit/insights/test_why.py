"""Why a rate changed: the parts add up, the cause is found, noise is not taken for one."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tracking.insights import why
from tracking.insights.types import (
    DECIDED,
    MIXED,
    Cell,
    CellSum,
    Dimension,
    Kind,
    Number,
    PurposeReport,
    Rate,
)

DAY = date(2026, 5, 12)
WEEK = timedelta(days=7)
NUMBER = 1
ASKED = {"1": frozenset({NUMBER}), "2": frozenset({NUMBER})}
CELL = Cell(
    kind=Kind.ALLOWED,
    language="ja",
    device_class="phone",
    regime="jp-a",
    country_group="jp",
    presentation="bar",
    surface="",
    notice="1",
    variant="",
    referrer_class="",
    purposes="01",
    choices="01",
)


def people(shown: int, granted: int, decided: int | None = None, **fields: str) -> list[CellSum]:
    """Return cells of people, of whom some decided and some of them granted."""
    decided = granted if decided is None else decided
    cell = replace(CELL, **fields)  # type: ignore[arg-type]
    return [
        CellSum(cell=one, count=count)
        for one, count in (
            (cell, granted),
            (replace(cell, kind=Kind.REFUSED, purposes="", choices=""), decided - granted),
            (replace(cell, kind=Kind.IGNORED, purposes="", choices=""), shown - decided),
        )
        if count
    ]


def explain(now: list[CellSum], before: list[CellSum], **where: str) -> why.Why:
    found = why.explain(
        now=now,
        before=before,
        number=NUMBER,
        asked=ASKED,
        where={Dimension(key): value for key, value in where.items()},
    )
    assert found is not None
    return found


def rate(granted: int, shown: int) -> Rate:
    return Rate(granted=granted, shown=shown, decided=granted, is_partial=False)


def sums(
    *, kinds: list[Kind], purposes: list[str], notices: list[str], most: int, size: int
) -> st.SearchStrategy[list[CellSum]]:
    return st.lists(
        st.builds(
            lambda kind, purposes, language, device, notice, variant, count: CellSum(
                cell=replace(
                    CELL,
                    kind=kind,
                    purposes=purposes if kind in DECIDED else "",
                    language=language,
                    device_class=device,
                    notice=notice,
                    variant=variant,
                ),
                count=count,
            ),
            kind=st.sampled_from(kinds),
            purposes=st.sampled_from(purposes),
            language=st.sampled_from(["ja", "en", MIXED] if size > 2 else ["ja", MIXED]),
            device=st.sampled_from(["phone", "tablet", "desktop", MIXED]),
            notice=st.sampled_from(notices),
            variant=st.sampled_from(["", "a:x", "a:y"]),
            count=st.integers(10, most),
        ),
        min_size=size > 2,
        max_size=size,
    )


# Most people are told apart; of a few it is not known what they answered.
SUMS = st.builds(
    lambda clear, mixed: [*clear, *mixed],
    sums(
        kinds=[*DECIDED, Kind.IGNORED, Kind.CHANGED], purposes=["", "1", "01", "11"],
        notices=["1", "2", "9", MIXED], most=5000, size=25,
    ),
    sums(
        kinds=[Kind.ALLOWED, Kind.MIXED], purposes=["01", MIXED], notices=["1", MIXED], most=30,
        size=2,
    ),
)  # fmt: skip


@settings(deadline=None)
@given(now=SUMS, before=SUMS, where=st.sampled_from([{}, {Dimension.LANGUAGE: "ja"}]))
def test_all_parts_add_up_exactly(
    now: list[CellSum], before: list[CellSum], where: dict[Dimension, str]
) -> None:
    found = why.explain(now=now, before=before, number=NUMBER, asked=ASKED, where=where)
    event("told" if found else "nothing told")
    if found is None:
        return
    change = found.change
    whole = Fraction(change.now.granted, change.now.shown) - Fraction(
        change.before.granted, change.before.shown
    )
    assert change.difference == whole
    assert found.steps.by_deciding + found.steps.by_allowing == whole
    for split in found.splits:
        assert split.dimension not in where
        assert sum(part.total for part in split.parts) == whole
        assert sum(part.now.shown for part in split.parts) == change.now.shown
        assert sum(part.before.granted for part in split.parts) == change.before.granted
        assert len({part.value for part in split.parts}) == len(split.parts)
        assert sum(part.value == MIXED for part in split.parts) <= 1
        assert not any(part.is_own for part in split.parts if part.value == MIXED)
        if whole:
            explained = sum(part.total for part in split.main)
            assert explained / whole >= Fraction(4, 5)
            assert (explained - split.main[-1].total) / whole < Fraction(4, 5)


@settings(deadline=None)
@given(now=SUMS, before=SUMS)
def test_one_part_is_what_its_formula_says(now: list[CellSum], before: list[CellSum]) -> None:
    found = why.explain(now=now, before=before, number=NUMBER, asked=ASKED, where={})
    event("told" if found else "nothing told")
    if found is None:
        return
    whole = found.change
    before_all = Fraction(whole.before.granted, whole.before.shown)
    for split in found.splits:
        for part in split.parts:
            s1, s0 = (
                Fraction(part.now.shown, whole.now.shown),
                Fraction(part.before.shown, whole.before.shown),
            )
            g1, g0 = (
                Fraction(part.now.granted, whole.now.shown),
                Fraction(part.before.granted, whole.before.shown),
            )
            assert part.total == g1 - g0 - before_all * (s1 - s0)


def test_the_device_that_fell_is_named_and_the_language_is_not() -> None:
    before = [
        *people(2500, 1000, device_class="phone", language="ja"),
        *people(2500, 1000, device_class="desktop", language="ja"),
        *people(500, 200, device_class="phone", language="en"),
        *people(500, 200, device_class="desktop", language="en"),
    ]
    now = [
        *people(2500, 500, device_class="phone", language="ja"),
        *people(2500, 1000, device_class="desktop", language="ja"),
        *people(500, 100, device_class="phone", language="en"),
        *people(500, 200, device_class="desktop", language="en"),
    ]
    found = explain(now, before)

    assert found.change.difference == Fraction(-1, 10)
    assert not found.change.is_noise
    device, language = found.splits
    assert device.dimension is Dimension.DEVICE_CLASS
    assert device.has_part
    assert [(part.value, part.total) for part in device.main] == [("phone", Fraction(-1, 10))]
    assert device.main[0].by_mix == 0
    assert language.dimension is Dimension.LANGUAGE
    assert not language.has_part
    assert language.concentration == 0


def test_more_people_of_a_cautious_kind_are_told_from_people_becoming_cautious() -> None:
    before = [
        *people(900, 450, referrer_class="direct"),
        *people(100, 10, referrer_class="search"),
    ]
    now = [*people(500, 250, referrer_class="direct"), *people(500, 50, referrer_class="search")]
    (split,) = explain(now, before).splits

    assert split.dimension is Dimension.REFERRER_CLASS
    assert split.has_part
    assert all(part.by_rate == 0 for part in split.parts)
    assert split.main[0].value == "search"
    assert sum(part.by_mix for part in split.parts) == Fraction(300 - 460, 1000)


def test_a_new_notice_version_is_the_whole_part() -> None:
    found = explain(people(1000, 300, notice="2"), people(1000, 400, notice="1"))
    (split,) = found.splits

    assert {part.value: part.total for part in split.parts} == {"2": Fraction(-1, 10), "1": 0}
    assert split.parts[0].by_rate == 0


def test_steps_tell_ignoring_from_refusing() -> None:
    ignored = explain(people(1000, 300, 500), people(1000, 480, 800)).steps
    refused = explain(people(1000, 240, 800), people(1000, 480, 800)).steps
    nobody = explain(people(1000, 0, 0), people(1000, 480, 800)).steps

    assert (ignored.by_deciding, ignored.by_allowing) == (Fraction(-18, 100), 0)
    assert (refused.by_deciding, refused.by_allowing) == (0, Fraction(-24, 100))
    assert (nobody.by_deciding, nobody.by_allowing) == (Fraction(-48, 100), 0)


def test_a_dimension_of_one_value_explains_nothing() -> None:
    """Small groups beside it are no value: all that one learns is that everybody is there."""
    now = [*people(9000, 1800), *people(60, 40, regime=MIXED)]
    before = [*people(9000, 4500), *people(60, 40, regime=MIXED)]

    assert explain(now, before).splits == ()


def test_small_groups_stay_one_row() -> None:
    now = [*people(9000, 1800), *people(60, 40, device_class=MIXED)]
    (split,) = explain(now, people(1000, 500, device_class="desktop")).splits

    assert {part.value for part in split.parts} == {"phone", "desktop", MIXED}
    # Whether one is asked at all is not known where the filtered value is mixed.
    found = explain(now, people(1000, 500), device_class="phone")
    assert (found.change.now.shown, found.change.now.is_partial) == (9000, True)


def test_alike_people_are_not_made_a_cause_by_chance() -> None:
    dice = random.Random(7)  # noqa: S311
    false_alarms = 0
    for _ in range(200):
        sides = []
        for _ in range(2):
            cells: list[CellSum] = []
            for device in ("phone", "tablet", "desktop"):
                for language in ("ja", "en"):
                    shown = 200
                    granted = sum(dice.random() < 0.4 for _ in range(shown))
                    cells += people(shown, granted, device_class=device, language=language)
            sides.append(cells)
        false_alarms += any(split.has_part for split in explain(*sides).splits)
    # 5 % of 200 are 10; 20 is more than three standard errors away.
    assert false_alarms <= 20


def test_without_numbers_on_either_side_nothing_is_said() -> None:
    nothing = why.explain(now=[], before=people(10, 5), number=NUMBER, asked=ASKED, where={})
    assert nothing is None
    assert why.compare(rate(5, 10), rate(0, 0)) is None
    # Somebody who was not asked for this purpose is no one of its rate.
    unasked = people(100, 50, notice="9")
    assert why.explain(now=unasked, before=unasked, number=NUMBER, asked=ASKED, where={}) is None


def test_a_day_is_held_against_the_week_before_or_else_against_four() -> None:
    weeks = [DAY - WEEK * back for back in range(6)]
    assert why.reference_days(DAY, told=weeks) == (weeks[1],)
    assert why.reference_days(DAY, told=[weeks[0], *weeks[2:]]) == (weeks[2], weeks[3], weeks[4])
    assert why.reference_days(DAY, told=[weeks[5]]) == ()


def days_of(rates: dict[int, Rate]) -> dict[date, Rate]:
    """Return rates by day; 0 is DAY, 28 days and 5 weeks before are as ever where not said."""
    usual = rate(400, 1000)
    return {
        DAY + timedelta(days=offset): rates.get(offset, usual) for offset in range(-5 * 7 - 14, 14)
    }


def ask(rates: dict[str, dict[date, Rate]], days: list[date]) -> tuple[why.Question, ...]:
    purposes = [
        PurposeReport(
            code=code,
            name={"en": code},
            today=on[DAY],
            week_before=on[DAY - WEEK],
            period=on[DAY],
            by_day=tuple(on[day] for day in days),
            on=on,
            withdrawn=Number(value=0),
        )
        for code, on in rates.items()
    ]
    return why.list_questions(purposes, days=days, today=days[-1] + timedelta(days=1))


PERIOD = [DAY + timedelta(days=offset) for offset in range(-14, 14)]


def test_a_fall_is_asked_about_on_its_first_day_and_its_end_is_not() -> None:
    questions = ask({"ads": days_of({0: rate(300, 1000)})}, days=PERIOD)

    assert [(one.purpose, one.day) for one in questions] == [("ads", DAY)]
    assert questions[0].change.difference == Fraction(-1, 10)


def test_a_lasting_change_is_one_question() -> None:
    lower = {offset: rate(300, 1000) for offset in range(14)}
    questions = ask({"ads": days_of(lower)}, days=PERIOD)

    assert [one.day for one in questions] == [DAY]


def test_a_rise_after_a_fall_is_another_question() -> None:
    questions = ask({"ads": days_of({0: rate(300, 1000), 2: rate(600, 1000)})}, days=PERIOD)

    assert [one.day for one in questions] == [DAY + timedelta(days=2), DAY]


@pytest.mark.parametrize(
    "odd", [rate(380, 1000), rate(3, 10), rate(0, 0), rate(399_000, 1_000_000)]
)
def test_noise_and_trifles_are_no_question(odd: Rate) -> None:
    assert ask({"ads": days_of({0: odd})}, days=PERIOD) == ()


def test_only_the_largest_are_asked_and_only_of_the_period() -> None:
    of = {f"p{n}": days_of({n: rate(400 - 40 * n, 1000)}) for n in range(1, 9)}
    questions = ask(of, days=PERIOD)

    assert [one.purpose for one in questions] == ["p8", "p7", "p6", "p5", "p4"]
    assert ask(of, days=PERIOD[:14]) == ()


def test_purposes_that_change_alike_on_a_day_are_one_question() -> None:
    question, other = ask(
        {
            "ads": days_of({0: rate(300, 1000)}),
            "stats": days_of({0: rate(280, 1000)}),
            "video": days_of({0: rate(550, 1000)}),
        },
        days=PERIOD,
    )

    assert (question.purpose, other.purpose) == ("video", "stats")
    assert [one.purpose for one in other.also] == ["ads"]
    assert question.also == ()


def test_many_quiet_days_are_rarely_asked_about() -> None:
    dice = random.Random(11)  # noqa: S311
    asked = 0
    for _ in range(60):
        by_day = {
            day: rate(sum(dice.random() < 0.4 for _ in range(300)), 300)
            for day in (PERIOD[0] - timedelta(days=35) + timedelta(days=n) for n in range(63))
        }
        asked += bool(ask({"ads": by_day}, days=PERIOD))
    assert asked <= 9


def test_a_vague_rate_is_held_against_nothing() -> None:
    vague = Rate(granted=40, shown=100, decided=50, is_partial=True, may_grant=20)

    assert why.compare(vague, rate(400, 1000)) is None
    assert why.compare(rate(400, 1000), vague) is None
    assert why.told_days({DAY: vague, DAY - WEEK: rate(1, 10)}) == {DAY - WEEK}
    assert why.add([vague, rate(300, 900)]).may_grant == 20
    assert ask({"ads": days_of({0: vague})}, days=PERIOD) == ()


def test_a_change_that_untold_people_could_undo_is_taken_for_noise() -> None:
    before = Rate(granted=4000, shown=10_000, decided=8000, is_partial=True, may_grant=180)
    now = Rate(granted=4150, shown=10_000, decided=8000, is_partial=True, may_refuse=180)
    change = why.compare(now, before)

    assert change is not None
    assert 0 not in change.interval
    assert change.is_open
    assert change.is_noise
    sure = why.compare(replace(now, may_refuse=0), replace(before, may_grant=0))
    assert sure is not None
    assert not sure.is_noise
