"""Erasing what is kept about a device, on real PostgreSQL."""

from __future__ import annotations

import secrets
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, connections, transaction
from django.test import Client
from django.utils import timezone

from tests.factories.clock import NOW
from tests.factories.registry import ORIGIN, SITE, catalogue, make_site, publish
from tests.visitors import Visitor
from tracking.consents import erasures, rules
from tracking.consents import queries as consents
from tracking.consents.models import ConsentPrivate, ConsentRecord, Device, Erasure
from tracking.lib import device_token
from tracking.lib.short_memory import forget_everything
from tracking.notices.types import Notice
from tracking.outbox import operations as outbox
from tracking.outbox.models import OutboxEvent
from tracking.outbox.types import News
from tracking.registry import operations as registry
from tracking.registry import queries as registry_queries

pytestmark = pytest.mark.django_db

EVERYBODY = {"statco", "adco", "retargeter", "mailer"}


def erasing(**changes: Any) -> dict[str, Any]:
    return {
        "site": SITE,
        "idempotency_key": secrets.token_urlsafe(16),
        "surface": "page",
        "language": "ja",
        **changes,
    }


def erase(visitor: Visitor, **changes: Any) -> Any:
    return visitor.post("/v1/erasures", erasing(**changes))


def news(kind: str) -> dict[str, OutboxEvent]:
    return {event.addressee: event for event in OutboxEvent.objects.filter(kind=kind)}


def all_say(outcome: str = "confirmed", **which: Any) -> None:
    for event in OutboxEvent.objects.filter(**which):
        event.acked_version, event.outcome = event.desired_version, outcome
        event.accepted_at = event.confirmed_at = timezone.now()
        event.next_attempt_at = None
        event.save()


def status(key: str) -> Any:
    """Ask as somebody who has the key and nothing else."""
    return Client().get(f"/v1/erasures/{key}?site={SITE}")


# --- what it does


def test_everything_that_leads_to_the_device_is_gone_and_what_is_public_stays(
    visitor: Visitor,
) -> None:
    visitor.allow()
    visitor.refuse()
    device = Device.objects.get().pk
    before = {row.key: bytes(row.commitment) for row in ConsentRecord.objects.all()}

    answer = erase(visitor)

    assert answer.status_code == 201, answer.content
    assert not ConsentPrivate.objects.exists()
    left = Device.objects.get()
    assert (left.pk, left.granted, left.refused) == (device, frozenset(), frozenset())
    assert left.erased_at is not None
    assert left.last_record_key not in {row.key for row in ConsentRecord.objects.all()}
    after = {row.key: bytes(row.commitment) for row in ConsentRecord.objects.all()}
    assert before.items() <= after.items()
    [withdrawal] = set(after) - set(before)
    record = ConsentRecord.objects.get(key=withdrawal)
    assert (record.method, record.surface, record.prior) == ("withdraw", "page", "again")


def test_what_was_granted_is_withdrawn_first(visitor: Visitor) -> None:
    visitor.allow()

    erase(visitor)

    record = ConsentRecord.objects.get(method="withdraw")
    assert {visitor.notice.ids[n] for n in record.withdrawn} == visitor.notice.asked_ids
    assert set(news("consent")) == EVERYBODY
    for event in news("consent").values():
        assert event.payload["type"] == "consent.revoked"


def test_each_partner_hears_of_the_withdrawal_and_of_the_erasure(visitor: Visitor) -> None:
    visitor.allow()

    answer = erase(visitor).json()

    revoked, erased = news("consent"), news("erasure")
    assert set(erased) == EVERYBODY
    for partner, event in erased.items():
        assert event.payload["type"] == "device.erased"
        data = event.payload["data"]
        assert set(data) == {"subject", "version", "decided_at", "due_at"}
        assert data["subject"] == event.subject == revoked[partner].subject
        # Whichever comes last: the erasure is the newer word.
        assert data["version"] == event.desired_version > revoked[partner].desired_version
        assert event.occasion == answer["key"]
        assert event.due_at - event.created_at == timedelta(hours=24)
    assert {one["partner"]: one["status"] for one in answer["partners"]} == dict.fromkeys(
        EVERYBODY, "queued"
    )
    assert (answer["total"], answer["confirmed"]) == (4, 0)


def test_a_partner_that_was_granted_is_told_though_it_never_heard_of_the_device(
    visitor: Visitor,
) -> None:
    visitor.choose(
        granted={"purpose:analytics", "item:id.cookie", "item:activity.url", "partner:statco"},
        refused={"purpose:advertising"},
    )
    assert not OutboxEvent.objects.exists()

    erase(visitor)

    assert set(news("erasure")) == {"statco"}


