"""The Open Cookie Database's CSV, and what follows from it. The rows here are our own."""

from __future__ import annotations

import pytest

from tracking.registry import known_cookies
from tracking.registry.types import KnownCookieInfo, Nature

HEAD = ",".join(known_cookies.COLUMNS)
COUNTER = 'id-1,Counter,Analytics,_count,,"Counts, page by page",2 years,Counter Inc.,https://counter.example/,0'
PREFIX = "id-2,Counter,Marketing,_count_,counter.example (3rd party),,13 months,Counter Inc.,,1"


def read(*lines: str) -> list[KnownCookieInfo]:
    return known_cookies.read("\n".join([HEAD, *lines]) + "\n")


def known(
    name: str, *, wild: bool = False, retention: str = "1 year", nature: str = "analytics"
) -> KnownCookieInfo:
    return KnownCookieInfo(
        source_id=f"{name}{retention}{nature}", name=name, is_wildcard=wild, platform="p",
        nature=Nature(nature), description="", retention=retention, controller="", policy_url="",
    )  # fmt: skip


def test_a_row_is_read() -> None:
    assert read(COUNTER)[0] == KnownCookieInfo(
        source_id="id-1",
        name="_count",
        is_wildcard=False,
        platform="Counter",
        nature=Nature.ANALYTICS,
        description="Counts, page by page",
        retention="2 years",
        controller="Counter Inc.",
        policy_url="https://counter.example/",
    )


def test_quirks_are_tolerated() -> None:
    rows = known_cookies.read(
        "\ufeff" + f"{HEAD}\r\n{PREFIX}\r\n"
        "id-3,Counter,Personalization, _new_*\t,,,Session,,,0\r\n"
        'id-4,Counter,Security,_two,,"two\r\nlines",,,,0\r\n'
    )

    assert [(row.name, row.is_wildcard) for row in rows] == [
        ("_count_", True),
        ("_new_", True),
        ("_two", False),
    ]
    assert [row.nature.value for row in rows] == ["advertising", "personalisation", "necessary"]


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([], "no cookie"),
        (["id-1,Counter,Analytics,_count"], "Line 2: 10 values are expected, not 4"),
        ([COUNTER, COUNTER], "Line 3: the id is there twice"),
        ([COUNTER.replace("Analytics", "Snacks")], "Line 2: the category 'Snacks'"),
        ([COUNTER.replace("_count", "*")], "Line 2: id, name or wildcard"),
        ([COUNTER.replace(",0", ",maybe")], "Line 2: id, name or wildcard"),
        (['id-1,"Counter'], "Line 2: unexpected end"),
    ],
)
def test_what_is_broken_is_refused_with_its_line(lines: list[str], complaint: str) -> None:
    with pytest.raises(known_cookies.NotTheDatabase, match=complaint):
        read(*lines)


@pytest.mark.parametrize("text", ["", "a,b,c\n1,2,3\n", "site:\n  code: a\n"])
def test_another_file_is_refused(text: str) -> None:
    with pytest.raises(known_cookies.NotTheDatabase, match="columns"):
        known_cookies.read(text)


def test_an_exact_name_wins_over_a_beginning_and_a_longer_one_over_a_shorter() -> None:
    rows = [
        known("_ga"),
        known("_ga_", wild=True),
        known("_ga_x", wild=True),
        known("CT", wild=True),
    ]

    def names(name: str) -> list[str]:
        return [row.name for row in known_cookies.match(name, rows)]

    assert names("_ga") == ["_ga"]
    assert names("_ga_*") == ["_ga_"]
    assert names("_ga_123") == ["_ga_"]
    assert names("_ga_x1") == ["_ga_x"]
    assert names("_gat") == []
    assert names("CTX") == []
    assert names("CT") == ["CT"]


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2 years", 730),
        ("1 Year", 365),
        ("13 months", 395.4),
        ("30 mins", 1 / 48),
        ("Session", 0),
        ("End of session (browser)", 0),
        ("Unknown", None),
        ("30 seconds till 1 year", None),
        ("", None),
    ],
)
def test_a_lifetime_is_read_from_words(text: str, days: float | None) -> None:
    found = known_cookies.lifetime_in_days(text)

    assert found == (days if days is None else pytest.approx(days, abs=0.1))


@pytest.mark.parametrize(
    ("days", "retention", "is_fine"),
    [
        (390, "13 months", True),
        (730, "2 years", True),
        (0, "session", True),
        (1, "30 minutes", True),
        (730, "13 months", False),
        (365, "session", False),
        (0, "1 year", False),
        (5, "forever", True),
    ],
)
def test_a_lifetime_that_differs_is_named(days: int, retention: str, is_fine: bool) -> None:
    advice = list(
        known_cookies.advise(
            {"name": "_c", "lifetime_days": days},
            natures={"analytics"},
            known=[known("_c", retention=retention)],
        )
    )

    assert bool(advice) is not is_fine
    assert is_fine or advice == [f"_c is declared with {days} days, it is known with {retention}."]


def test_one_agreement_is_enough_where_several_platforms_use_a_name() -> None:
    rows = [known("_c", nature="advertising", retention="1 day"), known("_c", retention="1 year")]

    def advise(days: int, nature: str) -> list[str]:
        cookie = {"name": "_c", "lifetime_days": days}
        return list(known_cookies.advise(cookie, natures={nature}, known=rows))

    assert advise(365, "analytics") == []
    assert advise(1, "advertising") == []
    assert advise(1, "functional") == [
        "_c is known for advertising or analytics, the tag's purposes are functional."
    ]
