"""Attacks on the rule that numbers never tell on fewer than k people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from tracking.insights import rules
from tracking.insights.types import Cell, Outcome, Published

K = 10
FIRST = date(2026, 11, 16)
DAYS = (FIRST, FIRST + timedelta(days=1))
LANGUAGES = ("ja", "en")
CLASSES = ("phone", "tablet", "desktop")
REGIMES = ("jp-a", "eu")
NOTICES = ("1", "2")
PURPOSES = ("analytics", "advertising")
ASKED = {"1": frozenset({"analytics"}), "2": frozenset(PURPOSES)}
OUTCOMES = tuple(Outcome)

PURPOSES_OF = {
    Outcome.ALLOWED: [frozenset(PURPOSES)],
    Outcome.CHOSEN: [frozenset({"analytics"}), frozenset({"advertising"}), frozenset()],
    Outcome.REFUSED: [frozenset()],
    Outcome.IGNORED: [frozenset()],
}

CELLS = st.builds(
    lambda day, language, device_class, regime, notice, outcome, pick, count: Cell(
        day=day,
        language=language,
        device_class=device_class,
        regime=regime,
        notice=notice,
        outcome=outcome,
        purposes=PURPOSES_OF[outcome][pick % len(PURPOSES_OF[outcome])] & ASKED[notice],
        count=count,
    ),
    day=st.sampled_from(DAYS),
    language=st.sampled_from(LANGUAGES),
    device_class=st.sampled_from(CLASSES),
    regime=st.sampled_from(REGIMES),
    notice=st.sampled_from(NOTICES),
    outcome=st.sampled_from(OUTCOMES),
    pick=st.integers(0, 2),
    # Small numbers are where the danger is; a few large ones make sums that could be differenced.
    count=st.one_of(st.integers(1, 12), st.integers(1, 60)),
)
TABLES = st.lists(
    CELLS,
    max_size=24,
    unique_by=lambda c: (
        c.day, c.language, c.device_class, c.regime, c.notice, c.outcome, c.purposes,
    ),
)  # fmt: skip

Question = tuple[frozenset[date], tuple[tuple[str, str], ...], tuple[str, ...] | None]


def questions() -> Iterator[Question]:
    """Every filter that the page and the API can be asked with."""
    periods = [frozenset(DAYS), frozenset(DAYS[:1]), frozenset(DAYS[1:])]
    filters = list(product(("", *LANGUAGES), ("", *CLASSES)))
    details = [
        (),
        *((("regime", value),) for value in REGIMES),
        *((("notice", value),) for value in NOTICES),
    ]
    outcomes = [None, tuple(rules._DECIDED), *((outcome,) for outcome in OUTCOMES)]
    for period, (language, device_class), detail, outcome in product(
        periods, filters, details, outcomes
    ):
        wanted = [("language", language)] if language else []
        wanted += [("device_class", device_class)] if device_class else []
        yield period, (*wanted, *detail), outcome


QUESTIONS = tuple(questions())


def answer(published: Published, question: Question) -> int:
    period, wanted, outcomes = question
    return rules.count(
        published=rules.on_days(published, period), wanted=dict(wanted), outcomes=outcomes
    ).value


def is_narrower(one: Question, other: Question) -> bool:
    """Say whether everybody in the first is in the second."""
    return (
        one[0] <= other[0]
        and set(other[1]) <= set(one[1])
        and (other[2] is None or (one[2] is not None and set(one[2]) <= set(other[2])))
    )


def is_safe(number: int) -> bool:
    return number == 0 or number >= K


@given(TABLES)
@settings(max_examples=60, deadline=None)
def test_no_number_is_small(table: list[Cell]) -> None:
    published = rules.publish(cells=table, asked=ASKED, k=K)

    assert all(is_safe(answer(published, question)) for question in QUESTIONS)


@given(TABLES, st.data())
@settings(max_examples=60, deadline=None)
def test_no_two_filters_differ_by_a_small_number(table: list[Cell], data: st.DataObject) -> None:
    published = rules.publish(cells=table, asked=ASKED, k=K)
    answers = {question: answer(published, question) for question in QUESTIONS}
    wide = data.draw(st.sampled_from(QUESTIONS))

    for narrow, value in answers.items():
        if is_narrower(narrow, wide):
            assert is_safe(answers[wide] - value), (narrow, wide)


@given(TABLES, st.sampled_from(["language", "device_class", "regime", "notice"]))
@settings(max_examples=60, deadline=None)
def test_a_total_minus_its_shown_parts_is_not_small(table: list[Cell], field: str) -> None:
    """The classic: one row of a breakdown is hidden, the others and the total are not."""
    published = rules.publish(cells=table, asked=ASKED, k=K)
    values = {getattr(cell, field) for cell in table}
    for outcomes in (None, *((outcome,) for outcome in OUTCOMES)):
        total = rules.count(published=published, wanted={}, outcomes=outcomes)
        parts = [
            rules.count(published=published, wanted={field: value}, outcomes=outcomes)
            for value in values
        ]
        assert is_safe(total.value - sum(part.value for part in parts))


@given(TABLES)
@settings(max_examples=60, deadline=None)
def test_rates_tell_on_nobody(table: list[Cell]) -> None:
    """Neither those who granted a purpose nor those who did not are few, in any outcome."""
    published = rules.publish(cells=table, asked=ASKED, k=K)
    for purpose, language, device_class in product(PURPOSES, ("", *LANGUAGES), ("", *CLASSES)):
        wanted = {
            field: value
            for field, value in (("language", language), ("device_class", device_class))
            if value
        }
        rate = rules.rate(published=published, wanted=wanted, purpose=purpose)
        allowed = sum(
            group.purposes[purpose] or 0
            for group in published.groups
            if group.outcome == Outcome.ALLOWED
            and group.purposes.get(purpose) is not None
            and all(getattr(group, field) == value for field, value in wanted.items())
        )
        for number in (
            rate.granted,
            rate.decided - rate.granted,
            rate.shown - rate.decided,
            # Choosers among those who granted: the rate less those who allowed everything.
            rate.granted - allowed,
        ):
            assert is_safe(number)


@given(TABLES)
@settings(max_examples=60, deadline=None)
def test_groups_hold_everybody_once_or_not_at_all(table: list[Cell]) -> None:
    published = rules.publish(cells=table, asked=ASKED, k=K)

    grouped = sum(group.size for group in published.groups)
    left_out = sum(v.cell.count for v in published.veiled if v.is_everywhere)
    assert grouped + left_out == sum(cell.count for cell in table)
    assert all(group.size >= K for group in published.groups)
    # On each day fewer than k people are in no number: the loss is bounded.
    for day in DAYS:
        assert (
            sum(v.cell.count for v in published.veiled if v.is_everywhere and v.cell.day == day) < K
        )


@given(TABLES)
@settings(max_examples=30, deadline=None)
def test_what_is_left_out_is_never_said_to_be_nothing(table: list[Cell]) -> None:
    """0 means nobody; a number that may not be told says so."""
    published = rules.publish(cells=table, asked=ASKED, k=K)
    for value in CLASSES:
        true = sum(cell.count for cell in table if cell.device_class == value)
        number = rules.count(published=published, wanted={"device_class": value})
        if true == 0:
            assert number.value == 0
            assert not number.is_hidden
        elif number.value == 0:
            assert number.is_hidden
        else:
            assert number.is_partial == (number.value < true)
