"""Attacks on the rule that numbers never tell on fewer than k people, whatever is asked when."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from tracking.insights import release
from tracking.insights.types import BANNER, DECIDED, MIXED, Cell, CohortRow, Count, Kind

K = 10
PURPOSES = frozenset({0, 1})
# Bits 0 and 1 are purposes, bit 2 is a partner.
CHOICES_OF = {
    Kind.ALLOWED: ("111",),
    Kind.CHOSEN: ("1", "01", "101", ""),
    Kind.REFUSED: ("",),
    Kind.SHOWN: ("",),
    Kind.SHOWN_AGAIN: ("",),
    Kind.WITHDRAWN: ("1", "011"),
    Kind.SUSPECT: ("111",),
}
KINDS = tuple(CHOICES_OF)
VALUES = {
    "language": ("ja", "en"),
    "device_class": ("phone", "desktop"),
    "regime": ("jp-a", "eu"),
    "referrer_class": ("search", "direct"),
    "notice": ("1", "2"),
}


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    kind = draw(st.sampled_from(KINDS))
    is_decision = kind not in (Kind.SHOWN, Kind.SHOWN_AGAIN)
    return Cell(
        kind=kind,
        country_group="",
        presentation="bar",
        surface=draw(st.sampled_from(("bar", "dialog"))) if is_decision else "",
        variant="",
        choices=draw(st.sampled_from(CHOICES_OF[kind])),
        **{name: draw(st.sampled_from(values)) for name, values in VALUES.items()},
    )


# Small numbers are where the danger is; a few large ones make sums that could be differenced.
ARRIVALS = st.lists(
    st.tuples(cells(), st.one_of(st.integers(1, 12), st.integers(1, 60))), max_size=8
)
# What happens to one day: people arrive, then a round is made that may close the day.
DAYS = st.lists(st.tuples(ARRIVALS, st.booleans()), min_size=1, max_size=6)


@dataclass
class Day:
    """One day's counts and numbers, as the database keeps them."""

    counts: dict[Cell, Count] = field(default_factory=dict)
    told: Counter[Cell] = field(default_factory=Counter)
    untold: frozenset[Kind] = frozenset()

    def arrive(self, cell: Cell, number: int) -> None:
        known = self.counts.get(cell, Count(cell=cell, count=0, settled=0, released=0))
        self.counts[cell] = replace(known, count=known.count + number)

    def round(self, *, closes: bool) -> None:
        result = release.release(
            counts=list(self.counts.values()), purposes=PURPOSES, closes=closes, k=K
        )
        self.told.update(result.groups)
        self.untold = result.untold
        self.counts = {
            cell: replace(one, settled=one.count, released=result.released[cell])
            for cell, one in self.counts.items()
        }


def live(story: list[tuple[list[tuple[Cell, int]], bool]]) -> Iterator[Day]:
    day = Day()
    for arrivals, closes in story:
        for cell, number in arrivals:
            day.arrive(cell, number)
        day.round(closes=closes)
        yield day


Question = tuple[tuple[tuple[str, str], ...], tuple[Kind, ...], str]


def questions() -> list[Question]:
    """Every filter of two dimensions, of any outcome, of who granted what."""
    pairs: list[tuple[tuple[str, str], ...]] = [()]
    names = (*VALUES, "surface")
    values = VALUES | {"surface": ("bar", "dialog")}
    pairs += [((name, value),) for name in names for value in values[name]]
    pairs += [
        ((one, first), (other, second))
        for one, other in product(names, names)
        if one < other
        for first, second in product(values[one], values[other])
    ]
    outcomes = [
        BANNER,
        DECIDED,
        *((kind,) for kind in (*BANNER, Kind.SHOWN_AGAIN, Kind.WITHDRAWN, Kind.SUSPECT)),
    ]
    return [
        (pair, outcome, granted)
        for pair, outcome, granted in product(pairs, outcomes, ("", "1", "0"))
    ]


QUESTIONS = questions()