def test_a_partner_that_lost_its_grant_long_ago_is_told(visitor: Visitor) -> None:
    visitor.allow()
    visitor.refuse()
    all_say()

    erase(visitor)

    assert set(news("erasure")) == EVERYBODY
    # Nothing was left to withdraw, so nobody is told of that again.
    assert {event.desired_version for event in news("consent").values()} == {2}


def test_a_grant_of_long_ago_counts_though_its_messages_are_gone(visitor: Visitor) -> None:
    visitor.allow()
    visitor.refuse()
    OutboxEvent.objects.all().delete()

    erase(visitor)

    assert set(news("erasure")) == EVERYBODY


def test_a_partner_that_the_notice_names_no_more_is_told(visitor: Visitor) -> None:
    visitor.allow()
    tags = [tag for tag in catalogue()["tags"] if tag["partner"] != "adco"]
    registry.apply_catalogue(catalogue=catalogue(tags=tags))
    publish()
    forget_everything()

    erase(visitor)

    assert "adco" in news("erasure")


def test_nobody_is_told_of_a_device_that_only_refused() -> None:
    visitor = Visitor(make_site(site={**catalogue()["site"], "default_country": "DE"}))
    visitor.refuse()

    answer = erase(visitor)

    assert answer.status_code == 201
    assert answer.json()["total"] == 0
    assert not OutboxEvent.objects.exists()


def test_what_notice_alone_let_a_partner_have_is_erased_too(visitor: Visitor) -> None:
    visitor.refuse()
    OutboxEvent.objects.all().delete()

    erase(visitor)

    assert set(news("erasure")) == {"statco"}


def test_whoever_was_told_is_told_again_though_no_grant_is_on_record() -> None:
    visitor = Visitor(make_site(site={**catalogue()["site"], "default_country": "DE"}))
    visitor.refuse()
    device = Device.objects.get()
    subject = device_token.pairwise_id(
        device=device.pk, partner="adco", site_id=device.site_id, keys=settings.CONSENT_KEYS
    )
    with transaction.atomic():
        outbox.append(
            site_id=device.site_id,
            news=[
                News(
                    addressee="adco",
                    subject=subject,
                    kind="consent",
                    version=1,
                    payload={"type": "consent.revoked"},
                    due_at=NOW,
                )
            ],
            now=NOW,
        )

    erase(visitor)

    assert set(news("erasure")) == {"adco"}


def test_identifiers_that_wait_for_the_withdrawal_go_with_the_erasure_as_well(
    visitor: Visitor,
) -> None:
    visitor.allow()
    visitor.choose(granted=set(), refused={"partner:adco"})
    OutboxEvent.objects.filter(addressee="adco").update(sealed={"click_id": "c2VhbGVk"})

    erase(visitor)

    assert news("erasure")["adco"].sealed == {"click_id": "c2VhbGVk"}
    assert news("erasure")["mailer"].sealed == {}


# --- what the browser keeps, and what it may do afterwards


def test_the_browser_keeps_no_token_and_falls_back_on_no_grant(visitor: Visitor) -> None:
    visitor.allow()
    seq = Device.objects.get().client_seq

    answer = erase(visitor)

    assert answer.cookies["cm_device"].value == ""
    choices = answer.json()["choices"]
    assert choices["granted"] == []
    assert set(choices["refused"]) == visitor.notice.asked_ids
    # Newer than any copy that a page of the site may hold.
    assert choices["seq"] > seq
    kept = answer.cookies["cm_choices"].value
    assert kept.split(".")[4] == str(choices["seq"])
    assert set(kept.split(".")[5]) == {"0"} or kept.split(".")[5] == ""


def test_afterwards_the_token_is_worth_nothing(visitor: Visitor) -> None:
    key = visitor.allow().json()["receipt"]["key"]
    token = visitor.client.cookies["cm_device"].value
    assert visitor.gate("stats")["stats"]["allowed"]
    erase(visitor)
    visitor.client.cookies["cm_device"] = token

    assert visitor.gate("stats")["stats"] == {
        "allowed": False,
        "reason": "no_choice",
        "withheld_data_items": [],
    }
    assert visitor.get(f"/v1/consents/current?site={SITE}").json() == {"choices": None}
    assert visitor.get(f"/v1/consents?site={SITE}").json() == {"records": []}
    assert visitor.get(f"/v1/receipts/{key}?site={SITE}").status_code == 404
    assert visitor.get(f"/v1/revocations/{key}?site={SITE}").status_code == 404


