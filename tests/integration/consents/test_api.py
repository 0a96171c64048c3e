"""Decisions through the API, on real PostgreSQL."""

from __future__ import annotations

import secrets
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.test import Client

from tests.factories.clock import NOW
from tests.factories.registry import ORIGIN, SITE, catalogue, make_site
from tests.visitors import Visitor, maps
from tracking.consents.models import ConsentPrivate, ConsentRecord, Device
from tracking.notices.types import Notice
from tracking.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db


def rows() -> tuple[int, int, int]:
    return (
        ConsentRecord.objects.count(),
        ConsentPrivate.objects.count(),
        Device.objects.count(),
    )


def test_an_allowance_is_recorded_and_answered_with_a_receipt(visitor: Visitor) -> None:
    response = visitor.allow()

    assert response.status_code == 201, response.content
    receipt = response.json()["receipt"]
    assert receipt["notice"] == {"number": 1, "hash": visitor.notice.hash}
    assert receipt["regime"] == "jp-a"
    assert set(receipt["choices"]["purposes"]) == {"analytics", "advertising", "personalisation"}
    assert all(receipt["choices"]["purposes"].values())
    assert rows() == (1, 1, 1)
    record = ConsentRecord.objects.get()
    assert {visitor.notice.ids[n] for n in record.granted} == visitor.notice.asked_ids
    assert record.refused == frozenset()
    cookie = response.cookies["cm_device"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert not response.cookies["cm_choices"]["httponly"]


def test_a_language_of_the_built_in_wording_can_be_answered_in(visitor: Visitor) -> None:
    response = visitor.post("/v1/consents", visitor.body("refuse", language="zh-Hant"))

    assert response.status_code == 201, response.content
    assert "zh-Hant" not in visitor.notice.content["languages"]
    assert ConsentRecord.objects.get().language == "zh-Hant"


def test_a_plain_refusal_spells_out_every_choice(visitor: Visitor) -> None:
    response = visitor.refuse()

    assert response.status_code == 201
    record = ConsentRecord.objects.get()
    assert {visitor.notice.ids[n] for n in record.refused} == visitor.notice.asked_ids
    assert record.granted == frozenset()


def test_the_same_decision_sent_again_is_one_record_and_the_same_receipt(visitor: Visitor) -> None:
    body = visitor.body("refuse")

    first = visitor.post("/v1/consents", body)
    second = visitor.post("/v1/consents", body)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["receipt"] == second.json()["receipt"]
    assert rows() == (1, 1, 1)


def test_a_lost_answer_gives_the_token_to_the_repeated_decision(notice: Notice) -> None:
    visitor = Visitor(notice)
    body = visitor.body("refuse")
    visitor.post("/v1/consents", body)
    visitor.client.cookies.clear()

    visitor.post("/v1/consents", body)

    assert len(visitor.get(f"/v1/consents?site={SITE}").json()["records"]) == 1


def test_an_old_key_opens_nothing_after_a_later_decision(notice: Notice) -> None:
    visitor = Visitor(notice)
    body = visitor.body("refuse")
    visitor.post("/v1/consents", body)
    visitor.refuse()
    thief = Visitor(notice)

    answer = thief.post("/v1/consents", body)

    assert answer.status_code == 200
    assert "cm_device" not in answer.cookies
    assert thief.get(f"/v1/consents?site={SITE}").json()["records"] == []


@pytest.mark.django_db(transaction=True)
def test_a_hundred_copies_at_once_are_one_record() -> None:
    visitor = Visitor(make_site())
    body = visitor.body("refuse")
    answers: list[Any] = []

    def send() -> None:
        sender = Visitor(visitor.notice)
        try:
            for _ in range(5):
                answer = sender.post("/v1/consents", body)
                while answer.status_code == 503:  # as a browser would
                    answer = sender.post("/v1/consents", body)
                sender.client.cookies.clear()
                answers.append(answer)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answer.status_code for answer in answers) == [200] * 99 + [201]
    assert len({answer.json()["receipt"]["key"] for answer in answers}) == 1
    assert rows() == (1, 1, 1)


