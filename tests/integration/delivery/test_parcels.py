"""Partners that take many messages at once, work on them, count requests, or need identifiers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from tests.factories.registry import SITE
from tests.fakes import FakePartner, fake_partner
from tests.integration.delivery.conftest import ADCO, RETARGETER, deliver, set_endpoint
from tracking.delivery import operations, run
from tracking.delivery.models import Attempt, Endpoint, Pulse, Tally
from tracking.delivery.transports import TRANSPORTS
from tracking.delivery.transports.base import Way
from tracking.delivery.types import (
    AttemptOutcome,
    ConfirmsBy,
    Effect,
    Parcel,
    Profile,
    Reply,
    Transport,
)
from tracking.lib import sealing
from tracking.outbox import operations as outbox
from tracking.outbox import queries
from tracking.outbox.models import OutboxEvent
from tracking.outbox.types import EventState, News, Outcome, sealing_context

pytestmark = pytest.mark.django_db

HERE = Transport.BRAZE
MINUTE = timedelta(minutes=1)
DONE = Reply(status=200, duration_ms=5)


@dataclass
class Desk:
    """A transport that keeps its parcels and answers as it is told."""

    answer: Callable[[Parcel], Sequence[Reply]] = lambda parcel: [DONE] * len(parcel.messages)
    sent: list[Parcel] = field(default_factory=list)
    asked: list[Parcel] = field(default_factory=list)

    async def send(self, *, parcel: Parcel, client: Any) -> Sequence[Reply]:
        self.sent.append(parcel)
        return self.answer(parcel)

    async def check(self, *, parcel: Parcel, client: Any) -> Sequence[Reply]:
        self.asked.append(parcel)
        return self.answer(parcel)


PROFILE = Profile(
    name="Made up",
    effect=Effect.STOP,
    erasure_effect=Effect.ERASE,
    confirms_by=(ConfirmsBy.RESPONSE, ConfirmsBy.POLL),
    source="this test",
    most_at_once=3,
)

Open = Callable[..., Desk]


@pytest.fixture
def open_desk(monkeypatch: pytest.MonkeyPatch, site_id: int) -> Open:
    """Let `adco` be told through a transport of our own."""

    def opened(*, how: dict[str, Any] | None = None, **profile: Any) -> Desk:
        desk = Desk()
        way = Way(profile=replace(PROFILE, **profile), send=desk.send, check=desk.check)
        monkeypatch.setitem(TRANSPORTS, HERE, way)  # type: ignore[arg-type]
        operations.set_endpoint(
            **{
                "site": SITE,
                "partner": ADCO,
                "url": "https://api.adco.example",
                "secret": None,
                "keys": settings.CONSENT_KEYS,
                "allow_loopback": True,
                "transport": HERE,
                "actor": "ops",
                "now": timezone.now(),
                **(how or {}),
            }
        )
        return desk

    return opened


@pytest.fixture
def news(site_id: int) -> Callable[..., None]:
    def append(*subjects: str, type: str = "consent.revoked", **fields: Any) -> None:
        now = fields.pop("now", timezone.now() - timedelta(seconds=1))
        identifiers = fields.pop("identifiers", {})
        with transaction.atomic():
            outbox.append(
                site_id=site_id,
                now=now,
                news=[
                    News(
                        addressee=fields.get("addressee", ADCO),
                        subject=subject,
                        kind="erasure" if type == "device.erased" else "consent",
                        version=fields.get("version", 1),
                        payload={
                            "type": type,
                            "data": {"subject": subject, "version": fields.get("version", 1)},
                        },
                        due_at=now + timedelta(hours=24),
                        sealed={
                            kind: sealing.seal_text(
                                value,
                                keys=settings.CONSENT_KEYS,
                                context=sealing_context(
                                    site_id=site_id, addressee=ADCO, subject=subject
                                ),
                            )
                            for kind, value in identifiers.items()
                        },
                    )
                    for subject in subjects
                ],
            )

    return append


def event(subject: str) -> OutboxEvent:
    return OutboxEvent.objects.get(subject=subject)


def tallied() -> dict[str, tuple[int, int, int]]:
    """Return requests, messages and milliseconds by outcome; five minutes may end meanwhile."""
    rows = Tally.objects.values_list("outcome").annotate(
        Sum("requests"), Sum("messages"), Sum("total_ms")
    )
    return {outcome: (requests, messages, ms) for outcome, requests, messages, ms in rows}


def test_one_request_carries_many_messages_and_each_has_its_own_end(
    open_desk: Open, news: Any
) -> None:
    desk = open_desk()
    news(*"abcdefg")
    desk.answer = lambda parcel: [
        replace(DONE, outcome=AttemptOutcome.REJECTED) if message.subject == "c" else DONE
        for message in parcel.messages
    ]
    assert deliver().accepted == 6
    assert [len(parcel.messages) for parcel in desk.sent] == [3, 3, 1]
    assert event("c").outcome == Outcome.REJECTED
    assert event("c").next_attempt_at is not None
    assert event("d").outcome == Outcome.CONFIRMED
    assert Attempt.objects.count() == 7
    assert tallied() == {"accepted": (3, 7, 15)}


@pytest.mark.parametrize(
    "answer",
    [
        lambda parcel: [DONE],
        lambda parcel: [DONE] * 9,
        lambda parcel: None,
        lambda parcel: 1 / 0,
    ],
)
def test_a_transport_that_breaks_loses_nothing(open_desk: Open, news: Any, answer: Any) -> None:
    desk = open_desk()
    news("a", "b")
    desk.answer = answer
    assert deliver().accepted == 0
    for subject in "ab":
        assert event(subject).outcome == Outcome.UNREACHABLE
        assert event(subject).next_attempt_at is not None
        assert event(subject).lease_token is None


def test_what_this_transport_has_nothing_to_do_for_ends_without_a_request(
    open_desk: Open, news: Any
) -> None:
    desk = open_desk()
    news("granted", type="consent.granted")
    news("revoked")
    deliver()
    assert [m.subject for parcel in desk.sent for m in parcel.messages] == ["revoked"]
    assert event("granted").outcome == Outcome.NOT_NEEDED
    assert event("granted").confirmed_at is not None
    assert [row.outcome for row in Attempt.objects.filter(event=event("granted"))] == ["not_needed"]


def test_a_transport_that_hears_grants_gets_them(open_desk: Open, news: Any) -> None:
    desk = open_desk(hears_grants=True)
    news("granted", type="consent.granted")
    deliver()
    assert len(desk.sent) == 1


def test_an_endpoint_for_erasures_only_hears_of_nothing_else(open_desk: Open, news: Any) -> None:
    desk = open_desk(how={"is_for_erasures_only": True})
    news("revoked")
    news("erased", type="device.erased")
    deliver()
    assert [m.subject for parcel in desk.sent for m in parcel.messages] == ["erased"]
    assert event("revoked").outcome == Outcome.NOT_NEEDED


def test_identifiers_are_opened_for_the_partner_and_forgotten_once_it_has_confirmed(
    open_desk: Open, news: Any
) -> None:
    desk = open_desk(needs=("best", "second"))
    news("held", identifiers={"second": "GA1.1.42", "other": "x"})
    news("bare", identifiers={"other": "x"})
    deliver()
    [parcel] = desk.sent
    [message] = parcel.messages
    assert message.identifiers == {"second": "GA1.1.42", "other": "x"}
    assert event("held").sealed == {}
    # Never a silent success: who holds nothing to tell by says so.
    assert event("bare").outcome == Outcome.IDENTIFIER_NOT_HELD
    assert event("bare").sealed == {}


def test_identifiers_under_a_lost_key_wait_for_it(open_desk: Open, news: Any) -> None:
    desk = open_desk(needs=("best",))
    news("held", identifiers={"best": "1"})
    assert deliver(keys={"new": b"another key of thirty-two bytes!"}).accepted == 0
    assert desk.sent == []
    assert Attempt.objects.get().error_class == "secret_unreadable"
    later = timezone.now() + MINUTE
    assert deliver(clock=lambda: later).accepted == 1
    assert desk.sent[0].messages[0].identifiers == {"best": "1"}


def test_a_ticket_is_asked_after_until_the_partner_is_done(open_desk: Open, news: Any) -> None:
    desk = open_desk(how={"confirms_by": ConfirmsBy.POLL})
    news("a", "b")
    start = timezone.now()

    def at(minutes: int, reply: Reply) -> None:
        desk.answer = lambda parcel: [reply] * len(parcel.messages)
        deliver(clock=lambda: start + minutes * MINUTE)

    at(0, replace(DONE, ticket="job", check_after=10 * MINUTE))
    assert event("a").outcome == Outcome.ACCEPTED
    at(9, DONE)
    assert desk.asked == []
    at(10, replace(DONE, outcome=AttemptOutcome.PENDING, check_after=5 * MINUTE))
    assert [message.ticket for message in desk.asked[0].messages] == ["job", "job"]
    at(15, replace(DONE, status=503))
    assert event("a").outcome == Outcome.ACCEPTED
    at(16, replace(DONE, outcome=AttemptOutcome.DONE))
    assert event("a").outcome == Outcome.CONFIRMED
    assert event("a").confirmed_at == start + 16 * MINUTE
    assert len(desk.sent) == 1
    outcomes = Attempt.objects.filter(event=event("a")).order_by("pk")
    assert [row.outcome for row in outcomes] == ["accepted", "pending", "unreachable", "done"]


def test_a_job_that_failed_is_given_up_and_comes_back_by_a_replay(
    open_desk: Open, news: Any
) -> None:
    desk = open_desk(how={"confirms_by": ConfirmsBy.POLL})
    news("a")
    start = timezone.now()
    desk.answer = lambda _: [replace(DONE, ticket="job", check_after=MINUTE)]
    deliver(clock=lambda: start)
    desk.answer = lambda _: [replace(DONE, outcome=AttemptOutcome.FAILED)]
    deliver(clock=lambda: start + MINUTE)
    assert (event("a").state, event("a").acked_version) == (EventState.DEAD, 0)
    desk.answer = lambda _: [DONE]
    operations.replay(site=SITE, partner=ADCO, actor="ops", now=start + 2 * MINUTE)
    assert deliver(clock=lambda: start + 2 * MINUTE).accepted == 1
    assert [len(desk.sent), len(desk.asked)] == [2, 1]


def test_few_questions_are_asked_in_one_lease(open_desk: Open, news: Any) -> None:
    desk = open_desk(most_at_once=100, how={"confirms_by": ConfirmsBy.POLL})
    news(*(f"s{number}" for number in range(25)))
    start = timezone.now()
    desk.answer = lambda parcel: [
        replace(DONE, ticket=message.subject, check_after=MINUTE) for message in parcel.messages
    ]
    deliver(clock=lambda: start)
    desk.answer = lambda parcel: [replace(DONE, outcome=AttemptOutcome.DONE)] * len(parcel.messages)
    deliver(clock=lambda: start + MINUTE)
    assert [len(parcel.messages) for parcel in desk.asked] == [10, 10, 5]


def test_a_transport_that_can_no_longer_be_asked_leaves_it_to_a_person(
    open_desk: Open, news: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = open_desk(how={"confirms_by": ConfirmsBy.POLL})
    news("a")
    start = timezone.now()
    desk.answer = lambda _: [replace(DONE, ticket="job", check_after=MINUTE)]
    deliver(clock=lambda: start)
    monkeypatch.setitem(TRANSPORTS, HERE, Way(profile=PROFILE, send=desk.send))  # type: ignore[arg-type]
    deliver(clock=lambda: start + MINUTE)
    assert event("a").state == EventState.DEAD
    assert Attempt.objects.latest("pk").error_class == "transport_changed"


def test_between_two_requests_lies_the_pause(open_desk: Open, news: Any) -> None:
    desk = open_desk(pause=timedelta(hours=1))
    news(*"abcde")
    start = timezone.now()
    for minutes, told in ((0, 3), (59, 3), (60, 5)):
        deliver(clock=lambda minutes=minutes: start + minutes * MINUTE)
        assert sum(len(parcel.messages) for parcel in desk.sent) == told


def test_an_empty_turn_costs_no_pause(open_desk: Open, news: Any) -> None:
    desk = open_desk(pause=timedelta(hours=1))
    deliver()
    news("a")
    assert deliver().accepted == 1
    assert len(desk.sent) == 1


def test_a_partner_that_takes_many_at_once_leaves_room_for_others(
    open_desk: Open, news: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "MOST_ON_THEIR_WAY", 10)
    monkeypatch.setattr(run, "_MOST_IN_PARCELS", 6)
    desk = open_desk(most_at_once=100)
    news(*(f"s{number}" for number in range(40)))
    with fake_partner() as other:
        set_endpoint(other, RETARGETER)
        news("mine", addressee=RETARGETER)
        assert deliver().accepted == 41
    assert max(len(parcel.messages) for parcel in desk.sent) == 8  # one place each
    assert len(other.received) == 1


@pytest.fixture
def partner(site_id: int) -> Any:
    with fake_partner() as adco:
        set_endpoint(adco)
        yield adco


def test_who_looks_for_work_says_so_once_a_second(partner: FakePartner) -> None:
    before = timezone.now()
    deliver()
    beat: datetime = Pulse.objects.get().beat_at
    assert before <= beat <= timezone.now()


def test_successes_are_counted_together_and_a_failure_at_once(
    partner: FakePartner, news: Any, django_assert_max_num_queries: Any
) -> None:
    news(*(f"s{number}" for number in range(40)))
    with django_assert_max_num_queries(90):
        assert deliver().accepted == 40
    [(requests, messages, _)] = tallied().values()
    assert (requests, messages) == (40, 40)
    assert Endpoint.objects.get().last_success_at is not None


def test_overdue_is_whoever_has_not_confirmed(open_desk: Open, news: Any, site_id: int) -> None:
    desk = open_desk(how={"confirms_by": ConfirmsBy.POLL})
    news("a", now=timezone.now() - timedelta(hours=25))
    desk.answer = lambda _: [replace(DONE, ticket="job", check_after=MINUTE)]
    deliver()
    assert event("a").outcome == Outcome.ACCEPTED
    assert queries.list_overdue_addressees(site_id=site_id) == {ADCO}