def test_a_decision_afterwards_is_a_new_devices(visitor: Visitor) -> None:
    visitor.allow()
    token = visitor.client.cookies["cm_device"].value
    erase(visitor)
    visitor.client.cookies["cm_device"] = token

    answer = visitor.allow()

    assert answer.status_code == 201
    assert Device.objects.filter(erased_at=None).count() == 1
    record = ConsentRecord.objects.get(key=answer.json()["receipt"]["key"])
    assert record.prior == "first"
    assert len(visitor.get(f"/v1/consents?site={SITE}").json()["records"]) == 1


def test_a_first_decision_that_was_long_on_its_way_does_not_bring_the_device_back(
    notice: Notice,
) -> None:
    """Partners keep the highest version: they would not listen to the device's second life."""
    seed = secrets.token_hex(16)
    visitor = Visitor(notice)
    body = visitor.body("refuse", device_seed=seed)
    visitor.post("/v1/consents", body)
    erased = Device.objects.get().pk
    erase(visitor)
    late = Visitor(notice)

    answer = late.post("/v1/consents", body)

    assert answer.status_code == 201
    assert Device.objects.get(erased_at=None).pk != erased


def test_history_of_an_erased_device_grants_nothing(visitor: Visitor) -> None:
    late = visitor.body("allow", is_history=True)
    late["purposes"] = {"analytics": True}
    visitor.allow()
    erase(visitor)

    answer = visitor.post("/v1/consents", late)

    assert answer.status_code == 201
    assert answer.json()["choices"]["granted"] == []
    assert Device.objects.get(erased_at=None).granted == frozenset()
    record = ConsentRecord.objects.get(key=answer.json()["receipt"]["key"])
    assert record.is_superseded


# --- once, and by whom


def test_sent_again_it_answers_the_same(visitor: Visitor) -> None:
    visitor.allow()
    body = erasing()
    first = visitor.post("/v1/erasures", body)
    news_before = OutboxEvent.objects.count()

    again = visitor.post("/v1/erasures", body)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert again.cookies["cm_choices"].value == first.cookies["cm_choices"].value
    assert again.cookies["cm_device"].value == ""
    assert OutboxEvent.objects.count() == news_before
    assert Erasure.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_copies_at_once_are_one_erasure() -> None:
    visitor = Visitor(make_site())
    visitor.allow()
    token = visitor.client.cookies["cm_device"].value
    body = erasing()
    answers: list[Any] = []

    def send() -> None:
        copy = Visitor(visitor.notice)
        copy.client.cookies["cm_device"] = token
        try:
            answer = copy.post("/v1/erasures", body)
            while answer.status_code == 503:
                answer = copy.post("/v1/erasures", body)
            answers.append(answer)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["key"] for answer in answers}) == 1
    assert ConsentRecord.objects.count() == 2
    assert len(news("erasure")) == OutboxEvent.objects.filter(kind="erasure").count() == 4


def test_two_devices_are_two_erasures(notice: Notice) -> None:
    alice, bob = Visitor(notice), Visitor(notice)
    alice.allow()
    bob.allow()

    first = erase(alice).json()
    kept = bob.get(f"/v1/consents?site={SITE}").json()["records"]
    second = erase(bob).json()

    assert len(kept) == 1
    assert first["key"] != second["key"]
    events = OutboxEvent.objects.filter(kind="erasure")
    assert events.count() == len(set(events.values_list("subject", flat=True))) == 8


def test_a_key_that_meant_something_else_is_refused_and_nothing_is_lost(notice: Notice) -> None:
    alice, bob = Visitor(notice), Visitor(notice)
    alice.allow()
    body = bob.body("allow", purposes={"analytics": True})
    bob.post("/v1/consents", body)

    as_decision = erase(bob, idempotency_key=body["idempotency_key"])
    used = erasing()
    alice.post("/v1/erasures", used)
    as_erasure = bob.post("/v1/erasures", used)

    for answer in (as_decision, as_erasure):
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert set(answer.json()["fields"]) == {"idempotency_key"}
    assert len(bob.get(f"/v1/consents?site={SITE}").json()["records"]) == 1


