"""What a single transaction would hide: two processes that claim at the same time."""

from __future__ import annotations

import threading
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connection

from tests.integration.outbox.events import append, claim, slot
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
