"""What a single transaction would hide: two processes that claim at the same time."""

from __future__ import annotations

import threading
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connection, transaction

from tests.factories.clock import NOW
from tests.integration.outbox.events import SITE, append, claim, slot
from tracking.outbox import operations
from tracking.outbox.models import OutboxEvent


@pytest.fixture
def own_rows(django_db_setup: None, django_db_blocker: Any) -> Any:
    """Committed rows under an addressee that nobody else has, gone at the end."""
    addressee = f"shared-{uuid4().hex}"
    with django_db_blocker.unblock():
        append(*(f"s{number}" for number in range(60)), addressee=addressee)
        try:
            yield addressee
        finally:
            OutboxEvent.objects.filter(addressee=addressee).delete()
            connection.close()


def test_claims_of_two_processes_do_not_overlap_nor_wait(own_rows: str) -> None:
    got: list[int] = []
    both = threading.Barrier(4)

    def take() -> None:
        both.wait()
        try:
            got.extend(event.id for _ in range(5) for event in claim(slot(own_rows, 60), limit=3))
        finally:
            connection.close()

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == len(set(got)) == 60


def test_a_claim_passes_by_what_another_transaction_holds(own_rows: str) -> None:
    params = connection.get_connection_params()
    params.pop("cursor_factory", None)
    params.pop("context", None)
    names = ("host", "port", "dbname", "user", "password")
    with psycopg.connect(**{name: params[name] for name in names if params.get(name)}) as other:
        held = other.execute(
            "SELECT id FROM outbox_outboxevent WHERE addressee = %s ORDER BY next_attempt_at, id"
            " LIMIT 20 FOR UPDATE",
            [own_rows],
        ).fetchall()
        got = claim(slot(own_rows, 60))
        other.rollback()
    assert {event.id for event in got}.isdisjoint(identity for (identity,) in held)
    assert len(got) == 40


def test_a_version_that_is_committed_while_its_page_is_settled_stays_untold(own_rows: str) -> None:
    """The settlement has to wait for the append, and must not take its version for the old one."""
    page = operations.claim_page(
        site_id=SITE, addressee=own_rows, limit=60, lease_seconds=300, now=NOW
    )
    appended, may_commit = threading.Event(), threading.Event()
    told: list[int] = []

    def newer() -> None:
        try:
            with transaction.atomic():
                append("s7", addressee=own_rows, version=2)
                appended.set()
                may_commit.wait(10)
        finally:
            connection.close()

    def settle() -> None:
        try:
            told.extend(
                one.event_id
                for one in operations.settle_page(
                    site_id=SITE,
                    addressee=own_rows,
                    token=page[0].lease_token,
                    is_confirmed=True,
                    now=NOW,
                )
            )
        finally:
            connection.close()

    appending, settling = threading.Thread(target=newer), threading.Thread(target=settle)
    appending.start()
    assert appended.wait(10)
    settling.start()
    settling.join(0.3)
    assert settling.is_alive()
    may_commit.set()
    appending.join()
    settling.join()
    event = OutboxEvent.objects.get(addressee=own_rows, subject="s7")
    assert (event.desired_version, event.acked_version, event.lease_token) == (2, 0, None)
    assert len(told) == 59
    assert event.pk not in told
