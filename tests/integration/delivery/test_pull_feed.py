"""A partner fetches its news itself: signed, in pages, and as carelessly as partners are."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import threading
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from tests.factories.registry import SITE
from tests.fakes import SECRET
from tests.integration.delivery.conftest import ADCO, RETARGETER, Tell
from tracking.delivery import feed_operations, operations, rules
from tracking.delivery.models import Attempt, Endpoint
from tracking.delivery.transports import pull_feed, webhook
from tracking.delivery.types import (
    AttemptOutcome,
    ConfirmsBy,
    EndpointState,
    FeedPage,
    Message,
    Parcel,
    Place,
    Transport,
)
from tracking.lib import sealing
from tracking.lib.outbound_http import OutboundClient
from tracking.outbox import operations as outbox
from tracking.outbox.models import OutboxEvent
from tracking.outbox.types import Latest, News, Outcome, sealing_context

pytestmark = pytest.mark.django_db

LEASE = timedelta(seconds=feed_operations.LEASE_SECONDS)


def let_fetch(partner: str = ADCO, confirms_by: ConfirmsBy = ConfirmsBy.RESPONSE) -> None:
    operations.set_endpoint(
        site=SITE,
        partner=partner,
        url="",
        secret=SECRET,
        keys=settings.CONSENT_KEYS,
        allow_loopback=True,
        transport=Transport.PULL_FEED,
        confirms_by=confirms_by,
        actor="ops",
        now=timezone.now(),
    )


@pytest.fixture(autouse=True)
def _fetches(site_id: int) -> None:
    let_fetch()


def signed(
    target: str, *, secret: str = SECRET, ago: timedelta = timedelta(0), now: datetime | None = None
) -> dict[str, str]:
    return webhook.sign(
        key=f"pull_{uuid4().hex}",
        body=target.encode(),
        secrets=[secret],
        attempted_at=(now or timezone.now()) - ago,
    )


def address(call: str = "/v1/feed", **query: str) -> str:
    return f"{call}?{urlencode({'site': SITE, 'partner': ADCO, **query})}"


def fetch(call: str = "/v1/feed", **query: str) -> dict[str, Any]:
    target = address(call, **query)
    response = Client().get(target, headers=signed(target))
    assert response.status_code == 200, response.content
    assert response.headers["Cache-Control"] == "private, no-store"
    answer: dict[str, Any] = response.json()
    return answer


def pull(after: str = "", *, now: datetime) -> FeedPage:
    """The same without HTTP, at any time."""
    target = address(after=after)
    return feed_operations.pull(
        site=SITE,
        partner=ADCO,
        headers=signed(target, now=now),
        target=target,
        after=UUID(hex=after) if after else None,
        keys=settings.CONSENT_KEYS,
        now=now,
    )


def tell_many(site_id: int, count: int, *, version: int = 1) -> None:
    now = timezone.now()
    with transaction.atomic():
        outbox.append(
            site_id=site_id,
            now=now,
            news=[
                News(
                    addressee=ADCO,
                    subject=f"s{number:05}",
                    kind="consent",
                    version=version,
                    payload={
                        "type": "consent.revoked",
                        "data": {
                            "subject": f"s{number:05}",
                            "version": version,
                            "granted": {"purposes": ["広告"], "data_items": []},
                        },
                    },
                    due_at=now + timedelta(hours=24),
                )
                for number in range(count)
            ],
        )


def test_a_page_holds_what_a_webhook_would_carry(tell: Tell) -> None:
    event = tell(subject="s1")
    page = fetch()
    assert page["items"] == [
        {"id": rules.message_id(event.message_key), **event.payload, "identifiers": {}}
    ]
    assert page["has_more"] is False
    event.refresh_from_db()
    assert (event.acked_version, event.accepted_at) == (0, None)


@pytest.mark.parametrize(
    ("confirms_by", "outcome"),
    [
        (ConfirmsBy.RESPONSE, Outcome.CONFIRMED),
        (ConfirmsBy.ACKNOWLEDGEMENT, Outcome.ACCEPTED),
    ],
)
def test_the_next_call_says_that_the_page_arrived(
    tell: Tell, confirms_by: ConfirmsBy, outcome: Outcome
) -> None:
    let_fetch(confirms_by=confirms_by)
    event = tell()
    cursor = fetch()["cursor"]
    assert fetch(after=cursor) == {"items": [], "cursor": "", "has_more": False}
    event.refresh_from_db()
    assert (event.acked_version, event.outcome) == (1, outcome)
    assert event.accepted_at is not None
    assert (event.confirmed_at is not None) is (confirms_by is ConfirmsBy.RESPONSE)
    assert (event.lease_token, event.next_attempt_at) == (None, None)
    attempt = Attempt.objects.get()
    assert (attempt.event_id, attempt.version, attempt.outcome) == (
        event.pk,
        1,
        AttemptOutcome.ACCEPTED,
    )
    assert Endpoint.objects.get(partner__code=ADCO).last_success_at is not None


def test_an_acknowledgement_counts_even_before_the_next_call(tell: Tell) -> None:
    let_fetch(confirms_by=ConfirmsBy.ACKNOWLEDGEMENT)
    event = tell()
    page = fetch()
    body = json.dumps(
        {
            "type": "consent.acknowledged",
            "data": {"id": page["items"][0]["id"], "outcome": "identifier_not_held"},
        }
    ).encode()
    headers = webhook.sign(key="ack", body=body, secrets=[SECRET], attempted_at=timezone.now())
    target = f"/v1/acknowledgements?site={SITE}&partner={ADCO}"
    answer = Client().post(target, body, content_type="application/json", headers=headers)
    assert answer.status_code == 204
    fetch(after=page["cursor"])
    event.refresh_from_db()
    assert event.outcome == Outcome.IDENTIFIER_NOT_HELD
    assert event.confirmed_at is not None
    assert event.lease_token is None


def test_a_page_that_nobody_names_comes_again_after_its_lease(tell: Tell) -> None:
    now = timezone.now()
    tell(now=now)
    first = pull(now=now)
    assert pull(now=now + LEASE).items == ()
    again = pull(now=now + LEASE + timedelta(seconds=1))
    assert again.items == first.items
    assert again.cursor != first.cursor


def test_a_cursor_counts_late_unless_its_items_were_handed_out_again(tell: Tell) -> None:
    now = timezone.now()
    event = tell(now=now)
    late = now + LEASE * 2
    first = pull(now=now)
    assert pull(after=first.cursor, now=late).items == ()
    event.refresh_from_db()
    assert event.acked_version == 1

    tell(subject=event.subject, version=2, now=late)
    second = pull(now=late)
    third = pull(now=late + LEASE + timedelta(seconds=1))
    assert third.items == second.items
    pull(after=second.cursor, now=late + LEASE + timedelta(seconds=2))
    event.refresh_from_db()
    assert event.acked_version == 1
    assert event.lease_token is not None


def test_an_old_cursor_changes_nothing(tell: Tell) -> None:
    tell(subject="a")
    old = fetch()["cursor"]
    fetch(after=old)
    event = tell(subject="b")
    page = fetch(after=old)
    assert [item["data"]["subject"] for item in page["items"]] == ["b"]
    fetch(after=old)
    event.refresh_from_db()
    assert event.acked_version == 0
    assert event.lease_token is not None


def test_another_partners_cursor_changes_nothing(tell: Tell) -> None:
    let_fetch(RETARGETER)
    mine, theirs = tell(), tell(partner=RETARGETER)
    fetch(partner=ADCO)
    cursor = fetch(partner=RETARGETER)["cursor"]
    for after in (cursor, uuid4().hex):
        assert fetch(after=after)["items"] == []
    for event in (mine, theirs):
        event.refresh_from_db()
        assert event.acked_version == 0
        assert event.lease_token is not None
    assert not Attempt.objects.exists()


def test_a_newer_version_is_not_taken_for_the_one_on_the_page(tell: Tell) -> None:
    tell(subject="s", version=1)
    cursor = fetch()["cursor"]
    event = tell(subject="s", version=2)
    page = fetch(after=cursor)
    assert [item["data"]["version"] for item in page["items"]] == [2]
    event.refresh_from_db()
    assert (event.acked_version, event.confirmed_at) == (0, None)
    fetch(after=page["cursor"])
    event.refresh_from_db()
    assert event.acked_version == 2


def test_what_is_to_be_told_again_is_not_settled_by_an_earlier_page(
    tell: Tell, site_id: int
) -> None:
    event = tell()
    cursor = fetch()["cursor"]
    outbox.replay(site_id=site_id, addressee=ADCO, now=timezone.now())
    assert len(fetch(after=cursor)["items"]) == 1
    event.refresh_from_db()
    assert event.acked_version == 0


def test_identifiers_of_the_partner_go_along_and_are_forgotten_with_its_word(
    tell: Tell, site_id: int
) -> None:
    event = tell()
    context = sealing_context(site_id=site_id, addressee=ADCO, subject=event.subject)
    sealed = sealing.seal_text("12.34", keys=settings.CONSENT_KEYS, context=context)
    OutboxEvent.objects.update(sealed={"ga_client_id": sealed})
    page = fetch()
    assert page["items"][0]["identifiers"] == {"ga_client_id": "12.34"}
    fetch(after=page["cursor"])
    event.refresh_from_db()
    assert event.sealed == {}


def test_a_partner_told_of_erasures_only_gets_nothing_else(
    tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_operations, "NEWS_PER_PAGE", 2)
    Endpoint.objects.update(is_for_erasures_only=True)
    for _ in range(5):
        tell()
    erasure = tell()
    OutboxEvent.objects.filter(pk=erasure.pk).update(
        payload={"type": "device.erased", "data": {"subject": erasure.subject}}
    )
    page = fetch()
    assert [item["type"] for item in page["items"]] == ["device.erased"]
    fetch(after=page["cursor"])
    others = OutboxEvent.objects.exclude(pk=erasure.pk)
    assert {event.outcome for event in others} == {Outcome.NOT_NEEDED}
    erasure.refresh_from_db()
    assert erasure.outcome == Outcome.CONFIRMED
    assert Attempt.objects.count() == 1


def test_pages_are_bounded(site_id: int) -> None:
    tell_many(site_id, feed_operations.NEWS_PER_PAGE + 1)
    page = fetch()
    assert (len(page["items"]), page["has_more"]) == (feed_operations.NEWS_PER_PAGE, True)
    rest = fetch(after=page["cursor"])
    assert (len(rest["items"]), rest["has_more"]) == (1, False)
    assert fetch(after=rest["cursor"])["items"] == []
    assert set(OutboxEvent.objects.values_list("acked_version", flat=True)) == {1}


def test_pauses_after_failures_do_not_keep_news_from_who_asks(tell: Tell) -> None:
    event = tell()
    OutboxEvent.objects.update(next_attempt_at=timezone.now() + timedelta(hours=1))
    assert [item["id"] for item in fetch()["items"]] == [rules.message_id(event.message_key)]


def test_a_paused_partner_gets_an_empty_page_and_can_still_say_what_it_has(tell: Tell) -> None:
    event = tell(subject="a")
    cursor = fetch()["cursor"]
    tell(subject="b")
    Endpoint.objects.update(state=EndpointState.PAUSED)
    assert fetch(after=cursor) == {"items": [], "cursor": "", "has_more": False}
    event.refresh_from_db()
    assert event.acked_version == 1


def test_a_partner_that_crashes_at_any_point_misses_nothing(site_id: int) -> None:
    """It keeps items and cursor, one after the other, and dies before, between or after."""
    tell_many(site_id, 40)
    chance = random.Random(11)  # noqa: S311
    now = timezone.now()
    kept: dict[str, int] = {}
    cursor = ""
    for _ in range(400):
        now += timedelta(seconds=chance.choice([1, 200, 400]))
        page = pull(after=cursor, now=now)
        cursor = ""  # What was in memory only.
        death = chance.choice(["none", "none", "before", "between"])
        if death == "before":
            continue
        for item in page.items[: chance.randrange(41)] if death == "between" else page.items:
            kept[item["id"]] = kept.get(item["id"], 0) + 1
        if death == "between":
            continue
        cursor = page.cursor
        told = OutboxEvent.objects.filter(acked_version=1).count()
        if told == 40:
            break
    assert len(kept) == 40
    assert set(OutboxEvent.objects.values_list("acked_version", flat=True)) == {1}
    assert Attempt.objects.count() == 40


@pytest.mark.django_db(transaction=True)
def test_pullers_at_the_same_time_share_the_news(
    site_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_operations, "NEWS_PER_PAGE", 25)
    tell_many(site_id, 300)
    got: list[str] = []
    start = threading.Barrier(4)

    def run() -> None:
        start.wait()
        cursor = ""
        try:
            while True:
                page = fetch(after=cursor) if cursor else fetch()
                got.extend(item["id"] for item in page["items"])
                cursor = page["cursor"]
                if not cursor:
                    return
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == len(set(got)) == 300
    assert set(OutboxEvent.objects.values_list("acked_version", flat=True)) == {1}


@pytest.mark.parametrize("call", ["/v1/feed", "/v1/feed/state", "/v1/feed/digest"])
def test_wrong_signatures_are_401_and_change_nothing(tell: Tell, call: str) -> None:
    event = tell()
    target = address(call)
    good = signed(target)
    for headers in (
        {},
        signed(target, secret=operations.new_secret()),
        signed(target, ago=timedelta(minutes=6)),
        signed(target, ago=-timedelta(minutes=6)),
        signed(address(call, after="0" * 32)),
        signed(address("/v1/acknowledgements")),
        signed(""),
        {**good, "webhook-id": "other"},
        {**good, "webhook-signature": "v1,%%%"},
    ):
        response = Client().get(target, headers=headers)
        assert (response.status_code, response.json()["code"]) == (401, "signature_refused")
    event.refresh_from_db()
    assert event.lease_token is None


@pytest.mark.parametrize("call", ["/v1/feed", "/v1/feed/state", "/v1/feed/digest"])
def test_who_has_no_feed_is_404(call: str) -> None:
    for names in ({"partner": RETARGETER}, {"partner": "nobody"}, {"site": "nowhere"}):
        target = address(call, **names)
        response = Client().get(target, headers=signed(target))
        assert (response.status_code, response.json()["code"]) == (404, "unknown_partner")
    Endpoint.objects.update(transport=Transport.WEBHOOK)
    target = address(call)
    response = Client().get(target, headers=signed(target))
    assert (response.status_code, response.json()["code"]) == (404, "not_pulled")


def test_a_credential_of_another_kind_opens_nothing() -> None:
    endpoint = Endpoint.objects.get()
    endpoint.secret_sealed = operations._seal("AKIA:%%%", endpoint, keys=settings.CONSENT_KEYS)
    endpoint.save()
    target = address()
    assert Client().get(target, headers=signed(target)).status_code == 401


@pytest.mark.parametrize(
    ("call", "after"),
    [("/v1/feed", "nonsense"), ("/v1/feed", "0" * 31), ("/v1/feed/state", "a\x00b")],
)
def test_unreadable_places_are_400(call: str, after: str) -> None:
    target = address(call, after=after)
    response = Client().get(target, headers=signed(target))
    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert "after" in response.json()["fields"]


def test_the_state_names_every_subject_once(
    site_id: int, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_operations, "STATES_PER_PAGE", 2)
    tell_many(site_id, 5)
    tell(partner=RETARGETER)
    pages, after = [], ""
    while True:
        page = fetch("/v1/feed/state", after=after)
        pages.append([item["subject"] for item in page["items"]])
        after = page["cursor"]
        if not page["has_more"]:
            break
    assert pages == [["s00000", "s00001"], ["s00002", "s00003"], ["s00004"]]
    assert set(OutboxEvent.objects.values_list("acked_version", flat=True)) == {0}


def test_a_partner_can_compare_its_state(site_id: int) -> None:
    """As the guide says: sorted by the bytes of the subject, one line each."""

    def own_digest() -> str:
        states = fetch("/v1/feed/state")["items"]
        lines = [
            f"{state['subject']}:{state['version']}:"
            + json.dumps(
                state["granted"], sort_keys=True, separators=(",", ":"), ensure_ascii=False
            )
            + "\n"
            for state in sorted(states, key=lambda state: state["subject"].encode())
        ]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def ours() -> dict[str, Any]:
        return fetch("/v1/feed/digest")

    assert ours() == {"subjects": 0, "digest": hashlib.sha256().hexdigest()}
    tell_many(site_id, 3)
    # Not their order in every language's alphabet.
    for subject in ("_s", "Zs", "as", "-s"):
        OutboxEvent.objects.filter(subject="s00000").update(
            subject=subject, payload={"data": {"subject": subject, "version": 1, "granted": {}}}
        )
        tell_many(site_id, 1)
    before = ours()
    assert before == {"subjects": 7, "digest": own_digest()}
    tell_many(site_id, 1, version=2)
    assert ours()["digest"] == own_digest() != before["digest"]


def test_the_line_of_one_subject_is_fixed() -> None:
    row = Latest(
        subject="Zk3u",
        version=3,
        payload={"data": {"granted": {"purposes": ["広告", "b"], "data_items": []}}},
    )
    assert feed_operations.state_line(row) == (
        'Zk3u:3:{"data_items":[],"purposes":["広告","b"]}\n'.encode()
    )


def test_nothing_is_ever_sent_to_a_partner_that_fetches() -> None:
    message = Message(key=uuid4(), subject="s", payload={"type": "consent.revoked"}, identifiers={})
    parcel = Parcel(
        place=Place(partner=ADCO, url="", settings={}, secrets=(SECRET,)),
        messages=(message, message),
        attempted_at=timezone.now(),
    )
    replies = asyncio.run(pull_feed.WAY.send(parcel=parcel, client=OutboundClient()))
    assert [(reply.status, reply.error) for reply in replies] == [(None, "is_pulled")] * 2