def test_one_device_cannot_read_another(notice: Notice) -> None:
    alice, bob = Visitor(notice), Visitor(notice)
    key = alice.allow().json()["receipt"]["key"]
    bob.refuse()

    assert alice.get(f"/v1/receipts/{key}?site={SITE}").status_code == 200
    stolen = bob.get(f"/v1/receipts/{key}?site={SITE}")
    missing = bob.get(f"/v1/receipts/00000000-0000-4000-8000-000000000000?site={SITE}")
    assert stolen.status_code == missing.status_code == 404
    assert stolen.content == missing.content
    assert bob.get(f"/v1/revocations/{key}?site={SITE}").status_code == 404


def test_a_revocation_tells_how_far_each_partner_is(visitor: Visitor) -> None:
    visitor.allow()
    body = visitor.body("withdraw", all=True)
    del body["notice"], body["method"]
    first = visitor.post("/v1/revocations", body).json()
    OutboxEvent.objects.filter(addressee="adco").update(
        acked_version=2, outcome="identifier_not_held", accepted_at=NOW, confirmed_at=NOW
    )
    OutboxEvent.objects.filter(addressee="mailer").update(
        acked_version=2, outcome="accepted", accepted_at=NOW
    )
    again = visitor.post("/v1/revocations", body).json()
    status = visitor.get(f"/v1/revocations/{first['receipt']['key']}?site={SITE}").json()

    def stages(deliveries: list[dict[str, Any]]) -> dict[str, tuple[str, bool]]:
        return {one["partner"]: (one["status"], one["is_open"]) for one in deliveries}

    waiting = ("queued", True)
    assert set(stages(first["deliveries"]).values()) == {waiting}
    assert (
        stages(again["deliveries"])
        == stages(status["partners"])
        == {
            "statco": waiting,
            "adco": ("identifier_not_held", False),
            "retargeter": waiting,
            "mailer": ("sent", True),
        }
    )
    assert (status["total"], status["confirmed"]) == (4, 0)
    at = {one["partner"]: (one["sent_at"], one["confirmed_at"]) for one in status["partners"]}
    assert at["mailer"] == (NOW.isoformat(timespec="seconds"), None)
    assert at["adco"] == at["statco"] == (None, None)


@pytest.mark.parametrize("flip", [0, 10, 30, -1])
def test_a_changed_token_is_no_token(visitor: Visitor, flip: int) -> None:
    visitor.allow()
    token = visitor.client.cookies["cm_device"].value
    letter = "A" if token[flip] != "A" else "B"
    position = flip % len(token)
    visitor.client.cookies["cm_device"] = token[:position] + letter + token[position + 1 :]

    current = visitor.get(f"/v1/consents/current?site={SITE}")

    # The last letter carries two unused bits: there the text may differ and the token be the same.
    if flip != -1 or current.json()["choices"] is not None:
        assert flip == -1 or current.json() == {"choices": None}


def test_the_first_copy_of_a_token_is_worth_nothing_after_the_next_decision(
    notice: Notice,
) -> None:
    attacker = Visitor(notice)
    attacker.refuse()
    planted = attacker.client.cookies["cm_device"].value
    victim = Visitor(notice)
    victim.client.cookies["cm_device"] = planted
    victim.allow()

    granting = attacker.post(
        "/v1/consents", attacker.body("allow", **maps(notice.asked_ids, frozenset()))
    )

    assert granting.status_code == 403
    assert granting.json()["code"] == "token_refused"
    assert attacker.get(f"/v1/consents/current?site={SITE}").json() == {"choices": None}


def test_an_outdated_token_may_still_refuse_but_gains_nothing(notice: Notice) -> None:
    visitor = Visitor(notice)
    visitor.allow()
    old = visitor.client.cookies["cm_device"].value
    visitor.allow()
    newest = visitor.client.cookies["cm_device"].value
    visitor.client.cookies["cm_device"] = old

    response = visitor.refuse()

    assert response.status_code == 201
    assert "cm_device" not in response.cookies
    visitor.client.cookies["cm_device"] = newest
    assert visitor.get(f"/v1/consents/current?site={SITE}").json()["choices"]["granted"] == []


