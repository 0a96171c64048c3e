"""A partner reports back: over HTTP, signed, and as badly as anybody can."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from tests.factories.registry import SITE
from tests.fakes import SECRET, FakePartner, Received, Say
from tests.integration.delivery.conftest import (
    ADCO,
    RETARGETER,
    Tell,
    by_hand,
    deliver,
    set_endpoint,
)
from tracking.delivery import operations, rules
from tracking.delivery.transports import webhook
from tracking.delivery.types import ConfirmsBy
from tracking.outbox.models import OutboxEvent
from tracking.outbox.types import Outcome

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _reports_back(partner: FakePartner) -> None:
    set_endpoint(partner, confirms_by=ConfirmsBy.ACKNOWLEDGEMENT)


def word(event_key: Any, outcome: str = "done") -> bytes:
    return json.dumps(
        {
            "type": "consent.acknowledged",
            "timestamp": timezone.now().isoformat(),
            "data": {"id": event_key, "outcome": outcome},
        }
    ).encode()


def signed(body: bytes, *, secret: str = SECRET, ago: timedelta = timedelta(0)) -> dict[str, str]:
    return webhook.sign(key="ack_1", body=body, secrets=[secret], attempted_at=timezone.now() - ago)


def send(
    body: bytes,
    *,
    headers: dict[str, str] | None = None,
    partner: str = ADCO,
    site: str = SITE,
    content_type: str = "application/json",
) -> Any:
    return Client().post(
        f"/v1/acknowledgements?site={site}&partner={partner}",
        body,
        content_type=content_type,
        headers=signed(body) if headers is None else headers,
    )


@pytest.mark.parametrize(
    ("outcome", "kept"),
    [("done", Outcome.CONFIRMED), ("identifier_not_held", Outcome.IDENTIFIER_NOT_HELD)],
)
def test_a_word_confirms_what_was_sent(tell: Tell, outcome: str, kept: Outcome) -> None:
    event = tell()
    deliver()
    body = word(rules.message_id(event.message_key), outcome)
    for _ in range(2):
        response = send(body)
        assert (response.status_code, response.content) == (204, b"")
    event.refresh_from_db()
    assert event.outcome == kept
    assert event.confirmed_at is not None


def test_a_word_may_come_before_the_answer(partner: FakePartner, tell: Tell) -> None:
    event = tell()

    def confirm_at_once(message: Received) -> Say:
        words.append(message.key)
        return Say(hang_seconds=0.4, status=500)

    words: list[str] = []
    partner.answering = confirm_at_once
    answers: list[int] = []

    def clock() -> Any:
        if words and not answers:
            answers.append(send(word(words[0])).status_code)
        return timezone.now()

    deliver(clock=clock)
    event.refresh_from_db()
    assert answers == [204]
    assert (event.outcome, event.acked_version) == (Outcome.CONFIRMED, 1)
    assert event.lease_token is None


def test_a_word_about_a_replaced_version_changes_nothing(tell: Tell) -> None:
    old = tell(subject="s", version=1)
    deliver()
    tell(subject="s", version=2)
    assert send(word(rules.message_id(old.message_key))).status_code == 204
    event = OutboxEvent.objects.get()
    assert (event.acked_version, event.confirmed_at) == (1, None)


def test_both_secrets_count_while_they_change(tell: Tell) -> None:
    event = tell()
    new = operations.new_secret()
    operations.rotate_secret(
        site=SITE, partner=ADCO, secret=new, keys=settings.CONSENT_KEYS, **by_hand()
    )
    body = word(rules.message_id(event.message_key))
    for secret in (SECRET, new):
        assert send(body, headers=signed(body, secret=secret)).status_code == 204


def test_unknown_messages_partners_and_sites_are_404(tell: Tell) -> None:
    other = tell(partner=RETARGETER)
    for key in (uuid4(), other.message_key):
        response = send(word(rules.message_id(key)))
        assert (response.status_code, response.json()["code"]) == (404, "unknown_message")
    body = word(rules.message_id(other.message_key))
    for names in ({"partner": RETARGETER}, {"partner": "nobody"}, {"site": "nowhere"}):
        response = send(body, **names)
        assert (response.status_code, response.json()["code"]) == (404, "unknown_partner")


def test_bad_signatures_are_401_and_change_nothing(tell: Tell) -> None:
    event = tell()
    body = word(rules.message_id(event.message_key))
    good = signed(body)
    for headers in (
        {},
        signed(body + b" "),
        signed(body, secret=operations.new_secret()),
        signed(body, ago=timedelta(minutes=6)),
        signed(body, ago=-timedelta(minutes=6)),
        {**good, "webhook-id": "other"},
        {**good, "webhook-signature": "nonsense without a comma"},
        {**good, "webhook-signature": "v1,%%%"},
        {**good, "webhook-timestamp": "soon"},
    ):
        response = send(body, headers=headers)
        assert (response.status_code, response.json()["code"]) == (401, "signature_refused")
    event.refresh_from_db()
    assert event.outcome == Outcome.NONE


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"[" * 9000,
        b'{"type":"consent.acknowledged","data":{"id":"msg_1","outcome":"done"}}',
        b'{"type":"consent.acknowledged","data":{"id":"\\u0000","outcome":"done"}}',
        b'{"type":"consent.acknowledged","data":{"id":"\\ud800","outcome":"done"}}',
        b'{"type":"a","type":"consent.acknowledged","data":{}}',
        b'{"type":"consent.acknowledged","data":{"id":1e400,"outcome":"done"}}',
    ],
)
def test_hostile_bodies_are_400_even_when_signed(body: bytes) -> None:
    response = send(body)
    assert (response.status_code, response.json()["code"]) == (400, "invalid")


def test_bytes_that_are_no_text_cannot_have_been_signed() -> None:
    body = b"\xff\xfe\x00"
    assert send(body, headers=signed(b"{}")).status_code == 401


def test_other_types_large_bodies_and_methods() -> None:
    assert send(b"a=b", content_type="application/x-www-form-urlencoded").status_code == 415
    assert send(b"{}", content_type="text/plain").status_code == 415
    assert send(b" " * 17_000).status_code == 413
    assert send(b" " * 200_000).status_code == 413
    assert Client().get(f"/v1/acknowledgements?site={SITE}&partner={ADCO}").status_code == 405


@pytest.mark.parametrize(
    "query",
    [
        "",
        "site=shop",
        "partner=adco",
        "site=a b&partner=adco",
        "site=shop&partner=%00",
        "site=shop&partner=" + "a" * 65,
    ],
)
def test_names_that_are_no_codes_are_400(query: str) -> None:
    response = Client().post(
        f"/v1/acknowledgements?{query}", b"{}", content_type="application/json"
    )
    assert (response.status_code, response.json()["code"]) == (400, "invalid")
