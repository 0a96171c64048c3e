"""Questions about changes, and their answers, through the console's addresses."""

from __future__ import annotations

import html as html_lib
import re
from datetime import date, datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from tests.factories.numbers import add_people, tell
from tests.factories.people import signed_in
from tests.factories.registry import SITE
from tracking.insights import queries, why
from tracking.insights.types import Dimension, Filters
from tracking.notices.types import Notice
from tracking.scans import operations as scans
from tracking.scans.types import Finding, Rule, Visitor

pytestmark = pytest.mark.django_db

ADDRESS = "/console/why/"
ZONE = ZoneInfo("Asia/Tokyo")
TODAY = timezone.now().astimezone(ZONE).date()
DAY = TODAY - timedelta(days=3)
WEEK = timedelta(days=7)


@pytest.fixture
def marketing(notice: Notice) -> Client:
    return signed_in("marketing")


def read(client: Client, address: str = ADDRESS, **asked: object) -> str:
    answer = client.get(f"{address}?{urlencode({'lang': 'en', 'site': SITE, **asked})}")
    assert answer.status_code == 200
    return html_lib.unescape(re.sub(r"\s+", " ", answer.content.decode()))


def usual(notice: Notice, day: date, **fields: str) -> None:
    """Four hundred of a thousand on phones, and as many on desktops, allow."""
    for device in ("phone", "desktop"):
        add_people(notice, day, shown=1000, granted=400, refused=200, device_class=device, **fields)


@pytest.fixture
def fall(notice: Notice) -> None:
    """On one day phones fell to half, while desktops did as ever."""
    for weeks in range(1, 5):
        usual(notice, DAY - WEEK * weeks)
    for days in (1, 2):
        for weeks in range(4):
            usual(notice, DAY - timedelta(days=days) - WEEK * weeks)
    add_people(notice, DAY, shown=1000, granted=200, refused=400, device_class="phone")
    add_people(notice, DAY, shown=1000, granted=400, refused=200, device_class="desktop")
    tell(DAY)


def test_the_dashboard_asks_and_the_page_answers(marketing: Client, fall: None) -> None:
    board = read(marketing, "/console/", days=7)
    asked = re.findall(r'<li><a href="(/console/why/[^"]+)">(Why did [^<]+ fall on [^<]+\?)', board)
    # All purposes fell that day: that is one question.
    ((address, question),) = asked
    assert "The same day: <a href=" in board
    assert "40.0% → 30.0% (−10.0 points)" in board

    page = html_lib.unescape(marketing.get(address).content.decode())
    assert f"<h1>{question}</h1>" in page
    assert "does not hold 0" in page
    assert "<h3>Device</h3>" in page
    assert "−10.0 points of −10.0 points. Their own rate went from 40.0% to 20.0%." in page
    assert "Mostly, what people decided has changed." in page
    assert "style=" not in page


def ask(filters: Filters, now: datetime) -> tuple[why.Question, ...]:
    report = queries.get_opt_in_report(filters=filters, now=now)
    return why.list_questions(report.purposes, days=report.days, today=TODAY)


def test_only_what_is_over_and_beyond_noise_is_asked(notice: Notice, fall: None) -> None:
    filters = Filters(site=SITE, days=28)
    now = timezone.now()
    add_people(notice, TODAY - WEEK, shown=1000, granted=400)
    add_people(notice, TODAY, shown=1000, granted=10)
    tell(TODAY)

    (question,) = ask(filters, now)
    assert question.day == DAY
    desktops = Filters(site=SITE, days=28, where={Dimension.DEVICE_CLASS: "desktop"})
    assert ask(desktops, now) == ()
    phones = Filters(site=SITE, days=28, where={Dimension.DEVICE_CLASS: "phone"})
    (first, *_) = ask(phones, now)
    assert float(first.change.difference) == -0.2


def test_an_answer_reads_few_times(
    fall: None, django_assert_max_num_queries: object, marketing: Client
) -> None:
    read(marketing)
    with django_assert_max_num_queries(20):  # type: ignore[operator]
        read(marketing, day=DAY)


def test_noise_is_no_reason_to_look_for(marketing: Client, fall: None) -> None:
    page = read(marketing, day=DAY - timedelta(days=1))

    assert "holds 0: chance alone does this" in page
    assert "Through whom" not in page
    assert "All parts" in page


