"""Removing people from Meta's custom audiences, against the published contract."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.factories import parcels
from tests.factories.parcels import NONSENSE, message
from tests.partner_apis.base import Answer, ask
from tests.partner_apis.meta_audience import MetaAudience, error
from tracking.delivery.transports.meta_audience import PROFILE, WAY
from tracking.delivery.types import AttemptOutcome, Effect, Message, Reply

EMAIL = hashlib.sha256(b"taro@shop.example").hexdigest()
PHONE = hashlib.sha256(b"819012345678").hexdigest()
MADID = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
SETTINGS = {"audience_ids": "111"}
BOTH = {"audience_ids": "111,222"}


@pytest.fixture
def meta() -> Iterator[MetaAudience]:
    with MetaAudience().here() as listening:
        yield listening


def send(meta: MetaAudience, *messages: Message, **how: str) -> list[Reply]:
    place = {"url": meta.url, "secret": meta.token, **SETTINGS, **how}
    return parcels.send(WAY, parcels.parcel(*messages, **place))


# --- the fake keeps the contract -------------------------------------------------------------

PAYLOAD = {"schema": "EMAIL_SHA256", "is_raw": False, "data": [EMAIL]}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, None),
        ({"payload": {**PAYLOAD, "data": [EMAIL] * 10_000}}, None),
        ({"payload": {**PAYLOAD, "data": [EMAIL] * 10_001}}, 100),
        ({"payload": {**PAYLOAD, "data": []}}, 100),
        ({"payload": {**PAYLOAD, "schema": "EMAIL"}}, 100),
        ({"payload": "EMAIL_SHA256"}, 100),
        ({"method": "POST"}, 2500),
        ({"path": "/v25.0/111/users"}, 2500),
        ({"path": "/v26.0/111/users?access_token=x"}, 100),
        ({"path": "/v26.0/333/users"}, 100),
        ({"token": "other"}, 190),
        ({"type": "text/plain"}, 100),
        ({"body": b"x"}, 100),
        ({"body": b"[]"}, 190),
    ],
)
def test_the_fake_refuses_what_the_contract_refuses(
    meta: MetaAudience, change: dict[str, Any], code: int | None
) -> None:
    body = {
        "payload": change.get("payload", PAYLOAD),
        "access_token": change.get("token", meta.token),
    }
    answer = ask(
        meta.url + change.get("path", "/v26.0/111/users"),
        method=change.get("method", "DELETE"),
        headers={"Content-Type": change.get("type", "application/json")},
        body=change.get("body", body),
    )
    assert answer.status == (400 if code else 200)
    assert json.loads(answer.content).get("error", {}).get("code") == code
    assert len(meta.removed) == (code is None)


# --- the transport keeps it ------------------------------------------------------------------


def test_a_person_is_removed(meta: MetaAudience) -> None:
    [reply] = send(meta, message(email_sha256=f" {EMAIL.upper()} "))
    assert (reply.status, reply.outcome, reply.error) == (200, AttemptOutcome.ACCEPTED, "")
    assert meta.removed == [("111", "EMAIL_SHA256", [EMAIL])]
    [request] = meta.api.requests
    assert meta.token not in request.path
    assert request.query == {}


def test_kinds_are_kept_apart_and_every_audience_is_asked(meta: MetaAudience) -> None:
    replies = send(
        meta,
        message(email_sha256=EMAIL, fbp="fb.1.2.3"),
        message(phone_sha256=PHONE),
        message(email_sha256=EMAIL, madid=MADID.upper()),
        **BOTH,
    )
    assert {reply.outcome for reply in replies} == {AttemptOutcome.ACCEPTED}
    assert meta.removed == [
        (audience, schema, data)
        for audience in ("111", "222")
        for schema, data in (
            ("EMAIL_SHA256", [EMAIL]),
            ("PHONE_SHA256", [PHONE]),
            ("MOBILE_ADVERTISER_ID", [MADID]),
        )
    ]


def test_a_whole_parcel_stays_within_the_limit(meta: MetaAudience) -> None:
    people = [
        message(email_sha256=f"{number:064x}", phone_sha256=f"{number:064x}")
        for number in range(PROFILE.most_at_once)
    ]
    replies = send(meta, *people)
    assert {reply.outcome for reply in replies} == {AttemptOutcome.ACCEPTED}
    assert [len(data) for _, _, data in meta.removed] == [10_000, 10_000]


def test_the_version_can_be_changed(meta: MetaAudience) -> None:
    send(meta, message(email_sha256=EMAIL), api_version="v27.0")
    assert meta.api.requests[0].path == "/v27.0/111/users"


@pytest.mark.parametrize(
    "identifiers",
    [
        {"email_sha256": "taro@shop.example"},
        {"email_sha256": EMAIL[:-1]},
        {"phone_sha256": ""},
        {"madid": "aaaaaaaa"},
    ],
)
def test_what_is_no_identifier_is_not_sent(meta: MetaAudience, identifiers: dict[str, str]) -> None:
    replies = send(meta, message(**identifiers), message(email_sha256=EMAIL))
    assert [reply.outcome for reply in replies] == [
        AttemptOutcome.REJECTED,
        AttemptOutcome.ACCEPTED,
    ]
    assert replies[0].error == "identifier_malformed"
    assert meta.removed == [("111", "EMAIL_SHA256", [EMAIL])]


def test_the_good_half_of_a_message_is_removed_all_the_same(meta: MetaAudience) -> None:
    [reply] = send(meta, message(email_sha256="x", phone_sha256=PHONE))
    assert reply.outcome is AttemptOutcome.REJECTED
    assert meta.removed == [("111", "PHONE_SHA256", [PHONE])]


def test_a_lost_audience_does_not_keep_the_others(meta: MetaAudience) -> None:
    [reply] = send(meta, message(email_sha256=EMAIL), audience_ids="9,111")
    assert (reply.status, reply.outcome) == (400, None)
    assert meta.removed == [("111", "EMAIL_SHA256", [EMAIL])]


@pytest.mark.parametrize(
    "answer",
    [error(80003), error(190), Answer(status=503), Answer(status=429), Answer(status=200)],
)
def test_trouble_that_would_repeat_ends_it(meta: MetaAudience, answer: Answer) -> None:
    meta.api.instead = [answer]
    replies = send(meta, message(email_sha256=EMAIL), message(phone_sha256=PHONE), **BOTH)
    assert replies[0] == replies[1]
    assert replies[0].outcome is not AttemptOutcome.ACCEPTED
    assert len(meta.api.requests) == 1


def test_who_was_removed_before_the_trouble_is_not_held_up(meta: MetaAudience) -> None:
    meta.api.instead = [
        Answer(status=200, content={"num_received": 1, "num_invalid_entries": 0}),
        Answer(status=503),
    ]
    replies = send(
        meta, message(email_sha256=EMAIL), message(phone_sha256=PHONE), message(madid=MADID)
    )
    assert [reply.status for reply in replies] == [200, 503, 503]
    assert replies[0].outcome is AttemptOutcome.ACCEPTED


# --- answers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1, 2, 4, 17, 32, 341, 368, 613, 80003])
def test_haste_is_for_later(meta: MetaAudience, code: int) -> None:
    meta.api.instead = [error(code)]
    [reply] = send(meta, message(email_sha256=EMAIL))
    assert (reply.status, reply.outcome, reply.error) == (400, AttemptOutcome.UNREACHABLE, "later")


def test_what_is_called_transient_is_for_later(meta: MetaAudience) -> None:
    meta.api.instead = [error(100, is_transient=True)]
    [reply] = send(meta, message(email_sha256=EMAIL))
    assert reply.outcome is AttemptOutcome.UNREACHABLE


@pytest.mark.parametrize("code", [10, 102, 190, 200, 294])
def test_a_refused_token_counts_as_a_401(meta: MetaAudience, code: int) -> None:
    meta.api.instead = [error(code)]
    [reply] = send(meta, message(email_sha256=EMAIL))
    assert (reply.status, reply.outcome, reply.error) == (401, None, "credential_refused")


@pytest.mark.parametrize(
    "answer",
    [
        error(100),
        error(2650),
        Answer(status=400, content=b"<html>"),
        Answer(status=404, content={"error": "x"}),
        Answer(status=400, content={"error": {"code": "190"}}),
        Answer(status=400, content={"error": {"code": [190], "is_transient": "yes"}}),
    ],
)
def test_other_errors_speak_by_their_status(meta: MetaAudience, answer: Answer) -> None:
    meta.api.instead = [answer]
    [reply] = send(meta, message(email_sha256=EMAIL))
    assert (reply.status, reply.outcome) == (answer.status, None)


def test_an_error_under_a_200_is_an_error(meta: MetaAudience) -> None:
    meta.api.instead = [error(100, status=200)]
    [reply] = send(meta, message(email_sha256=EMAIL))
    assert (reply.outcome, reply.error) == (AttemptOutcome.REJECTED, "refused")


def test_invalid_entries_are_nobodys_success(meta: MetaAudience) -> None:
    meta.api.instead = [
        Answer(status=200, content={"num_received": 2, "num_invalid_entries": 1}),
    ]
    replies = send(meta, message(email_sha256=EMAIL), message(email_sha256="0" * 64))
    assert {(reply.outcome, reply.error) for reply in replies} == {
        (AttemptOutcome.REJECTED, "invalid_entries")
    }


@pytest.mark.parametrize(
    "answer",
    [
        *NONSENSE,
        Answer(status=200, content={"audience_id": "111"}),
        Answer(status=200, content={"num_received": 0, "num_invalid_entries": 0}),
        Answer(status=200, content={"num_received": "1"}),
    ],
)
def test_a_200_that_does_not_count_us_is_no_success(meta: MetaAudience, answer: Answer) -> None:
    meta.api.instead = [answer]
    [reply] = send(meta, message(email_sha256=EMAIL))
    assert (reply.outcome, reply.error) == (AttemptOutcome.UNREACHABLE, "unreadable_answer")


# --- what an operator reads ------------------------------------------------------------------


def test_it_never_says_that_it_erases() -> None:
    assert (PROFILE.effect, PROFILE.erasure_effect) == (Effect.STOP, Effect.STOP)


def test_the_examples_fit_their_patterns(meta: MetaAudience) -> None:
    for setting in PROFILE.settings:
        assert re.fullmatch(setting.pattern, setting.example)
    assert PROFILE.secret is not None
    assert re.fullmatch(PROFILE.secret.pattern, meta.token)
    assert not re.fullmatch(PROFILE.secret.pattern, "two words")


def test_the_sample_can_be_sent(meta: MetaAudience) -> None:
    assert PROFILE.sample is not None
    assert send(meta, message(**PROFILE.sample))[0].outcome is AttemptOutcome.ACCEPTED
