"""Braze is told as its contract says, and its answers are read with care."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.factories import parcels
from tests.factories.parcels import ERASED, NONSENSE, message
from tests.partner_apis.base import Answer, ask
from tests.partner_apis.braze import GROUPS, KEY, Braze
from tracking.delivery.transports import TRANSPORTS, braze
from tracking.delivery.types import AttemptOutcome, Message, Reply, Transport

HEADERS = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
GROUP = {
    "subscription_group_id": GROUPS[0],
    "subscription_state": "unsubscribed",
    "external_ids": ["m1"],
}
SET, DELETE = "/v2/subscription/status/set", "/users/delete"


@pytest.fixture
def partner() -> Iterator[Braze]:
    with Braze().here() as listening:
        listening.members = {"m1", "m2", "m3"}
        yield listening


def send(partner: Braze, *messages: Message, groups: str = GROUPS[0]) -> list[Reply]:
    return parcels.send(
        braze.WAY,
        parcels.parcel(*messages, url=partner.url, secret=KEY, subscription_groups=groups),
    )


@pytest.mark.parametrize(
    ("status", "path", "change"),
    [
        (201, SET, {"body": {"subscription_groups": [GROUP]}}),
        (401, SET, {"headers": {**HEADERS, "Authorization": KEY}}),
        (404, "/subscription/status", {}),
        (404, SET, {"method": "PUT"}),
        (400, SET, {"headers": {**HEADERS, "Content-Type": "text/plain"}}),
        (400, SET, {"body": b"<"}),
        (400, SET, {"body": []}),
        (400, SET, {"body": {}}),
        (400, SET, {"body": {"subscription_groups": []}}),
        (400, SET, {"body": {"subscription_groups": [{**GROUP, "external_ids": ["m"] * 51}]}}),
        (400, SET, {"body": {"subscription_groups": [{**GROUP, "external_ids": []}]}}),
        (400, SET, {"body": {"subscription_groups": [{**GROUP, "emails": ["a@b.example"]}]}}),
        (400, SET, {"body": {"subscription_groups": [{**GROUP, "subscription_state": "off"}]}}),
        (400, SET, {"body": {"subscription_groups": [{**GROUP, "subscription_group_id": "x"}]}}),
        (201, DELETE, {"body": {"external_ids": ["m1"]}}),
        (400, DELETE, {"body": {"external_ids": ["m"] * 51}}),
        (400, DELETE, {"body": {"external_ids": ["m1"], "braze_ids": ["b"]}}),
        (400, DELETE, {"body": {"external_ids": [1]}}),
    ],
)
def test_the_fake_refuses_what_the_contract_refuses(
    partner: Braze, status: int, path: str, change: dict[str, Any]
) -> None:
    asked = {"method": "POST", "headers": HEADERS, "body": {}, **change}
    assert ask(partner.url + path, **asked).status == status


def test_the_transport_is_in_the_table() -> None:
    assert TRANSPORTS[Transport.BRAZE] is braze.WAY


def test_those_who_withdrew_are_unsubscribed_and_the_erased_deleted(partner: Braze) -> None:
    replies = send(
        partner,
        message(braze_external_id="m1"),
        message(ERASED, braze_external_id="m2"),
        message(user_id="m3"),
        message(braze_external_id="m1", user_id="other"),
    )

    assert partner.unsubscribed == {(GROUPS[0], "m1"), (GROUPS[0], "m3")}
    assert partner.deleted == ["m2"]
    assert [reply.outcome for reply in replies] == [AttemptOutcome.ACCEPTED] * 4
    assert [request.path for request in partner.api.requests] == [SET, DELETE]


def test_several_groups_are_left_at_once(partner: Braze) -> None:
    send(partner, message(braze_external_id="m1"), groups=f"{GROUPS[0]} , {GROUPS[1]}")
    assert partner.unsubscribed == {(GROUPS[0], "m1"), (GROUPS[1], "m1")}
    assert len(partner.api.requests) == 1


def test_a_full_parcel_keeps_the_limit(partner: Braze) -> None:
    messages = [message(user_id=f"m{number}") for number in range(braze.PROFILE.most_at_once)]
    assert {reply.outcome for reply in send(partner, *messages)} == {AttemptOutcome.ACCEPTED}
    assert len(partner.unsubscribed) == 50


def test_members_that_braze_does_not_know_are_not_held(partner: Braze) -> None:
    [reply] = send(partner, message(ERASED, braze_external_id="stranger"))
    assert (reply.status, reply.outcome) == (201, AttemptOutcome.NOT_HELD)
    assert partner.deleted == []


def test_a_deletion_of_some_is_taken_for_all(partner: Braze) -> None:
    replies = send(partner, message(ERASED, user_id="m1"), message(ERASED, user_id="stranger"))
    assert [reply.outcome for reply in replies] == [AttemptOutcome.ACCEPTED] * 2


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({"message": "Subscription group is archived"}, "not_success"),
        ({"message": "success", "errors": ["'m1' is not valid"]}, "partial"),
        ({"message": "success", "deleted": 1, "errors": ["'m1' is not valid"]}, "partial"),
    ],
)
def test_a_yes_that_says_no_in_its_text_is_none(
    partner: Braze, content: dict[str, Any], error: str
) -> None:
    partner.api.instead = [Answer(status=201, content=content)]
    kind = ERASED if "deleted" in content else parcels.REVOKED
    [reply] = send(partner, message(kind, user_id="m1"))
    assert (reply.outcome, reply.error) == (AttemptOutcome.REJECTED, error)


def test_a_count_that_is_none_is_no_yes(partner: Braze) -> None:
    partner.api.instead = [Answer(status=201, content={"message": "success", "deleted": True})]
    [reply] = send(partner, message(ERASED, user_id="m1"))
    assert (reply.outcome, reply.error) == (AttemptOutcome.UNREACHABLE, "unreadable_answer")


@pytest.mark.parametrize("status", [400, 401, 429, 503])
@pytest.mark.parametrize("kind", [parcels.REVOKED, ERASED])
def test_a_refusal_is_left_to_the_status(partner: Braze, status: int, kind: str) -> None:
    partner.api.instead = [Answer(status=status, content={"message": "no"})]
    [reply] = send(partner, message(kind, user_id="m1"))
    assert (reply.status, reply.outcome) == (status, None)


@pytest.mark.parametrize("kind", [parcels.REVOKED, ERASED])
@pytest.mark.parametrize("answer", NONSENSE)
def test_nonsense_is_no_yes(partner: Braze, answer: Answer, kind: str) -> None:
    partner.api.instead = [answer]
    [reply] = send(partner, message(kind, user_id="m1"))
    assert (reply.outcome, reply.error) == (AttemptOutcome.UNREACHABLE, "unreadable_answer")


def test_a_secret_that_cannot_be_one_is_not_sent(partner: Braze) -> None:
    what = parcels.parcel(
        message(user_id="m1"), url=partner.url, secret="two words", subscription_groups=GROUPS[0]
    )
    [reply] = parcels.send(braze.WAY, what)
    assert (reply.status, reply.error) == (None, "secret_unreadable")
    assert partner.api.requests == []
