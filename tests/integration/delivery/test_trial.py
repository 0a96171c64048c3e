"""A test message goes the way of a real one, shows everything but credentials, leaves nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from tests.factories.registry import SITE
from tests.fakes import SECRET, FakePartner, Say, fake_partner
from tests.integration.delivery.conftest import ADCO, by_hand, set_endpoint
from tests.partner_apis.base import Answer, FakeApi, Request, listening
from tracking.audit.models import Entry
from tracking.delivery import operations, trial
from tracking.delivery.masking import MASK
from tracking.delivery.models import Attempt, Endpoint
from tracking.delivery.transports import TRANSPORTS, base
from tracking.delivery.types import (
    AttemptOutcome,
    ConfirmsBy,
    Effect,
    Parcel,
    Profile,
    Reply,
    Setting,
    Transport,
    Trial,
)
from tracking.lib.outbound_http import OutboundClient
from tracking.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db

KEY = "api-key-of-the-partner"


def send(**fields: Any) -> Trial:
    return trial.send_test_message(
        **{
            "site": SITE,
            "partner": ADCO,
            "url": "https://hooks.adco.example/",
            "secret": SECRET,
            "transport": Transport.WEBHOOK,
            "settings": {},
            "keys": settings.CONSENT_KEYS,
            "allow_loopback": True,
            **by_hand(),
            **fields,
        }
    )


@pytest.fixture
def listener(site_id: int) -> Any:
    """A partner that nobody has set yet."""
    with fake_partner() as partner:
        yield partner


def test_a_partner_that_is_not_saved_yet_is_tried(listener: FakePartner) -> None:
    found = send(url=listener.url)
    assert found.outcome is AttemptOutcome.ACCEPTED
    [received] = listener.received
    assert received.type == "consent.test"
    assert received.data["subject"].startswith("test-")
    [exchange] = found.exchanges
    assert (exchange.method, exchange.url, exchange.status) == ("POST", listener.url, 204)
    # The body that was signed, to the byte.
    assert exchange.body.encode() == received.body
    headers = {name.lower(): value for name, value in exchange.headers}
    assert headers["webhook-id"] == received.key
    assert headers["content-length"] == str(len(received.body))
    assert headers["host"] in listener.url
    assert SECRET not in repr(found)


def test_it_leaves_an_audit_entry_and_nothing_else(listener: FakePartner) -> None:
    send(url=listener.url)
    entry = Entry.objects.exclude(object="notice").get()
    assert entry.action == "endpoint.tested"
    assert SECRET not in str(entry.details)
    for model in (OutboxEvent, Attempt, Endpoint):
        assert not model.objects.exists()


def test_the_kept_secret_serves_where_it_may(partner: FakePartner) -> None:
    assert send(url=partner.url, secret=None).outcome is AttemptOutcome.ACCEPTED
    assert len(partner.received) == 1


def test_the_kept_secret_goes_nowhere_else(partner: FakePartner) -> None:
    with fake_partner() as elsewhere, pytest.raises(operations.EndpointInvalid) as error:
        send(url=elsewhere.url, secret=None)
    assert list(error.value.fields) == ["secret"]
    assert elsewhere.requests == 0
    assert not Entry.objects.filter(action="endpoint.tested").exists()


def test_a_secret_whose_key_is_gone_is_said(partner: FakePartner) -> None:
    with pytest.raises(operations.EndpointInvalid) as error:
        send(url=partner.url, secret=None, keys={"k9": b"another key of thirty-two bytes."})
    assert list(error.value.fields) == ["secret"]


@pytest.mark.parametrize(
    ("say", "outcome", "status", "error"),
    [
        (Say(status=401), AttemptOutcome.REJECTED, 401, ""),
        (Say(status=503, body=b"busy"), AttemptOutcome.UNREACHABLE, 503, ""),
        (Say(is_rude=True), AttemptOutcome.UNREACHABLE, None, "disconnected"),
    ],
)
def test_trouble_is_shown_as_it_came(
    listener: FakePartner, say: Say, outcome: AttemptOutcome, status: int | None, error: str
) -> None:
    listener.answering = lambda _: say
    found = send(url=listener.url)
    [exchange] = found.exchanges
    assert (found.outcome, exchange.status, exchange.error) == (outcome, status, error)
    assert exchange.answer_body == say.body.decode()
    assert exchange.headers


def test_what_may_not_be_reached_is_not(site_id: int) -> None:
    with pytest.raises(operations.EndpointInvalid):
        send(url="https://10.0.0.1/")


def test_links_in_a_test_lead_to_the_site_it_came_from(site_id: int) -> None:
    place = operations.begin_test(
        site=SITE,
        partner=ADCO,
        url="https://hooks.adco.example/",
        secret=SECRET,
        transport=Transport.WEBHOOK,
        settings={},
        keys=settings.CONSENT_KEYS,
        allow_loopback=False,
        **by_hand(),
    )
    assert (place.site_id, place.secrets) == (site_id, (SECRET,))


def test_it_ends_in_time(listener: FakePartner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "MOST_SECONDS", 0.2)
    listener.answering = lambda _: Say(hang_seconds=5)
    found = send(url=listener.url)
    assert (found.outcome, found.error) == (AttemptOutcome.UNREACHABLE, "timeout")
    assert len(found.exchanges) == 1


# --- a transport of an API, made up


async def _ask_twice(*, parcel: Parcel, client: OutboundClient) -> Sequence[Reply]:
    """Fetch a token with the credential, then delete with the token."""
    [message] = parcel.messages
    grant = await base.call(
        client,
        url=f"{parcel.place.url}/token",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=f"client_secret={parcel.place.secrets[0]}".encode(),
    )
    exchange = await base.call(
        client,
        method="DELETE",
        url=f"{parcel.place.url}/{parcel.place.settings['list']}"
        f"?id={message.identifiers['member']}&as={message.type}",
        headers={"Authorization": f"Bearer {grant.under('access_token')}"},
    )
    return [exchange.reply()]


MADE_UP = base.Way(
    profile=Profile(
        name="Made up",
        effect=Effect.ERASE,
        erasure_effect=Effect.ERASE,
        confirms_by=(ConfirmsBy.RESPONSE,),
        source="nowhere",
        needs=("member",),
        settings=(
            Setting(
                code="list",
                label={"ja": "一覧", "en": "List"},
                help={"ja": "数字", "en": "A number"},
                pattern=r"\d+",
            ),
        ),
        secret=Setting(
            code="secret", label={"ja": "鍵", "en": "Key"}, help={"ja": "鍵", "en": "A key"}
        ),
        sample={"member": "nobody-7"},
    ),
    send=_ask_twice,
)


def handle(request: Request) -> Answer:
    if request.path == "/token":
        return Answer(status=200, content={"access_token": "ya29.short-lived"})
    if request.headers.get("authorization") != "Bearer ya29.short-lived":
        return Answer(status=401)
    return Answer(status=200, content={"deleted": 1})


@pytest.fixture
def api(site_id: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(TRANSPORTS, Transport.S3_FILE, MADE_UP)  # type: ignore[arg-type]
    with listening(handle) as api:
        yield api


def test_an_api_is_told_of_its_made_up_identifiers(api: FakeApi) -> None:
    found = send(url=api.url, secret=KEY, transport=Transport.S3_FILE, settings={"list": "12"})
    assert found.outcome is AttemptOutcome.ACCEPTED
    assert [request.method for request in api.requests] == ["POST", "DELETE"]
    assert api.requests[1].query == {"id": ["nobody-7"], "as": ["consent.revoked"]}
    first, second = found.exchanges
    assert first.body == f"client_secret={MASK}"
    assert MASK in first.answer_body
    assert dict(second.headers)["Authorization"] == f"Bearer {MASK}"
    assert second.answer_body == '{"deleted": 1}'
    for text in (KEY, "ya29.short-lived"):
        assert text not in repr(found)


def test_settings_are_checked_before_anything_leaves(api: FakeApi) -> None:
    with pytest.raises(operations.EndpointInvalid) as error:
        send(url=api.url, secret=KEY, transport=Transport.S3_FILE, settings={"list": "x"})
    assert list(error.value.fields) == ["settings.list"]
    assert not api.requests


def test_a_partner_that_fetches_is_not_sent_to(
    site_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = Profile(
        name="Pulled",
        effect=Effect.TELL,
        erasure_effect=Effect.TELL,
        confirms_by=(ConfirmsBy.RESPONSE,),
        source="nowhere",
        has_url=False,
        is_pulled=True,
    )
    way = base.Way(profile=profile, send=_ask_twice)
    monkeypatch.setitem(TRANSPORTS, Transport.S3_FILE, way)  # type: ignore[arg-type]
    with pytest.raises(operations.EndpointInvalid) as error:
        send(url="", secret=None, transport=Transport.S3_FILE)
    assert list(error.value.fields) == ["transport"]


def test_a_transport_that_breaks_is_an_outcome(
    site_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*, parcel: Parcel, client: OutboundClient) -> Sequence[Reply]:
        raise KeyError("no such thing")

    way = base.Way(profile=MADE_UP.profile, send=broken)
    monkeypatch.setitem(TRANSPORTS, Transport.S3_FILE, way)  # type: ignore[arg-type]
    found = send(
        url="https://api.adco.example",
        secret=KEY,
        transport=Transport.S3_FILE,
        settings={"list": "1"},
    )
    assert (found.outcome, found.error) == (AttemptOutcome.UNREACHABLE, "KeyError")
    assert found.exchanges == ()


def test_what_is_tried_can_be_saved(listener: FakePartner) -> None:
    send(url=listener.url)
    set_endpoint(listener)
    moment = timezone.now() - timedelta(minutes=1)
    assert list(
        Entry.objects.filter(at__gte=moment).order_by("pk").values_list("action", flat=True)
    ) == ["endpoint.tested", "endpoint.added"]