def test_without_the_newest_token_there_is_nothing_to_erase(notice: Notice) -> None:
    visitor, stranger = Visitor(notice), Visitor(notice)
    visitor.allow()
    outdated = visitor.client.cookies["cm_device"].value
    visitor.allow()
    holder = Visitor(notice)
    holder.client.cookies["cm_device"] = outdated

    answers = [erase(stranger), erase(holder)]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    assert answers[0].json()["code"] == "unknown_device"
    assert ConsentPrivate.objects.count() == 2


def test_an_erased_device_cannot_be_erased_again(visitor: Visitor) -> None:
    visitor.allow()
    token = visitor.client.cookies["cm_device"].value
    erase(visitor)
    visitor.client.cookies["cm_device"] = token

    assert erase(visitor).status_code == 404
    assert Erasure.objects.count() == 1


@pytest.mark.parametrize("origin", ["https://evil.example", "", "null", f"{ORIGIN}.evil.example"])
def test_a_foreign_page_erases_nothing(visitor: Visitor, origin: str) -> None:
    visitor.allow()

    answer = visitor.post("/v1/erasures", erasing(), headers={"Origin": origin})

    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert ConsentPrivate.objects.count() == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"idempotency_key": "short"},
        {"idempotency_key": "with spaces in the key"},
        {"language": "xx"},
        {"surface": "nowhere"},
        {"notice": 1},
        {"site": 7},
    ],
)
def test_a_wrong_request_is_named_and_erases_nothing(
    visitor: Visitor, changes: dict[str, Any]
) -> None:
    visitor.allow()

    answer = erase(visitor, **changes)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert set(answer.json()["fields"]) == set(changes)
    assert ConsentPrivate.objects.count() == 1
    assert not OutboxEvent.objects.exists()


def test_a_token_in_the_header_erases_without_cookies(notice: Notice) -> None:
    visitor = Visitor(notice)
    new = {"X-Consent-Device": "new"}
    token = visitor.post("/v1/consents", visitor.body("refuse"), headers=new).json()["device_token"]

    answer = visitor.post("/v1/erasures", erasing(), headers={"X-Consent-Device": token})

    assert answer.status_code == 201
    assert not answer.cookies


# --- how far it is


def test_the_key_tells_how_far_it_is_and_no_more(visitor: Visitor) -> None:
    visitor.allow()
    key = erase(visitor).json()["key"]
    all_say(addressee="adco", kind="erasure")
    all_say("identifier_not_held", addressee="mailer", kind="erasure")

    answer = status(key)

    assert answer.status_code == 200
    assert answer["Cache-Control"] == "private, no-store"
    assert {one["partner"]: one["status"] for one in answer.json()["partners"]} == {
        "statco": "queued",
        "adco": "confirmed",
        "retargeter": "queued",
        "mailer": "identifier_not_held",
    }
    assert (answer.json()["total"], answer.json()["confirmed"]) == (4, 1)
    text = answer.content.decode()
    for event in OutboxEvent.objects.all():
        assert event.subject not in text


def test_another_key_tells_nothing(visitor: Visitor) -> None:
    visitor.allow()
    erase(visitor)

    answer = status("00000000-0000-4000-8000-000000000000")

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_erasure")


# --- what is kept of it, and for how long


def test_an_erasure_is_forgotten_a_day_after_everybody_has_spoken(visitor: Visitor) -> None:
    visitor.allow()
    key = erase(visitor).json()["key"]
    all_say(kind="erasure")
    all_say("not_needed", addressee="adco", kind="erasure")
    now = timezone.now()

    assert erasures.forget_erasures(now=now + timedelta(hours=23)) == 0
    assert status(key).status_code == 200
    assert erasures.forget_erasures(now=now + timedelta(hours=25)) == 1
    assert status(key).status_code == 404
    # Its id stays taken: what is on its way may still come.
    assert Device.objects.get().erased_at is not None


def test_an_erasure_that_somebody_owes_is_kept_for_ninety_days(visitor: Visitor) -> None:
    visitor.allow()
    key = erase(visitor).json()["key"]
    all_say(kind="erasure")
    OutboxEvent.objects.filter(addressee="adco", kind="erasure").update(
        acked_version=0, state="dead", confirmed_at=None
    )
    now = timezone.now()

    assert erasures.forget_erasures(now=now + timedelta(days=89)) == 0
    assert status(key).status_code == 200
    assert erasures.forget_erasures(now=now + timedelta(days=91)) == 1
    assert not Device.objects.exists()
    # What is owed is owed all the same.
    assert news("erasure")["adco"].state == "dead"


