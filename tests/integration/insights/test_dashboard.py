"""The console through its addresses: who may see it, what it says, that its sums agree."""

from __future__ import annotations

import csv
import io
import re
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook
from pyarrow import parquet

from tests.factories.people import client_of
from tests.factories.registry import ORIGIN, SITE
from tests.visitors import Visitor
from tracking.insights import operations, queries
from tracking.insights.models import DailyCount
from tracking.insights.types import Cell, Kind
from tracking.notices.types import Notice

pytestmark = pytest.mark.django_db

REPORT = "/v1/insights/opt-in?site=shop&days=7"


@pytest.fixture
def marketing(notice: Notice) -> Client:
    return client_of("insights.view_dailynumber")


@pytest.fixture
def numbers(notice: Notice) -> None:
    """Sixty showings and 26 decisions, all today."""
    now = timezone.now()
    for number in range(26):
        visitor = Visitor(notice, client=Client(HTTP_USER_AGENT=""))
        answer = visitor.allow if number < 14 else visitor.refuse
        answer(impression=visitor.be_shown())
    operations.roll_up()
    record = DailyCount.objects.select_related("cell").first()
    assert record is not None
    cell = Cell(
        kind=Kind.SHOWN,
        language="ja",
        device_class="unknown",
        regime="jp-a",
        country_group=record.cell.country_group,
        presentation="bar",
        surface="",
        notice="1",
        variant="",
        referrer_class="",
    )
    operations.count_showings(
        batch=uuid4(), counts={(notice.site_id, record.day, cell): 60}, now=now
    )
    operations.tell(now=now, at_once=True)


def test_a_stranger_is_asked_to_sign_in(notice: Notice) -> None:
    response = Client().get("/console/?days=7")

    assert response.status_code == 302
    assert response["Location"].startswith("/console/sign-in/?next=/console/")


def test_signing_in_and_out(notice: Notice) -> None:
    User.objects.create_user("ops", password="a long password")
    client = Client()

    wrong = client.post("/console/sign-in/?lang=en", {"username": "ops", "password": "no"})
    assert "wrong" in wrong.content.decode()
    assert '<html lang="en">' in wrong.content.decode()
    assert wrong["Cache-Control"] == "private, no-store"
    right = client.post("/console/sign-in/", {"username": "ops", "password": "a long password"})
    assert (right.status_code, right["Location"]) == (302, "/console/")
    out = client.post("/console/sign-out/")
    assert (out.status_code, out["Location"]) == (302, "/console/sign-in/")
    assert client.get("/console/").status_code == 302


def test_who_may_not_see_statistics_begins_with_what_may_be_seen(notice: Notice) -> None:
    somebody = client_of("delivery.view_endpoint")
    somebody.logout()
    right = somebody.post(
        "/console/sign-in/", {"username": "somebody", "password": "a long password"}
    )

    assert (right.status_code, right["Location"]) == (302, "/console/deliveries/")


def test_signing_in_needs_the_forms_token(notice: Notice) -> None:
    client = Client(enforce_csrf_checks=True)

    assert client.post("/console/sign-in/", {"username": "x", "password": "y"}).status_code == 403


def test_somebody_without_the_permission_sees_no_number(numbers: None) -> None:
    client = client_of("registry.view_tag")

    page = client.get("/console/")
    assert page.status_code == 403
    assert "60" not in re.sub(r"\d{4}", "", page.content.decode().partition("<main>")[2])
    assert client.get(REPORT).status_code == 403


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("ja", ("同意率", "先週の同じ曜日", "表示した人のうち", "選んだ人のうち", "数字の意味")),
        ("en", ("Opt-in rate", "same weekday last week", "of those shown", "of those who decided")),
    ],
)
def test_the_dashboard_prints_numbers_with_their_definitions(
    marketing: Client, numbers: None, language: str, words: tuple[str, ...]
) -> None:
    response = marketing.get(f"/console/?lang={language}&days=7")
    html = response.content.decode()

    assert response.status_code == 200
    assert f'<html lang="{language}">' in html
    for word in words:
        assert word in html
    # 14 of 60 shown, 14 of 26 decided.
    assert "23.3%" in html
    assert "53.8%" in html
    assert "<svg" in html
    assert "style=" not in html
    # One script, ours, and nothing inline.
    assert re.findall(r"<script[^>]*>", html) == [
        '<script src="/static/consentmgr/charts.js" defer>'
    ]


def test_every_chart_has_its_table(marketing: Client, numbers: None) -> None:
    html = marketing.get("/console/?days=7").content.decode()

    assert html.count("<table") >= 3
    assert "23.3% (14 / 60)" in html


