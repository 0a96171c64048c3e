"""The audit log: kept with the act, never changed, found again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from tests.factories.registry import SITE
from tests.fakes import SECRET
from tests.integration.delivery.conftest import ADCO
from tracking.audit import operations, queries
from tracking.audit.models import Entry
from tracking.audit.types import Filters
from tracking.delivery import operations as delivery
from tracking.notices.types import Notice

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def append(**fields: object) -> None:
    operations.append(
        **{  # type: ignore[arg-type]
            "actor": "privacy",
            "action": "endpoint.paused",
            "site": SITE,
            "object": ADCO,
            "now": NOW,
            **fields,
        }
    )


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_entry SET actor = 'nobody'", "DELETE FROM audit_entry", "TRUNCATE audit_entry"],
)
def test_the_log_is_append_only(statement: str) -> None:
    append()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        connection.cursor().execute(statement)
    assert Entry.objects.get().actor == "privacy"


@pytest.mark.parametrize("fields", [{"actor": ""}, {"action": "Paused!"}, {"action": ""}])
def test_the_database_refuses_an_entry_that_names_nobody_or_nothing(
    fields: dict[str, str],
) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        append(**fields)


@pytest.mark.django_db(transaction=True)
def test_an_entry_belongs_in_the_transaction_of_the_act() -> None:
    with pytest.raises(RuntimeError):
        append()
    with transaction.atomic():
        append()
        transaction.set_rollback(True)
    assert not Entry.objects.exists()


def test_entries_are_found_by_each_filter_newest_first() -> None:
    append()
    append(actor="admin", now=NOW + timedelta(days=1))
    append(site="other")
    append(object="retargeter")
    append(action="endpoint.resumed", details={"events": 3})

    def found(**filters: object) -> int:
        return len(queries.list_entries(filters=Filters(**filters)).entries)  # type: ignore[arg-type]

    assert found() == 5
    assert found(site=SITE) == 4
    assert found(object=ADCO) == 4
    assert found(actor="admin") == 1
    assert found(action="endpoint.resumed") == 1
    assert found(since=NOW + timedelta(hours=1)) == 1
    assert found(until=NOW + timedelta(hours=1)) == 4
    newest = queries.list_entries(filters=Filters()).entries[0]
    assert (newest.action, newest.details) == ("endpoint.resumed", {"events": 3})


def test_pages_hold_every_entry_once() -> None:
    for number in range(5):
        append(details={"number": number})
    seen, before = [], None
    while True:
        listing = queries.list_entries(filters=Filters(), before=before, limit=2)
        seen += [entry.details["number"] for entry in listing.entries]
        before = listing.before
        if before is None:
            break
    assert seen == [4, 3, 2, 1, 0]


def test_what_people_do_to_an_endpoint_is_kept_without_secrets(notice: Notice) -> None:
    names = {"site": SITE, "partner": ADCO, "actor": "privacy", "now": NOW}
    new = delivery.new_secret()
    place = {
        "url": "https://hooks.adco.example/consent",
        "secret": SECRET,
        "keys": settings.CONSENT_KEYS,
        "allow_loopback": False,
    }
    for change in ({}, {}, {"secret": None, "concurrency": 3}):
        delivery.set_endpoint(**names, **{**place, **change})  # type: ignore[arg-type]
    delivery.pause(**names)  # type: ignore[arg-type]
    delivery.resume(**names)  # type: ignore[arg-type]
    delivery.rotate_secret(**names, secret=new, keys=settings.CONSENT_KEYS)  # type: ignore[arg-type]
    delivery.finish_rotation(**names)  # type: ignore[arg-type]
    delivery.replay(**names, since=NOW, is_told_too=True)  # type: ignore[arg-type]

    entries = Entry.objects.filter(object=ADCO).order_by("pk")
    # The second of the three settings changed nothing.
    assert [(entry.action, entry.actor) for entry in entries] == [
        (f"{action}", "privacy")
        for action in (
            "endpoint.added",
            "endpoint.changed",
            "endpoint.paused",
            "endpoint.resumed",
            "endpoint.secret_rotated",
            "endpoint.rotation_finished",
            "events.replayed",
        )
    ]
    assert entries[0].details["secret"] == "new"
    assert entries[1].details == {"concurrency": {"was": 8, "is": 3}}
    assert entries[6].details["since"] == NOW.isoformat()
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(audit_entry::text, '') FROM audit_entry")
        [(text,)] = cursor.fetchall()
    for secret in (SECRET, new):
        assert secret not in text


def test_a_refused_change_leaves_no_entry(notice: Notice) -> None:
    with pytest.raises(delivery.UnknownEndpoint):
        delivery.pause(site=SITE, partner=ADCO, actor="privacy", now=NOW)
    assert not Entry.objects.filter(object=ADCO).exists()