def test_a_device_that_was_not_erased_outlives_the_chore(visitor: Visitor) -> None:
    visitor.allow()

    erasures.forget_erasures(now=timezone.now() + timedelta(days=400))

    assert Device.objects.exists()


def test_counts_are_the_same_before_and_after(notice: Notice) -> None:
    for _ in range(3):
        Visitor(notice).allow()
    visitor = Visitor(notice)
    visitor.allow()
    visitor.choose(granted=set(), refused={"purpose:advertising"})
    site = registry_queries.get_site(code=SITE)
    week = {"since": NOW - timedelta(days=1), "until": timezone.now() + timedelta(days=1)}

    def counts() -> dict[tuple[Any, ...], int]:
        return {
            (one.day, one.method, one.is_first, one.granted, one.withdrawn): one.count
            for one, sign in consents.recount(site_id=site.id, **week)
            if sign == 1
        }

    before = counts()
    erase(visitor)
    after = counts()

    [own] = after.keys() - before.keys()
    assert (own[1], own[2], after.pop(own)) == ("withdraw", False, 1)
    assert after == before


def test_the_commitment_of_an_erased_record_still_proves_a_kept_copy(visitor: Visitor) -> None:
    visitor.allow()
    private = ConsentPrivate.objects.get()
    copy = {
        "record": str(private.record_key),
        "device": str(private.device_id),
        "version": private.version,
        "previous": None,
        "external_id": None,
        "idempotency_key": private.idempotency_key,
        "client_seq": private.client_seq,
    }
    salt = bytes(private.salt)

    erase(visitor)

    record = ConsentRecord.objects.get(key=private.record_key)
    assert rules.commitment(salt=salt, private=copy) == bytes(record.commitment)


def test_no_table_names_the_device_to_anybody_but_itself(visitor: Visitor) -> None:
    """Its row keeps the id taken; nothing refers to that, and partners' names do not show it."""
    visitor.allow()
    device = Device.objects.get().pk
    erase(visitor)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> %s",
            ["consents_device"],
        )
        tables = [row[0] for row in cursor.fetchall()]
        holding = []
        for table in tables:
            cursor.execute(
                f'SELECT count(*) FROM "{table}" t WHERE t::text ~ %s',  # noqa: S608
                [f"{device}|{device.hex}"],
            )
            if cursor.fetchone() != (0,):
                holding.append(table)
    assert holding == []


def test_the_log_tells_counts_only(visitor: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    visitor.allow()
    device = Device.objects.get().pk
    with caplog.at_level("INFO", logger="tracking"):
        key = erase(visitor).json()["key"]

    [line] = [one for one in caplog.messages if "erased" in one]
    assert line == "a device was erased: 2 records, 4 partners to tell"
    for secret in (str(device), key, *OutboxEvent.objects.values_list("subject", flat=True)):
        assert secret not in caplog.text


# --- what PostgreSQL refuses


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE consents_device SET erased_at = NULL",
        "UPDATE consents_device SET granted = B'1'",
        "UPDATE consents_device SET serial = serial + 1",
        "INSERT INTO consents_device SELECT * FROM consents_device",
        "INSERT INTO consents_erasure SELECT gen_random_uuid(), idempotency_key, erased_at,"
        " version, seq, told, notice_id, site_id FROM consents_erasure",
        "DELETE FROM consents_consentrecord",
        "UPDATE consents_consentrecord SET granted = B''",
    ],
)
def test_psql_cannot_undo_or_double_an_erasure(visitor: Visitor, statement: str) -> None:
    visitor.allow()
    erase(visitor)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    "left",
    [
        "granted = B'1', refused = B'', with_signal = false",
        "granted = B'', refused = B'1', with_signal = false",
        "granted = B'', refused = B'', with_signal = true",
    ],
)
def test_psql_cannot_erase_a_device_by_half(visitor: Visitor, left: str) -> None:
    visitor.refuse()

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE consents_device SET erased_at = now(), {left}")  # noqa: S608


def test_a_device_whose_records_are_kept_cannot_be_deleted(visitor: Visitor) -> None:
    visitor.allow()

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM consents_device; SET CONSTRAINTS ALL IMMEDIATE")


def test_partners_know_the_device_by_names_that_are_theirs(visitor: Visitor) -> None:
    visitor.allow()
    device = Device.objects.get().pk
    erase(visitor)

    site = registry_queries.get_site(code=SITE)
    for partner, event in news("erasure").items():
        assert event.subject == device_token.pairwise_id(
            device=device, partner=partner, site_id=site.id, keys=settings.CONSENT_KEYS
        )