def test_filters_are_in_the_address(marketing: Client, numbers: None) -> None:
    html = marketing.get("/console/?days=7&device_class=phone&language=en").content.decode()

    assert re.search(r'<option value="phone" selected>', html)
    assert re.search(r'<option value="7" selected>', html)
    assert "この条件の数はありません" in html
    where = "device_class=phone&amp;language=en"
    # Whoever follows it later gets these days.
    address = rf"/v1/insights/opt-in\?site=shop&amp;days=7&amp;until=[\d-]{{10}}&amp;{where}"
    assert re.search(address, html)
    assert f"downloads/by_day.csv?site=shop&amp;days=7&amp;{where}&amp;lang=ja" in html
    # Each can be taken off alone, and both at once.
    assert 'href="?site=shop&amp;days=7&amp;language=en&amp;lang=ja"' in html
    assert 'href="?site=shop&amp;days=7&amp;lang=ja"' in html


def test_nonsense_in_the_address_is_the_default(marketing: Client, numbers: None) -> None:
    response = marketing.get("/console/?days=8&site=%00&language=xx&device_class=<b>&lang=zz")

    assert response.status_code == 200
    assert '<option value="28" selected>' in response.content.decode()


def test_an_empty_site_teaches_the_next_step(marketing: Client) -> None:
    html = marketing.get("/console/?lang=en").content.decode()

    assert "No numbers yet" in html
    assert "/b/shop.js" in html


def test_the_dashboard_without_any_site_teaches_too(db: None) -> None:
    html = client_of("insights.view_dailynumber").get("/console/").content.decode()

    assert "サイトがまだありません" in html


def test_csv_sums_are_the_pages_numbers(marketing: Client, numbers: None) -> None:
    response = marketing.get(f"{REPORT}&format=csv")
    text = response.content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    report = marketing.get(REPORT).json()

    assert response["Content-Type"].startswith("text/csv")
    assert "attachment" in response["Content-Disposition"]
    assert len(rows) == 7
    for column in ("shown", "decided", "allowed", "chosen", "refused", "ignored"):
        total = sum(int(row[column] or 0) for row in rows)
        assert total == report["funnel"][column]["value"], column
    for purpose in report["purposes"]:
        code = purpose["code"]
        assert sum(int(row[f"{code}_granted"] or 0) for row in rows) == purpose["period"]["granted"]
        assert sum(int(row[f"{code}_of_shown"] or 0) for row in rows) == purpose["period"]["shown"]


def test_the_denominator_is_in_the_address(marketing: Client, numbers: None) -> None:
    html = marketing.get("/console/?days=7&rate=decided").content.decode()

    assert "53.8% (14 / 26)" in html
    assert '<input type="hidden" name="rate" value="decided">' in html


@pytest.mark.parametrize("name", ["by_day", "purposes", "breakdowns", "choices"])
def test_a_table_comes_as_csv_and_parquet_with_the_same_numbers(
    marketing: Client, numbers: None, name: str
) -> None:
    address = f"/console/downloads/{name}.{{}}?site=shop&days=7"
    as_csv = marketing.get(address.format("csv"))
    text = as_csv.content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    table = parquet.read_table(io.BytesIO(marketing.get(address.format("parquet")).content))

    assert as_csv["Content-Type"] == "text/csv; charset=utf-8"
    assert as_csv["Cache-Control"] == "private, no-store"
    assert re.search(rf'filename="shop-\d{{8}}-{name}.csv"', as_csv["Content-Disposition"])
    assert rows
    assert table.num_rows == len(rows)
    assert table.column_names == list(rows[0])


def test_the_files_sums_are_the_pages_numbers(marketing: Client, numbers: None) -> None:
    text = marketing.get("/console/downloads/by_day.csv?site=shop&days=7").content.decode(
        "utf-8-sig"
    )
    rows = list(csv.DictReader(io.StringIO(text)))
    report = marketing.get(REPORT).json()

    for column in ("shown", "decided", "allowed", "chosen", "refused", "ignored"):
        assert sum(int(row[column] or 0) for row in rows) == report["funnel"][column]["value"]
    for purpose in report["purposes"]:
        granted = sum(int(row[f"{purpose['code']}_granted"] or 0) for row in rows)
        assert granted == purpose["period"]["granted"]


