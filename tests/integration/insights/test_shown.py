"""Counting showings: strict input, the site's own pages only, nothing about the visitor."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.factories.registry import ORIGIN, SITE
from tracking.consents.types import Surface
from tracking.insights import operations
from tracking.insights.models import DailyCount
from tracking.insights.types import Occasion
from tracking.lib import impression
from tracking.notices.types import Notice

pytestmark = pytest.mark.django_db


def body(**changes: Any) -> dict[str, Any]:
    return {
        "site": SITE,
        "notice": 1,
        "language": "ja",
        "surface": "bar",
        "occasion": "first",
        **changes,
    }


def counted(*fields: str) -> dict[Any, int]:
    operations.flush(now=timezone.now())
    rows = DailyCount.objects.values_list(*(f"cell__{name}" for name in fields), "count")
    return {row[0] if len(fields) == 1 else row[:-1]: row[-1] for row in rows}


def post(sent: object, origin: str | None = ORIGIN) -> Any:
    headers = {} if origin is None else {"Origin": origin}
    return Client().post("/v1/shown", sent, content_type="application/json", headers=headers)


def test_showings_are_counted_by_what_they_share(notice: Notice) -> None:
    for sent in (
        body(),
        body(),
        body(occasion="again"),
        body(occasion="renewal"),
        body(language="en"),
        body(variant="exp:b"),
        body(referrer="www.google.co.jp"),
    ):
        response = post(sent)
        assert response.status_code == 200
        assert not response.cookies
        assert response["Cache-Control"] == "private, no-store"

    assert counted("kind", "language", "variant", "referrer_class") == {
        ("shown", "ja", "", ""): 2,
        ("shown_again", "ja", "", ""): 1,
        ("asked_again", "ja", "", ""): 1,
        ("shown", "en", "", ""): 1,
        ("shown", "ja", "exp:b", ""): 1,
        ("shown", "ja", "", "search"): 1,
    }
    assert set(counted("regime", "notice", "presentation")) == {("jp-a", "1", "bar")}


@pytest.mark.parametrize(
    ("first", "kind"), [(True, "shown"), (False, "shown_again"), (None, "asked_again")]
)
def test_our_script_says_the_occasion_in_few_bytes(
    notice: Notice, first: bool | None, kind: str
) -> None:
    sent = body(first=first)
    del sent["occasion"]

    assert post(sent).status_code == 200
    assert counted("kind") == {kind: 1}


def test_a_showing_is_answered_with_a_proof_of_it(notice: Notice, settings: Any) -> None:
    read = impression.verify(
        post(body(waited=1500)).json()["impression"], keys=settings.CONSENT_KEYS
    )

    assert read is not None
    assert (read.site_id, read.waited_ms, read.is_shown) == (notice.site_id, 1500, True)


@pytest.mark.parametrize("surface", ["preferences", "page", "api"])
def test_a_notice_that_was_asked_for_is_no_showing(
    notice: Notice, surface: str, settings: Any
) -> None:
    sent = body(surface=surface)
    del sent["occasion"]

    read = impression.verify(post(sent).json()["impression"], keys=settings.CONSENT_KEYS)

    assert read is not None
    assert not read.is_shown
    operations.flush(now=timezone.now())
    assert not DailyCount.objects.exists()


@pytest.mark.parametrize(
    ("changes", "agent"),
    [
        ({"waited": 149}, "Mozilla/5.0 (iPhone)"),
        ({}, "Mozilla/5.0 (compatible; Googlebot/2.1)"),
    ],
)
def test_what_no_person_saw_is_counted_apart(
    notice: Notice, changes: dict[str, int], agent: str
) -> None:
    Client().post(
        "/v1/shown",
        body(**changes),
        content_type="application/json",
        headers={"Origin": ORIGIN, "User-Agent": agent},
    )

    assert counted("kind") == {"suspect_shown": 1}


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

    assert counted("device_class") == {device_class: 1}


def test_the_place_decides_the_regime(notice: Notice, settings: Any) -> None:
    settings.TRUSTED_COUNTRY_HEADER = "X-Country"
    Client().post(
        "/v1/shown",
        body(),
        content_type="application/json",
        headers={"Origin": ORIGIN, "X-Country": "FR"},
    )

    assert counted("regime") == {"eu": 1}


@pytest.mark.parametrize(
    "sent",
    [
        body(notice=9),
        body(notice="1"),
        body(language="tlh"),
        body(surface="wall"),
        body(device_class="phone"),
        body(first="yes"),
        body(device="abc"),
        body(occasion="often"),
        body(variant="A b"),
        body(variant="a" * 65),
        body(referrer=5),
        body(referrer="a" * 254),
        body(waited=-1),
        body(waited="100"),
        {k: v for k, v in body().items() if k != "occasion"},
        [],
    ],
    ids=lambda sent: str(sent)[:60],
)
def test_what_does_not_say_what_it_must_is_refused(notice: Notice, sent: object) -> None:
    response = post(sent)

    assert response.status_code == 400
    assert set(response.json()) == {"code", "message", "fields"}
    operations.flush(now=timezone.now())
    assert not DailyCount.objects.exists()


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://shop.example"])
def test_only_the_site_itself_reports(notice: Notice, origin: str | None) -> None:
    assert post(body(), origin=origin).status_code == 403
    operations.flush(now=timezone.now())
    assert not DailyCount.objects.exists()


def test_an_unknown_site_is_not_found(notice: Notice) -> None:
    assert post(body(site="elsewhere")).status_code == 404


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 11, 22, 14, 59, 59, tzinfo=UTC), date(2026, 11, 22)),
        (datetime(2026, 11, 22, 15, 0, 0, tzinfo=UTC), date(2026, 11, 23)),
    ],
)
def test_the_day_is_the_sites(notice: Notice, moment: datetime, day: date, settings: Any) -> None:
    operations.count_shown(
        site_code=SITE,
        notice_number=1,
        language="ja",
        surface=Surface.BAR,
        device_class="phone",
        occasion=Occasion.FIRST,
        origin=ORIGIN,
        place=None,
        keys=settings.CONSENT_KEYS,
        now=moment,
    )

    operations.flush(now=timezone.now())
    assert DailyCount.objects.get().day == day
