"""Mixpanel is told as its contract says, and its answers are read with care."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from tests.factories import parcels
from tests.factories.parcels import ERASED, NONSENSE, message
from tests.partner_apis.base import Answer, ask
from tests.partner_apis.mixpanel import OAUTH, PATH, PROJECT, Mixpanel
from tracking.delivery.transports import TRANSPORTS, mixpanel
from tracking.delivery.types import AttemptOutcome, Message, Parcel, Reply, Transport

HEADERS = {"Authorization": f"Bearer {OAUTH}", "Content-Type": "application/json"}
QUERY = f"?token={PROJECT}"


@pytest.fixture
def partner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mixpanel]:
    monkeypatch.setattr(mixpanel, "PROFILE", replace(mixpanel.PROFILE, pause=timedelta(0)))
    with Mixpanel().here() as listening:
        yield listening


def parcel(partner: Mixpanel, *messages: Message, **settings: str) -> Parcel:
    settings = {"project_token": PROJECT, **settings}
    return parcels.parcel(*messages, url=partner.url, secret=OAUTH, **settings)


def send(partner: Mixpanel, *messages: Message, **settings: str) -> list[Reply]:
    return parcels.send(mixpanel.WAY, parcel(partner, *messages, **settings))


def check(partner: Mixpanel, *messages: Message) -> list[Reply]:
    return parcels.check(mixpanel.WAY, parcel(partner, *messages))


@pytest.mark.parametrize(
    ("status", "path", "change"),
    [
        (201, f"{PATH}/{QUERY}", {}),
        (201, f"{PATH}{QUERY}", {}),
        (401, f"{PATH}/{QUERY}", {"headers": {**HEADERS, "Authorization": OAUTH}}),
        (403, f"{PATH}/", {}),
        (403, f"{PATH}/?token=other", {}),
        (404, f"/api/app/data-deletions/v2.0/{QUERY}", {}),
        (405, f"{PATH}/{QUERY}", {"method": "GET"}),
        (405, f"{PATH}/task-1{QUERY}", {}),
        (400, f"{PATH}/{QUERY}", {"headers": {**HEADERS, "Content-Type": "text/plain"}}),
        (400, f"{PATH}/{QUERY}", {"body": b"{"}),
        (400, f"{PATH}/{QUERY}", {"body": {}}),
        (400, f"{PATH}/{QUERY}", {"body": {"distinct_ids": "d1"}}),
        (400, f"{PATH}/{QUERY}", {"body": {"distinct_ids": [1]}}),
        (400, f"{PATH}/{QUERY}", {"body": {"distinct_ids": ["d"] * 2001}}),
        (400, f"{PATH}/{QUERY}", {"body": {"distinct_ids": ["d"], "compliance_type": "APPI"}}),
    ],
)
def test_the_fake_refuses_what_the_contract_refuses(
    partner: Mixpanel, status: int, path: str, change: dict[str, Any]
) -> None:
    asked = {"method": "POST", "headers": HEADERS, "body": {"distinct_ids": ["d1"]}, **change}
    assert ask(partner.url + path, **asked).status == status


def test_the_transport_is_in_the_table() -> None:
    assert TRANSPORTS[Transport.MIXPANEL] is mixpanel.WAY


def test_one_task_deletes_everybody(partner: Mixpanel) -> None:
    replies = send(
        partner,
        message(mixpanel_distinct_id="d1"),
        message(ERASED, mixpanel_distinct_id="d2"),
        message(mixpanel_distinct_id="d1"),
    )

    assert [(reply.outcome, reply.ticket) for reply in replies] == [
        (AttemptOutcome.ACCEPTED, "task-1")
    ] * 3
    assert replies[0].check_after == timedelta(hours=12)
    assert partner.tasks == {"task-1": {"distinct_ids": ["d1", "d2"], "compliance_type": "GDPR"}}


def test_the_law_is_named(partner: Mixpanel) -> None:
    send(partner, message(mixpanel_distinct_id="d1"), compliance_type="CCPA")
    assert partner.tasks["task-1"]["compliance_type"] == "CCPA"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("$device:18a-7c", "$device:18a-7c"),
        (quote(json.dumps({"distinct_id": "$device:18a", "$device_id": "18a"})), "$device:18a"),
        ('{"distinct_id": "member 7"}', "member 7"),
        ('{"distinct_id": 7}', '{"distinct_id": 7}'),
        ("7", "7"),
        ("null", "null"),
        ("[" * 3000, "[" * 3000),
    ],
)
def test_the_cookie_may_be_given_whole(partner: Mixpanel, value: str, found: str) -> None:
    send(partner, message(mixpanel_distinct_id=value))
    assert partner.tasks["task-1"]["distinct_ids"] == [found]


def test_a_full_parcel_keeps_the_limit_and_can_be_asked_about(partner: Mixpanel) -> None:
    messages = [
        message(mixpanel_distinct_id=f"$device:{number:036}")
        for number in range(mixpanel.PROFILE.most_at_once)
    ]
    replies = send(partner, *messages)
    assert len(replies) == 2000
    assert {reply.ticket for reply in replies} == {"task-1"}
    partner.status = "SUCCESS"
    [reply] = check(partner, message(ticket="task-1"))
    assert reply.outcome is AttemptOutcome.DONE


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("PENDING", AttemptOutcome.PENDING),
        ("STAGING", AttemptOutcome.PENDING),
        ("STARTED", AttemptOutcome.PENDING),
        ("UNKNOWN", AttemptOutcome.PENDING),
        ("SUCCESS", AttemptOutcome.DONE),
        ("FAILURE", AttemptOutcome.FAILED),
        ("REVOKED", AttemptOutcome.FAILED),
        ("NEW_WORD", AttemptOutcome.UNREACHABLE),
    ],
)
def test_each_task_is_asked_for_once(
    partner: Mixpanel, status: str, outcome: AttemptOutcome
) -> None:
    [sent] = send(partner, message(mixpanel_distinct_id="d1"))
    partner.status = status
    partner.api.requests.clear()
    replies = check(partner, *[message(ticket=sent.ticket)] * 3)
    assert [reply.outcome for reply in replies] == [outcome] * 3
    assert (replies[0].check_after is not None) == (outcome is AttemptOutcome.PENDING)
    assert len(partner.api.requests) == 1


def test_a_task_that_is_gone_is_a_failure(partner: Mixpanel) -> None:
    [reply] = check(partner, message(ticket="task-9"))
    assert (reply.outcome, reply.error) == (AttemptOutcome.FAILED, "not_found")


def test_a_second_lies_between_two_questions() -> None:
    assert mixpanel.PROFILE.pause == timedelta(seconds=1)
    with Mixpanel().here() as partner:
        began = time.monotonic()
        check(partner, message(ticket="task-1"), message(ticket="task-2"))
        assert time.monotonic() - began >= 1


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
def test_a_refusal_is_left_to_the_status(partner: Mixpanel, status: int) -> None:
    partner.api.instead = [Answer(status=status, content={"error": "no", "status": "error"})] * 2
    replies = [
        *send(partner, message(mixpanel_distinct_id="d1")),
        *check(partner, message(ticket="task-1")),
    ]
    assert [(reply.status, reply.outcome) for reply in replies] == [(status, None)] * 2


@pytest.mark.parametrize("answer", NONSENSE)
def test_nonsense_is_no_yes(partner: Mixpanel, answer: Answer) -> None:
    partner.api.instead = [answer] * 2
    replies = [
        *send(partner, message(mixpanel_distinct_id="d1")),
        *check(partner, message(ticket="task-1")),
    ]
    assert {(reply.outcome, reply.error) for reply in replies} == {
        (AttemptOutcome.UNREACHABLE, "unreadable_answer")
    }


def test_a_secret_that_cannot_be_one_is_not_sent(partner: Mixpanel) -> None:
    what = parcels.parcel(
        message(mixpanel_distinct_id="d1", ticket="task-1"),
        url=partner.url,
        secret="two words",
        project_token=PROJECT,
    )
    for replies in (parcels.send(mixpanel.WAY, what), parcels.check(mixpanel.WAY, what)):
        assert [(reply.status, reply.error) for reply in replies] == [(None, "secret_unreadable")]
    assert partner.api.requests == []


def test_the_credential_is_not_in_the_address(partner: Mixpanel) -> None:
    send(partner, message(mixpanel_distinct_id="d1"))
    [request] = partner.api.requests
    assert request.query == {"token": [PROJECT]}
    assert OAUTH not in request.path
