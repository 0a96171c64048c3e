"""From a partner's cookie to the partner, and then gone: nowhere in clear, nowhere left."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tests.factories.identifiers import make_identifying_site
from tests.factories.registry import SITE
from tests.fakes import FakePartner, fake_partner
from tests.partner_apis.base import Answer, FakeApi, Request, listening
from tests.visitors import Visitor
from tracking.consents.models import Identifier
from tracking.delivery import operations, run
from tracking.delivery.models import Attempt
from tracking.delivery.transports import TRANSPORTS, base
from tracking.delivery.types import ConfirmsBy, Drained, Effect, Parcel, Profile, Reply, Transport
from tracking.lib.outbound_http import OutboundClient
from tracking.outbox.models import OutboxEvent
from tracking.outbox.types import Outcome

pytestmark = pytest.mark.django_db

KEPT, BROUGHT = "member-4711-of-the-shop", "GA1.1.4242424242.1700000000"


@pytest.fixture
def visitor() -> Visitor:
    visitor = Visitor(make_identifying_site())
    visitor.allow()
    return visitor


@pytest.fixture
def api() -> Iterator[FakeApi]:
    """A partner that deletes what it is told by name, and knows no device otherwise."""

    def handle(request: Request) -> Answer:
        body = request.json()
        is_well_formed = set(body) == {"delete"} and body["delete"]
        return Answer(status=200 if is_well_formed else 422)

    with listening(handle) as api:
        yield api


@pytest.fixture
def transport(monkeypatch: pytest.MonkeyPatch) -> Transport:
    """A made-up way that needs an identifier, in the place of a real one."""

    async def send(*, parcel: Parcel, client: OutboundClient) -> list[Reply]:
        exchange = await base.call(
            client,
            url=parcel.place.url,
            headers={"Content-Type": "application/json"},
            body=json.dumps({"delete": [dict(m.identifiers) for m in parcel.messages]}).encode(),
        )
        return [exchange.reply()] * len(parcel.messages)

    profile = Profile(
        name="Made up",
        effect=Effect.ERASE,
        erasure_effect=Effect.ERASE,
        confirms_by=(ConfirmsBy.RESPONSE,),
        source="this test",
        needs=("cookie_id", "user_id", "ga_client_id"),
        most_at_once=10,
    )
    monkeypatch.setitem(
        TRANSPORTS,  # type: ignore[arg-type]
        Transport.BRAZE,
        base.Way(profile=profile, send=send),
    )
    return Transport.BRAZE


def set_endpoint(settings: Any, partner: str, url: str, **fields: Any) -> None:
    operations.set_endpoint(
        **{
            "site": SITE, "partner": partner, "url": url, "secret": None,
            "keys": settings.CONSENT_KEYS, "allow_loopback": True,
            "actor": "ops", "now": timezone.now(), **fields,
        }
    )  # fmt: skip


def identify(visitor: Visitor, **identifiers: dict[str, str]) -> None:
    answer = visitor.post("/v1/identifiers", {"site": SITE, "identifiers": identifiers})
    assert answer.status_code == 204, answer.content


def deliver(keys: Any, *, later: timedelta = timedelta(0)) -> Drained:
    return run.deliver_due(
        keys=keys, allow_loopback=True, clock=lambda: timezone.now() + later, chance=lambda: 1.0
    )


def everything_stored() -> str:
    """Return all rows of all tables as PostgreSQL writes them; bytes are hex there."""
    texts = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT row::text FROM {table} AS row")  # noqa: S608
            texts += [text for (text,) in cursor.fetchall()]
    assert len(texts) > 50
    return "\n".join(texts)


def spellings(value: str) -> list[str]:
    return [value, value.encode().hex(), base64.b64encode(value.encode()).decode().rstrip("=")]


def is_in_clear(value: str) -> bool:
    stored = everything_stored()
    return any(spelling in stored for spelling in spellings(value))


def test_the_search_finds_what_is_in_clear(visitor: Visitor) -> None:
    assert not is_in_clear(KEPT)
    for spelling in spellings(KEPT):
        OutboxEvent.objects.all().delete()
        Identifier.objects.all().delete()
        assert not is_in_clear(KEPT)
        identify(visitor, adco={"user_id": "7"})
        Identifier.objects.update(partner=spelling)
        assert is_in_clear(KEPT)


@pytest.mark.parametrize("brings_along", [True, False])
def test_from_the_cookie_to_the_partner_and_then_gone(
    visitor: Visitor, api: FakeApi, transport: Transport, settings: Any, brings_along: bool
) -> None:
    set_endpoint(settings, "adco", api.url, transport=transport)
    set_endpoint(settings, "statco", api.url, transport=transport)
    identify(visitor, adco={"user_id": KEPT})
    assert not is_in_clear(KEPT)

    sent = {"identifiers": {"statco": {"ga_client_id": BROUGHT}}} if brings_along else {}
    assert visitor.post("/v1/consents", visitor.body("refuse", **sent)).status_code == 201
    assert not is_in_clear(KEPT)
    assert not is_in_clear(BROUGHT)
    assert not Identifier.objects.exists()

    deliver(settings.CONSENT_KEYS)

    told = sorted(str(request.json()["delete"]) for request in api.requests)
    if brings_along:
        assert told == [str([{"ga_client_id": BROUGHT}]), str([{"user_id": KEPT}])]
    else:
        # Without an identifier the partner could not find the device: it is not asked.
        assert told == [str([{"user_id": KEPT}])]
        assert OutboxEvent.objects.get(addressee="statco").outcome == Outcome.IDENTIFIER_NOT_HELD
    assert OutboxEvent.objects.get(addressee="adco").outcome == Outcome.CONFIRMED
    for partner in ("adco", "statco"):
        assert OutboxEvent.objects.get(addressee=partner).sealed == {}
    assert not is_in_clear(KEPT)
    assert not is_in_clear(BROUGHT)
    assert deliver(settings.CONSENT_KEYS, later=timedelta(days=1)).sent == 0


def test_a_failure_keeps_them_for_the_next_attempt(
    visitor: Visitor, api: FakeApi, transport: Transport, settings: Any
) -> None:
    set_endpoint(settings, "adco", api.url, transport=transport)
    identify(visitor, adco={"user_id": KEPT})
    visitor.refuse()
    api.instead = [Answer(status=503)]

    deliver(settings.CONSENT_KEYS)
    assert OutboxEvent.objects.get(addressee="adco").sealed != {}
    deliver(settings.CONSENT_KEYS, later=timedelta(minutes=1))

    assert [request.json()["delete"] for request in api.requests] == [[{"user_id": KEPT}]] * 2
    assert OutboxEvent.objects.get(addressee="adco").sealed == {}


def test_without_its_key_the_event_waits_and_the_log_says_why(
    visitor: Visitor, api: FakeApi, transport: Transport, settings: Any, caplog: Any
) -> None:
    old = dict(settings.CONSENT_KEYS)
    new = {"new": secrets.token_bytes(32)}
    set_endpoint(settings, "adco", api.url, transport=transport)
    identify(visitor, adco={"user_id": KEPT})
    visitor.refuse()

    deliver(new)

    event = OutboxEvent.objects.get(addressee="adco")
    assert api.requests == []
    assert Attempt.objects.get(event=event).error_class == "secret_unreadable"
    assert (event.acked_version, event.next_attempt_at is not None) == (0, True)
    assert (
        f"event {event.pk} cannot be told: The key that sealed this value is not in CONSENT_KEYS."
    ) in caplog.text
    assert KEPT not in caplog.text

    # The key comes back behind the new one.
    deliver({**new, **old}, later=timedelta(minutes=1))
    assert [request.json()["delete"] for request in api.requests] == [[{"user_id": KEPT}]]


def test_a_webhook_carries_them_too(visitor: Visitor, settings: Any) -> None:
    with fake_partner() as adco:
        set_endpoint(settings, "adco", adco.url, secret=adco.secrets[0])
        identify(visitor, adco={"user_id": KEPT, "cookie_id": "ad-8"})
        visitor.refuse()
        deliver(settings.CONSENT_KEYS)

        assert received(adco) == [{"user_id": KEPT, "cookie_id": "ad-8"}]
        assert not is_in_clear(KEPT)

        # A grant after that brings none, and a refusal has none to bring.
        visitor.allow()
        visitor.refuse()
        deliver(settings.CONSENT_KEYS)
        assert received(adco) == [{"user_id": KEPT, "cookie_id": "ad-8"}, None]


def received(partner: FakePartner) -> list[dict[str, str] | None]:
    return [message.data.get("identifiers") for message in partner.received]
