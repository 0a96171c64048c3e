"""Segment is told as its contract says, and its answers are read with care."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.factories import parcels
from tests.factories.parcels import ERASED, NONSENSE, message
from tests.partner_apis.base import Answer, ask
from tests.partner_apis.segment import CONTENT_TYPE, SOURCE, TOKEN, Segment
from tracking.delivery.transports import TRANSPORTS, segment
from tracking.delivery.types import AttemptOutcome, Message, Parcel, Reply, Transport

HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": CONTENT_TYPE}
BODY = {"regulationType": "SUPPRESS_ONLY", "subjectType": "USER_ID", "subjectIds": ["u1"]}


@pytest.fixture
def partner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Segment]:
    monkeypatch.setattr(segment, "PROFILE", replace(segment.PROFILE, pause=timedelta(0)))
    with Segment().here() as listening:
        yield listening


def parcel(partner: Segment, *messages: Message, **settings: str) -> Parcel:
    return parcels.parcel(*messages, url=partner.url, secret=TOKEN, **settings)


def send(partner: Segment, *messages: Message, **settings: str) -> list[Reply]:
    return parcels.send(segment.WAY, parcel(partner, *messages, **settings))


def check(partner: Segment, *messages: Message) -> list[Reply]:
    return parcels.check(segment.WAY, parcel(partner, *messages))


@pytest.mark.parametrize(
    ("status", "change"),
    [
        (200, {}),
        (401, {"headers": {**HEADERS, "Authorization": "Bearer other"}}),
        (401, {"headers": {"Content-Type": CONTENT_TYPE}}),
        (415, {"headers": {**HEADERS, "Content-Type": "text/plain"}}),
        (404, {"path": "/regulation"}),
        (404, {"method": "PUT"}),
        (422, {"body": b"{"}),
        (422, {"body": {**BODY, "regulationType": "SUPPRESS"}}),
        (422, {"body": {**BODY, "subjectType": "ANONYMOUS_ID"}}),
        (422, {"body": {**BODY, "subjectIds": []}}),
        (422, {"body": {**BODY, "subjectIds": [7]}}),
        (422, {"body": {**BODY, "subjectIds": ["u"] * 5001}}),
        (422, {"body": {**BODY, "more": 1}}),
    ],
)
def test_the_fake_refuses_what_the_contract_refuses(
    partner: Segment, status: int, change: dict[str, Any]
) -> None:
    asked = {"method": "POST", "headers": HEADERS, "body": BODY, **change}
    path = asked.pop("path", "/regulations")
    assert ask(partner.url + path, **asked).status == status


def test_the_transport_is_in_the_table() -> None:
    assert TRANSPORTS[Transport.SEGMENT] is segment.WAY


def test_withdrawals_are_suppressed_and_erasures_deleted(partner: Segment) -> None:
    replies = send(
        partner,
        message(user_id="u1"),
        message(ERASED, user_id="u2"),
        message(user_id="u3"),
        message(user_id="u1"),
    )

    assert list(partner.regulations.values()) == [
        {
            "regulationType": "SUPPRESS_ONLY",
            "subjectType": "USER_ID",
            "subjectIds": ["u1", "u3"],
            "path": "/regulations",
        },
        {
            "regulationType": "SUPPRESS_WITH_DELETE",
            "subjectType": "USER_ID",
            "subjectIds": ["u2"],
            "path": "/regulations",
        },
    ]
    assert [reply.ticket for reply in replies] == [
        "SUPPRESS_ONLY_1",
        "SUPPRESS_WITH_DELETE_2",
        "SUPPRESS_ONLY_1",
        "SUPPRESS_ONLY_1",
    ]
    assert {reply.outcome for reply in replies} == {AttemptOutcome.ACCEPTED}
    assert replies[0].check_after == timedelta(hours=1)
    assert replies[1].check_after == timedelta(hours=12)


def test_a_full_parcel_keeps_the_limit(partner: Segment) -> None:
    messages = [message(user_id=f"u{number}") for number in range(segment.PROFILE.most_at_once)]
    replies = send(partner, *messages)
    assert len(replies) == 5000
    assert {reply.outcome for reply in replies} == {AttemptOutcome.ACCEPTED}


def test_one_source_can_be_regulated_alone(partner: Segment) -> None:
    send(partner, message(user_id="u1"), source_id=SOURCE)
    [regulation] = partner.regulations.values()
    assert regulation["path"] == f"/regulations/sources/{SOURCE}"


def test_a_slash_after_the_address_does_no_harm(partner: Segment) -> None:
    what = parcel(partner, message(user_id="u1"))
    [reply] = parcels.send(
        segment.WAY, replace(what, place=replace(what.place, url=partner.url + "/"))
    )
    assert reply.outcome is AttemptOutcome.ACCEPTED


@pytest.mark.parametrize("secret", ["", "two words", "秘密", "line\nbreak"])
def test_a_secret_that_cannot_be_one_is_not_sent(partner: Segment, secret: str) -> None:
    what = parcels.parcel(message(user_id="u1", ticket="t"), url=partner.url, secret=secret)
    for replies in (parcels.send(segment.WAY, what), parcels.check(segment.WAY, what)):
        assert [(reply.status, reply.error) for reply in replies] == [(None, "secret_unreadable")]
    assert partner.api.requests == []


@pytest.mark.parametrize("status", [401, 403, 404, 422, 429, 500])
def test_a_refusal_is_left_to_the_status(partner: Segment, status: int) -> None:
    refusal = Answer(status=status, content={"errors": []}, headers={"Retry-After": "7"})
    partner.api.instead = [refusal, refusal]
    replies = [*send(partner, message(user_id="u1")), *check(partner, message(ticket="t"))]
    assert [(r.status, r.outcome, r.retry_after) for r in replies] == [(status, None, "7")] * 2


def test_a_partner_that_counts_is_not_asked_for_the_rest(partner: Segment) -> None:
    partner.api.instead = [Answer(status=429, headers={"Retry-After": "60"})]
    replies = send(partner, message(user_id="u1"), message(ERASED, user_id="u2"))
    assert [(reply.status, reply.retry_after) for reply in replies] == [(429, "60")] * 2
    assert len(partner.api.requests) == 1


@pytest.mark.parametrize("answer", NONSENSE)
def test_nonsense_is_no_yes(partner: Segment, answer: Answer) -> None:
    partner.api.instead = [answer, answer]
    replies = [*send(partner, message(user_id="u1")), *check(partner, message(ticket="t"))]
    assert {(reply.outcome, reply.error) for reply in replies} == {
        (AttemptOutcome.UNREACHABLE, "unreadable_answer")
    }


@pytest.mark.parametrize("number", ["", "a b", "x" * 201, "番号", "a\n"])
def test_a_number_that_cannot_be_kept_is_no_ticket(partner: Segment, number: str) -> None:
    partner.api.instead = [Answer(status=200, content={"data": {"regulateId": number}})]
    [reply] = send(partner, message(user_id="u1"))
    assert (reply.outcome, reply.ticket) == (AttemptOutcome.UNREACHABLE, "")


def test_nobody_at_home_is_a_reply_too() -> None:
    what = parcels.parcel(message(user_id="u", ticket="t"), url="http://127.0.0.1:1", secret=TOKEN)
    for replies in (parcels.send(segment.WAY, what), parcels.check(segment.WAY, what)):
        assert [(reply.status, reply.outcome) for reply in replies] == [(None, None)]


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ({"overallStatus": "INITIALIZED"}, AttemptOutcome.PENDING),
        ({"overallStatus": "RUNNING"}, AttemptOutcome.PENDING),
        ({"overallStatus": "FINISHED"}, AttemptOutcome.DONE),
        ({"overallStatus": "INVALID"}, AttemptOutcome.FAILED),
        ({"overallStatus": "NOT_SUPPORTED"}, AttemptOutcome.FAILED),
        ({"overallStatus": "FAILED"}, AttemptOutcome.FAILED),
        ({"overallStatus": "NEW_WORD"}, AttemptOutcome.UNREACHABLE),
        (
            {"overallStatus": "FAILED", "streamStatus": [{"destinationStatus": []}]},
            AttemptOutcome.FAILED,
        ),
    ],
)
def test_the_state_of_a_regulation_is_asked(
    partner: Segment, state: dict[str, Any], outcome: AttemptOutcome
) -> None:
    [sent] = send(partner, message(user_id="u1"))
    partner.statuses[sent.ticket] = state
    [reply] = check(partner, message(user_id="u1", ticket=sent.ticket))
    assert reply.outcome is outcome
    assert (reply.check_after is not None) == (outcome is AttemptOutcome.PENDING)


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        (["FINISHED", "NOT_SUPPORTED"], AttemptOutcome.DONE),
        (["NOT_SUPPORTED"], AttemptOutcome.FAILED),
        (["FINISHED", "FAILED"], AttemptOutcome.FAILED),
        (["FINISHED", "RUNNING"], AttemptOutcome.FAILED),
        (["FINISHED", {}], AttemptOutcome.FAILED),
    ],
)
def test_destinations_that_cannot_delete_do_not_make_it_a_failure(
    partner: Segment, statuses: list[Any], outcome: AttemptOutcome
) -> None:
    [sent] = send(partner, message(ERASED, user_id="u1"))
    partner.statuses[sent.ticket] = {
        "overallStatus": "FAILED",
        "streamStatus": [
            {"id": "s", "destinationStatus": [{"name": "d", "status": one}]} for one in statuses
        ],
    }
    [reply] = check(partner, message(ERASED, user_id="u1", ticket=sent.ticket))
    assert reply.outcome is outcome


def test_each_regulation_is_asked_for_once(partner: Segment) -> None:
    first, second = send(partner, message(user_id="u1"), message(ERASED, user_id="u2"))
    partner.statuses[second.ticket] = {"overallStatus": "FINISHED"}
    partner.api.requests.clear()

    replies = check(
        partner,
        message(ticket=first.ticket),
        message(ERASED, ticket=second.ticket),
        message(ticket=first.ticket),
    )

    assert [reply.outcome for reply in replies] == [
        AttemptOutcome.PENDING,
        AttemptOutcome.DONE,
        AttemptOutcome.PENDING,
    ]
    assert len(partner.api.requests) == 2


def test_a_strange_ticket_stays_one_piece_of_the_path(partner: Segment) -> None:
    [reply] = check(partner, message(ticket="../sources?x"))
    assert reply.status == 404
    assert partner.api.requests[0].path == "/regulations/..%2Fsources%3Fx"
