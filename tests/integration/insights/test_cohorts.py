"""What became of grants, through the console's addresses."""

from __future__ import annotations

import csv
import html as html_lib
import io
import re
from datetime import date, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from consentmgr.roles import ROLES
from tests.factories.people import signed_in
from tests.factories.registry import SITE
from tracking.insights import operations
from tracking.insights.models import CohortCount
from tracking.lib import tables
from tracking.notices.types import Notice
from tracking.registry import queries as registry

pytestmark = pytest.mark.django_db

ADDRESS = "/console/cohorts/"
TODAY = timezone.now().astimezone(ZoneInfo("Asia/Tokyo")).date()
MONDAY = TODAY - timedelta(days=TODAY.weekday())
READERS = {"marketing", "privacy", "auditor"}


@pytest.fixture
def marketing(notice: Notice) -> Client:
    return signed_in("marketing")


def read(client: Client, **asked: object) -> str:
    answer = client.get(f"{ADDRESS}?{urlencode({'lang': 'en', 'site': SITE, **asked})}")
    assert answer.status_code == 200
    return html_lib.unescape(re.sub(r"\s+", " ", answer.content.decode()))


def week(back: int) -> date:
    return MONDAY - timedelta(weeks=back)


@pytest.fixture
def grants(notice: Notice) -> None:
    """Of ten weeks ago: a thousand, of whom 80 withdrew and 20 renewed, and nine more renewed."""
    number = registry.list_choice_numbers(site_id=notice.site_id)["purpose:advertising"]
    for back, event, age, count, released in (
        (10, "allowed", 0, 1000, 1000), (10, "withdrawn", 1, 80, 80), (10, "renewed", 4, 20, 20),
        (10, "renewed", 5, 9, 0), (2, "allowed", 0, 500, 500), (2, "withdrawn", 0, 50, 50),
        (3, "allowed", 0, 9, 0),
    ):  # fmt: skip
        CohortCount.objects.create(
            site_id=notice.site_id, week=week(back), regime="jp-a", purpose=number, event=event,
            age=age, count=count, released=released,
        )  # fmt: skip


def rows(page: str) -> dict[str, list[str]]:
    """Return the table's cells by week, tags taken away."""
    found = re.findall(r'<tr><th scope="row"[^>]*>(.*?)</th>(.*?)</tr>', page)
    return {
        head: [
            re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)
        ]
        for head, row in found
    }


def test_each_week_is_followed_and_few_are_nowhere(marketing: Client, grants: None) -> None:
    page = read(marketing, purpose="advertising")

    assert rows(page) == {
        str(week(2)): ["500", "90.0% 450", "not yet", "not yet", "not yet"],
        str(week(10)): ["1,000", "92.0% 920", "92.0% 920", "90.0% 900", "90.0% 900"],
        "All weeks that are that old": ["91.3% 1,370", "92.0% 920", "90.0% 900", "90.0% 900"],
    }
    # No week is older than eight weeks, so that nothing is said of thirteen.
    assert "After 13 weeks" not in page
    assert str(week(3)) not in page
    assert "style=" not in page


def test_a_state_a_purpose_and_a_period_can_be_asked_for(marketing: Client, grants: None) -> None:
    withdrawn = rows(read(marketing, purpose="advertising", state="withdrawn", weeks=13))
    assert withdrawn[str(week(10))][1:3] == ["8.0% 80", "8.0% 80"]
    renewed = rows(read(marketing, purpose="advertising", state="renewed"))
    assert renewed[str(week(10))][1:5] == ["0.0% 0", "0.0% 0", "2.0% 20", "2.0% 20"]
    other = read(marketing, purpose="analytics")
    assert "There are no numbers yet" in other
    assert '<option value="analytics" selected>' in other


def test_the_files_have_what_the_page_shows(marketing: Client, grants: None) -> None:
    page = read(marketing, purpose="advertising")
    links = re.findall(r'href="(cohorts\.\w+\?[^"]+)" download', page)

    assert len(links) == len(tables.CONTENT_TYPES)
    for link in links:
        answer = marketing.get(ADDRESS + link)
        kind = link.partition("?")[0].rpartition(".")[2]
        assert (answer.status_code, answer["Content-Type"]) == (200, tables.CONTENT_TYPES[kind])
        assert f'-cohorts-advertising.{kind}"' in answer["Content-Disposition"]
    (link,) = (one for one in links if ".csv" in one)
    text = marketing.get(ADDRESS + link).content.decode("utf-8-sig")
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [(line["week"], line["after_weeks"], line["kept"]) for line in lines] == [
        (str(week(2)), "1", "450"),
        *((str(week(10)), age, kept) for age, kept in (
            ("1", "920"), ("2", "920"), ("4", "900"), ("8", "900"),
        )),
    ]  # fmt: skip
    assert all(
        int(line["people"])
        == sum(int(line[s]) for s in ("kept", "renewed", "withdrawn", "expired"))
        for line in lines
    )


@pytest.mark.parametrize("role", ROLES)
def test_who_sees_numbers_sees_cohorts(notice: Notice, grants: None, role: str) -> None:
    client = signed_in(role)
    expected = 200 if role in READERS else 403
    assert client.get(f"{ADDRESS}?purpose=advertising").status_code == expected
    assert client.get(f"{ADDRESS}cohorts.csv?site={SITE}").status_code == expected
    assert Client().get(f"{ADDRESS}cohorts.csv?site={SITE}").status_code == 302


@pytest.mark.parametrize(
    "address",
    [f"{ADDRESS}cohorts.exe?site={SITE}", f"{ADDRESS}cohorts.csv?site=nowhere"],
)
def test_what_is_not_there_is_not_found(marketing: Client, address: str) -> None:
    assert marketing.get(address).status_code == 404


def test_a_strange_address_is_read_as_the_nearest_good_one(marketing: Client, grants: None) -> None:
    assert "<h1>" in read(marketing, site="x", purpose="*", state="'", weeks="-1")


def test_japanese_comes_first(marketing: Client, grants: None) -> None:
    page = marketing.get(f"{ADDRESS}?purpose=advertising").content.decode()
    assert "許可した人のその後" in page
    assert "そのまま有効" in page


def test_without_a_notice_the_page_says_what_to_do(db: None) -> None:
    assert signed_in("marketing").get(ADDRESS).status_code == 200


def test_rounds_release_what_the_page_tells(marketing: Client, grants: None) -> None:
    CohortCount.objects.filter(event="renewed", age=5).update(count=30)
    CohortCount.objects.update(released=0)
    assert "There are no numbers yet" in read(marketing, purpose="advertising")
    operations._tell_cohorts(registry.get_site(code=SITE))
    told = rows(read(marketing, purpose="advertising"))
    assert told[str(week(10))][4] == "87.0% 870"
