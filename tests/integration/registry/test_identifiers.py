"""Under what a partner knows a browser, as it is declared and frozen."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from tests.factories.registry import catalogue, make_site, partner
from tracking.notices import rules as notices
from tracking.registry import operations, rules
from tracking.registry.models import Partner

pytestmark = pytest.mark.django_db

GA = {"kind": "ga_client_id", "cookie": "_ga"}


def with_identifiers(declared: Any) -> list[dict[str, Any]]:
    others = [one for one in catalogue()["partners"] if one["code"] != "adco"]
    return [*others, partner("adco", identifiers=declared)]


def test_a_notice_freezes_them() -> None:
    notice = make_site(partners=with_identifiers([GA, {"kind": "user_id"}]))

    frozen = {one["code"]: one["identifiers"] for one in notice.content["partners"]}
    assert frozen["adco"] == [GA, {"kind": "user_id", "cookie": ""}]
    assert frozen["statco"] == []
    assert notice.terms.partners["adco"].identifiers == {"ga_client_id": "_ga", "user_id": ""}


def test_a_notice_from_before_declares_none() -> None:
    content = make_site(partners=with_identifiers([GA])).content
    old = {
        **content,
        "partners": [
            {key: value for key, value in one.items() if key != "identifiers"}
            for one in content["partners"]
        ],
    }

    assert notices.read_terms(old).partners["adco"].identifiers == {}


@pytest.mark.parametrize(
    ("declared", "why"),
    [
        ({"kind": "user_id"}, "list"),
        ([{"kind": f"kind_{number}"} for number in range(9)], "at most 8"),
        (["_ga"], "written as"),
        ([{"cookie": "_ga"}], "written as"),
        ([{**GA, "pattern": ".*"}], "written as"),
        ([{"kind": ""}], "1 to 40"),
        ([{"kind": "GA"}], "1 to 40"),
        ([{"kind": "a" * 41}], "1 to 40"),
        ([{"kind": 7}], "1 to 40"),
        ([{"kind": "cookie_id", "cookie": "_ga_*"}], "without `\\*`"),
        ([{"kind": "cookie_id", "cookie": None}], "without `\\*`"),
        ([GA, {"kind": "ga_client_id", "cookie": "other"}], "twice"),
    ],
)
def test_what_cannot_be_collected_is_not_declared(declared: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        rules.read_identifiers(declared)
    with pytest.raises(operations.CatalogueInvalid, match=f"'adco'.*{why}"):
        operations.apply_catalogue(catalogue=catalogue(partners=with_identifiers(declared)))


@pytest.mark.parametrize(
    "declared",
    [
        {"kind": "user_id", "cookie": ""},
        "_ga",
        [GA] * 9,
        [{"cookie": "_ga"}],
        [{"kind": "user_id"}],
        [{"kind": 7, "cookie": ""}],
        [{"kind": "Ga", "cookie": ""}],
        [{"kind": "user_id", "cookie": "a b"}],
        [GA, {"kind": "user_id", "cookie": 7}],
    ],
)
def test_the_table_takes_nothing_else(declared: Any) -> None:
    make_site()

    with pytest.raises(IntegrityError, match="partner_identifiers_whole"), transaction.atomic():
        Partner.objects.filter(code="adco").update(identifiers=declared)
    Partner.objects.filter(code="adco").update(identifiers=[GA] * 8)


def test_the_console_says_what_is_wrong() -> None:
    make_site()
    row = Partner.objects.get(code="adco")

    row.identifiers = [GA]
    row.full_clean()
    row.identifiers = [{"kind": "Ga"}]
    with pytest.raises(ValidationError, match="at most eight maps"):
        row.full_clean()
