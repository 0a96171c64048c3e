"""Amplitude is told as its contract says, and its answers are read with care."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from tests.factories import parcels
from tests.factories.parcels import ERASED, NONSENSE, message
from tests.partner_apis.amplitude import DAY, DELETIONS, SEARCH, SECRET, Amplitude
from tests.partner_apis.base import Answer, ask
from tracking.delivery.transports import TRANSPORTS, amplitude, base
from tracking.delivery.types import AttemptOutcome, Message, Reply, Transport

HEADERS = {"Authorization": base.basic(SECRET), "Content-Type": "application/json"}
BODY = {"user_ids": ["alice"], "requester": "test"}
WINDOW = "?start_day=2026-04-01&end_day=2026-05-01"
DEVICE = "0b5d6f0a-7c1e-4b1f-9a53-6d6a4b8f2c11"


@pytest.fixture
def partner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Amplitude]:
    monkeypatch.setattr(amplitude, "PROFILE", replace(amplitude.PROFILE, pause=timedelta(0)))
    with Amplitude().here() as listening:
        listening.people = {"alice": 1, "bob": 2}
        listening.devices = {DEVICE: [7], "family": [1, 8], "kiosk": [11, 12, 13, 14, 15, 16]}
        yield listening


def send(partner: Amplitude, *messages: Message, **settings: str) -> list[Reply]:
    return parcels.send(
        amplitude.WAY, parcels.parcel(*messages, url=partner.url, secret=SECRET, **settings)
    )


def check(partner: Amplitude, *messages: Message) -> list[Reply]:
    return parcels.check(amplitude.WAY, parcels.parcel(*messages, url=partner.url, secret=SECRET))


def joined(partner: Amplitude) -> list[int]:
    return [entry["amplitude_id"] for entry in partner.job]


@pytest.mark.parametrize(
    ("status", "path", "change"),
    [
        (200, DELETIONS, {}),
        (401, DELETIONS, {"headers": {**HEADERS, "Authorization": f"Basic {SECRET}"}}),
        (404, "/api/2/deletions", {}),
        (404, DELETIONS, {"method": "PUT"}),
        (400, DELETIONS, {"headers": {**HEADERS, "Content-Type": "text/plain"}}),
        (400, DELETIONS, {"body": b"{"}),
        (400, DELETIONS, {"body": {}}),
        (400, DELETIONS, {"body": {"user_ids": ["alice"] * 101}}),
        (400, DELETIONS, {"body": {"user_ids": [1]}}),
        (400, DELETIONS, {"body": {"amplitude_ids": ["1"]}}),
        (400, DELETIONS, {"body": {"user_ids": ["alice", "stranger"]}}),
        (200, DELETIONS, {"body": {"user_ids": ["alice", "stranger"], "ignore_invalid_id": True}}),
        (400, DELETIONS, {"body": {**BODY, "device_ids": [DEVICE]}}),
        (200, DELETIONS + WINDOW, {"method": "GET", "body": b""}),
        (400, DELETIONS, {"method": "GET", "body": b""}),
        (400, f"{DELETIONS}?start_day=2026-01-01&end_day=2026-12-31", {"method": "GET"}),
        (200, f"{SEARCH}?user=alice", {"method": "GET", "body": b""}),
    ],
)
def test_the_fake_refuses_what_the_contract_refuses(
    partner: Amplitude, status: int, path: str, change: dict[str, Any]
) -> None:
    asked = {"method": "POST", "headers": HEADERS, "body": BODY, **change}
    assert ask(partner.url + path, **asked).status == status


def test_the_transport_is_in_the_table() -> None:
    assert TRANSPORTS[Transport.AMPLITUDE] is amplitude.WAY


def test_people_join_the_next_job(partner: Amplitude) -> None:
    replies = send(
        partner, message(user_id="alice"), message(ERASED, user_id="bob"), requester="dpo@shop"
    )

    assert [(reply.outcome, reply.ticket) for reply in replies] == [
        (AttemptOutcome.ACCEPTED, "2026-04-12")
    ] * 2
    # It is asked half a day after the job's day begins.
    assert replies[0].check_after == timedelta(days=10, hours=20, minutes=59, seconds=58)
    assert joined(partner) == [1, 2]
    assert {entry["requester"] for entry in partner.job} == {"dpo@shop"}


def test_who_is_unknown_is_not_held_and_keeps_nobody_else_back(partner: Amplitude) -> None:
    replies = send(partner, message(user_id="stranger"), message(user_id="alice"))
    assert [(reply.outcome, reply.ticket) for reply in replies] == [
        (AttemptOutcome.NOT_HELD, ""),
        (AttemptOutcome.ACCEPTED, "2026-04-12"),
    ]
    [reply] = send(partner, message(user_id="stranger"))
    assert reply.outcome is AttemptOutcome.NOT_HELD


def test_a_full_parcel_keeps_the_limit(partner: Amplitude) -> None:
    partner.devices = {f"d{n}": [100 * n + p for p in range(5)] for n in range(1, 21)}
    messages = [message(amplitude_device_id=device) for device in partner.devices]
    assert len(messages) == amplitude.PROFILE.most_at_once
    replies = send(partner, *messages)
    assert {reply.outcome for reply in replies} == {AttemptOutcome.ACCEPTED}
    assert len(partner.job) == 100


COOKIE = json.dumps({"deviceId": DEVICE, "userId": None, "sessionId": 1711983600000})


@pytest.mark.parametrize(
    "value",
    [
        DEVICE,
        base64.b64encode(quote(COOKIE).encode()).decode(),
        quote(base64.b64encode(quote(COOKIE).encode()).decode()),
        f"{DEVICE}.YWxpY2U=..1h1.1h1.0.1.1",
    ],
)
def test_a_device_is_found_by_its_id_or_by_the_cookie(partner: Amplitude, value: str) -> None:
    [reply] = send(partner, message(amplitude_device_id=value))
    assert reply.outcome is AttemptOutcome.ACCEPTED
    assert joined(partner) == [7]


@pytest.mark.parametrize(
    "value", ["bm8=", "W10=", "eyJkZXZpY2VJZCI6MX0=", "", "?&#/", "あ", "あ" * 200, "x" * 4000]
)
def test_a_cookie_that_is_none_is_only_looked_up(partner: Amplitude, value: str) -> None:
    [reply] = send(partner, message(amplitude_device_id=value))
    assert reply.outcome is AttemptOutcome.NOT_HELD
    assert partner.job == []


def test_all_people_of_a_device_go_and_a_crowd_does_not(partner: Amplitude) -> None:
    family, kiosk = send(
        partner, message(amplitude_device_id="family"), message(amplitude_device_id="kiosk")
    )
    assert family.outcome is AttemptOutcome.ACCEPTED
    assert joined(partner) == [1, 8]
    assert (kiosk.outcome, kiosk.error) == (AttemptOutcome.REJECTED, "shared_device")


@pytest.mark.parametrize("forged", ["alice", "ali", "1"])
def test_a_forged_cookie_erases_nobody(partner: Amplitude, forged: str) -> None:
    [reply] = send(partner, message(amplitude_device_id=forged))
    assert reply.outcome is AttemptOutcome.NOT_HELD
    assert partner.job == []


def test_a_search_that_fails_stops_only_those_who_need_it(partner: Amplitude) -> None:
    partner.api.instead = [Answer(status=429, headers={"Retry-After": "9"})]
    first, alice, second = send(
        partner,
        message(amplitude_device_id=DEVICE),
        message(user_id="alice"),
        message(amplitude_device_id="family"),
    )
    assert [(r.status, r.outcome, r.retry_after) for r in (first, second)] == [(429, None, "9")] * 2
    assert alice.outcome is AttemptOutcome.ACCEPTED
    assert joined(partner) == [1]
    assert len(partner.api.requests) == 2


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("staging", AttemptOutcome.PENDING),
        ("submitted", AttemptOutcome.PENDING),
        ("done", AttemptOutcome.DONE),
        ("Done", AttemptOutcome.DONE),
        ("paused", AttemptOutcome.UNREACHABLE),
    ],
)
def test_the_job_of_the_day_is_asked_once(
    partner: Amplitude, status: str, outcome: AttemptOutcome
) -> None:
    [sent] = send(partner, message(user_id="alice"))
    partner.status = status
    partner.api.requests.clear()
    replies = check(partner, *[message(user_id="alice", ticket=sent.ticket)] * 3)
    assert [reply.outcome for reply in replies] == [outcome] * 3
    assert (replies[0].check_after is not None) == (outcome is AttemptOutcome.PENDING)
    assert len(partner.api.requests) == 1


def test_a_job_with_thousands_of_people_can_be_read(partner: Amplitude) -> None:
    partner.people = {f"u{number}": 10**12 + number for number in range(2000)}
    partner.job = [
        {"amplitude_id": number, "requested_on_day": "2026-04-01", "requester": "x"}
        for number in partner.people.values()
    ]
    partner.status = "done"
    [reply] = check(partner, message(ticket=DAY.isoformat()))
    assert reply.outcome is AttemptOutcome.DONE


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "soon", "2026-13-01", 20260412])
def test_a_day_that_cannot_be_is_no_ticket(partner: Amplitude, day: Any) -> None:
    partner.api.instead = [Answer(status=200, content={"day": day, "status": "staging"})]
    [reply] = send(partner, message(user_id="alice"))
    assert (reply.outcome, reply.ticket) == (AttemptOutcome.UNREACHABLE, "")


def test_a_job_that_is_gone_is_a_failure(partner: Amplitude) -> None:
    [reply] = check(partner, message(ticket=DAY.isoformat()))
    assert (reply.outcome, reply.error) == (AttemptOutcome.FAILED, "no_such_job")


def test_the_jobs_of_other_days_do_not_answer(partner: Amplitude) -> None:
    send(partner, message(user_id="alice"))
    partner.status = "done"
    [reply] = check(partner, message(ticket="2026-04-13"))
    assert (reply.outcome, reply.error) == (AttemptOutcome.FAILED, "no_such_job")


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
def test_a_refusal_is_left_to_the_status(partner: Amplitude, status: int) -> None:
    partner.api.instead = [Answer(status=status)] * 2
    replies = [
        *send(partner, message(user_id="alice")),
        *check(partner, message(ticket="2026-04-12")),
    ]
    assert [(reply.status, reply.outcome) for reply in replies] == [(status, None)] * 2


@pytest.mark.parametrize("answer", NONSENSE)
def test_nonsense_is_no_yes(partner: Amplitude, answer: Answer) -> None:
    partner.api.instead = [answer]
    [sent] = send(partner, message(user_id="alice"))
    partner.api.instead = [answer]
    [looked_up] = send(partner, message(amplitude_device_id=DEVICE))
    for reply in (sent, looked_up):
        assert (reply.outcome, reply.error) == (AttemptOutcome.UNREACHABLE, "unreadable_answer")
    partner.api.instead = [answer]
    [checked] = check(partner, message(ticket="2026-04-12"))
    assert checked.outcome in {AttemptOutcome.UNREACHABLE, AttemptOutcome.FAILED}


@pytest.mark.parametrize("secret", ["", "only-a-key", ":secret", "key:", "k e:y", "鍵:鍵"])
def test_a_secret_that_cannot_be_one_is_not_sent(partner: Amplitude, secret: str) -> None:
    what = parcels.parcel(
        message(user_id="alice", ticket="2026-04-12"), url=partner.url, secret=secret
    )
    for replies in (parcels.send(amplitude.WAY, what), parcels.check(amplitude.WAY, what)):
        assert [(reply.status, reply.error) for reply in replies] == [(None, "secret_unreadable")]
    assert partner.api.requests == []
