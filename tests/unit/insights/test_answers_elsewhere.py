"""One visitor is one: shown the notice on one page, answering on a later one."""

from __future__ import annotations

from tracking.insights import release
from tracking.insights.types import Cell, Count, Kind


def count(kind: Kind, number: int, *, referrer: str, language: str = "ja") -> Count:
    cell = Cell(
        kind=kind,
        language=language,
        device_class="phone",
        regime="jp-a",
        country_group="jp",
        presentation="bar",
        surface="" if kind is Kind.SHOWN else "bar",
        notice="1",
        variant="",
        referrer_class=referrer,
    )
    return Count(cell=cell, count=number, settled=number, released=0)


def told(*counts: Count) -> dict[tuple[str, str], int]:
    found = release.release(counts=counts, purposes=(), closes=False)
    return {(cell.kind.value, cell.referrer_class): n for cell, n in found.groups.items()}


def test_who_answers_on_a_later_page_is_not_ignored_on_the_first() -> None:
    assert told(
        count(Kind.SHOWN, 100, referrer="search"),
        count(Kind.ALLOWED, 30, referrer="search"),
        count(Kind.REFUSED, 25, referrer="same_site"),
    ) == {("ignored", "search"): 45, ("allowed", "search"): 30, ("refused", "same_site"): 25}


def test_showings_on_inner_pages_answer_for_their_own_first() -> None:
    assert told(
        count(Kind.SHOWN, 40, referrer="search"),
        count(Kind.SHOWN, 20, referrer="same_site"),
        count(Kind.ALLOWED, 30, referrer="same_site"),
    ) == {("ignored", "search"): 30, ("allowed", "same_site"): 30}


def test_answers_without_any_showing_take_nothing_from_other_readers() -> None:
    assert told(
        count(Kind.SHOWN, 40, referrer="search", language="en"),
        count(Kind.ALLOWED, 30, referrer="same_site"),
    ) == {("ignored", "search"): 40, ("allowed", "same_site"): 30}


def test_more_answers_than_showings_leave_nobody_ignored() -> None:
    assert told(
        count(Kind.SHOWN, 12, referrer="search"),
        count(Kind.SHOWN, 15, referrer="social"),
        count(Kind.ALLOWED, 30, referrer="same_site"),
    ) == {("allowed", "same_site"): 30}
