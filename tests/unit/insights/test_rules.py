"""From what may be told to the dashboard's numbers."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tracking.insights import rules
from tracking.insights.api import as_json
from tracking.insights.types import (
    MIXED,
    Cell,
    CellSum,
    Dimension,
    Filters,
    Kind,
    OptInReport,
)

TODAY = date(2026, 11, 22)
WEEK_AGO = TODAY - timedelta(days=7)
NUMBERS = {"purpose:analytics": 0, "purpose:advertising": 1, "partner:adco": 2}
ASKED = {"1": frozenset({0, 1, 2})}
NAMES = {"analytics": {"ja": "分析", "en": "Analytics"}, "advertising": {"ja": "広告", "en": "Ads"}}
CHOICES = {"partner:adco": {"ja": "アドコ", "en": "Adco"}}

Row = tuple[date, Cell, int]


def told(count: int, kind: Kind, *, day: date = TODAY, **fields: str) -> Row:
    cell = Cell(
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
    return day, cell, count


def report(
    *rows: Row,
    where: dict[Dimension, str] | None = None,
    untold: dict[date, tuple[Kind, ...]] | None = None,
    **fields: Any,
) -> OptInReport:
    where = where or {}
    # As the database would find them.
    found = [
        (day, cell, count)
        for day, cell, count in rows
        if all(getattr(cell, d.value) in (value, MIXED) for d, value in where.items())
    ]
    period = rules.list_days(until=TODAY, days=7)
    return rules.build_report(
        **{
            "filters": Filters(site="shop", days=7, where=where),
            "cells": [CellSum(cell=c, count=n) for day, c, n in found if day in period],
            "on": {
                day: rules.tell(
                    [CellSum(cell=c, count=n) for other, c, n in found if other == day], where
                )
                for day, _, _ in found
            },
            "asked": ASKED,
            "numbers": NUMBERS,
            "purpose_names": NAMES,
            "choice_names": CHOICES,
            "publications": [],
            "untold": untold or {},
            "until": TODAY,
            **fields,
        }
    )


A_DAY = (
    told(58, Kind.IGNORED),
    told(60, Kind.ALLOWED, purposes="11", choices="111"),
    told(50, Kind.REFUSED),
    told(20, Kind.CHOSEN, purposes="1", choices="1"),
    told(12, Kind.CHOSEN, purposes="01", choices="011"),
)


def test_the_funnel_adds_up() -> None:
    funnel = report(*A_DAY).funnel

    assert (funnel.shown.value, funnel.decided.value, funnel.ignored.value) == (200, 142, 58)
    assert (funnel.allowed.value, funnel.chosen.value, funnel.refused.value) == (60, 32, 50)
    assert not funnel.shown.is_partial


def test_a_rate_has_both_denominators() -> None:
    analytics, advertising = report(*A_DAY).purposes

    assert (analytics.today.granted, analytics.today.shown, analytics.today.decided) == (
        80,
        200,
        142,
    )
    assert analytics.today.of_shown == pytest.approx(0.4)
    assert analytics.today.of_decided == pytest.approx(80 / 142)
    assert advertising.today.granted == 72
    assert advertising.by_day[-1] == advertising.today == advertising.period


def test_partners_have_a_rate_too() -> None:
    [adco] = report(*A_DAY).choices

    assert (adco.id, adco.rate.granted, adco.rate.shown) == ("partner:adco", 72, 200)


def test_where_partners_are_mixed_their_rate_leaves_those_people_out() -> None:
    [adco] = report(*A_DAY, told(30, Kind.CHOSEN, purposes="1", choices=MIXED)).choices

    assert (adco.rate.granted, adco.rate.shown, adco.rate.is_partial) == (72, 200, True)


def test_the_same_weekday_is_read_though_the_period_is_shorter() -> None:
    one = report(*A_DAY, told(40, Kind.ALLOWED, day=WEEK_AGO, purposes="11")).purposes[0]

    assert (one.week_before.granted, one.week_before.shown) == (40, 40)
    assert one.period.granted == 80


def test_a_purpose_that_a_notice_did_not_ask_about_is_not_refused_there() -> None:
    rows = (told(40, Kind.ALLOWED, notice="2", purposes="1"), *A_DAY)
    one = report(*rows, asked={**ASKED, "2": frozenset({0})}).purposes

    assert one[0].today.shown == 240
    assert one[1].today.shown == 200


def test_people_of_several_notices_count_for_what_all_of_them_ask() -> None:
    rows = (told(40, Kind.ALLOWED, notice=MIXED, purposes="1"), *A_DAY)
    one = report(*rows, asked={**ASKED, "2": frozenset({0})}).purposes

    assert one[0].today.shown == 240
    assert one[1].today.shown == 200


def test_a_filter_leaves_mixed_groups_out_and_says_so() -> None:
    rows = (*A_DAY, told(30, Kind.ALLOWED, device_class=MIXED, purposes="11"))
    everybody, phones = report(*rows), report(*rows, where={Dimension.DEVICE_CLASS: "phone"})

    assert everybody.funnel.allowed.value == 90
    assert not everybody.funnel.allowed.is_partial
    assert (phones.funnel.allowed.value, phones.funnel.allowed.is_partial) == (60, True)
    assert not phones.funnel.refused.is_partial
    assert phones.purposes[0].today.is_partial


def test_people_of_mixed_outcome_were_shown_and_that_is_all() -> None:
    rows = (*A_DAY, told(11, Kind.MIXED, purposes=MIXED))
    one = report(*rows)

    assert one.funnel.shown.value == 211
    assert one.funnel.decided.value == 142
    assert one.funnel.decided.is_partial
    assert one.purposes[0].today.shown == 200


def test_what_is_not_told_is_never_said_to_be_nothing() -> None:
    one = report(*A_DAY[:1], untold={TODAY: (Kind.ALLOWED,)})

    assert (one.funnel.allowed.value, one.funnel.allowed.is_hidden) == (0, True)
    assert (one.funnel.refused.value, one.funnel.refused.is_hidden) == (0, False)
    assert one.funnel.shown.is_partial
    assert report(untold={TODAY: (Kind.ALLOWED,)}).has_any
    assert not report().has_any


def test_breakdowns_name_values_and_their_rates() -> None:
    rows = (*A_DAY, told(30, Kind.ALLOWED, device_class="desktop", purposes="1", choices="1"))
    breakdown = report(*rows).breakdowns[Dimension.DEVICE_CLASS]

    assert [row.value for row in breakdown] == ["desktop", "phone"]
    assert breakdown[0].funnel.shown.value == 30
    assert breakdown[0].rates["analytics"].of_shown == 1
    assert breakdown[0].rates["advertising"].of_shown == 0
    assert breakdown[1].rates["analytics"].granted == 80


def test_a_breakdown_says_that_mixed_groups_are_in_no_row() -> None:
    rows = (*A_DAY, told(30, Kind.ALLOWED, device_class=MIXED, purposes="11"))
    [phones] = report(*rows).breakdowns[Dimension.DEVICE_CLASS]

    assert (phones.value, phones.funnel.allowed.value) == ("phone", 60)
    assert phones.funnel.allowed.is_partial


def test_notices_are_listed_newest_first_and_what_was_not_said_is_no_row() -> None:
    rows = [told(20, Kind.REFUSED, notice=n, variant="") for n in ("2", "10", "9")]
    one = report(*rows)

    assert [row.value for row in one.breakdowns[Dimension.NOTICE]] == ["10", "9", "2"]
    assert one.breakdowns[Dimension.VARIANT] == ()


def test_later_showings_withdrawals_and_machines_are_counted_apart() -> None:
    one = report(
        *A_DAY,
        told(30, Kind.SHOWN_AGAIN),
        told(12, Kind.ASKED_AGAIN),
        told(15, Kind.WITHDRAWN, purposes="01", choices="011"),
        told(18, Kind.WITHDRAWN, purposes=MIXED, choices=MIXED),
        told(58, Kind.SUSPECT, purposes="11"),
    )

    assert one.funnel.shown.value == 200
    assert (one.shown_again.value, one.asked_again.value, one.withdrawn.value) == (30, 12, 33)
    assert one.purposes[0].withdrawn.is_hidden
    assert (one.purposes[1].withdrawn.value, one.purposes[1].withdrawn.is_partial) == (15, True)
    assert (one.suspects.value, one.suspects_of) == (58, 200)
    assert one.purposes[0].today.granted == 80


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ({}, Filters(site="shop", days=28)),
        (
            {"days": "90", "until": "2026-05-12"},
            Filters(site="shop", days=90, until=date(2026, 5, 12)),
        ),
        ({"days": "8", "until": "yesterday"}, Filters(site="shop", days=28)),
        (
            {"language": "ja", "referrer_class": "search", "color": "red", "surface": ""},
            Filters(
                site="shop",
                days=28,
                where={Dimension.LANGUAGE: "ja", Dimension.REFERRER_CLASS: "search"},
            ),
        ),
        ({"language": MIXED}, Filters(site="shop", days=28)),
    ],
)  # fmt: skip
def test_filters_are_read_from_the_address_and_written_back(
    address: dict[str, str], wanted: Filters
) -> None:
    assert rules.read_filters(address, site="shop") == wanted
    assert rules.read_filters(rules.as_address(wanted), site="shop") == wanted


def test_a_page_ends_yesterday_while_nothing_of_today_may_be_told() -> None:
    untold: dict[date, tuple[Kind, ...]] = {}

    def of(*rows: Row) -> date:
        on = {
            day: rules.tell([CellSum(cell=c, count=n) for d, c, n in rows if d == day], ())
            for day, _, _ in rows
        }
        return rules.last_told(on, untold, today=TODAY)

    before = TODAY - timedelta(days=1)
    yesterday = told(10, Kind.REFUSED, day=before)
    assert of(yesterday) == before
    # Showings that wait for an answer are no rate.
    assert of(yesterday, told(60, Kind.IGNORED)) == before
    allowed = told(10, Kind.ALLOWED, purposes="1")
    assert of(yesterday, allowed) == TODAY
    # It would look as if everybody had allowed.
    untold[TODAY] = (Kind.REFUSED, Kind.CHOSEN, Kind.IGNORED)
    assert of(yesterday, allowed) == before
    assert of(yesterday, allowed, told(10, Kind.REFUSED)) == TODAY
    # A day earlier would tell no more.
    assert of() == of(told(60, Kind.IGNORED, day=before)) == TODAY


def test_programs_are_told_how_far_the_missing_could_move_a_share() -> None:
    mixed = told(50, Kind.CHOSEN, purposes=MIXED, choices=MIXED)
    analytics = as_json(report(*A_DAY, mixed))["purposes"][0]["period"]  # type: ignore[index]

    assert analytics["of_shown"] == pytest.approx(80 / 200)
    assert analytics["of_shown_between"] == pytest.approx({"low": 80 / 250, "high": 130 / 250})
    assert analytics["of_decided_between"] == pytest.approx({"low": 80 / 192, "high": 130 / 192})
    nobody = as_json(report())["purposes"][0]["period"]  # type: ignore[index]
    assert nobody["of_shown_between"] is nobody["of_decided_between"] is None
