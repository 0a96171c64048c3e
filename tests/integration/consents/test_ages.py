"""A child's yes needs its guardian's, where a site asks ages; a no never does."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError
from django.test import Client

from tests.factories.registry import ORIGIN, SITE, catalogue, make_site
from tests.integration.preferences.pages import PAGE, Browser
from tests.visitors import Visitor, maps
from tracking.consents import rules
from tracking.consents.models import ConsentPrivate, ConsentRecord, Device
from tracking.consents.types import AgeBand
from tracking.lib.short_memory import forget_everything
from tracking.outbox.models import OutboxEvent
from tracking.registry.models import Site

pytestmark = pytest.mark.django_db

STATS = {"purpose:analytics", "partner:statco", "item:id.cookie", "item:activity.url"}
ADS = {"purpose:advertising", "partner:adco"}


@pytest.fixture
def child(settings: Any) -> Visitor:
    """A browser on a site that asks ages, in California."""
    notice = make_site()
    Site.objects.update(asks_age=True)
    forget_everything()
    settings.TRUSTED_COUNTRY_HEADER = "CF-IPCountry"
    settings.TRUSTED_REGION_HEADER = "CF-Region-Code"
    return move(Visitor(notice), "US", "CA")


def move(visitor: Visitor, country: str, region: str = "") -> Visitor:
    visitor.client.defaults |= {"HTTP_CF_IPCOUNTRY": country, "HTTP_CF_REGION_CODE": region}
    return visitor


def decide(visitor: Visitor, granted: set[str], refused: set[str], **said: Any) -> Any:
    body = visitor.body("choose", **maps(frozenset(granted), frozenset(refused)), **said)
    return visitor.post("/v1/consents", body)


def allow(visitor: Visitor, **said: Any) -> Any:
    return visitor.post(
        "/v1/consents",
        visitor.body("allow", **maps(visitor.notice.asked_ids, frozenset()), **said),
    )


def test_a_site_that_does_not_ask_knows_no_ages(visitor: Visitor) -> None:
    for said in ({"age_band": "adult"}, {"guardian_consent": False}):
        answer = allow(visitor, **said)
        assert answer.status_code == 400
        assert answer.json()["fields"] == {name: ["This field is not known here."] for name in said}
    assert not ConsentRecord.objects.exists()


@pytest.mark.parametrize(
    "said",
    [
        {"age_band": "13"},
        {"age_band": 13},
        {"age_band": None},
        {"age_band": "under_16", "guardian_consent": "yes"},
        {"guardian_consent": True},
        {"age_band": "adult", "guardian_consent": True},
    ],
)
def test_what_is_no_age_is_refused(child: Visitor, said: dict[str, Any]) -> None:
    answer = allow(child, **said)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert not ConsentRecord.objects.exists()


@pytest.mark.parametrize(
    ("country", "region", "age_band", "is_taken"),
    [
        ("US", "CA", "under_13", False),
        ("US", "CA", "under_16", True),
        ("US", "WY", "under_13", False),
        ("FR", "", "under_16", False),
        ("FR", "", "under_18", True),
        # The line at 14 runs through the band.
        ("KR", "", "under_16", False),
        ("KR", "", "under_18", True),
        ("ZZ", "", "under_16", False),
        ("ZZ", "", "adult", True),
        # The law of 2026 is not in force.
        ("JP", "", "under_13", True),
        ("JP", "", "under_16", True),
    ],
)
def test_the_place_says_below_which_age_a_guardian_is_needed(
    child: Visitor, country: str, region: str, age_band: str, is_taken: bool
) -> None:
    answer = allow(move(child, country, region), age_band=age_band)

    if is_taken:
        assert answer.status_code == 201
        assert ConsentPrivate.objects.get().age_band == age_band
    else:
        assert (answer.status_code, answer.json()["code"]) == (400, "guardian_needed")
        assert answer.json()["fields"] == {}
        assert not ConsentRecord.objects.exists()
        with_guardian = allow(child, age_band=age_band, guardian_consent=True)
        assert with_guardian.status_code == 201
        assert ConsentPrivate.objects.get().guardian_consent


def test_who_says_no_age_is_taken_as_before(child: Visitor) -> None:
    answer = allow(child)

    assert answer.status_code == 201
    assert "age_band" not in answer.json()["receipt"]
    assert ConsentPrivate.objects.get().age_band is None


def test_a_refusal_needs_no_guardian(child: Visitor) -> None:
    answer = child.post("/v1/consents", child.body("refuse", age_band="under_13"))

    assert answer.status_code == 201
    assert not any(answer.json()["receipt"]["choices"]["purposes"].values())


def test_what_a_child_refuses_counts_though_its_yes_does_not(child: Visitor) -> None:
    allow(child)
    answer = decide(child, STATS, ADS, age_band="under_13")

    assert (answer.status_code, answer.json()["code"]) == (400, "guardian_needed")
    recorded = answer.json()["fields"]["recorded"]
    assert recorded["receipt"]["choices"]["purposes"] == {"advertising": False}
    assert recorded["receipt"]["method"] == "choose"
    assert "purpose:advertising" in recorded["choices"]["refused"]
    # All partners that the yes of before had opened for a child are told, and adco is shut.
    assert "adco" in {delivery["partner"] for delivery in recorded["deliveries"]}
    assert OutboxEvent.objects.filter(addressee="adco").exists()
    # The newest token came along, so that this device goes on being the same.
    assert answer.cookies["cm_device"].value
    assert child.gate("ads")["ads"]["reason"] == "partner_refused"
    assert child.refuse().status_code == 201
    assert Device.objects.count() == 1


def test_the_same_decision_sent_again_is_answered_the_same(child: Visitor) -> None:
    body = child.body("choose", **maps(frozenset(STATS), frozenset(ADS)), age_band="under_13")
    first = child.post("/v1/consents", body)
    second = child.post("/v1/consents", body)

    assert (first.status_code, second.status_code) == (400, 400)
    one, other = (answer.json()["fields"]["recorded"] for answer in (first, second))
    assert (one["receipt"], one["choices"]) == (other["receipt"], other["choices"])
    assert ConsentRecord.objects.count() == 1


def test_with_the_guardian_it_is_a_new_decision(child: Visitor) -> None:
    decide(child, STATS, ADS, age_band="under_13")
    answer = decide(child, STATS, ADS, age_band="under_13", guardian_consent=True)

    assert answer.status_code == 201
    assert child.gate("stats")["stats"]["reason"] == "granted"
    assert child.gate("ads")["ads"]["reason"] == "partner_refused"


def test_a_page_of_another_site_gets_the_token_with_the_refusal(child: Visitor) -> None:
    body = child.body("choose", **maps(frozenset(STATS), frozenset(ADS)), age_band="under_13")
    answer = child.post("/v1/consents", body, headers={"X-Consent-Device": "new"})

    token = answer.json()["fields"]["recorded"]["device_token"]
    assert "cm_device" not in answer.cookies
    history = child.client.get(
        f"/v1/consents?site={SITE}", headers={"X-Consent-Device": token, "Origin": ORIGIN}
    )
    assert len(history.json()["records"]) == 1


def test_a_child_that_says_nothing_later_is_no_older(child: Visitor) -> None:
    child.post("/v1/consents", child.body("refuse", age_band="under_13"))

    assert allow(child).json()["code"] == "guardian_needed"
    assert allow(child, age_band="under_16").status_code == 201
    assert allow(child).status_code == 201


def test_an_answer_that_got_lost_is_sent_again_whatever_was_said_since(child: Visitor) -> None:
    body = child.body("allow", **maps(child.notice.asked_ids, frozenset()))
    first = child.post("/v1/consents", body)
    child.post("/v1/consents", child.body("refuse", age_band="under_13"))

    again = child.post("/v1/consents", body)

    assert again.status_code == 200
    assert again.json()["receipt"] == first.json()["receipt"]


def test_where_a_child_must_say_yes_its_silence_is_a_no(child: Visitor) -> None:
    child.client.cookies["cm_shown"] = "1"
    assert child.gate("ads")["ads"]["reason"] == "notice_given"

    answer = decide(child, STATS, set(), age_band="under_16")

    assert answer.status_code == 201
    assert child.gate("stats")["stats"]["reason"] == "granted"
    assert child.gate("ads")["ads"]["reason"] == "partner_refused"
    record = ConsentRecord.objects.get()
    # Evidence says what was answered; what was open until then is withdrawn.
    assert record.refused == frozenset()
    assert child.notice.numbers["purpose:advertising"] in record.withdrawn


def test_an_adults_silence_is_none(child: Visitor) -> None:
    child.client.cookies["cm_shown"] = "1"

    decide(child, STATS, set(), age_band="adult")

    assert child.gate("ads")["ads"]["reason"] == "notice_given"


def test_the_receipt_and_the_history_say_it_and_the_public_part_does_not(child: Visitor) -> None:
    answer = allow(child, age_band="under_13", guardian_consent=True)

    receipt = answer.json()["receipt"]
    assert (receipt["age_band"], receipt["guardian_consent"]) == ("under_13", True)
    assert child.get(f"/v1/receipts/{receipt['key']}?site={SITE}").json() == receipt
    assert child.get(f"/v1/consents?site={SITE}").json()["records"] == [receipt]
    assert "13歳未満・保護者の同意あり" in child.get(f"/preferences/{SITE}/").content.decode()
    assert "under_13" not in str(ConsentRecord.objects.values().get())


def test_the_commitment_proves_what_was_said(child: Visitor) -> None:
    allow(child, age_band="under_13", guardian_consent=True)
    private, record = ConsentPrivate.objects.get(), ConsentRecord.objects.get()
    said = {
        "record": str(private.record_key),
        "device": str(private.device_id),
        "version": private.version,
        "previous": None,
        "external_id": None,
        "idempotency_key": private.idempotency_key,
        "client_seq": private.client_seq,
        "age_band": "under_13",
        "guardian_consent": True,
    }

    def proof(**changes: Any) -> bytes:
        return rules.commitment(salt=bytes(private.salt), private=said | changes)

    assert bytes(record.commitment) == proof()
    assert bytes(record.commitment) != proof(guardian_consent=False)


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"age_band": "12"}, "private_age_band_known"),
        ({"guardian_consent": True}, "private_guardian_of_a_child"),
        ({"age_band": "adult", "guardian_consent": True}, "private_guardian_of_a_child"),
    ],
)
def test_the_table_refuses_what_nobody_can_say(
    visitor: Visitor, changes: dict[str, Any], constraint: str
) -> None:
    visitor.refuse()

    with pytest.raises(IntegrityError, match=constraint):
        ConsentPrivate.objects.update(**changes)


def test_the_page_without_script_tells_a_child_to_ask(child: Visitor) -> None:
    child.post("/v1/consents", child.body("refuse", age_band="under_13"))
    browser = Browser(**{"CF-IPCountry": "US", "CF-Region-Code": "CA"})
    browser.client.cookies = child.client.cookies

    browser.open(PAGE).press("allow")

    assert browser.response.status_code == 400
    assert "保護者の方の同意が必要です。許可は保存していません。" in browser.html

    browser.open(PAGE).press("save", ticks={"purpose:analytics"})

    assert browser.response.status_code == 400
    assert "保護者の方の同意が必要です。止めたものだけを保存しました。" in browser.html
    assert ConsentRecord.objects.count() == 2
    assert browser.open(PAGE).press("refuse").response.status_code == 200


def test_erasing_a_child_erases_its_age(child: Visitor) -> None:
    allow(child, age_band="under_13", guardian_consent=True)
    body = child.body("erase")
    for name in ("notice", "method", "client_seq", "impression"):
        del body[name]

    assert child.post("/v1/erasures", body).status_code == 201

    assert not ConsentPrivate.objects.filter(age_band__isnull=False).exists()


def test_a_catalogue_switches_the_question_on(client: Client) -> None:
    tables = catalogue()
    tables["site"]["asks_age"] = True
    make_site(site=tables["site"])

    assert Site.objects.get().asks_age


@pytest.mark.parametrize(
    ("band", "youngest"), [("under_13", 0), ("under_16", 13), ("under_18", 16), ("adult", 18)]
)
def test_bands_begin_where_the_one_before_ends(band: str, youngest: int) -> None:
    assert AgeBand(band).youngest == youngest