def test_choices_left_out_keep_their_earlier_answer(visitor: Visitor) -> None:
    visitor.allow()

    response = visitor.choose(granted=set(), refused={"purpose:advertising"})

    state = response.json()["choices"]
    assert state["refused"] == ["purpose:advertising"]
    assert set(state["granted"]) == visitor.notice.asked_ids - {"purpose:advertising"}


def test_a_partial_answer_does_not_make_older_grants_younger(visitor: Visitor) -> None:
    visitor.allow()
    long_ago = NOW - timedelta(days=300)
    Device.objects.update(decided_at=long_ago)
    visitor.sends_gpc = True

    response = visitor.choose(granted={"purpose:analytics"}, refused=set())

    state = response.json()["choices"]
    assert state["decided_at"] == int(long_ago.timestamp())
    assert not state["with_signal"]
    whole = visitor.allow().json()["choices"]
    assert whole["decided_at"] > state["decided_at"]
    assert whole["with_signal"]


def test_a_late_decision_is_kept_and_changes_nothing(visitor: Visitor) -> None:
    visitor.refuse()
    body = visitor.body("allow", **maps(visitor.notice.asked_ids, frozenset()))

    response = visitor.post("/v1/consents", {**body, "client_seq": 1})

    assert response.status_code == 201
    assert response.json()["choices"]["granted"] == []
    assert ConsentRecord.objects.filter(is_superseded=True).count() == 1


def test_a_late_refusal_still_refuses(visitor: Visitor) -> None:
    visitor.allow()

    response = visitor.revoke(all=True, client_seq=9)

    assert response.json()["choices"]["granted"] == []
    assert len(response.json()["deliveries"]) == 4
    assert visitor.get(f"/v1/consents/current?site={SITE}").json()["choices"]["granted"] == []


def test_a_late_refusal_that_is_history_is_only_recorded(visitor: Visitor) -> None:
    visitor.allow()

    response = visitor.post(
        "/v1/consents", {**visitor.body("refuse"), "client_seq": 9, "is_history": True}
    )

    assert response.status_code == 201
    assert set(response.json()["choices"]["granted"]) == visitor.notice.asked_ids


def test_at_a_tie_the_more_restrictive_answer_wins(visitor: Visitor) -> None:
    first = visitor.body("refuse")
    visitor.post("/v1/consents", first)
    body = visitor.body("allow", **maps(visitor.notice.asked_ids, frozenset()))

    response = visitor.post("/v1/consents", {**body, "client_seq": first["client_seq"]})

    assert response.json()["choices"]["granted"] == []


def test_withdrawing_a_purpose_queues_the_partners_that_used_it(visitor: Visitor) -> None:
    visitor.allow()

    response = visitor.revoke(purposes=["advertising"])

    assert response.status_code == 201, response.content
    assert {delivery["partner"] for delivery in response.json()["deliveries"]} == {
        "adco", "retargeter", "mailer",
    }  # fmt: skip
    events = OutboxEvent.objects.order_by("addressee")
    assert [event.addressee for event in events] == ["adco", "mailer", "retargeter"]
    message = events[0].payload
    assert message["type"] == "consent.revoked"
    assert message["data"]["withdrawn"]["purposes"] == ["advertising"]
    assert events[0].subject == message["data"]["subject"]
    assert len({event.subject for event in events}) == 3


def test_no_partner_is_told_the_device(visitor: Visitor) -> None:
    visitor.allow()
    visitor.revoke(all=True)
    device = Device.objects.get()

    for event in OutboxEvent.objects.all():
        assert str(device.pk) not in str(event.payload) + event.subject
        assert device.pk.hex not in str(event.payload) + event.subject


