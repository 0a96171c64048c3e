"""The log as a page: who may read it, what it says, how it is searched."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from consentmgr.roles import ROLES
from tests.factories.people import signed_in
from tests.factories.registry import SITE
from tracking.audit import operations, queries
from tracking.notices.types import Notice

pytestmark = pytest.mark.django_db

NOW = timezone.now()
PAGE = "/console/audit/"


@pytest.fixture
def auditor(notice: Notice) -> Client:
    return signed_in("auditor")


def append(**fields: object) -> None:
    operations.append(
        **{  # type: ignore[arg-type]
            "actor": "sato",
            "action": "endpoint.paused",
            "site": SITE,
            "object": "adco",
            "now": NOW,
            **fields,
        }
    )


@pytest.mark.parametrize("role", ROLES)
def test_only_the_auditor_reads_the_log(notice: Notice, role: str) -> None:
    append()
    response = signed_in(role).get(PAGE)
    assert response.status_code == (200 if role == "auditor" else 403)
    assert ("sato" in response.content.decode()) == (role == "auditor")
    assert response["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("role", ROLES)
def test_the_way_to_the_log_is_shown_to_those_who_may_go_it(notice: Notice, role: str) -> None:
    html = signed_in(role).get("/console/").content.decode()
    assert (f'href="{PAGE}' in html) == (role == "auditor")


def test_a_stranger_is_asked_to_sign_in(notice: Notice) -> None:
    response = Client().get(PAGE + "?day=2026-11-26")
    assert response.status_code == 302
    assert response["Location"].startswith("/console/sign-in/?next=/console/audit/%3Fday")


def test_nobody_writes_here(auditor: Client) -> None:
    assert auditor.post(PAGE, {"actor": "x"}).status_code == 405


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("ja", ("操作の記録", "送信を停止", "コマンド", "同時に送る数", "8 → 3")),
        ("en", ("Audit log", "Sending paused", "command line", "at a time", "8 → 3")),
    ],
)
def test_entries_are_told_in_words(auditor: Client, language: str, words: tuple[str, ...]) -> None:
    append()
    append(
        actor="command line",
        action="endpoint.changed",
        details={"concurrency": {"was": 8, "is": 3}, "is_for_erasures_only": True},
    )
    html = auditor.get(f"{PAGE}?lang={language}").content.decode()
    for word in words:
        assert word in html
    assert "<script" not in html
    assert "style=" not in html


def test_times_are_those_of_the_site(auditor: Client) -> None:
    append(now=datetime(2026, 11, 25, 15, 30, tzinfo=UTC))
    html = auditor.get(PAGE).content.decode()
    assert "2026-11-26 00:30:00" in html
    assert "時刻は日本時間です" in html


def test_a_day_begins_and_ends_in_the_zone_of_the_site(auditor: Client) -> None:
    append(actor="before", now=datetime(2026, 11, 25, 14, 59, 59, tzinfo=UTC))
    append(actor="first", now=datetime(2026, 11, 25, 15, 0, tzinfo=UTC))
    append(actor="last", now=datetime(2026, 11, 26, 14, 59, 59, tzinfo=UTC))
    append(actor="after", now=datetime(2026, 11, 26, 15, 0, tzinfo=UTC))
    rows = auditor.get(PAGE + "?day=2026-11-26").content.decode().partition("<tbody>")[2]
    assert [name for name in ("before", "first", "last", "after") if f">{name}<" in rows] == [
        "first",
        "last",
    ]


def test_filters_are_in_the_address_and_stay_on_the_next_page(auditor: Client) -> None:
    for number in range(queries.PAGE + 1):
        append(now=NOW + timedelta(seconds=number))
    append(actor="other")
    html = auditor.get(PAGE + "?actor=sato&lang=en").content.decode()
    assert html.count("<time") == queries.PAGE
    assert '<option value="sato" selected>' in html
    [older] = re.findall(r'href="(\?[^"]*before[^"]*)" rel="next"', html)
    assert "actor=sato" in older
    last = auditor.get(PAGE + older.replace("&amp;", "&")).content.decode()
    assert last.count("<time") == 1
    assert "Back to the newest" in last


@pytest.mark.parametrize(
    "query", ["?day=tomorrow", "?day=9999-12-31", "?before=x&site=%00&actor=<b>", "?object=%ff"]
)
def test_nonsense_is_answered_plainly(auditor: Client, query: str) -> None:
    append()
    response = auditor.get(PAGE + query)
    assert response.status_code == 200
    assert "<b>" not in response.content.decode()


def test_what_is_no_day_is_said(auditor: Client) -> None:
    assert "2026-11-26 の形" in auditor.get(PAGE + "?day=tomorrow").content.decode()


@pytest.mark.django_db
def test_an_empty_log_says_what_leaves_an_entry() -> None:
    # Nothing was published yet.
    auditor = signed_in("auditor")
    assert "記録はまだありません" in auditor.get(PAGE).content.decode()
    assert "条件を広げて" in auditor.get(PAGE + "?actor=nobody").content.decode()


def test_the_database_away_is_said_plainly(
    auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: object) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(queries, "list_entries", away)
    response = auditor.get(PAGE + "?lang=en")
    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert "Nothing is lost" in response.content.decode()


def test_the_logs_reads_are_few(auditor: Client, django_assert_max_num_queries: object) -> None:
    for _ in range(9):
        append()
    auditor.get(PAGE)
    with django_assert_max_num_queries(9):  # type: ignore[operator]
        auditor.get(PAGE)
