"""Under what partners know a device: kept while granted, sealed, told once, deleted."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories.identifiers import kept, make_identifying_site, told
from tests.factories.registry import SITE, catalogue, publish
from tests.visitors import Visitor, maps
from tracking.consents import identifiers
from tracking.consents.models import ConsentRecord, Device, Identifier
from tracking.lib.short_memory import forget_everything
from tracking.outbox.models import OutboxEvent
from tracking.regimes import rules as regimes
from tracking.registry import operations as registry

pytestmark = pytest.mark.django_db

GA = "GA1.1.1000000000.1700000000"
STATCO = {"statco": {"ga_client_id": GA}}
ADCO = {"adco": {"cookie_id": "ad-8", "user_id": "member 7"}}


@pytest.fixture
def visitor(db: None) -> Visitor:
    return Visitor(make_identifying_site())


def identify(visitor: Visitor, sent: Any, **extra: Any) -> Any:
    return visitor.post("/v1/identifiers", {"site": SITE, "identifiers": sent}, **extra)


def allow_and_identify(visitor: Visitor, sent: Any) -> None:
    assert visitor.allow().status_code == 201
    assert identify(visitor, sent).status_code == 204


# --- kept while granted --------------------------------------------------------------------------


def test_they_are_kept_for_partners_that_may_receive_something(visitor: Visitor) -> None:
    visitor.allow()

    answer = identify(visitor, STATCO | ADCO)

    assert (answer.status_code, answer.content) == (204, b"")
    assert kept() == STATCO | ADCO


def test_sent_again_the_newest_value_stays(visitor: Visitor) -> None:
    allow_and_identify(visitor, ADCO)

    for _ in range(2):
        assert identify(visitor, {"adco": {"cookie_id": "ad-9"}}).status_code == 204

    assert kept() == {"adco": {"cookie_id": "ad-9", "user_id": "member 7"}}


def test_what_is_kept_is_sealed_for_its_place(visitor: Visitor) -> None:
    allow_and_identify(visitor, STATCO | ADCO)

    for row in Identifier.objects.all():
        assert GA.encode() not in row.sealed
        assert b"ad-8" not in row.sealed
    one, other = Identifier.objects.filter(partner="adco").order_by("kind")
    swapped = [("adco", one.kind, other.sealed), ("statco", one.kind, one.sealed)]
    assert (
        identifiers.open_all(device=one.device_id, rows=swapped, keys=settings.CONSENT_KEYS) == {}
    )


@pytest.mark.parametrize(
    "refused", ["partner:statco", "purpose:analytics", "item:id.cookie", "item:activity.url"]
)
def test_nothing_is_kept_for_a_partner_whose_tags_are_shut(visitor: Visitor, refused: str) -> None:
    visitor.choose(granted=set(visitor.notice.asked_ids) - {refused}, refused={refused})

    answer = identify(visitor, STATCO)

    assert answer.status_code == 403
    assert answer.json()["code"] == "not_granted"
    assert answer.json()["fields"] == {"partners": ["statco"]}
    assert not Identifier.objects.exists()


def test_one_partner_that_is_shut_keeps_all_from_being_kept(visitor: Visitor) -> None:
    visitor.choose(
        granted=set(visitor.notice.asked_ids) - {"partner:adco"}, refused={"partner:adco"}
    )

    assert identify(visitor, STATCO | ADCO).json()["fields"] == {"partners": ["adco"]}
    assert not Identifier.objects.exists()


def test_one_granted_tag_of_a_partner_is_enough(visitor: Visitor) -> None:
    tags = catalogue()["tags"]
    two = [*tags, {**tags[1], "code": "more", "purposes": ["personalisation"]}]
    visitor.notice = make_identifying_site(tags=two)
    everything = set(visitor.notice.asked_ids)
    visitor.choose(granted=everything - {"purpose:analytics"}, refused={"purpose:analytics"})

    assert identify(visitor, STATCO).status_code == 204


@pytest.mark.parametrize(
    "sent",
    [
        {"statco": {"user_id": "7"}},
        {"retargeter": {"cookie_id": "7"}},
        {"nobody": {"cookie_id": "7"}},
        {"statco": {"ga_client_id": ""}},
        {"statco": {"ga_client_id": "a" * 257}},
        {"statco": {"ga_client_id": "a\nb"}},
        {"statco": {"ga_client_id": "a\u200bb"}},
        {"statco": {"ga_client_id": 7}},
        {"statco": {"ga_client_id": None}},
        {"statco": GA},
        {"statco": [GA]},
        [STATCO],
        GA,
        None,
        STATCO | {"adco": {"phone": "7"}},
    ],
)
def test_what_is_not_declared_or_malformed_is_named_and_nothing_kept(
    visitor: Visitor, sent: Any
) -> None:
    visitor.allow()

    answer = identify(visitor, sent)

    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"
    assert set(answer.json()["fields"]) == {"identifiers"}
    assert GA not in answer.content.decode()
    assert not Identifier.objects.exists()


def test_the_longest_value_is_taken(visitor: Visitor) -> None:
    allow_and_identify(visitor, {"adco": {"user_id": "会" * 256}})

    assert kept() == {"adco": {"user_id": "会" * 256}}


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
def test_a_foreign_page_can_hand_over_nothing(visitor: Visitor, origin: str) -> None:
    visitor.allow()

    answer = identify(visitor, STATCO, headers={"Origin": origin})

    assert answer.json()["code"] == "foreign_origin"
    assert not Identifier.objects.exists()


def test_only_the_newest_token_counts(visitor: Visitor) -> None:
    nobody = Visitor(visitor.notice)
    visitor.allow()
    old = visitor.client.cookies["cm_device"].value
    visitor.allow()
    newest = visitor.client.cookies["cm_device"].value

    for token in (old, old[:-3] + "AAA", "", newest[1:]):
        nobody.client.cookies["cm_device"] = token
        answer = identify(nobody, STATCO)
        assert answer.status_code == 403
        assert answer.json()["fields"] == {"partners": ["statco"]}
        assert "cm_device" not in answer.cookies
    assert not Identifier.objects.exists()
    nobody.client.cookies["cm_device"] = newest
    assert identify(nobody, STATCO).status_code == 204


def test_one_device_can_hand_over_nothing_for_another(visitor: Visitor) -> None:
    allow_and_identify(visitor, STATCO)
    other = Visitor(visitor.notice)
    other.allow()
    identify(other, {"statco": {"ga_client_id": "other"}})

    visitor.refuse()

    assert Identifier.objects.count() == 1
    assert told("statco") == {"ga_client_id": GA}


def test_a_token_in_the_header_will_do(visitor: Visitor) -> None:
    visitor.allow()
    token = visitor.client.cookies["cm_device"].value
    stranger = Visitor(visitor.notice)

    answer = identify(stranger, STATCO, headers={"X-Consent-Device": token})

    assert answer.status_code == 204


def test_an_expired_grant_keeps_nothing(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor.allow()
    later = timezone.now() + timedelta(days=366)
    monkeypatch.setattr("tracking.consents.api.timezone.now", lambda: later)

    assert identify(visitor, STATCO).status_code == 403


def test_a_grant_that_means_something_else_now_keeps_nothing(visitor: Visitor) -> None:
    visitor.allow()
    tags = catalogue()["tags"]
    tags[1]["required_items"] = ["id.cookie", "activity.url", "activity.sequence"]
    make_identifying_site(tags=tags)
    forget_everything()

    assert identify(visitor, STATCO).status_code == 403
    assert identify(visitor, ADCO).status_code == 204


@pytest.mark.parametrize(
    "body",
    [
        {"site": SITE},
        {"site": "other", "identifiers": STATCO},
        {"site": SITE, "identifiers": STATCO, "more": 1},
    ],
)
def test_the_body_is_strict(visitor: Visitor, body: Any) -> None:
    visitor.allow()

    assert visitor.post("/v1/identifiers", body).status_code in {400, 404}
    assert not Identifier.objects.exists()


# --- told with the withdrawal, and deleted -------------------------------------------------------


def test_a_refusal_takes_them_to_the_partner_and_away(visitor: Visitor) -> None:
    allow_and_identify(visitor, STATCO | ADCO)

    assert visitor.refuse().status_code == 201

    assert not Identifier.objects.exists()
    assert told("statco") == STATCO["statco"]
    assert told("adco") == ADCO["adco"]
    assert told("mailer") == {}


def test_a_withdrawal_of_one_partner_leaves_the_others(visitor: Visitor) -> None:
    allow_and_identify(visitor, STATCO | ADCO)

    visitor.revoke(partners=["adco"])

    assert kept() == STATCO
    assert told("adco") == ADCO["adco"]


def test_a_partner_that_keeps_a_grant_is_told_and_its_identifiers_stay(visitor: Visitor) -> None:
    tags = catalogue()["tags"]
    visitor.notice = make_identifying_site(
        tags=[*tags, {**tags[1], "code": "more", "purposes": ["personalisation"]}]
    )
    allow_and_identify(visitor, STATCO)

    visitor.revoke(purposes=["personalisation"])
    assert (told("statco"), kept()) == (STATCO["statco"], STATCO)

    visitor.revoke(purposes=["analytics"])
    assert told("statco") == STATCO["statco"]
    assert not Identifier.objects.exists()


def test_a_decision_that_takes_nothing_from_a_partner_touches_nothing(visitor: Visitor) -> None:
    allow_and_identify(visitor, STATCO)

    visitor.choose(granted={"purpose:analytics"}, refused={"item:attr.gender", "partner:adco"})

    # The optional item is a loss, and told; the tag still runs.
    assert kept() == STATCO
    visitor.allow()
    assert kept() == STATCO


def test_a_refusal_brings_along_what_the_browser_holds(visitor: Visitor) -> None:
    visitor.allow()

    visitor.post("/v1/consents", visitor.body("refuse", identifiers=STATCO))

    assert told("statco") == STATCO["statco"]
    assert not Identifier.objects.exists()


def test_a_withdrawal_brings_along_too(visitor: Visitor) -> None:
    allow_and_identify(visitor, ADCO)

    visitor.revoke(all=True, identifiers=STATCO | {"adco": {"cookie_id": "ad-9"}})

    assert told("statco") == STATCO["statco"]
    # What the browser holds now is newer than what it once said.
    assert told("adco") == {"cookie_id": "ad-9", "user_id": "member 7"}


def test_what_notice_allowed_was_granted_too(visitor: Visitor) -> None:
    visitor.post("/v1/consents", visitor.body("refuse", identifiers=STATCO | ADCO))

    # The first decision: only the processor's analytics had been open by notice.
    assert told("statco") == STATCO["statco"]
    assert not OutboxEvent.objects.filter(addressee="adco").exists()
    assert not Identifier.objects.exists()


def test_what_was_shut_before_is_not_told(visitor: Visitor) -> None:
    visitor.refuse()
    visitor.post("/v1/consents", visitor.body("refuse", identifiers=STATCO | ADCO))

    assert told("statco") == {}
    assert not OutboxEvent.objects.filter(addressee="adco").exists()
    assert not Identifier.objects.exists()


@pytest.mark.parametrize(
    "broken",
    [
        None,
        7,
        "x",
        [STATCO],
        {"statco": GA},
        {"nobody": {"cookie_id": "7"}},
        {"statco": {"phone": "7"}, "adco": {"cookie_id": "\n"}},
        {"statco": {"ga_client_id": "a" * 257}},
    ],
)
def test_nothing_that_is_wrong_with_them_costs_a_refusal(visitor: Visitor, broken: Any) -> None:
    visitor.allow()

    for method in ("refuse", "choose"):
        body = visitor.body(method, purposes={"analytics": False}, identifiers=broken)
        assert visitor.post("/v1/consents", body).status_code == 201
    visitor.allow()
    assert visitor.revoke(all=True, identifiers=broken).status_code == 201
    assert told("statco") == told("adco") == {}


def test_what_is_well_formed_beside_it_is_told(visitor: Visitor) -> None:
    visitor.allow()

    visitor.post(
        "/v1/consents", visitor.body("refuse", identifiers=STATCO | {"adco": {"phone": "7"}})
    )

    assert told("statco") == STATCO["statco"]
    assert told("adco") == {}


@pytest.mark.parametrize("broken", [7, {"statco": GA}, {"statco": {"phone": "7"}}])
def test_a_grant_has_to_be_whole(visitor: Visitor, broken: Any) -> None:
    body = visitor.body("choose", purposes={"analytics": True}, identifiers=broken)

    answer = visitor.post("/v1/consents", body)

    assert answer.status_code == 400
    assert set(answer.json()["fields"]) == {"identifiers"}
    assert not ConsentRecord.objects.exists()


def test_a_grant_keeps_none(visitor: Visitor) -> None:
    body = visitor.body("choose", purposes={"analytics": True}, identifiers=STATCO)

    assert visitor.post("/v1/consents", body).status_code == 201
    assert not Identifier.objects.exists()


def test_a_partner_that_gains_something_is_told_none(visitor: Visitor) -> None:
    visitor.allow()
    visitor.refuse()

    body = visitor.body("choose", identifiers=STATCO | ADCO)
    everything = maps(visitor.notice.asked_ids - {"partner:statco"}, frozenset({"partner:statco"}))
    assert visitor.post("/v1/consents", {**body, **everything}).status_code == 201

    assert OutboxEvent.objects.get(addressee="adco").payload["type"] == "consent.granted"
    assert told("adco") == {}


def test_a_refusal_sent_again_tells_nothing_more(visitor: Visitor) -> None:
    visitor.allow()
    body = visitor.body("refuse", identifiers=STATCO)
    visitor.post("/v1/consents", body)
    before = OutboxEvent.objects.get(addressee="statco")

    again = visitor.post(
        "/v1/consents", {**body, "identifiers": {"statco": {"ga_client_id": "other"}}}
    )

    assert again.status_code == 200
    after = OutboxEvent.objects.get(addressee="statco")
    assert (after.sealed, after.message_key) == (before.sealed, before.message_key)


def test_an_outdated_token_replaces_nothing_that_was_kept(visitor: Visitor) -> None:
    visitor.allow()
    old = visitor.client.cookies["cm_device"].value
    visitor.allow()
    identify(visitor, {"adco": {"cookie_id": "ad-8"}})
    visitor.client.cookies["cm_device"] = old

    sent = {"adco": {"cookie_id": "planted", "user_id": "7"}}
    answer = visitor.post("/v1/consents", visitor.body("refuse", identifiers=sent))

    assert answer.status_code == 201
    assert told("adco") == {"cookie_id": "ad-8", "user_id": "7"}


def test_a_grant_that_ends_without_news_takes_them_along(visitor: Visitor) -> None:
    allow_and_identify(visitor, STATCO | ADCO)
    tags = catalogue()["tags"]
    tags[1]["required_items"] = ["id.cookie", "activity.url", "activity.sequence"]
    visitor.notice = make_identifying_site(tags=tags)
    forget_everything()

    # Nothing is said of analytics, whose meaning has changed: it is not carried along.
    visitor.choose(granted={"item:activity.sequence"}, refused=set())

    assert kept() == ADCO
    assert not OutboxEvent.objects.filter(addressee="statco").exclude(sealed={}).exists()


def test_a_refusal_on_an_older_notice_spares_partners_that_came_later(visitor: Visitor) -> None:
    tags = [one for one in catalogue()["tags"] if one["code"] != "ads"]
    before = make_identifying_site(tags=tags)
    visitor.notice = make_identifying_site()
    forget_everything()
    allow_and_identify(visitor, STATCO | ADCO)

    body = visitor.body("withdraw", partners={"statco": False}, notice=before.number)
    assert visitor.post("/v1/consents", body).status_code == 201

    assert kept() == ADCO
    assert told("statco") == STATCO["statco"]


def test_a_late_history_takes_nothing(visitor: Visitor) -> None:
    allow_and_identify(visitor, STATCO)
    late = visitor.body("refuse", identifiers=STATCO)

    visitor.post("/v1/consents", {**late, "client_seq": 1, "is_history": True})

    assert kept() == STATCO
    assert not OutboxEvent.objects.exists()


def test_they_are_told_although_the_notice_declares_none_any_more(visitor: Visitor) -> None:
    allow_and_identify(visitor, STATCO)
    registry.apply_catalogue(catalogue=catalogue())
    visitor.notice = publish()
    forget_everything()

    visitor.refuse()

    assert told("statco") == STATCO["statco"]
    assert not Identifier.objects.exists()


def test_a_missing_key_costs_no_refusal(
    visitor: Visitor, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    allow_and_identify(visitor, STATCO)
    settings.CONSENT_KEYS = {"other": b"o" * 32, **settings.CONSENT_KEYS}
    settings.CONSENT_KEYS = {
        name: key if name == "other" else b"x" * 32 for name, key in settings.CONSENT_KEYS.items()
    }
    device = Device.objects.get()
    rows = list(Identifier.objects.values_list("partner", "kind", "sealed"))

    with caplog.at_level(logging.ERROR):
        found = identifiers.open_all(device=device.pk, rows=rows, keys=settings.CONSENT_KEYS)

    assert found == {}
    assert "partner statco" in caplog.text
    assert str(device.pk) not in caplog.text


def test_nothing_of_them_is_logged(visitor: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        allow_and_identify(visitor, STATCO)
        identify(visitor, {"statco": {"phone": GA}})
        visitor.post("/v1/consents", visitor.body("refuse", identifiers=STATCO))

    messages = [record.getMessage() for record in caplog.records if record.name[:6] != "django"]
    assert not any(GA in message for message in messages)


# --- deleted when the grant has expired ----------------------------------------------------------


def test_they_go_when_the_longest_grant_has_expired(visitor: Visitor) -> None:
    allow_and_identify(visitor, STATCO)
    days = max(regime.renew_days_granted for regime in regimes.load_regimes())
    decided_at = Device.objects.get().decided_at

    assert identifiers.forget_expired(now=decided_at + timedelta(days=days)) == 0
    assert kept() == STATCO
    assert identifiers.forget_expired(now=decided_at + timedelta(days=days, seconds=1)) == 1
    assert not Identifier.objects.exists()


# --- in the table itself -------------------------------------------------------------------------


def test_a_device_takes_them_along_when_it_is_deleted(visitor: Visitor) -> None:
    allow_and_identify(visitor, STATCO)

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM consents_consentprivate")
        cursor.execute("DELETE FROM consents_device")

    assert not Identifier.objects.exists()


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("kind = 'Ga'", "identifier_kind_known"),
        ("kind = ''", "identifier_kind_known"),
        ("partner = ''", "identifier_has_partner"),
        ("kind = 'user_id'", "identifier_once"),
        ("device_id = gen_random_uuid()", "identifier_of_a_device"),
    ],
)
def test_the_table_holds_together(visitor: Visitor, change: str, constraint: str) -> None:
    allow_and_identify(visitor, ADCO)

    with (
        pytest.raises(IntegrityError, match=constraint),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE consents_identifier SET {change}")  # noqa: S608


def test_taking_them_away_is_part_of_the_decisions_own_statement(visitor: Visitor) -> None:
    visitor.allow()
    with CaptureQueriesContext(connection) as without:
        visitor.refuse()
    allow_and_identify(visitor, STATCO | ADCO)
    with CaptureQueriesContext(connection) as with_some:
        visitor.refuse()

    assert told("statco") == STATCO["statco"]
    assert len(with_some) == len(without)
