"""The dashboard's parts: what they say of numbers, and what they keep to themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.insights.test_rules import A_DAY, TODAY, WEEK_AGO, report, told
from tracking.insights import (
    breakdowns,
    cards,
    charts,
    filtering,
    funnel,
    page,
    phrases,
    rules,
    tables,
    trend,
)
from tracking.insights.charts import Column, Form
from tracking.insights.filtering import View
from tracking.insights.marks import Mark, MarkKind
from tracking.insights.phrases import Phrases
from tracking.insights.rules import Told
from tracking.insights.types import (
    MIXED,
    Base,
    Dimension,
    Filters,
    Health,
    Kind,
    OptInReport,
    Rate,
)
from tracking.lib.tables import Table

ENGLISH = Phrases(language="en", k=10)
JAPANESE = Phrases(language="ja", k=10)
MANY = (
    told(580, Kind.IGNORED),
    told(600, Kind.ALLOWED, purposes="11", choices="111"),
    told(500, Kind.REFUSED),
)


def view_of(numbers: OptInReport, **fields: Any) -> View:
    return View(**{"filters": numbers.filters, "base": Base.SHOWN, "language": "en", **fields})


def dashboard(numbers: OptInReport, **fields: Any) -> page.Dashboard:
    return page.build_dashboard(
        **{
            "report": numbers,
            "marks": (),
            "opens": (),
            "health": Health(lines=(), oldest_unconfirmed_seconds=None, overdue=0),
            "sites": {"shop": {"en": "The shop"}},
            "view": view_of(numbers),
            "zone": "Asia/Tokyo",
            "origin": "https://consent.example",
            "now": datetime(2026, 11, 22, 5, 0, tzinfo=UTC),
            **fields,
        }
    )


# --- words


def keys(words: Any, before: str = "") -> set[str]:
    if not isinstance(words, dict):
        return {before}
    return {key for name, value in words.items() for key in keys(value, f"{before}/{name}")}


def test_the_pages_speak_both_languages_in_full() -> None:
    japanese, english = (phrases.texts(language=language) for language in ("ja", "en"))

    assert keys(japanese) == keys(english)
    assert all(japanese.values())
    assert all(english.values())


@pytest.mark.parametrize("language", ["ja", "en"])
def test_everything_that_can_be_filtered_by_has_a_name(language: str) -> None:
    speaks = Phrases(language=language, k=10)

    assert len({speaks.dimension(one) for one in Dimension}) == len(Dimension)
    assert speaks.value(Dimension.DEVICE_CLASS, "phone") != "phone"
    # What nobody has a word for stays what it is.
    assert speaks.value(Dimension.VARIANT, "title:b") == "title:b"


def test_times_and_points_carry_their_signs() -> None:
    assert ENGLISH.points(0.0123) == "+1.2 points"
    assert ENGLISH.points(-0.1) == "−10.0 points"
    assert JAPANESE.points(0.0) == "±0.0ポイント"
    assert ENGLISH.day(date(2026, 11, 22)) == "Sun 22 Nov"
    assert JAPANESE.day(date(2026, 11, 22)) == "11月22日（日）"
    assert ENGLISH.age(3_725) == "01:02:05"


# --- shares that are not said


def test_a_share_that_missing_people_could_move_is_told_as_a_range() -> None:
    vague = Rate(granted=20, shown=100, decided=50, is_partial=True, may_grant=5, may_refuse=5)
    sure = replace(vague, may_grant=1, may_refuse=1)

    assert Base.SHOWN.share(vague) is None
    assert ENGLISH.share_of(vague, Base.SHOWN) == "19.0–23.8%"
    assert ENGLISH.share_of(vague, Base.DECIDED) == "36.4–45.5%"
    assert ENGLISH.interval_of(vague, Base.SHOWN) == ""
    assert ENGLISH.share_of(sure, Base.SHOWN) == "20.0%"


def test_who_ignored_the_notice_can_move_only_the_share_of_shown() -> None:
    rate = Rate(granted=20, shown=100, decided=50, is_partial=True, may_ignore=100)

    assert ENGLISH.share_of(rate, Base.SHOWN) == "10.0–20.0%"
    assert ENGLISH.share_of(rate, Base.DECIDED) == "40.0%"


def test_a_small_country_does_not_look_as_if_all_refused() -> None:
    """Who answers as few do is told of with others, so that the rest lean to the other answer."""
    numbers = report(
        *MANY,
        told(60, Kind.IGNORED, country_group="eu"),
        told(40, Kind.REFUSED, country_group="eu"),
        told(12, Kind.ALLOWED, purposes="11", choices="111", country_group=MIXED),
    )
    found = breakdowns.build_breakdowns(report=numbers, view=view_of(numbers), phrases=ENGLISH)
    table = next(one for one in found.tables if one.name == "Country group")

    assert [row.numbers[2][1] for row in table.rows] == ["35.7%", "0.0–10.7%"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from((Kind.IGNORED, Kind.ALLOWED, Kind.REFUSED, Kind.CHOSEN)),
            st.booleans(),
            st.booleans(),
            st.integers(1, 60),
        ),
        min_size=1,
    )
)
def test_a_range_holds_the_truth(groups: list[tuple[Kind, bool, bool, int]]) -> None:
    """Whatever is known of whom, the share of all people lies within the bounds."""
    found, truth = [], []
    for kind, grants, is_known, people in groups:
        granted = grants and kind in (Kind.ALLOWED, Kind.CHOSEN)
        whole = Told(
            kind=kind, notice="1", purposes="1" if granted else "", is_mixed=False, count=people
        )
        truth.append(whole)
        found.append(whole if is_known else replace(whole, is_mixed=True))
    asked = {"1": frozenset({0})}
    known = rules.rate(found, number=0, asked=asked)
    true = rules.rate(truth, number=0, asked=asked)

    for base in Base:
        if base.whole(true):
            assert true.granted / base.whole(true) in base.bounds(known)


def test_nobody_has_refused_while_all_answers_wait_to_be_told_of() -> None:
    rate = Rate(granted=0, shown=11, decided=0, is_partial=True)

    assert ENGLISH.share_of(rate, Base.SHOWN) == "<10"
    assert ENGLISH.granted(rate) == "<10"
    # Nobody answered, and nobody waits.
    assert ENGLISH.share_of(replace(rate, is_partial=False), Base.SHOWN) == "0.0%"


def test_how_many_granted_is_as_sure_as_their_share() -> None:
    vague = Rate(granted=20, shown=100, decided=50, is_partial=True, may_grant=30)

    assert ENGLISH.granted(vague) == "20–50"
    assert ENGLISH.granted(replace(vague, may_grant=1)) == "20"


# --- the last day


def test_a_cards_shares_come_with_how_sure_they_are() -> None:
    card = cards.build_cards(report=report(*A_DAY), running_until="", phrases=ENGLISH).cards[0]

    assert (card.of_shown, card.of_shown_range) == ("40.0%", "33.5–46.9%")
    assert (card.of_decided, card.of_decided_range) == ("56.3%", "48.1–64.2%")
    assert (card.direction, card.change_range) == ("none", "")


@pytest.mark.parametrize(
    ("refused_before", "direction", "noise"), [(470, "same", "within noise"), (900, "up", "")]
)
def test_a_change_is_called_noise_where_chance_can_make_it(
    refused_before: int, direction: str, noise: str
) -> None:
    before = (
        told(580, Kind.IGNORED, day=WEEK_AGO),
        told(600, Kind.ALLOWED, day=WEEK_AGO, purposes="11", choices="111"),
        told(refused_before, Kind.REFUSED, day=WEEK_AGO),
    )
    card = cards.build_cards(
        report=report(*MANY, *before), running_until="", phrases=ENGLISH
    ).cards[0]

    assert (card.direction, card.noise) == (direction, noise)
    assert card.before.startswith("last week 3" if noise else "last week 2")


def test_a_range_is_nothing_to_compare_with() -> None:
    before = (
        told(100, Kind.REFUSED, day=WEEK_AGO),
        told(50, Kind.CHOSEN, purposes=MIXED, choices=MIXED, day=WEEK_AGO),
    )
    card = cards.build_cards(
        report=report(*MANY, *before), running_until="", phrases=ENGLISH
    ).cards[0]

    assert "can only be told as 0.0–33.3%" in card.change
    assert (card.direction, card.change_range, card.noise) == ("none", "", "")


def test_a_range_is_compared_with_nothing_and_says_what_there_was() -> None:
    before = (told(300, Kind.ALLOWED, purposes="11", choices="111", day=WEEK_AGO),)
    vague = told(50, Kind.CHOSEN, purposes=MIXED, choices=MIXED)
    card = cards.build_cards(
        report=report(*A_DAY, vague, *before), running_until="", phrases=ENGLISH
    ).cards[0]

    assert card.change == "Told as a range, so it is not compared with last week's 100.0%."
    assert (card.direction, card.change_range, card.noise) == ("none", "", "")


def test_a_running_day_says_until_when_and_that_it_may_lean() -> None:
    numbers = report(*MANY, untold={TODAY: (Kind.CHOSEN,)})

    running = cards.build_cards(report=numbers, running_until="14:00", phrases=JAPANESE)
    over = cards.build_cards(report=numbers, running_until="", phrases=JAPANESE)

    assert "14:00まで（集計中）" in running.lead
    assert "偏る" in running.note
    assert over.title == "11月22日（日）の許可率"
    assert "偏る" not in over.note


def test_a_page_that_ends_yesterday_says_why() -> None:
    numbers = report(*MANY)
    asked_for = replace(numbers, filters=replace(numbers.filters, until=TODAY))

    assert "numbers end with yesterday" in cards_of(numbers).note
    assert cards_of(asked_for).note == ""


def cards_of(numbers: OptInReport) -> cards.Cards:
    return cards.build_cards(report=numbers, running_until="", phrases=ENGLISH)


def test_only_the_sites_own_today_is_running() -> None:
    numbers = report(*A_DAY)

    assert "14:00" in dashboard(numbers).cards.lead
    tomorrow = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
    assert dashboard(numbers, now=tomorrow).cards.title == "Opt-in rate on Sun 22 Nov"


# --- the funnel


def test_the_funnel_is_in_shares_of_shown_and_its_parts_follow_each_other() -> None:
    part = funnel.build_funnel(report=report(*A_DAY), phrases=ENGLISH)
    steps = {step.key: step for step in part.steps}

    assert (steps["decided"].number, steps["decided"].share) == ("142", "71.0%")
    assert steps["allowed"].start == 0
    assert steps["chosen"].start == pytest.approx(steps["allowed"].width)
    assert steps["ignored"].start + steps["ignored"].width == pytest.approx(100)
    assert part.note == ""


def test_what_is_hidden_is_said_beside_the_funnel() -> None:
    numbers = report(*A_DAY, untold={TODAY: (Kind.CHOSEN,)})

    assert "fewer than 10" in funnel.build_funnel(report=numbers, phrases=ENGLISH).note


def test_a_bar_is_full() -> None:
    assert charts.stack(parts=[1, 1, 2]) == ((0.0, 25.0), (25.0, 25.0), (50.0, 50.0))
    assert charts.stack(parts=[0, 0]) == ((0.0, 0.0), (0.0, 0.0))


# --- charts


def chart(cells: list[tuple[str, float | None]]) -> charts.Chart:
    return charts.build_chart(
        id="rates",
        form=Form.LINES,
        label="Rates",
        days=[TODAY - timedelta(days=back) for back in reversed(range(len(cells)))],
        columns=[Column(look="line-1", name="a", cells=cells)],
        events=(),
        phrases=ENGLISH,
    )


@pytest.mark.parametrize(
    ("shares", "is_drawn"), [([], False), ([None, 0.4], False), ([0.1, None, 0.4], True)]
)
def test_a_chart_needs_two_days(shares: list[float | None], is_drawn: bool) -> None:
    assert chart([("x", share) for share in shares]).is_drawn is is_drawn


def test_a_charts_table_has_the_newest_day_first_and_no_value_for_what_is_hidden() -> None:
    drawn = chart([("12.3%", 0.1234567), ("<10", None)])

    assert [day.iso for day in drawn.days] == ["2026-11-22", "2026-11-21"]
    assert [day.points[0].value for day in drawn.days] == ["", "0.123457"]


def test_the_trend_follows_the_chosen_denominator() -> None:
    shown, decided = (
        trend.build_trend(
            report=report(*A_DAY), base=base, marks=(), opens=(), phrases=ENGLISH
        ).chart
        for base in Base
    )

    assert shown.days[0].points[0].text == "40.0% (80 / 200)"
    assert decided.days[0].points[0].text == "56.3% (80 / 142)"
    assert decided.series[0].last == "56.3%"


@pytest.mark.parametrize(
    ("opens", "url"),
    [((), ""), ((MarkKind.SCAN,), "/console/scans/?scan=3&lang=en"), ((MarkKind.INCIDENT,), "")],
)
def test_an_event_leads_to_its_page_for_whoever_may_see_it(
    opens: tuple[MarkKind, ...], url: str
) -> None:
    mark = Mark(day=TODAY, kind=MarkKind.SCAN, title={"en": "Found"}, url="/console/scans/?scan=3")
    events = trend.build_trend(
        report=report(*A_DAY), base=Base.SHOWN, marks=[mark], opens=opens, phrases=ENGLISH
    ).chart.events

    assert [(one.number, one.iso, one.text, one.url) for one in events] == [
        (1, "2026-11-22", "Found", url)
    ]


def test_a_line_goes_on_over_a_range_and_ends_where_it_could_be_anywhere() -> None:
    numbers = report(
        *MANY,
        told(80, Kind.CHOSEN, purposes=MIXED, choices=MIXED),
        told(100, Kind.REFUSED, day=WEEK_AGO + timedelta(days=1)),
        told(100, Kind.CHOSEN, purposes=MIXED, choices=MIXED, day=WEEK_AGO + timedelta(days=1)),
    )
    days = trend.build_trend(
        report=numbers, base=Base.SHOWN, marks=(), opens=(), phrases=ENGLISH
    ).chart.days

    assert (days[0].points[0].text, days[0].points[0].value) == ("34.1–38.6%", "0.357143")
    assert (days[-1].points[0].text, days[-1].points[0].value) == ("0.0–50.0%", "")


# --- breakdowns


def test_a_value_leads_to_its_own_numbers_and_keeps_the_other_filters() -> None:
    numbers = report(*A_DAY, told(300, Kind.IGNORED, device_class="desktop"))
    view = view_of(numbers, base=Base.DECIDED)
    found = breakdowns.build_breakdowns(report=numbers, view=view, phrases=ENGLISH)
    rows = found.tables[0].rows

    assert [row.name for row in rows] == ["Desktop", "Phone"]
    assert "device_class=desktop" in rows[0].address
    assert "rate=decided" in rows[0].address
    assert rows[1].numbers[:3] == (("Shown", "200"), ("Decided", "142"), ("Analytics", "56.3%"))
    assert "Allowed all 60, Chose 32" in rows[1].summary


def test_a_value_that_is_filtered_by_is_no_link() -> None:
    numbers = report(*A_DAY, where={Dimension.DEVICE_CLASS: "phone"})
    found = breakdowns.build_breakdowns(report=numbers, view=view_of(numbers), phrases=ENGLISH)

    assert found.tables[0].rows[0].address == ""


def test_where_people_answered_is_a_matter_of_those_who_did() -> None:
    answered = [(day, replace(cell, surface="bar"), n) for day, cell, n in A_DAY[1:]]
    # Who did not answer may be told of with those who did; that is no doubt about these.
    numbers = report(A_DAY[0], *answered, told(200, Kind.IGNORED, surface=MIXED))
    found = breakdowns.build_breakdowns(report=numbers, view=view_of(numbers), phrases=ENGLISH)
    table = next(one for one in found.tables if one.name == "Where it was answered")

    assert [number for _, number in table.rows[0].numbers[:3]] == ["—", "142", "56.3%"]
    assert not dashboard(numbers).surface_note
    only = report(A_DAY[0], *answered, where={Dimension.SURFACE: "bar"})
    assert dashboard(only).surface_note


def test_partners_and_data_items_have_tables_of_their_own() -> None:
    choices = {"partner:adco": {"en": "Adco"}, "item:page": {"en": "Pages viewed"}}
    numbers = report(
        *A_DAY, choice_names=choices, numbers={"purpose:analytics": 0, "purpose:advertising": 1,
        "partner:adco": 2, "item:page": 1},
    )  # fmt: skip
    found = breakdowns.build_choices(report=numbers, phrases=ENGLISH)

    assert [(one.name, one.rows[0].name) for one in found] == [
        ("Partner", "Adco"), ("Data item", "Pages viewed"),
    ]  # fmt: skip
    assert found[0].rows[0].granted == "72"


# --- the form


def form_of(numbers: OptInReport, view: View | None = None) -> filtering.FilterForm:
    return filtering.build_form(
        view=view or view_of(numbers),
        report=numbers,
        sites={"shop": {"en": "The shop"}},
        latest="2026-11-22",
        phrases=ENGLISH,
    )


def test_choices_are_what_there_is_and_what_is_chosen() -> None:
    numbers = report(*A_DAY, where={Dimension.LANGUAGE: "ko"})
    selects = {one.name: one for one in form_of(numbers).dimensions}

    assert [one.value for one in selects["language"].choices] == ["", "ko"]
    # Nobody took part in an experiment.
    assert "variant" not in selects


def test_each_filter_can_be_taken_off_alone() -> None:
    where = {Dimension.LANGUAGE: "ja", Dimension.DEVICE_CLASS: "phone"}
    filters = Filters(site="shop", days=90, until=date(2026, 11, 1), where=where)
    numbers = replace(report(*A_DAY), filters=filters)
    form = form_of(numbers, view_of(numbers))

    assert [chip.text for chip in form.chips] == [
        "until Sun 1 Nov", "Language: Japanese", "Device: Phone",
    ]  # fmt: skip
    assert form.chips[1].address == (
        "?site=shop&days=90&until=2026-11-01&device_class=phone&lang=en"
    )
    assert form.all_address == "?site=shop&days=90&lang=en"
    assert form.chips[1].remove == "Remove “Language: Japanese”"


def test_an_address_is_read_back_as_it_was_written() -> None:
    filters = Filters(site="shop", days=7, where={Dimension.VARIANT: "title:b"})
    view = View(filters=filters, base=Base.DECIDED, language="ja")
    address = {
        "site": "shop", "days": "7", "variant": "title:b", "rate": "decided", "lang": "ja",
    }  # fmt: skip

    assert view.address() == "?site=shop&days=7&variant=title%3Ab&rate=decided&lang=ja"
    assert filtering.read_view(address, site="shop", language="ja") == view
    assert filtering.read_view({"rate": "best"}, site="shop", language="ja").base is Base.SHOWN


# --- files


def column(table: Table, key: str) -> list[Any]:
    at = [column.key for column in table.columns].index(key)
    return [row[at] for row in table.rows]


def test_a_files_sums_are_the_pages_numbers() -> None:
    numbers = report(
        *A_DAY, *(told(40, Kind.REFUSED, day=TODAY - timedelta(days=back)) for back in (1, 2))
    )
    built = tables.build_tables(report=numbers, phrases=ENGLISH)

    assert set(built) == set(tables.NAMES)
    assert sum(column(built["by_day"], "refused")) == numbers.funnel.refused.value == 130
    assert sum(column(built["by_day"], "analytics_granted")) == 80
    assert column(built["purposes"], "granted") == [80, 72]
    shown = zip(
        column(built["breakdowns"], "dimension"),
        column(built["breakdowns"], "shown"),
        strict=True,
    )
    assert sum(n for name, n in shown if name == "language") == numbers.funnel.shown.value


def test_a_number_that_is_hidden_is_an_empty_cell() -> None:
    numbers = report(told(50, Kind.REFUSED), untold={TODAY: (Kind.ALLOWED,)})
    built = tables.build_tables(report=numbers, phrases=ENGLISH)["by_day"]

    assert column(built, "allowed")[-1] is None
    assert column(built, "allowed")[0] == 0


def test_a_share_that_is_a_range_is_no_share_in_a_file_either() -> None:
    numbers = report(
        *MANY,
        told(100, Kind.REFUSED, country_group="eu"),
        told(25, Kind.ALLOWED, purposes="11", choices="111", country_group=MIXED),
    )
    built = tables.build_tables(report=numbers, phrases=ENGLISH)["breakdowns"]
    rows = dict(
        zip(
            column(built, "value"),
            zip(*(column(built, f"analytics_of_shown{end}") for end in ("", "_low", "_high")),
                strict=True),
            strict=True,
        )
    )  # fmt: skip

    assert rows["eu"] == (None, 0.0, 0.2)
    share, low, high = rows["jp"]
    assert low < share < high


def test_a_workbook_says_what_its_numbers_are_of() -> None:
    numbers = report(*A_DAY, where={Dimension.LANGUAGE: "ja"})
    notes = tables.build_notes(report=numbers, phrases=ENGLISH)

    assert ("Language", "Japanese") in notes.lines
    assert ("Period", "2026-11-16 – 2026-11-22") in notes.lines
    assert "Wilson" in dict(notes.lines)["95% interval"]


@pytest.mark.parametrize(
    ("name", "kind"), [("by_day", "xlsx"), ("nothing", "csv"), ("opt-in", "csv"), ("by_day", "exe")]
)
def test_there_are_no_other_files(name: str, kind: str) -> None:
    numbers = report(*A_DAY)

    assert tables.build_file(name, kind, report=numbers, view=view_of(numbers)) is None


# --- the whole


def test_a_page_without_numbers_knows_it() -> None:
    nothing = dashboard(report())

    assert (nothing.has_any, nothing.is_empty) == (False, True)
    assert nothing.script_line == '<script src="https://consent.example/b/shop.js"></script>'