def answer(told: Counter[Cell], question: Question) -> int:
    where, kinds, granted = question
    return sum(
        number
        for cell, number in told.items()
        if cell.kind in kinds
        and all(getattr(cell, name) == value for name, value in where)
        and (
            not granted
            or (cell.purposes != MIXED and (cell.purposes[:1] == "1") == (granted == "1"))
        )
    )


def is_safe(number: int) -> bool:
    return number == 0 or abs(number) >= K


@given(DAYS)
@settings(max_examples=80, deadline=None)
def test_no_number_is_small_at_any_time(story: list) -> None:
    for day in live(story):
        assert all(is_safe(answer(day.told, question)) for question in QUESTIONS)


@given(DAYS, st.sampled_from(QUESTIONS))
@settings(max_examples=150, deadline=None)
def test_no_two_looks_differ_by_few(story: list, question: Question) -> None:
    """Whoever asks the same after every round learns nothing about fewer than k people."""
    answers = [answer(day.told, question) for day in live(story)]

    for earlier, later in zip([0, *answers], answers, strict=False):
        assert later >= earlier
        assert is_safe(later - earlier)


@given(DAYS, st.data())
@settings(max_examples=100, deadline=None)
def test_no_two_filters_differ_by_few(story: list, data: st.DataObject) -> None:
    wide = data.draw(st.sampled_from(QUESTIONS))
    narrower = [
        other
        for other in QUESTIONS
        if set(wide[0]) <= set(other[0])
        and set(other[1]) <= set(wide[1])
        and (not wide[2] or other[2] == wide[2])
    ]
    *_, day = live(story)
    whole = answer(day.told, wide)
    for question in narrower:
        assert is_safe(whole - answer(day.told, question)), (wide, question)


@given(DAYS, st.sampled_from([*VALUES, "surface", "kind"]))
@settings(max_examples=100, deadline=None)
def test_a_total_minus_its_shown_parts_is_not_small(story: list, name: str) -> None:
    """The classic: one row of a breakdown is hidden, the others and the total are not."""
    *_, day = live(story)
    banner = {cell: number for cell, number in day.told.items() if cell.kind in BANNER}
    parts: dict[str, int] = defaultdict(int)
    for cell, number in banner.items():
        parts[getattr(cell, name)] += number
    total = sum(banner.values())
    for chosen in product((False, True), repeat=len(parts)):
        shown = sum(n for n, is_in in zip(parts.values(), chosen, strict=True) if is_in)
        assert is_safe(total - shown)


@given(DAYS)
@settings(max_examples=100, deadline=None)
def test_everybody_is_told_of_once_and_few_not_at_all(story: list) -> None:
    *_, day = live([*story, ([], True)])

    def there(*kinds: Kind) -> int:
        return sum(one.count for cell, one in day.counts.items() if cell.kind in kinds)

    def told(*kinds: Kind) -> int:
        return sum(number for cell, number in day.told.items() if cell.kind in kinds)

    for kind in (Kind.SHOWN_AGAIN, Kind.WITHDRAWN, Kind.SUSPECT):
        assert 0 <= there(kind) - told(kind) < K
    # Shown is never less than decided, for whoever decided was shown the notice.
    assert told(*BANNER) >= there(*DECIDED) - K + 1
    assert sum(one.released for one in day.counts.values()) == sum(day.told.values())


@given(DAYS)
@settings(max_examples=60, deadline=None)
def test_a_kind_of_which_somebody_is_left_out_is_named(story: list) -> None:
    for day in live(story):
        for kind in (*DECIDED, Kind.SHOWN_AGAIN, Kind.WITHDRAWN, Kind.SUSPECT):
            of_kind = [one for cell, one in day.counts.items() if cell.kind is kind]
            assert (kind in day.untold) == any(one.count > one.released for one in of_kind)


def cell_of(kind: Kind, **fields: str) -> Cell:
    return Cell(
        kind=kind,
        **{
            "language": "ja",
            "device_class": "phone",
            "regime": "jp-a",
            "country_group": "jp",
            "presentation": "bar",
            "surface": "",
            "notice": "1",
            "variant": "",
            "referrer_class": "search",
            **fields,
        },
    )


