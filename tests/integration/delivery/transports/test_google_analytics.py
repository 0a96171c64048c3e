"""User deletion at Google Analytics, against the published contract."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.factories import parcels
from tests.factories.parcels import NONSENSE, message
from tests.partner_apis.base import Answer, ask
from tests.partner_apis.google_accounts import error
from tests.partner_apis.google_analytics import GoogleAnalytics
from tracking.delivery.transports.google_analytics import PROFILE, WAY
from tracking.delivery.types import AttemptOutcome, Message, Reply

SETTINGS = {"property_id": "123456789"}
PATH = "/v1alpha/properties/123456789:submitUserDeletion"
CLIENT_ID = "1111111111.1700000000"


@pytest.fixture
def google() -> Iterator[GoogleAnalytics]:
    with GoogleAnalytics().here() as listening:
        yield listening


def send(google: GoogleAnalytics, one: Message) -> Reply:
    # The attempt dates the assertion, and who checks it has a real clock.
    place = {"url": google.url, "secret": google.secret, "attempted_at": datetime.now(tz=UTC)}
    [reply] = parcels.send(WAY, parcels.parcel(one, **place, **SETTINGS))
    return reply


def deleted(google: GoogleAnalytics) -> list[tuple[str, str]]:
    return [(name, value) for _, name, value in google.deleted]


# --- the fake keeps the contract -------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 200),
        ({"method": "DELETE"}, 404),
        ({"path": "/v1beta/properties/123456789:submitUserDeletion"}, 404),
        ({"path": PATH + "?key=x"}, 404),
        ({"path": PATH.replace("123456789", "1")}, 403),
        ({"headers": {"Authorization": "Bearer other"}}, 401),
        ({"headers": {"Authorization": ""}}, 401),
        ({"headers": {"Content-Type": "text/plain"}}, 400),
        ({"body": b"not json"}, 400),
        ({"body": b"{}"}, 400),
        ({"body": b'{"clientId":"1.2","userId":"x"}'}, 400),
        ({"body": b'{"client_id":"1.2"}'}, 400),
        ({"body": b'{"clientId":""}'}, 400),
        ({"body": b'{"clientId":5}'}, 400),
    ],
)
def test_the_fake_refuses_what_the_contract_refuses(
    google: GoogleAnalytics, change: dict[str, Any], status: int
) -> None:
    google.accounts.tokens.add("good")
    headers = {"Authorization": "Bearer good", "Content-Type": "application/json"}
    answer = ask(
        google.url + change.get("path", PATH),
        method=change.get("method", "POST"),
        headers=headers | change.get("headers", {}),
        body=change.get("body", b'{"clientId":"1.2"}'),
    )
    assert answer.status == status
    assert len(google.deleted) == (status == 200)


def test_the_fake_takes_500_deletions_a_day(google: GoogleAnalytics) -> None:
    google.most_a_day = 0
    assert send(google, message(ga_client_id=CLIENT_ID)).status == 429


# --- the transport keeps it ------------------------------------------------------------------


def test_it_asks_for_the_deletion_of_a_client_id(google: GoogleAnalytics) -> None:
    reply = send(google, message(ga_client_id=CLIENT_ID))
    assert (reply.status, reply.outcome, reply.error) == (200, AttemptOutcome.ACCEPTED, "")
    assert google.deleted == [("123456789", "clientId", CLIENT_ID)]
    assert google.api.requests[-1].headers["user-agent"].startswith("ConsentManager/")


def test_it_deletes_every_id_that_the_message_holds(google: GoogleAnalytics) -> None:
    send(google, message(ga_user_id=" member-7 ", ga_client_id=CLIENT_ID, fbp="fb.1.2.3"))
    assert deleted(google) == [("clientId", CLIENT_ID), ("userId", "member-7")]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("GA1.1.1111111111.1700000000", CLIENT_ID),
        ("GA1.2-2.1111111111.1700000000", CLIENT_ID),
        (" 1111111111.1700000000\n", CLIENT_ID),
        ("my-own-id", "my-own-id"),
    ],
)
def test_the_raw_cookie_will_do(google: GoogleAnalytics, given: str, meant: str) -> None:
    assert send(google, message(ga_client_id=given)).outcome is AttemptOutcome.ACCEPTED
    assert deleted(google) == [("clientId", meant)]


@pytest.mark.parametrize("given", ["", " ", "GA1.1.1111111111", "GA1.1.x.y", "x" * 257])
def test_what_is_no_id_is_not_sent(google: GoogleAnalytics, given: str) -> None:
    reply = send(google, message(ga_client_id=given))
    assert (reply.outcome, reply.error) == (AttemptOutcome.REJECTED, "identifier_malformed")
    assert google.api.requests == []


def test_one_malformed_id_does_not_keep_the_other(google: GoogleAnalytics) -> None:
    reply = send(google, message(ga_client_id="GA1.1.x.y", ga_user_id="member-7"))
    assert reply.outcome is AttemptOutcome.REJECTED
    assert deleted(google) == [("userId", "member-7")]


def test_half_a_success_is_none(google: GoogleAnalytics) -> None:
    google.most_a_day = 1
    reply = send(google, message(ga_client_id=CLIENT_ID, ga_user_id="member-7"))
    assert (reply.status, reply.outcome) == (429, None)


def test_trouble_that_would_repeat_is_not_asked_for_twice(google: GoogleAnalytics) -> None:
    send(google, message(ga_user_id="who brings the token"))
    google.api.instead = [Answer(status=503)]
    assert send(google, message(ga_client_id=CLIENT_ID, ga_user_id="member-7")).status == 503
    assert deleted(google) == [("userId", "who brings the token")]


# --- answers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "outcome", "word"),
    [
        (error(403, "PERMISSION_DENIED"), None, ""),
        (error(403, "PERMISSION_DENIED", reason="SERVICE_DISABLED"), None, ""),
        (error(404, "NOT_FOUND"), None, ""),
        (error(400, "INVALID_ARGUMENT"), None, ""),
        (error(503, "UNAVAILABLE"), None, ""),
        (
            error(403, "PERMISSION_DENIED", reason="RATE_LIMIT_EXCEEDED"),
            AttemptOutcome.UNREACHABLE,
            "quota_exceeded",
        ),
        (
            Answer(
                status=403,
                content={"error": {"code": 403, "errors": [{"reason": "quotaExceeded"}]}},
                headers={"Retry-After": "120"},
            ),
            AttemptOutcome.UNREACHABLE,
            "quota_exceeded",
        ),
        (Answer(status=403, content=b"<html>"), None, ""),
        (Answer(status=403, content={"error": "denied"}), None, ""),
        (Answer(status=403, content={"error": {"errors": ["x", {"reason": 5}]}}), None, ""),
    ],
)
def test_quotas_are_for_later_and_the_rest_speaks_by_its_status(
    google: GoogleAnalytics, answer: Answer, outcome: AttemptOutcome | None, word: str
) -> None:
    send(google, message(ga_user_id="who brings the token"))
    google.api.instead = [answer]
    reply = send(google, message(ga_client_id=CLIENT_ID))
    assert (reply.status, reply.outcome, reply.error) == (answer.status, outcome, word)
    assert reply.retry_after == answer.headers.get("Retry-After", "")


@pytest.mark.parametrize("answer", NONSENSE)
def test_a_200_that_says_nothing_is_no_success(google: GoogleAnalytics, answer: Answer) -> None:
    send(google, message(ga_user_id="who brings the token"))
    google.api.instead = [answer]
    reply = send(google, message(ga_client_id=CLIENT_ID))
    assert (reply.outcome, reply.error) == (AttemptOutcome.UNREACHABLE, "unreadable_answer")


def test_no_answer_is_for_later() -> None:
    with GoogleAnalytics().here() as gone:
        pass
    reply = send(gone, message(ga_client_id=CLIENT_ID))
    assert (reply.status, reply.outcome, reply.error) == (None, None, "connect")


# --- what an operator reads ------------------------------------------------------------------


def test_the_examples_fit_their_patterns(google: GoogleAnalytics) -> None:
    for setting in PROFILE.settings:
        assert re.fullmatch(setting.pattern, setting.example)
    assert PROFILE.secret is not None
    assert re.fullmatch(PROFILE.secret.pattern, json.dumps(json.loads(google.secret), indent=2))
    assert not re.fullmatch(PROFILE.secret.pattern, "{}")
    assert not re.fullmatch(PROFILE.settings[0].pattern, "G-ABC123")


def test_the_sample_can_be_sent(google: GoogleAnalytics) -> None:
    assert PROFILE.sample is not None
    assert send(google, message(**PROFILE.sample)).outcome is AttemptOutcome.ACCEPTED