def test_a_first_refusal_tells_who_was_allowed_by_notice(visitor: Visitor) -> None:
    visitor.refuse()

    # Under JP-A the processor's analytics may run on notice alone; opt-in partners never ran.
    assert [event.addressee for event in OutboxEvent.objects.all()] == ["statco"]


def test_a_partner_that_was_told_of_a_withdrawal_hears_of_the_new_grant(visitor: Visitor) -> None:
    visitor.allow()
    assert OutboxEvent.objects.count() == 0
    visitor.revoke(partners=["adco"])

    visitor.choose(granted={"partner:adco"}, refused=set())

    event = OutboxEvent.objects.get()
    assert event.payload["type"] == "consent.granted"
    assert event.desired_version == 3


def test_a_retired_notice_takes_refusals_and_no_grants(visitor: Visitor) -> None:
    tables = catalogue()
    tables["partners"].append({**tables["partners"][2], "code": "newcomer"})
    make_site(partners=tables["partners"])

    granting, refusing = visitor.allow(), visitor.refuse()

    assert granting.status_code == 409
    assert granting.json() == {
        "code": "notice_retired",
        "message": "A newer notice is in effect; please ask the visitor again.",
        "fields": {"current": 2},
    }
    assert refusing.status_code == 201


def test_the_private_part_proves_the_commitment(visitor: Visitor) -> None:
    from tracking.consents.rules import commitment

    visitor.allow()
    private, record = ConsentPrivate.objects.get(), ConsentRecord.objects.get()

    recomputed = commitment(
        salt=bytes(private.salt),
        private={
            "record": str(private.record_key),
            "device": str(private.device_id),
            "version": private.version,
            "previous": None,
            "external_id": None,
            "idempotency_key": private.idempotency_key,
            "client_seq": private.client_seq,
        },
    )

    assert bytes(record.commitment) == recomputed


HOSTILE: list[tuple[str, bytes, str, int]] = [
    ("a form post", b"site=shop", "application/x-www-form-urlencoded", 415),
    ("plain text", b"{}", "text/plain", 415),
    ("another charset", b"{}", "application/json; charset=utf-16", 415),
    ("200 kB of brackets", b"[" * 200_000, "application/json", 413),
    ("9 kB of brackets", b"[" * 9_000, "application/json", 400),
    ("a NUL", b'{"site":"sh\\u0000op"}', "application/json", 400),
    ("a lone surrogate", b'{"site":"\\ud800"}', "application/json", 400),
    ("a NUL in a key", b'{"s\\u0000":1}', "application/json", 400),
    ("a repeated key", b'{"site":"a","site":"b"}', "application/json", 400),
    ("NaN", b'{"site":NaN}', "application/json", 400),
    ("a huge number", b'{"client_seq":1e999}', "application/json", 400),
    ("5,000 digits", b'{"client_seq":' + b"9" * 5_000 + b"}", "application/json", 400),
    ("bad UTF-8", b'{"site":"\xff"}', "application/json", 400),
    ("a list", b"[]", "application/json", 400),
    ("null", b"null", "application/json", 400),
    ("nothing", b"", "application/json", 400),
]


