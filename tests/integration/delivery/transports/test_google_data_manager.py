"""Removing people from Google's audiences, against the published contract."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.factories import parcels
from tests.factories.parcels import NONSENSE, message
from tests.partner_apis.base import Answer, ask
from tests.partner_apis.google_accounts import error
from tests.partner_apis.google_data_manager import GoogleDataManager
from tracking.delivery.transports.google_data_manager import (
    FIRST_LOOK,
    NEXT_LOOK,
    PROFILE,
    WAY,
)
from tracking.delivery.types import AttemptOutcome, Effect, Message, Parcel, Reply

SETTINGS = {
    "account_type": "GOOGLE_ADS",
    "account_id": "1234567890",
    "login_account_id": "",
    "audience_ids": "111, 222",
}
EMAIL = hashlib.sha256(b"taro@shop.example").hexdigest()
PHONE = hashlib.sha256(b"+819012345678").hexdigest()


@pytest.fixture
def google() -> Iterator[GoogleDataManager]:
    with GoogleDataManager().here() as listening:
        yield listening


def parcel(google: GoogleDataManager, *messages: Message, **settings: str) -> Parcel:
    # The attempt dates the assertion, and who checks it has a real clock.
    place = {"url": google.url, "secret": google.secret, "attempted_at": datetime.now(tz=UTC)}
    return parcels.parcel(*messages, **place, **SETTINGS | settings)


def send(google: GoogleDataManager, *messages: Message, **settings: str) -> list[Reply]:
    return parcels.send(WAY, parcel(google, *messages, **settings))


def check(google: GoogleDataManager, *tickets: str) -> list[Reply]:
    messages = [message(ticket=ticket, email_sha256=EMAIL) for ticket in tickets]
    return parcels.check(WAY, parcel(google, *messages))


def sent(google: GoogleDataManager) -> dict[str, Any]:
    [body] = google.removed.values()
    return body


# --- the fake keeps the contract -------------------------------------------------------------

DESTINATION = {
    "operatingAccount": {"accountType": "GOOGLE_ADS", "accountId": "1234567890"},
    "productDestinationId": "111",
}
MEMBER = {"userData": {"userIdentifiers": [{"emailAddress": EMAIL}]}}
BODY = {"destinations": [DESTINATION], "audienceMembers": [MEMBER], "encoding": "HEX"}


def member(*identifiers: dict[str, str]) -> dict[str, Any]:
    return {"audienceMembers": [{"userData": {"userIdentifiers": list(identifiers)}}]}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 200),
        ({"audienceMembers": [MEMBER] * 10_000}, 200),
        ({"audienceMembers": [MEMBER] * 10_001}, 400),
        ({"audienceMembers": []}, 400),
        ({"destinations": []}, 400),
        ({"destinations": [DESTINATION] * 11}, 400),
        ({"destinations": [{**DESTINATION, "productDestinationId": "9"}]}, 400),
        ({"destinations": [{**DESTINATION, "operatingAccount": {"accountId": "1234567890"}}]}, 400),
        ({"destinations": [{**DESTINATION, "loginAccount": "x"}]}, 400),
        (
            {
                "destinations": [
                    {
                        **DESTINATION,
                        "operatingAccount": {"accountType": "GOOGLE_ADS", "accountId": "1"},
                    }
                ]
            },
            403,
        ),
        ({"encoding": "BASE64"}, 400),
        ({"encoding": None}, 400),
        ({"operation": "remove"}, 400),
        (member({"emailAddress": EMAIL}, {"phoneNumber": PHONE}), 200),
        (member(), 400),
        (member({"emailAddress": "taro@shop.example"}), 400),
        (member({"emailAddress": EMAIL[:-1]}), 400),
        (member({"emailAddress": EMAIL, "phoneNumber": PHONE}), 400),
        (member(*[{"emailAddress": EMAIL}] * 11), 400),
        ({"audienceMembers": [{"mobileData": {"mobileIds": ["x"]}}]}, 400),
        # One malformed record, and all the others are refused with it.
        ({"audienceMembers": [MEMBER, *member({"emailAddress": "x"})["audienceMembers"]]}, 400),
    ],
)
def test_the_fake_refuses_what_the_contract_refuses(
    google: GoogleDataManager, change: dict[str, Any], status: int
) -> None:
    google.accounts.tokens.add("good")
    answer = ask(
        google.url + "/v1/audienceMembers:remove",
        headers={"Authorization": "Bearer good", "Content-Type": "application/json"},
        body=BODY | change,
    )
    assert answer.status == status
    assert len(google.removed) == (status == 200)


@pytest.mark.parametrize(
    ("method", "path", "token", "status"),
    [
        ("GET", "/v1/requestStatus:retrieve?requestId=unknown", "good", 400),
        ("GET", "/v1/requestStatus:retrieve", "good", 400),
        ("POST", "/v1/requestStatus:retrieve?requestId=unknown", "good", 404),
        ("GET", "/v1/requestStatus:retrieve?requestId=unknown", "bad", 401),
        ("POST", "/v1/audienceMembers:ingest", "good", 404),
        ("POST", "/v1/audienceMembers:remove", "bad", 401),
    ],
)
def test_the_fake_refuses_other_calls(
    google: GoogleDataManager, method: str, path: str, token: str, status: int
) -> None:
    google.accounts.tokens.add("good")
    headers = {"Authorization": f"Bearer {token}"}
    assert ask(google.url + path, method=method, headers=headers).status == status


# --- the transport keeps it ------------------------------------------------------------------


def test_people_are_removed_from_every_audience_in_one_request(google: GoogleDataManager) -> None:
    both = message(email_sha256=EMAIL.upper(), phone_sha256=f" {PHONE} ", fbp="fb.1.2.3")
    replies = send(google, message(email_sha256=EMAIL), both, message(phone_sha256=PHONE))
    [ticket] = google.removed
    assert replies == [replies[0]] * 3
    assert (replies[0].status, replies[0].outcome) == (200, AttemptOutcome.ACCEPTED)
    assert (replies[0].ticket, replies[0].check_after) == (ticket, FIRST_LOOK)
    assert sent(google) == {
        "destinations": [DESTINATION, {**DESTINATION, "productDestinationId": "222"}],
        "audienceMembers": [
            MEMBER,
            {"userData": {"userIdentifiers": [{"emailAddress": EMAIL}, {"phoneNumber": PHONE}]}},
            {"userData": {"userIdentifiers": [{"phoneNumber": PHONE}]}},
        ],
        "encoding": "HEX",
    }


def test_a_manager_account_is_named_where_there_is_one(google: GoogleDataManager) -> None:
    [reply] = send(
        google,
        message(email_sha256=EMAIL),
        audience_ids="111",
        login_account_id="42",
    )
    assert reply.outcome is AttemptOutcome.ACCEPTED
    login = {"accountType": "GOOGLE_ADS", "accountId": "42"}
    assert sent(google)["destinations"] == [{**DESTINATION, "loginAccount": login}]


def test_a_whole_parcel_stays_within_the_limits(google: GoogleDataManager) -> None:
    many = [message(email_sha256=EMAIL, phone_sha256=PHONE) for _ in range(PROFILE.most_at_once)]
    audiences = ",".join(["111", "222"] * 5)
    assert {reply.status for reply in send(google, *many, audience_ids=audiences)} == {200}
    assert len(sent(google)["destinations"]) == 10


def test_a_malformed_identifier_does_not_keep_the_others(google: GoogleDataManager) -> None:
    replies = send(
        google,
        message(email_sha256="taro@shop.example"),
        message(email_sha256=EMAIL),
        message(email_sha256=EMAIL, phone_sha256=""),
    )
    assert [reply.outcome for reply in replies] == [
        AttemptOutcome.REJECTED,
        AttemptOutcome.ACCEPTED,
        AttemptOutcome.REJECTED,
    ]
    assert replies[0].error == replies[2].error == "identifier_malformed"
    assert sent(google)["audienceMembers"] == [MEMBER]


def test_nothing_is_asked_with_nothing_to_ask(google: GoogleDataManager) -> None:
    [reply] = send(google, message(phone_sha256="090-1234-5678"))
    assert reply.error == "identifier_malformed"
    assert google.api.requests == []


@pytest.mark.parametrize("answer", [*NONSENSE, Answer(status=200, content={"requestId": ""})])
def test_a_200_without_a_ticket_is_no_success(google: GoogleDataManager, answer: Answer) -> None:
    send(google, message(email_sha256=EMAIL))
    google.api.instead = [answer]
    [reply] = send(google, message(email_sha256=EMAIL))
    assert (reply.outcome, reply.error) == (AttemptOutcome.UNREACHABLE, "unreadable_answer")


@pytest.mark.parametrize(
    "answer",
    [
        error(400, "INVALID_ARGUMENT", reason="INVALID_USER_LIST_ID"),
        error(403, "PERMISSION_DENIED", reason="PERMISSION_DENIED"),
        error(429, "RESOURCE_EXHAUSTED"),
        error(503, "UNAVAILABLE"),
    ],
)
def test_refusals_speak_by_their_status(google: GoogleDataManager, answer: Answer) -> None:
    send(google, message(email_sha256=EMAIL))
    google.api.instead = [answer]
    [reply] = send(google, message(email_sha256=EMAIL))
    assert (reply.status, reply.outcome, reply.ticket) == (answer.status, None, "")


# --- what became of it -----------------------------------------------------------------------


@pytest.fixture
def ticket(google: GoogleDataManager) -> str:
    [reply] = send(google, message(email_sha256=EMAIL))
    return reply.ticket


@pytest.mark.parametrize(
    ("states", "outcome"),
    [
        (["PROCESSING", "PROCESSING"], AttemptOutcome.PENDING),
        (["SUCCESS", "PROCESSING"], AttemptOutcome.PENDING),
        (["FAILED", "PROCESSING"], AttemptOutcome.PENDING),
        (["SUCCESS", "REQUEST_STATUS_UNKNOWN"], AttemptOutcome.PENDING),
        (["SUCCESS", "SOMETHING_NEW"], AttemptOutcome.PENDING),
        (["SUCCESS", "SUCCESS"], AttemptOutcome.DONE),
        (["SUCCESS", "FAILED"], AttemptOutcome.FAILED),
        (["SUCCESS", "PARTIAL_SUCCESS"], AttemptOutcome.FAILED),
        (["FAILED", "FAILED"], AttemptOutcome.FAILED),
    ],
)
def test_every_audience_must_be_done(
    google: GoogleDataManager, ticket: str, states: list[str], outcome: AttemptOutcome
) -> None:
    google.states[ticket] = states
    [reply] = check(google, ticket)
    assert (reply.status, reply.outcome, reply.ticket) == (200, outcome, ticket)
    assert reply.check_after == (NEXT_LOOK if outcome is AttemptOutcome.PENDING else None)


def test_many_messages_of_one_request_are_one_question(
    google: GoogleDataManager, ticket: str
) -> None:
    [other] = send(google, message(phone_sha256=PHONE))
    google.states[ticket] = ["SUCCESS", "SUCCESS"]
    google.api.requests.clear()
    replies = check(google, ticket, other.ticket, ticket)
    assert [reply.outcome for reply in replies] == [
        AttemptOutcome.DONE,
        AttemptOutcome.PENDING,
        AttemptOutcome.DONE,
    ]
    assert [request.query["requestId"] for request in google.api.requests] == [
        [ticket],
        [other.ticket],
    ]


def test_trouble_ends_the_questions(google: GoogleDataManager, ticket: str) -> None:
    [other] = send(google, message(phone_sha256=PHONE))
    google.api.requests.clear()
    google.api.instead = [Answer(status=503)]
    assert [reply.status for reply in check(google, ticket, other.ticket)] == [503, 503]
    assert len(google.api.requests) == 1


def test_a_request_that_google_does_not_know_has_failed(google: GoogleDataManager) -> None:
    [reply] = check(google, "req & gone/1")
    assert (reply.status, reply.outcome) == (400, AttemptOutcome.FAILED)
    assert google.api.requests[-1].query == {"requestId": ["req & gone/1"]}


def test_no_states_yet_is_not_done(google: GoogleDataManager, ticket: str) -> None:
    google.api.instead = [Answer(status=200, content={})]
    assert check(google, ticket)[0].outcome is AttemptOutcome.PENDING


@pytest.mark.parametrize(
    "answer",
    [
        # Of an object without states one may be sure that it says none.
        *(one for one in NONSENSE if one.id != "empty object"),
        Answer(status=200, content={"requestStatusPerDestination": "SUCCESS"}),
        Answer(status=200, content={"requestStatusPerDestination": ["SUCCESS"]}),
    ],
)
def test_nonsense_is_not_done(google: GoogleDataManager, ticket: str, answer: Answer) -> None:
    google.api.instead = [answer]
    [reply] = check(google, ticket)
    assert (reply.outcome, reply.error) == (AttemptOutcome.UNREACHABLE, "unreadable_answer")


@pytest.mark.parametrize("state", [5, None, ["SUCCESS"], {"a": 1}])
def test_a_state_of_another_type_is_not_done(
    google: GoogleDataManager, ticket: str, state: Any
) -> None:
    content = {"requestStatusPerDestination": [{"requestStatus": state}]}
    google.api.instead = [Answer(status=200, content=content)]
    assert check(google, ticket)[0].outcome is AttemptOutcome.PENDING


@pytest.mark.parametrize("status", [403, 429, 500])
def test_a_failure_to_ask_speaks_by_its_status(
    google: GoogleDataManager, ticket: str, status: int
) -> None:
    google.api.instead = [Answer(status=status)]
    [reply] = check(google, ticket)
    assert (reply.status, reply.outcome) == (status, None)


# --- what an operator reads ------------------------------------------------------------------


def test_it_never_says_that_it_erases() -> None:
    assert (PROFILE.effect, PROFILE.erasure_effect) == (Effect.STOP, Effect.STOP)


def test_the_examples_fit_their_patterns() -> None:
    for setting in PROFILE.settings:
        assert re.fullmatch(setting.pattern, setting.example)
    audiences = PROFILE.settings[-1].pattern
    assert re.fullmatch(audiences, ",".join(["1"] * 10))
    assert not re.fullmatch(audiences, ",".join(["1"] * 11))


def test_the_sample_can_be_sent(google: GoogleDataManager) -> None:
    assert PROFILE.sample is not None
    assert send(google, message(**PROFILE.sample))[0].outcome is AttemptOutcome.ACCEPTED