def test_a_showing_has_a_round_to_be_answered_before_it_counts_as_ignored() -> None:
    day = Day()
    day.arrive(cell_of(Kind.SHOWN), 40)
    day.round(closes=False)
    assert not day.told
    day.arrive(cell_of(Kind.ALLOWED, surface="dialog", choices="11"), 25)
    day.round(closes=False)
    assert {cell.kind: n for cell, n in day.told.items()} == {Kind.IGNORED: 15}
    day.round(closes=False)
    assert {cell.kind: n for cell, n in day.told.items()} == {Kind.IGNORED: 15, Kind.ALLOWED: 25}


def test_what_is_asked_for_least_is_given_up_first() -> None:
    day = Day()
    for referrer in ("search", "direct"):
        day.arrive(cell_of(Kind.REFUSED, referrer_class=referrer), 6)
    day.round(closes=True)

    [(cell, number)] = day.told.items()
    assert number == 12
    assert cell.referrer_class == MIXED
    assert (cell.language, cell.device_class, cell.kind) == ("ja", "phone", Kind.REFUSED)


def test_different_outcomes_are_put_together_last_and_only_those_of_the_banner() -> None:
    day = Day()
    day.arrive(cell_of(Kind.REFUSED), 5)
    day.arrive(cell_of(Kind.ALLOWED, choices="11"), 5)
    day.arrive(cell_of(Kind.WITHDRAWN, choices="1"), 5)
    day.arrive(cell_of(Kind.SUSPECT, choices="11"), 5)
    day.round(closes=True)

    [(cell, number)] = day.told.items()
    assert (cell.kind, number) == (Kind.MIXED, 10)
    assert day.untold == {Kind.WITHDRAWN, Kind.SUSPECT}


def test_partners_are_given_up_before_purposes() -> None:
    day = Day()
    day.arrive(cell_of(Kind.CHOSEN, choices="101"), 6)
    day.arrive(cell_of(Kind.CHOSEN, choices="1"), 6)
    day.round(closes=True)

    [(cell, number)] = day.told.items()
    assert (cell.purposes, cell.choices, number) == ("1", MIXED, 12)


# --- cohorts

WEEK = date(2026, 11, 2)


def row(event: str, count: int, *, age: int = 0, released: int = 0) -> CohortRow:
    return CohortRow(
        week=WEEK, regime="jp-a", purpose=0, event=event, age=age, count=count, released=released
    )


COHORTS = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from(("allowed", "renewed", "withdrawn")),
            st.integers(0, 3),
            st.integers(1, 25),
        ),
        max_size=5,
    ),
    min_size=1,
    max_size=6,
)


@given(COHORTS)
@settings(max_examples=200, deadline=None)
def test_neither_who_left_a_cohort_nor_who_is_left_are_few(story: list) -> None:
    rows: dict[tuple[str, int], CohortRow] = {}
    for arrivals in story:
        for event, age, number in arrivals:
            key = (event, 0 if event == "allowed" else age)
            known = rows.get(key, row(event, 0, age=key[1]))
            rows[key] = replace(known, count=known.count + number)
        before = {key: one.released for key, one in rows.items()}
        for one in release.release_cohorts(rows.values(), k=K):
            rows[one.event, one.age] = one
        for key, one in rows.items():
            assert one.released <= one.count
            assert is_safe(one.released - before[key])
        size = sum(one.released for one in rows.values() if one.event == "allowed")
        left = size - sum(one.released for one in rows.values() if one.event != "allowed")
        # Of a cohort that began before counting did, more may leave than came.
        assert left <= 0 or left >= K


def test_a_cohort_that_nearly_all_left_tells_less() -> None:
    [told] = release.release_cohorts([row("allowed", 30), row("withdrawn", 27, age=1)])
    assert (told.event, told.released) == ("allowed", 30)
    week_later = [row("allowed", 30, released=30), row("withdrawn", 30, age=1)]
    assert [one.event for one in release.release_cohorts(week_later)] == ["withdrawn"]
