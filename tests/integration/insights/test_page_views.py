"""Page views: counted without anything about the visitor, told in whole days and groups of ten."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from tests.factories.people import client_of
from tests.factories.registry import ORIGIN, SITE
from tracking.insights import counting, gathered, loss_queries, operations
from tracking.insights.loss import Step
from tracking.insights.models import DailyPages
from tracking.lib.short_memory import forget_everything
from tracking.notices.types import Notice
from tracking.registry.models import ChoiceNumber, Site

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)
TODAY = date(2026, 11, 26)


@pytest.fixture
def counting_site(notice: Notice) -> Site:
    Site.objects.update(counts_page_views=True)
    forget_everything()
    return Site.objects.get(code=SITE)


def view(granted: Any = ("analytics",), origin: str | None = ORIGIN, **changes: Any) -> Any:
    headers = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0)"}
    if origin is not None:
        headers["Origin"] = origin
    sent = granted if isinstance(granted, str) else list(granted)
    return Client().post(
        "/v1/pages",
        {"site": SITE, "granted": sent, **changes},
        content_type="application/json",
        headers=headers,
    )


def number_of(code: str) -> int:
    return int(ChoiceNumber.objects.get(site__code=SITE, kind="purpose", code=code).number)


def keep(day: date, *, views: int, seen: int, device_class: str = "phone") -> None:
    site = Site.objects.get(code=SITE)
    bits = "0" * number_of("analytics") + "1"
    for purposes, count in ((bits, seen), ("", views - seen)):
        if count:
            DailyPages.objects.create(
                site=site, day=day, device_class=device_class, purposes=purposes, count=count
            )


# --- counting


def test_page_views_are_counted_by_what_was_allowed(counting_site: Site) -> None:
    for granted in (["analytics"], ["analytics", "advertising"], ["analytics"], []):
        response = view(granted)
        assert response.status_code == 204
        assert not response.cookies
    assert not DailyPages.objects.exists()

    operations.flush(now=NOW)

    one, both = {number_of("analytics")}, {number_of("analytics"), number_of("advertising")}
    counts = {row.purposes: row.count for row in DailyPages.objects.all()}
    assert counts == {
        "".join("1" if n in wanted else "0" for n in range(max(wanted, default=-1) + 1)): count
        for wanted, count in ((frozenset(one), 2), (frozenset(both), 1), (frozenset(), 1))
    }
    assert {row.device_class for row in DailyPages.objects.all()} == {"phone"}
    assert {row.day for row in DailyPages.objects.all()} == {
        timezone.now().astimezone(ZoneInfo("Asia/Tokyo")).date()
    }


def test_nothing_of_the_visitor_or_the_page_is_gathered(counting_site: Site) -> None:
    Client().post(
        "/v1/pages",
        {"site": SITE, "granted": []},
        content_type="application/json",
        headers={
            "Origin": ORIGIN,
            "Referer": f"{ORIGIN}/secret-page",
            "Cookie": "cm_device=a-device",
            "User-Agent": "A browser of its own",
        },
    )

    (batch,) = gathered.page_views().take()
    (key,) = batch.counts
    today = timezone.now().astimezone(ZoneInfo("Asia/Tokyo")).date()
    assert key == (
        f'{{"day":"{today}","device_class":"desktop","purposes":"","site":{counting_site.pk}}}'
    )


def test_a_gathered_view_costs_the_database_nothing(
    counting_site: Site, django_assert_num_queries: Any
) -> None:
    view()
    with django_assert_num_queries(0):
        view()


def test_without_valkey_a_view_is_counted_at_once(
    counting_site: Site,
    valkey_away: None,
) -> None:
    view()
    view()

    assert [row.count for row in DailyPages.objects.all()] == [2]


def test_a_batch_is_counted_once_however_often_it_is_sent(counting_site: Site) -> None:
    key = counting.PagesKey(site=counting_site.pk, day=TODAY, device_class="phone", purposes="01")
    batch = uuid4()

    assert operations.count_pages(batch=batch, counts={key: 3}, now=NOW)
    assert not operations.count_pages(batch=batch, counts={key: 3}, now=NOW)
    assert operations.count_pages(batch=uuid4(), counts={key: 2}, now=NOW)

    assert DailyPages.objects.get().count == 5


def test_a_site_that_does_not_count_says_so(notice: Notice) -> None:
    response = view()

    assert response.status_code == 403
    assert response.json()["code"] == "page_views_off"
    assert gathered.page_views().take() == []


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"granted": ["nothing-of-ours"]}, 400),
        ({"granted": "analytics"}, 400),
        ({"granted": ["a"] * 65}, 400),
        ({"url": "https://shop.example/secret"}, 400),
        ({"origin": None}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"site": "elsewhere"}, 404),
    ],
)
def test_what_cannot_be_counted_is_refused(
    counting_site: Site, changes: dict[str, Any], status: int
) -> None:
    response = view(**changes)

    assert response.status_code == status
    assert set(response.json()) == {"code", "message", "fields"}
    assert gathered.page_views().take() == []


@pytest.mark.parametrize(("count", "purposes"), [(0, "01"), (1, "10"), (1, "0"), (1, "x")])
def test_the_table_refuses_what_cannot_be(counting_site: Site, count: int, purposes: str) -> None:
    with pytest.raises(IntegrityError, match="pages_"), transaction.atomic():
        DailyPages.objects.create(
            site=counting_site, day=TODAY, device_class="phone", purposes=purposes, count=count
        )


# --- telling


def report(**changes: Any) -> Any:
    asked = {"site": SITE, "step": Step.DAY, "purpose": "", "device_class": "", "now": NOW}
    return loss_queries.get_page_report(**{**asked, **changes})


def test_analytics_is_asked_about_unless_another_purpose_is(counting_site: Site) -> None:
    keep(TODAY - timedelta(days=1), views=100, seen=60)

    assert report().purpose == "analytics"
    assert report(purpose="nonsense").purpose == "analytics"
    assert report().lines[-1].seen == 60
    assert report(purpose="advertising").lines[-1].seen == 0
    assert report(purpose="advertising").lines[-1].views == 100


def test_today_is_not_told_before_it_is_over(counting_site: Site) -> None:
    keep(TODAY, views=100, seen=60)

    assert sum(line.views for line in report().lines) == 0
    midnight = datetime(2026, 11, 26, 15, tzinfo=UTC)
    assert report(now=midnight + timedelta(minutes=59)).lines[-1].views == 0
    assert report(now=midnight + timedelta(minutes=61)).lines[-1].views == 100


def test_devices_are_told_apart_and_small_groups_nowhere(counting_site: Site) -> None:
    yesterday = TODAY - timedelta(days=1)
    keep(yesterday, views=100, seen=60)
    keep(yesterday, views=50, seen=20, device_class="desktop")
    keep(yesterday, views=12, seen=5, device_class="tablet")

    assert report().lines[-1].views == 150
    assert report().lines[-1].is_partial
    assert report(device_class="desktop").lines[-1].views == 50
    assert not report(device_class="desktop").lines[-1].is_partial
    assert report(device_class="tablet").lines[-1].views == 0


def test_a_change_is_of_the_last_week_against_the_one_before(counting_site: Site) -> None:
    for back in range(1, 8):
        keep(TODAY - timedelta(days=back), views=1000, seen=400)
        keep(TODAY - timedelta(days=back + 7), views=1000, seen=600)

    change = report().change
    assert (change.seen_before, change.seen_after) == (600, 400)
    assert round(change.consent) == -200


# --- the page


@pytest.fixture
def marketing(notice: Notice) -> Client:
    return client_of("insights.view_dailynumber")


@pytest.fixture
def two_weeks(counting_site: Site) -> date:
    """Return yesterday; for two weeks there were views, and consent fell a week ago."""
    yesterday = timezone.now().astimezone(ZoneInfo("Asia/Tokyo")).date() - timedelta(days=1)
    if timezone.now().astimezone(ZoneInfo("Asia/Tokyo")).hour < 1:
        yesterday -= timedelta(days=1)
    for back in range(7):
        keep(yesterday - timedelta(days=back), views=1000, seen=400)
        keep(yesterday - timedelta(days=back + 7), views=1000, seen=600)
    return yesterday


def test_the_page_says_what_is_lost_and_why(marketing: Client, two_weeks: date) -> None:
    ja = marketing.get("/console/page-views/").content.decode()
    en = marketing.get("/console/page-views/?lang=en").content.decode()

    assert "閲覧 14,000 件のうち" in ja
    assert "50.0%" in ja
    assert "1日平均 600 件から 400 件" in ja
    assert "−200 件" in ja
    assert "主な理由は、同意の割合の変化です" in ja
    assert "from 600 to 400 a day" in en
    assert "The main reason is consent." in en
    assert 'aria-current="page">Page views' in en


def test_the_file_adds_up_to_the_page(marketing: Client, two_weeks: date) -> None:
    query = "site=shop&step=day&purpose=analytics"
    response = marketing.get(f"/console/page-views/page-views.csv?{query}")

    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Cache-Control"] == "private, no-store"
    rows = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert len(rows) == 28
    assert sum(int(row["page_views"] or 0) for row in rows) == 14_000
    assert rows[-1] == {
        "first_day": two_weeks.isoformat(),
        "last_day": two_weeks.isoformat(),
        "page_views": "1000",
        "seen": "400",
        "seen_share": "0.4",
        "is_partial": "no",
    }
    assert rows[0]["page_views"] == ""


def test_without_the_option_the_page_says_how_to_turn_it_on(
    marketing: Client, notice: Notice
) -> None:
    page = marketing.get("/console/page-views/?lang=en").content.decode()

    assert "Page views are not counted" in page
    assert "counts_page_views: true" in page


def test_a_site_that_just_began_waits_for_tomorrow(marketing: Client, counting_site: Site) -> None:
    page = marketing.get("/console/page-views/?lang=en").content.decode()

    assert "No page views yet" in page


def test_a_site_that_stopped_keeps_its_table(marketing: Client, two_weeks: date) -> None:
    Site.objects.update(counts_page_views=False)
    forget_everything()
    page = marketing.get("/console/page-views/?lang=en").content.decode()

    assert "Page views are not counted at present" in page
    assert "14,000" in page


@pytest.mark.parametrize("path", ["/console/page-views/", "/console/page-views/page-views.csv"])
def test_only_who_may_see_statistics_sees_page_views(two_weeks: date, path: str) -> None:
    assert Client().get(path).status_code == 302
    refused = client_of("registry.view_tag").get(path)
    assert refused.status_code == 403
    assert "14,000" not in refused.content.decode()


def test_no_site_no_numbers(db: None) -> None:
    User.objects.create_superuser("boss", password="a long password")
    client = Client()
    client.force_login(User.objects.get(username="boss"))

    assert client.get("/console/page-views/?lang=en").status_code == 200
    assert client.get("/console/page-views/page-views.csv").status_code == 404
