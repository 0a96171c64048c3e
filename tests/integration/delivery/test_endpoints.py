"""What operators set, what the database refuses, and how partners stand."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from tests.factories.registry import SITE
from tests.fakes import SECRET, FakePartner, Say
from tests.integration.delivery.conftest import (
    ADCO,
    RETARGETER,
    Tell,
    by_hand,
    deliver,
    set_endpoint,
)
from tracking.delivery import operations, queries
from tracking.delivery.models import Attempt, Endpoint
from tracking.delivery.types import BreakerState, ConfirmsBy, EndpointState

pytestmark = pytest.mark.django_db

URL = "https://hooks.adco.example/consent"


def set_adco(**fields: object) -> None:
    operations.set_endpoint(
        **{  # type: ignore[arg-type]
            "site": SITE,
            "partner": ADCO,
            "url": URL,
            "secret": SECRET,
            "keys": settings.CONSENT_KEYS,
            "allow_loopback": False,
            **by_hand(),
            **fields,
        }
    )


def test_an_endpoint_is_kept_without_its_secret_in_sight(site_id: int) -> None:
    set_adco(confirms_by=ConfirmsBy.ACKNOWLEDGEMENT, concurrency=3)
    found = queries.find_endpoint(site=SITE, partner=ADCO)
    assert found is not None
    assert (found.url, found.confirms_by, found.concurrency) == (
        URL, ConfirmsBy.ACKNOWLEDGEMENT, 3,
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SELECT delivery_endpoint::text FROM delivery_endpoint")
        [(text,)] = cursor.fetchall()
    plain = SECRET.encode().hex()
    assert SECRET not in text
    assert plain not in text


def test_without_a_secret_the_present_one_stays(site_id: int) -> None:
    set_adco()
    before = bytes(Endpoint.objects.get().secret_sealed)
    set_adco(secret=None, url=URL + "/2")
    assert bytes(Endpoint.objects.get().secret_sealed) == before


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"url": "http://hooks.adco.example/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://user@hooks.adco.example/"}, "url"),
        ({"secret": "whsec_short"}, "secret"),
        ({"secret": None}, "secret"),
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": 65}, "concurrency"),
    ],
)
def test_unusable_endpoints_are_refused(
    site_id: int, fields: dict[str, object], named: str
) -> None:
    with pytest.raises(operations.EndpointInvalid) as error:
        set_adco(**fields)
    assert list(error.value.fields) == [named]
    assert not Endpoint.objects.exists()


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://hooks.elsewhere.example/consent",
        "https://hooks.adco.example:8443/consent",
        "https://hooks.adco.example.evil.example/consent",
    ],
)
def test_a_secret_does_not_follow_an_address_to_another_host(site_id: int, elsewhere: str) -> None:
    """Whoever may change addresses must not be able to have a credential sent to their own."""
    set_adco()
    with pytest.raises(operations.EndpointInvalid) as error:
        set_adco(secret=None, url=elsewhere)
    assert list(error.value.fields) == ["secret"]
    assert Endpoint.objects.get().url == URL


def test_unknown_partners_and_endpoints_are_named_so(site_id: int) -> None:
    with pytest.raises(operations.UnknownPartner):
        set_adco(partner="nobody")
    with pytest.raises(operations.UnknownPartner):
        operations.replay(site=SITE, partner="nobody", **by_hand())
    for act in (operations.pause, operations.finish_rotation, operations.resume):
        with pytest.raises(operations.UnknownEndpoint):
            act(site=SITE, partner=ADCO, **by_hand())


def test_a_new_address_brings_back_a_partner_that_was_gone(
    partner: FakePartner, tell: Tell
) -> None:
    partner.answering = lambda _: Say(status=410)
    tell()
    deliver()
    set_endpoint(partner)
    assert Endpoint.objects.get().state == EndpointState.GONE
    set_endpoint(partner, url=partner.url + "/new")
    assert Endpoint.objects.get().state == EndpointState.ACTIVE


def test_a_sealed_secret_opens_in_its_own_row_only(site_id: int, tell: Tell) -> None:
    set_adco()
    set_adco(partner=RETARGETER)
    stolen = Endpoint.objects.get(partner__code=ADCO).secret_sealed
    Endpoint.objects.filter(partner__code=RETARGETER).update(secret_sealed=stolen)
    tell(partner=RETARGETER)
    deliver()
    assert Attempt.objects.get().error_class == "secret_unreadable"


@pytest.mark.parametrize(
    "change",
    ["state = 'lost'", "confirms_by = 'hope'", "transport = 'pigeon'", "concurrency = 0"],
)
def test_the_database_refuses_impossible_endpoints(site_id: int, change: str) -> None:
    set_adco()
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE delivery_endpoint SET {change}")  # noqa: S608


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE delivery_attempt SET http_status = 200",
        "DELETE FROM delivery_attempt",
        "TRUNCATE delivery_attempt",
    ],
)
def test_attempts_are_append_only(partner: FakePartner, tell: Tell, statement: str) -> None:
    tell()
    deliver()
    with transaction.atomic(), connection.cursor() as cursor:
        # Else TRUNCATE stumbles over this test's own unfinished checks first.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            cursor.execute(statement)
    assert Attempt.objects.count() == 1


def test_health_tells_each_partners_standing(partner: FakePartner, tell: Tell) -> None:
    now = timezone.now()
    tell()
    deliver()
    partner.answering = lambda _: Say(status=503)
    for _ in range(5):
        tell(now=now - timedelta(hours=25))
    deliver()
    tell(partner=RETARGETER)
    adco, retargeter = queries.list_health(site=SITE, now=timezone.now())
    assert (adco.partner, adco.state, adco.breaker) == (
        ADCO, EndpointState.ACTIVE, BreakerState.OPEN,
    )  # fmt: skip
    assert (adco.waiting, adco.overdue, adco.dead, adco.unconfirmed) == (5, 5, 0, 0)
    assert adco.oldest_unsaid_at == now - timedelta(hours=25)
    assert adco.consecutive_failures == 5
    assert adco.last_success_at is not None
    assert adco.legal_name["en"] == "Adco Inc."
    assert (retargeter.partner, retargeter.state, retargeter.waiting) == (RETARGETER, None, 1)


def test_attempts_of_an_event_newest_first(partner: FakePartner, tell: Tell) -> None:
    answers = iter([Say(status=500), Say()])
    partner.answering = lambda _: next(answers)
    event = tell()
    deliver()
    deliver(clock=lambda: timezone.now() + timedelta(minutes=1))
    found = queries.list_attempts(event_id=event.pk)
    assert [attempt.http_status for attempt in found] == [204, 500]


def test_the_command_delivers_without_celery(partner: FakePartner, tell: Tell) -> None:
    tell()
    out = io.StringIO()
    call_command("deliver", "--once", stdout=out)
    assert out.getvalue() == "1 sent, 1 accepted\n"
    assert len(partner.received) == 1


@pytest.fixture
def console(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="x" * 20))
    return client


def test_the_admin_shows_endpoints_without_secrets_and_changes_none(
    console: Client, partner: FakePartner
) -> None:
    page = f"/console/admin/delivery/endpoint/{Endpoint.objects.get().pk}/"
    shown = console.get(page + "change/").content.decode()
    assert partner.url in shown
    for text in (SECRET, "sealed"):
        assert text not in shown
    assert console.get("/console/admin/delivery/endpoint/").status_code == 200
    assert console.get("/console/admin/delivery/endpoint/add/").status_code == 403
    assert console.post(page + "change/", {"url": URL}).status_code == 403
    assert console.post(page + "delete/", {"post": "yes"}).status_code == 403


def test_the_admin_shows_attempts_and_changes_none(
    console: Client, partner: FakePartner, tell: Tell
) -> None:
    event = tell()
    deliver()
    attempt = Attempt.objects.get()
    assert console.get("/console/admin/delivery/attempt/").status_code == 200
    page = f"/console/admin/delivery/attempt/{attempt.pk}/"
    assert console.get(page + "change/").status_code == 200
    assert console.post(page + "change/", {"http_status": 500}).status_code == 403
    assert console.post(page + "delete/", {"post": "yes"}).status_code == 403
    assert console.get("/console/admin/outbox/outboxevent/").status_code == 200
    shown = console.get(f"/console/admin/outbox/outboxevent/{event.pk}/change/")
    assert event.subject not in shown.content.decode()