def test_the_workbook_holds_all_tables_and_what_they_mean(marketing: Client, numbers: None) -> None:
    response = marketing.get("/console/downloads/opt-in.xlsx?site=shop&days=7&language=ja&lang=en")
    book = load_workbook(io.BytesIO(response.content))
    notes = {row[0]: row[1] for row in book.worksheets[-1].iter_rows(values_only=True)}

    assert book.sheetnames[:4] == ["by_day", "purposes", "breakdowns", "choices"]
    assert notes["Language"] == "Japanese"
    assert "Granted the purpose" in str(notes["Opt-in rate"])


@pytest.mark.parametrize(
    "address",
    ["by_day.exe?site=shop", "nothing.csv?site=shop", "by_day.csv", "by_day.csv?site=nowhere"],
)
def test_there_are_no_other_files(marketing: Client, address: str) -> None:
    assert marketing.get(f"/console/downloads/{address}").status_code == 404


def test_files_are_for_whoever_may_see_the_numbers(numbers: None) -> None:
    address = "/console/downloads/by_day.csv?site=shop"

    assert Client().get(address).status_code == 302
    assert client_of("registry.view_tag").get(address).status_code == 403


def test_a_publication_is_marked_and_leads_to_its_page_where_that_may_be_seen(
    marketing: Client, numbers: None
) -> None:
    html = marketing.get("/console/?days=7").content.decode()
    item = re.search(r'<li data-graph="rates".*?</li>', html)

    assert item is not None
    assert 'data-number="1"' in item[0]
    assert "<a " not in item[0]


def test_the_report_is_for_our_own_pages_only(marketing: Client, numbers: None) -> None:
    """A script on a shop's page must not read it with a visiting colleague's session."""
    assert marketing.get(REPORT).status_code == 200
    assert marketing.get(REPORT, headers={"Origin": ORIGIN}).status_code == 403
    assert Client().get(REPORT).status_code == 401
    assert marketing.get(REPORT)["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("query", ["", "?site=shop&days=8", "?site=shop&color=red", "?site=%00"])
def test_a_question_that_makes_no_sense_is_refused(marketing: Client, query: str) -> None:
    assert marketing.get(f"/v1/insights/opt-in{query}").status_code == 400


def test_an_unknown_site_has_no_report(marketing: Client) -> None:
    assert marketing.get("/v1/insights/opt-in?site=nowhere").status_code == 404


def test_few_people_are_told_of_nowhere(marketing: Client, notice: Notice) -> None:
    for _ in range(4):
        visitor = Visitor(notice)
        visitor.allow(impression=visitor.be_shown())
    operations.roll_up()
    operations.tell(now=timezone.now(), at_once=True)
    html = marketing.get("/console/?days=7").content.decode()
    report = marketing.get(REPORT).json()

    assert report["funnel"]["allowed"] == {"value": None, "is_partial": False}
    assert report["purposes"][0]["period"]["granted"] == 0
    assert "10未満" in html
    assert f"/{SITE}" in html or SITE in html


def test_the_database_away_is_said_plainly(
    marketing: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(queries, "get_opt_in_report", away)
    response = marketing.get("/console/?lang=en")

    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert "Nothing is lost" in response.content.decode()


def test_the_dashboards_reads_are_few(
    marketing: Client, numbers: None, django_assert_max_num_queries: Any
) -> None:
    marketing.get("/console/")
    with django_assert_max_num_queries(22):
        marketing.get("/console/")


def test_the_console_loads_nothing_inline(marketing: Client) -> None:
    policy = marketing.get("/console/")["Content-Security-Policy"]

    assert "unsafe-inline" not in policy
    assert "default-src 'none'" in policy


def test_the_registry_is_to_look_at_with_the_permission(notice: Notice) -> None:
    client = client_of("registry.view_tag", "notices.view_noticeversion", "registry.view_site")

    assert client.get("/console/admin/registry/tag/").status_code == 200
    assert client.get("/console/admin/notices/noticeversion/").status_code == 200
    assert client.get("/console/admin/registry/partner/").status_code == 403
    assert client.get("/console/admin/registry/tag/add/").status_code == 403
    row = notice.id
    page = client.get(f"/console/admin/notices/noticeversion/{row}/change/")
    assert page.status_code == 200
    assert "Adco Inc." in page.content.decode()


def test_nobody_changes_a_notice_or_deletes_a_declaration(notice: Notice) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="a long password"))

    row = f"/console/admin/notices/noticeversion/{notice.id}"
    assert client.get("/console/admin/notices/noticeversion/add/").status_code == 403
    assert client.post(f"{row}/change/", {"number": 5}).status_code == 403
    assert client.post(f"{row}/delete/", {"post": "yes"}).status_code == 403
    assert client.get("/console/admin/registry/purpose/add/").status_code == 403
    assert client.get("/console/admin/registry/site/").status_code == 200