@pytest.mark.parametrize(("_name", "body", "content_type", "status"), HOSTILE)
@pytest.mark.parametrize("path", ["/v1/consents", "/v1/revocations", "/v1/gate"])
def test_hostile_bodies_are_refused_in_the_one_shape(
    visitor: Visitor, _name: str, body: bytes, content_type: str, status: int, path: str
) -> None:
    response = visitor.client.post(
        path, body, content_type=content_type, headers={"Origin": ORIGIN}
    )

    assert response.status_code == status, response.content
    assert set(response.json()) == {"code", "message", "fields"}
    assert rows() == (0, 0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"purposes": {"telepathy": True}},
        {"purposes": {"analytics": "yes"}},
        {"purposes": {"analytics": 1}},
        {"notice": 99},
        {"notice": "1"},
        {"method": "assume"},
        {"surface": "billboard"},
        {"language": "tlh"},
        {"idempotency_key": "short"},
        {"idempotency_key": "with spaces in it, and long"},
        {"client_seq": -1},
        {"client_seq": 2**60},
        {"version": 7},
        {"site": 5},
    ],
)
def test_what_the_notice_does_not_ask_is_refused(visitor: Visitor, change: dict[str, Any]) -> None:
    body = visitor.body("choose", purposes={"analytics": True})

    response = visitor.post("/v1/consents", {**body, **change})

    assert response.status_code == 400, response.content
    assert set(response.json()) == {"code", "message", "fields"}
    assert rows() == (0, 0, 0)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        ORIGIN + ".evil.example",
        ORIGIN + ":444",
        "http://shop.example",
    ],
)
def test_a_foreign_origin_writes_nothing(visitor: Visitor, origin: str) -> None:
    for path, body in (
        ("/v1/consents", visitor.body("refuse")),
        ("/v1/revocations", {k: v for k, v in visitor.body("x", all=True).items()
                             if k not in {"notice", "method"}}),
    ):  # fmt: skip
        response = visitor.client.post(
            path, body, content_type="application/json", headers={"Origin": origin}
        )
        assert response.status_code == 403
        assert "Access-Control-Allow-Origin" not in response
    assert rows() == (0, 0, 0)


def test_our_own_origin_may_read_the_answer(visitor: Visitor) -> None:
    preflight = visitor.client.options(
        "/v1/consents", headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    )

    assert preflight.status_code == 204
    assert preflight["Access-Control-Allow-Origin"] == ORIGIN
    assert "Origin" in preflight["Vary"]
    assert visitor.refuse()["Access-Control-Allow-Credentials"] == "true"


def test_two_cookies_of_one_name_are_not_believed(visitor: Visitor) -> None:
    visitor.allow()
    token = visitor.client.cookies["cm_device"].value

    response = Client().get(
        f"/v1/consents/current?site={SITE}",
        headers={"Cookie": f"cm_device={token}; cm_device={token}"},
    )

    assert response.json() == {"choices": None}


def test_a_page_on_another_site_keeps_the_token_itself(visitor: Visitor) -> None:
    response = visitor.post(
        "/v1/consents", visitor.body("refuse"), headers={"X-Consent-Device": "new"}
    )

    token = response.json()["device_token"]
    assert not response.cookies
    current = Client().get(f"/v1/consents/current?site={SITE}", headers={"X-Consent-Device": token})
    assert current.json()["choices"]["granted"] == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE consents_consentrecord SET method = 'allow'",
        "DELETE FROM consents_consentrecord",
        "TRUNCATE consents_consentrecord CASCADE",
        "UPDATE notices_noticeversion SET content = '{}'",
        "DELETE FROM notices_noticeversion",
    ],
)
def test_postgres_refuses_to_change_evidence(visitor: Visitor, statement: str) -> None:
    visitor.refuse()

    with (
        pytest.raises(DatabaseError, match="refused|cannot truncate|pending trigger"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert ConsentRecord.objects.count() == 1


def test_the_record_reads_in_psql(visitor: Visitor) -> None:
    visitor.allow()
    visitor.revoke(purposes=["analytics"])

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT site, notice, method, granted, withdrawn FROM consents_readable "
            "WHERE method = 'withdraw'"
        )
        row = cursor.fetchone()

    assert row == (SITE, 1, "withdraw", [], ["purpose:analytics"])


def test_erasing_the_private_part_leaves_the_public_part(visitor: Visitor) -> None:
    visitor.refuse()

    ConsentPrivate.objects.all().delete()
    Device.objects.all().delete()

    assert ConsentRecord.objects.count() == 1


def test_a_session_key_too_long_for_a_token_is_no_token(visitor: Visitor) -> None:
    visitor.client.cookies["cm_device"] = secrets.token_urlsafe(6_000)

    assert visitor.get(f"/v1/consents/current?site={SITE}").json() == {"choices": None}