def test_filters_hold_and_can_be_taken_away(marketing: Client, fall: None) -> None:
    page = read(marketing, day=DAY, device_class="desktop", days=90, until=TODAY)

    assert "Of those shown, 40.0% allowed" in page
    assert '<option value="desktop" selected>' in page
    assert '<input type="hidden" name="days" value="90">' in page
    assert re.search(r'href="/console/why/\?[^"]*purpose=[^"]*" aria-label="[^"]*Device', page)
    assert f'href="/console/?site=shop&days=90&until={TODAY}&device_class=desktop' in page


def test_a_value_leads_to_its_people_alone(marketing: Client, fall: None) -> None:
    page = read(marketing, day=DAY)
    (address,) = set(re.findall(r'<th scope="row"><a href="([^"]+)">Phone', page))

    assert "device_class=phone" in address
    alone = html_lib.unescape(marketing.get(address).content.decode())
    assert "−20.0 points" in alone


def test_what_happened_is_listed_and_led_to_for_those_who_may(
    marketing: Client, fall: None
) -> None:
    finding = Finding(
        rule=Rule.UNKNOWN_HOST, subject="x.example", tags=(), visitors=(Visitor.NEWCOMER,),
        pages=("/",),
    )  # fmt: skip
    at = datetime.combine(DAY, datetime.min.time(), tzinfo=ZONE) - timedelta(hours=20)
    number = scans.record_scan(
        site_code=SITE, notice_number=1, pages=["/"], findings=[finding], started_at=at, now=at
    )
    words = "Site scan: new findings that are not as published: 1"
    link = f'<a href="/console/scans/?site=shop&scan={number}">{words}</a>'

    assert words in read(marketing, day=DAY)
    assert link not in read(marketing, day=DAY)
    auditor = signed_in("auditor")
    assert link in read(auditor, day=DAY)
    assert words not in read(auditor, day=DAY - WEEK)


def test_few_people_are_told_of_in_words_only(marketing: Client, notice: Notice) -> None:
    add_people(notice, DAY, shown=9, granted=9)
    add_people(notice, DAY - WEEK, shown=500, granted=200)
    tell(DAY)

    page = read(marketing, day=DAY)
    assert "cannot be told yet" in page
    assert "All parts" not in page
    assert "There is no day to hold" in read(marketing, day=DAY - WEEK)


def test_a_week_without_numbers_is_replaced_by_those_before(
    marketing: Client, notice: Notice
) -> None:
    for weeks in (2, 3):
        add_people(notice, DAY - WEEK * weeks, shown=500, granted=100 * weeks)
    add_people(notice, DAY, shown=500, granted=100)
    tell(DAY)

    page = read(marketing, day=DAY)
    assert "there are no numbers of last week’s" in page
    assert "Of those shown, 50.0% allowed" in page
    assert "There were 1,000 people then and 500 now." in page


def test_the_running_day_is_said_to_run(marketing: Client, notice: Notice) -> None:
    for day in (TODAY, TODAY - WEEK):
        add_people(notice, day, shown=500, granted=100)
    tell(TODAY)

    assert "This day is not over" in read(marketing, day=TODAY)
    assert "This day is not over" not in read(marketing, day=TODAY - WEEK)


@pytest.mark.parametrize(
    "asked",
    [
        {"day": "yesterday"}, {"day": "0001-01-01"}, {"day": "9999-12-31"}, {"purpose": "no'"},
        {"until": "0001-01-01"}, {"device_class": "*"}, {"language": "<b>"}, {"site": "nowhere"},
        {"purpose": "<script>", "day": "2026-02-30", "days": "0"},
    ],
)  # fmt: skip
def test_a_strange_address_is_read_as_the_nearest_good_one(
    marketing: Client, fall: None, asked: dict[str, str]
) -> None:
    assert "<h1>" in read(marketing, **asked)
    read(marketing, "/console/", **asked)


def test_only_those_who_see_numbers_are_answered(notice: Notice, fall: None) -> None:
    assert Client().get(ADDRESS).status_code == 302
    developer = signed_in("developer")
    refused = developer.get(ADDRESS)
    assert refused.status_code == 403
    assert "40.0%" not in refused.content.decode()
    assert signed_in("auditor").post(ADDRESS).status_code == 405


def test_without_a_notice_the_page_says_what_to_do(db: None) -> None:
    marketing = signed_in("marketing")
    assert marketing.get(ADDRESS).status_code == 200


def test_the_page_speaks_japanese_first(marketing: Client, fall: None) -> None:
    page = html_lib.unescape(marketing.get(f"{ADDRESS}?day={DAY}").content.decode())

    assert "許可率が下がったのはなぜですか" in page
    assert "偶然だけでは起こりにくい変化です" in page
    assert "スマートフォン" in page
