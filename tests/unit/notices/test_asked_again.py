"""Since which version a yes is enough, and what is asked again (policy Article 10)."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.factories.registry import catalogue
from tracking.notices import rules


def content(number: int, since: dict[str, int] | None = None, **changes: Any) -> dict[str, Any]:
    tables = copy.deepcopy(catalogue(**changes))
    made = {
        "number": number,
        **{name: tables[name] for name in ("purposes", "data_items", "partners")},
        "tags": [{"transport": "client", **tag} for tag in tables["tags"]],
    }
    for kind, table in rules.TABLES:
        for entry in made[table]:
            entry["material_since"] = (since or {}).get(f"{kind}:{entry['code']}", 1)
    return made


def ads(*items: str, **fields: Any) -> list[dict[str, Any]]:
    return [
        {**tag, "required_items": ["id.cookie", *items], **fields} if tag["code"] == "ads" else tag
        for tag in catalogue()["tags"]
    ]


def since(*versions: dict[str, Any]) -> int:
    """Return since when a yes for the ad partner holds; the last version is the new one."""
    *earlier, previous, new = versions
    return rules.material_since(
        previous=previous, earlier=reversed(earlier), content=new, number=new["number"]
    )["partner:adco"]


def test_a_partner_that_gets_less_again_is_covered_by_the_older_yes() -> None:
    grown = content(2, {"partner:adco": 2}, tags=ads("activity.url"))
    assert since(content(1), grown, content(3)) == 1


def test_what_comes_back_is_new() -> None:
    grown = content(2, {"partner:adco": 2}, tags=ads("activity.url"))
    back = content(3, {"partner:adco": 1})
    again = content(4, tags=ads("activity.url"))
    assert since(content(1), grown, back, again) == 4


def test_a_version_in_between_that_meant_something_else_breaks_the_chain() -> None:
    abroad = [
        {**one, "country": "FR"} if one["code"] == "adco" else one
        for one in catalogue()["partners"]
    ]
    moved = content(2, {"partner:adco": 2}, partners=abroad)
    assert since(content(1), moved, content(3)) == 3


def test_the_chain_begins_where_the_wider_meaning_began() -> None:
    wide = content(1, tags=ads("activity.url", "activity.sequence"))
    wider = content(
        2, {"partner:adco": 2}, tags=ads("activity.url", "activity.sequence", "attr.gender")
    )
    assert since(wide, wider, content(3, tags=ads("activity.url"))) == 1


def test_a_partner_that_can_know_whose_data_it_is_is_asked_about_again() -> None:
    assert since(content(1), content(2, tags=ads(is_linkable=True))) == 2


def renewals(previous: dict[str, Any], new: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    found = rules.list_renewals(
        previous=previous,
        content=new,
        since=rules.material_since(previous=previous, content=new, number=new["number"]),
    )
    return {one.choice: (one.reason, *one.gained) for one in found}


def test_a_first_notice_asks_nobody_again() -> None:
    new = content(1)
    every = rules.material_since(previous=None, content=new, number=1)
    assert set(every.values()) == {1}
    assert rules.list_renewals(previous=None, content=new, since=every) == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"tags": ads("activity.url", is_linkable=True, transport="server")},
            {"partner:adco": ("receives", "item:activity.url", "linkable", "transport:server")},
        ),
        (
            {"purposes": [{**one, "nature": "advertising"} if one["code"] == "analytics" else one
                          for one in catalogue()["purposes"]]},
            {"purpose:analytics": ("nature",)},
        ),
        (
            {"partners": [{**one, "role": "processor"} if one["code"] == "adco" else one
                          for one in catalogue()["partners"]]},
            {"partner:adco": ("role",)},
        ),
        (
            {"data_items": [*catalogue()["data_items"],
                            {"code": "geo.approx", "name": {"en": "x"}, "jiaa_class": "3"}]},
            {"item:geo.approx": ("new",)},
        ),
    ],
)  # fmt: skip
def test_what_is_asked_again_says_why(
    changes: dict[str, Any], expected: dict[str, tuple[str, ...]]
) -> None:
    assert renewals(content(1), content(2, **changes)) == expected


@pytest.mark.parametrize(
    ("start", "months", "expected"),
    [
        (datetime(2026, 11, 26, tzinfo=UTC), 12, date(2027, 11, 26)),
        # In Japan it is the next day already.
        (datetime(2026, 11, 26, 15, tzinfo=UTC), 12, date(2027, 11, 27)),
        (datetime(2026, 8, 31, tzinfo=UTC), 6, date(2027, 2, 28)),
        (datetime(2027, 12, 1, tzinfo=UTC), 1, date(2028, 1, 1)),
    ],
)
def test_a_review_falls_on_a_day_that_there_is(
    start: datetime, months: int, expected: date
) -> None:
    assert rules.review_on(effective_at=start, months=months, zone="Asia/Tokyo") == expected
