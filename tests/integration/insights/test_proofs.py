"""Proofs of being shown: what comes without one has its effect, and moves no rate."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from tests.factories.registry import ORIGIN, SITE
from tests.visitors import Visitor
from tracking.consents import operations as consents
from tracking.consents.models import ConsentRecord, Device, SpentImpression, Uncounted
from tracking.consents.types import DeviceClass, Method, Submission, Surface, Visit
from tracking.insights import operations, queries
from tracking.insights.models import DailyCount
from tracking.insights.types import Filters, OptInReport
from tracking.lib import impression
from tracking.notices.types import Notice
from tracking.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db

FORGED = 10_000


def stranger(notice: Notice, **fields: Any) -> Visitor:
    """Return a browser that proves nothing by itself."""
    return Visitor(notice, proves=False, **fields)


@pytest.fixture
def visitor(notice: Notice) -> Visitor:
    return stranger(notice)


def suspects() -> list[bool]:
    return list(ConsentRecord.objects.order_by("recorded_at").values_list("is_suspect", flat=True))


def report() -> OptInReport:
    now = timezone.now()
    operations.flush(now=now)
    operations.roll_up()
    operations.tell(now=now, at_once=True)
    return queries.get_opt_in_report(filters=Filters(site=SITE, days=7), now=now)


def rates(told: OptInReport) -> dict[str, tuple[float | None, float | None]]:
    found = {one.code: (one.period.of_shown, one.period.of_decided) for one in told.purposes}
    return found | {one.id: (one.rate.of_shown, one.rate.of_decided) for one in told.choices}


def test_ten_thousand_forged_grants_move_no_rate(notice: Notice, settings: Any) -> None:
    visitors = [stranger(notice, client=Client(HTTP_USER_AGENT="")) for _ in range(40)]
    proofs = [visitor.be_shown() for visitor in visitors]
    for visitor, proof in zip(visitors[:16], proofs, strict=False):
        visitor.allow(impression=proof)
    for visitor, proof in zip(visitors[16:28], proofs[16:], strict=False):
        visitor.refuse(impression=proof)
    before = report()
    forgeries = [
        None,
        proofs[0],
        "forged",
        impression.issue(
            site_id=notice.site_id + 1,
            issued_at=int(timezone.now().timestamp()),
            keys=settings.CONSENT_KEYS,
        ),
    ]

    for number in range(FORGED):
        consents.record_consent(
            submission=Submission(
                site=SITE,
                notice=notice.number,
                idempotency_key=secrets.token_urlsafe(18),
                client_seq=1_700_000_000_000,
                method=Method.ALLOW,
                surface=Surface.BAR,
                language="ja",
                gpc=False,
                granted=notice.asked_ids,
                refused=frozenset(),
                impression=forgeries[number % len(forgeries)],
            ),
            visit=Visit(
                origin=ORIGIN, device_token=None, place=None, device_class=DeviceClass.PHONE
            ),
            keys=settings.CONSENT_KEYS,
            now=timezone.now(),
        )
    after = report()

    assert ConsentRecord.objects.filter(is_suspect=True).count() == FORGED
    assert not Uncounted.objects.exists()
    assert rates(before)["analytics"] == (16 / 40, 16 / 28)
    assert rates(after) == rates(before)
    assert after.funnel == before.funnel
    # They are told of as what they are.
    assert before.suspects.value == 0
    assert after.suspects.value == FORGED


@pytest.fixture
def proof(visitor: Visitor) -> str:
    return visitor.be_shown()


def test_a_decision_with_its_proof_counts(visitor: Visitor, proof: str) -> None:
    assert visitor.allow(impression=proof).status_code == 201

    assert suspects() == [False]
    assert SpentImpression.objects.count() == 1
    # What was spent leads neither to the record nor to the device.
    assert {field.name for field in SpentImpression._meta.get_fields()} == {"nonce", "spent_at"}


def test_a_proof_is_good_for_one_decision(notice: Notice, visitor: Visitor, proof: str) -> None:
    visitor.allow(impression=proof)
    replayed = stranger(notice).allow(impression=proof)

    assert replayed.status_code == 201
    assert suspects() == [False, True]


@pytest.mark.parametrize("text", [None, "", "A", "x" * 256, "あ"])
def test_what_is_no_proof_costs_nothing_but_the_count(visitor: Visitor, text: str | None) -> None:
    assert visitor.refuse(impression=text).status_code == 201

    assert suspects() == [True]


def test_a_proof_of_another_site_is_none_here(visitor: Visitor, settings: Any) -> None:
    foreign = impression.issue(
        site_id=visitor.notice.site_id + 1,
        issued_at=int(timezone.now().timestamp()),
        keys=settings.CONSENT_KEYS,
    )

    visitor.refuse(impression=foreign)

    assert suspects() == [True]
    assert not SpentImpression.objects.exists()


@pytest.mark.parametrize(("waited", "is_suspect"), [(149, True), (150, False)])
def test_a_press_that_no_person_makes_is_suspect(
    visitor: Visitor, waited: int, is_suspect: bool
) -> None:
    visitor.allow(impression=visitor.be_shown(waited=waited))

    assert suspects() == [is_suspect]


def test_what_calls_itself_a_bot_is_suspect_even_with_a_proof(notice: Notice) -> None:
    bot = stranger(notice, client=Client(HTTP_USER_AGENT="Mozilla/5.0 HeadlessChrome/140.0"))
    bot.allow(impression=bot.be_shown())

    assert suspects() == [True]
    assert not SpentImpression.objects.exists()


def test_a_refusal_without_proof_is_in_effect_at_once_and_left_out(visitor: Visitor) -> None:
    visitor.allow(impression=visitor.be_shown())
    visitor.client.cookies.pop("cm_device")
    refused = visitor.refuse()

    assert refused.status_code == 201
    assert {one["allowed"] for one in visitor.gate("ga4", "meta").values()} == {False}
    assert suspects() == [False, True]
    operations.flush(now=timezone.now())
    operations.roll_up()
    assert set(DailyCount.objects.values_list("cell__kind", flat=True)) == {
        "shown", "allowed", "suspect",
    }  # fmt: skip


def test_a_suspects_withdrawal_is_told_to_partners(visitor: Visitor) -> None:
    visitor.allow()
    before = OutboxEvent.objects.count()
    answer = visitor.revoke(all=True)

    assert answer.status_code == 201
    assert answer.json()["deliveries"]
    assert OutboxEvent.objects.count() >= before
    assert suspects() == [True, True]


def test_a_known_device_needs_no_further_proof(visitor: Visitor, proof: str) -> None:
    visitor.allow(impression=proof)
    visitor.revoke(all=True)
    visitor.allow()

    assert suspects() == [False, False, False]
    assert not Device.objects.get().is_suspect


def test_a_suspect_device_stays_one_until_it_brings_a_proof(visitor: Visitor) -> None:
    visitor.allow()
    visitor.refuse()
    visitor.allow(impression=visitor.be_shown(surface="preferences"))
    visitor.revoke(all=True)

    assert suspects() == [True, True, False, False]
    assert not Device.objects.get().is_suspect


def test_an_outdated_token_proves_nothing(notice: Notice, visitor: Visitor, proof: str) -> None:
    visitor.allow(impression=proof)
    old = visitor.client.cookies["cm_device"].value
    visitor.revoke(all=True)
    other = stranger(notice, seq=visitor.seq)
    other.client.cookies["cm_device"] = old
    other.refuse()

    assert suspects() == [False, False, True]
    # The device itself is as it was.
    assert not Device.objects.get().is_suspect


def test_a_decision_that_is_not_recorded_spends_nothing(visitor: Visitor, proof: str) -> None:
    refused = visitor.allow(impression=proof, notice=9)
    assert refused.status_code == 400

    visitor.allow(impression=proof)

    assert suspects() == [False]


def test_sent_again_a_decision_is_what_it_was(visitor: Visitor, proof: str) -> None:
    body = visitor.body("refuse", impression=proof)
    first = visitor.post("/v1/consents", body)
    second = visitor.post("/v1/consents", body)

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["receipt"] == first.json()["receipt"]
    assert suspects() == [False]


def test_a_browsers_signal_follows_the_same_rule(notice: Notice) -> None:
    signaller = stranger(notice, sends_gpc=True)
    proof = signaller.be_shown()
    refused = {"purposes": {"advertising": False}}
    signaller.post("/v1/consents", signaller.body("signal", **refused))
    other = stranger(notice, sends_gpc=True)
    other.post("/v1/consents", other.body("signal", **refused, impression=proof))

    assert suspects() == [True, False]


def test_where_it_came_from_and_its_variant_are_counted(visitor: Visitor) -> None:
    visitor.allow(impression=visitor.be_shown(variant="exp:b", referrer="t.co"))
    visitor.revoke(all=True, variant="exp:b", referrer="shop.example")
    operations.flush(now=timezone.now())
    operations.roll_up()

    rows = DailyCount.objects.values_list("cell__kind", "cell__variant", "cell__referrer_class")
    assert set(rows) == {
        ("shown", "exp:b", "social"),
        ("allowed", "exp:b", "social"),
        ("withdrawn", "exp:b", "same_site"),
    }


def test_expired_proofs_are_forgotten(visitor: Visitor, proof: str) -> None:
    visitor.refuse(impression=proof)
    now = timezone.now()

    assert consents.forget_impressions(now=now + timedelta(hours=47)) == 0
    assert consents.forget_impressions(now=now + timedelta(hours=49)) == 1
    assert not SpentImpression.objects.exists()


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        (
            "INSERT INTO consents_spentimpression VALUES ('\\x0102', now())",
            "spent_nonce_length",
        ),
        (
            "INSERT INTO consents_consentrecord SELECT gen_random_uuid(), now(), site_id,"
            " notice_id, granted, refused, withdrawn, method, surface, prior, regime,"
            " country_group, country_method, language, device_class, 'A b', with_signal,"
            " is_superseded, is_suspect, commitment FROM consents_consentrecord",
            "record_variant_is_code",
        ),
        (
            "INSERT INTO consents_consentrecord SELECT gen_random_uuid(), now(), site_id,"
            " notice_id, granted, refused, withdrawn, method, surface, prior, regime,"
            " country_group, country_method, language, device_class, variant, with_signal,"
            " is_superseded, is_suspect, commitment, presentation, 'evil.example'"
            " FROM consents_consentrecord",
            "record_referrer_class_known",
        ),
    ],
    ids=["nonce", "variant", "referrer"],
)
def test_the_database_takes_no_other_words(visitor: Visitor, statement: str, name: str) -> None:
    visitor.refuse()

    with (
        pytest.raises(DatabaseError, match=name),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
