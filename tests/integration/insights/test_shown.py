"""Counting showings: strict input, the site's own pages only, nothing about the visitor."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db.models import QuerySet
from django.test import Client
from django.utils import timezone

from tests.factories.registry import ORIGIN, SITE
from tracking.insights import operations
from tracking.insights.models import DailyCount
from tracking.notices.types import Notice

pytestmark = pytest.mark.django_db


def body(**changes: Any) -> dict[str, Any]:
    return {
        "site": SITE,
        "notice": 1,
        "language": "ja",
        "surface": "bar",
        "first": True,
        **changes,
    }


def post(sent: object, origin: str | None = ORIGIN) -> Any:
    headers = {} if origin is None else {"Origin": origin}
    return Client().post("/v1/shown", sent, content_type="application/json", headers=headers)


def counted() -> QuerySet[DailyCount]:
    """Return what was counted, with what is gathered still."""
    operations.flush(now=timezone.now())
    return DailyCount.objects.select_related("cell")


def test_showings_are_counted_by_what_they_share(notice: Notice) -> None:
    for sent in (body(), body(), body(first=False), body(language="en")):
        response = post(sent)
        assert response.status_code == 204
        assert not response.cookies

    rows = counted()
    counts = {(row.cell.language, row.cell.kind): row.count for row in rows}
    assert counts == {("ja", "shown"): 2, ("ja", "shown_again"): 1, ("en", "shown"): 1}
    assert rows.filter(cell__regime="jp-a", cell__notice="1", cell__presentation="bar").count() == 3


@pytest.mark.parametrize(
    ("agent", "device_class"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 26_0)", "phone"),
        ("Mozilla/5.0 (X11; Linux)", "desktop"),
    ],
)
def test_the_kind_of_device_is_told_as_for_decisions(
    notice: Notice, agent: str, device_class: str
) -> None:
    Client().post(
        "/v1/shown",
        body(),
        content_type="application/json",
        headers={"Origin": ORIGIN, "User-Agent": agent},
    )

    assert counted().get().cell.device_class == device_class


def test_the_place_decides_the_regime(notice: Notice, settings: Any) -> None:
    settings.TRUSTED_COUNTRY_HEADER = "X-Country"
    Client().post(
        "/v1/shown",
        body(),
        content_type="application/json",
        headers={"Origin": ORIGIN, "X-Country": "FR"},
    )

    assert counted().get().cell.regime == "eu"


@pytest.mark.parametrize(
    "sent",
    [
        body(notice=9),
        body(notice="1"),
        body(language="tlh"),
        body(surface="page"),
        body(device_class="phone"),
        body(first="yes"),
        body(device="abc"),
        {k: v for k, v in body().items() if k != "first"},
        [],
    ],
    ids=lambda sent: str(sent)[:60],
)
def test_what_does_not_say_what_it_must_is_refused(notice: Notice, sent: object) -> None:
    response = post(sent)

    assert response.status_code == 400
    assert set(response.json()) == {"code", "message", "fields"}
    assert not counted().exists()


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://shop.example"])
def test_only_the_site_itself_reports(notice: Notice, origin: str | None) -> None:
    assert post(body(), origin=origin).status_code == 403
    assert not counted().exists()


def test_an_unknown_site_is_not_found(notice: Notice) -> None:
    assert post(body(site="elsewhere")).status_code == 404


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 11, 22, 14, 59, 59, tzinfo=UTC), date(2026, 11, 22)),
        (datetime(2026, 11, 22, 15, 0, 0, tzinfo=UTC), date(2026, 11, 23)),
    ],
)
def test_the_day_is_the_sites(notice: Notice, moment: datetime, day: date) -> None:
    operations.count_shown(
        site_code=SITE,
        notice_number=1,
        language="ja",
        surface="bar",
        device_class="phone",
        is_first=True,
        origin=ORIGIN,
        place=None,
        now=moment,
    )

    assert counted().get().day == day


def test_few_statements_count(notice: Notice, django_assert_max_num_queries: Any) -> None:
    post(body())
    with django_assert_max_num_queries(10):
        post(body())
