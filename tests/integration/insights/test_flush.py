"""Showings are gathered in Valkey and counted in PostgreSQL: each once, whatever fails."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from consentmgr.celery import app
from tests.factories.registry import ORIGIN, SITE
from tracking.insights import counting, gathered, operations, tasks
from tracking.insights.models import CountedBatch, DailyCount, LastTelling
from tracking.insights.types import Cell, Kind
from tracking.notices.types import Notice
from tracking.registry.models import Site

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)


def show(**changes: Any) -> int:
    body = {"site": SITE, "notice": 1, "language": "ja", "surface": "bar", "first": True}
    return int(
        Client()
        .post(
            "/v1/shown",
            {**body, **changes},
            content_type="application/json",
            headers={"Origin": ORIGIN},
        )
        .status_code
    )


def counts() -> dict[str, int]:
    found: dict[str, int] = {}
    for row in DailyCount.objects.select_related("cell"):
        found[row.cell.kind] = found.get(row.cell.kind, 0) + row.count
    return found


def test_showings_are_gathered_and_then_counted(notice: Notice) -> None:
    assert {show(), show(), show(first=False)} < {200, 204}
    assert counts() == {}

    assert operations.flush(now=NOW) == 1

    assert counts() == {Kind.SHOWN: 2, Kind.SHOWN_AGAIN: 1}
    assert gathered.showings().count_waiting() == 0
    assert operations.flush(now=NOW) == 0


def test_a_gathered_showing_costs_the_database_nothing(
    notice: Notice, django_assert_num_queries: Any
) -> None:
    show()
    with django_assert_num_queries(0):
        show()


def test_a_flusher_that_dies_before_it_drops_counts_nothing_twice(
    notice: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    show()

    def die(batch: object) -> None:
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(gathered.showings(), "drop", die)
        with pytest.raises(SystemExit):
            operations.flush(now=NOW)
    assert counts() == {Kind.SHOWN: 1}
    show()
    operations.flush(now=NOW)

    assert counts() == {Kind.SHOWN: 2}


def test_a_flusher_that_dies_before_it_counts_loses_nothing(
    notice: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    show()

    def die(**_: object) -> bool:
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(operations, "count_showings", die)
        with pytest.raises(SystemExit):
            operations.flush(now=NOW)
    operations.flush(now=NOW)

    assert counts() == {Kind.SHOWN: 1}


def test_without_valkey_a_showing_is_counted_at_once(notice: Notice, valkey_away: None) -> None:
    assert show() in {200, 204}
    assert show() in {200, 204}

    assert counts() == {Kind.SHOWN: 2}


def test_what_another_version_gathered_is_counted(notice: Notice) -> None:
    site = Site.objects.get(code=SITE)
    key = f'{{"day":"2026-11-26","kind":"shown","new":"x","notice":"1","site":{site.pk}}}'
    gathered.showings().add({key: 3})

    operations.flush(now=NOW)

    assert counts() == {Kind.SHOWN: 3}


def test_what_was_gathered_for_a_site_that_is_gone_stops_nobody(notice: Notice) -> None:
    cell = Cell(
        kind=Kind.SHOWN, language="ja", device_class="phone", regime="jp-a", country_group="",
        presentation="bar", surface="", notice="1", variant="", referrer_class="",
    )  # fmt: skip
    gathered.showings().add({counting.gathered_key(2**40, NOW.date(), cell): 5})
    show()

    operations.flush(now=NOW)

    assert counts() == {Kind.SHOWN: 1}
    assert gathered.showings().take() == []


def test_a_gathered_key_reads_back() -> None:
    cell = Cell(
        kind=Kind.SHOWN_AGAIN, language="ja", device_class="phone", regime="jp-a",
        country_group="jp", presentation="bar", surface="", notice="3", variant="b",
        referrer_class="search",
    )  # fmt: skip

    read = counting.read_gathered({counting.gathered_key(7, NOW.date(), cell): 2})

    assert read == {(7, NOW.date(), cell): 2}


@pytest.mark.parametrize("key", ["no JSON", '{"site":1}', '{"kind":"unheard of"}'])
def test_what_cannot_be_counted_keeps_nobody_waiting_and_is_kept(notice: Notice, key: str) -> None:
    gathered.showings().add({key: 1})
    gathered.showings().take()
    show()
    gathered.page_views().add({key: 1})

    with pytest.raises((LookupError, ValueError)):
        operations.flush(now=NOW)

    assert counts() == {Kind.SHOWN: 1}
    assert [batch.counts for batch in gathered.showings().take()] == [{key: 1}]
    assert gathered.page_views().count_waiting() == 1


# --- rounds


def test_numbers_are_told_once_a_round_however_many_beats_there_are(notice: Notice) -> None:
    show()
    operations.flush(now=NOW)

    told = [
        operations.tell_due(now=NOW + timedelta(seconds=after)) for after in (0, 1, 120, 299, 301)
    ]

    assert told == [1, 0, 0, 1, 0]
    assert LastTelling.objects.get().told_at == NOW + timedelta(seconds=299)


def test_there_is_one_last_telling(db: None) -> None:
    with pytest.raises(IntegrityError, match="telling_one_row"), transaction.atomic():
        LastTelling.objects.create(pk=2, told_at=NOW)


def test_old_batches_are_forgotten(db: None) -> None:
    CountedBatch.objects.create(pk=uuid4(), counted_at=NOW - timedelta(days=31))
    recent = CountedBatch.objects.create(pk=uuid4(), counted_at=NOW - timedelta(days=29))

    assert operations.forget_batches(now=NOW) == 1
    assert CountedBatch.objects.get() == recent


@pytest.mark.filterwarnings("ignore::celery.exceptions.CDeprecationWarning")
@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("showings", tasks.flush),
        ("counts", tasks.roll_up),
        ("numbers", tasks.tell),
        ("batches", tasks.forget_batches),
    ],
)
def test_the_schedule_counts_and_tells(db: None, name: str, task: Any) -> None:
    entry = app.conf.beat_schedule[name]
    assert entry["task"] == task.name
    assert entry.get("options", {}).get("expires", entry["schedule"]) == entry["schedule"]
    task.apply(throw=True)


def test_the_worker_counts_what_was_gathered(notice: Notice) -> None:
    show()
    tasks.flush.apply(throw=True)
    tasks.roll_up.apply(throw=True)
    tasks.tell.apply(throw=True)

    assert counts() == {Kind.SHOWN: 1}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM insights_countedbatch")
        assert cursor.fetchone() == (1,)


# --- floods


def test_showings_of_a_flood_are_counted_apart(notice: Notice, settings: Any) -> None:
    settings.FLOOD_LIMIT = 2
    settings.TRUSTED_PROXY_HOPS = 1
    body = {"site": SITE, "notice": 1, "language": "ja", "surface": "bar", "first": True}
    for host in range(5):
        answer = Client().post(
            "/v1/shown",
            body,
            content_type="application/json",
            headers={"Origin": ORIGIN, "X-Forwarded-For": f"203.0.114.{host}"},
        )
        assert answer.status_code in {200, 204}

    operations.flush(now=NOW)
    assert counts() == {Kind.SHOWN: 2, Kind.SUSPECT_SHOWN: 3}
