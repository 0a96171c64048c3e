"""Claim, send, settle: against a real PostgreSQL and a real HTTP partner."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from tests.factories.registry import SITE
from tests.fakes import FakePartner, Received, Say, fake_partner
from tests.integration.delivery.conftest import (
    ADCO,
    RETARGETER,
    Tell,
    by_hand,
    deliver,
    set_endpoint,
)
from tracking.delivery import operations, rules, settlements
from tracking.delivery.models import Attempt, Endpoint
from tracking.delivery.run import _Desk, _Flight
from tracking.delivery.types import ConfirmsBy, EndpointState, Reply
from tracking.outbox import queries as outbox
from tracking.outbox.models import OutboxEvent
from tracking.outbox.types import EventState, Outcome

pytestmark = pytest.mark.django_db


def test_a_partner_is_told_once_and_its_2xx_confirms(partner: FakePartner, tell: Tell) -> None:
    event = tell()
    assert deliver().accepted == 1
    event.refresh_from_db()
    assert partner.keys == [rules.message_id(event.message_key)]
    assert partner.received[0].type == "consent.revoked"
    assert partner.received[0].data["withdrawn"] == ["広告"]
    assert event.acked_version == event.desired_version == 1
    assert event.outcome == Outcome.CONFIRMED
    assert event.accepted_at is not None
    assert event.confirmed_at is not None
    assert event.lease_token is None
    assert deliver().sent == 0
    attempt = Attempt.objects.get()
    assert (attempt.http_status, attempt.outcome, attempt.version) == (204, "accepted", 1)


def test_a_partner_that_acknowledges_is_only_accepted_by_its_2xx(
    partner: FakePartner, tell: Tell
) -> None:
    set_endpoint(partner, confirms_by=ConfirmsBy.ACKNOWLEDGEMENT)
    event = tell()
    deliver()
    event.refresh_from_db()
    assert event.outcome == Outcome.ACCEPTED
    assert event.accepted_at is not None
    assert event.confirmed_at is None


def test_retries_carry_the_same_key_and_a_fresh_timestamp(partner: FakePartner, tell: Tell) -> None:
    answers = iter([Say(status=500), Say(status=503), Say()])
    partner.answering = lambda _: next(answers)
    event = tell()
    base = timezone.now()
    for minute in (0, 1, 2):
        deliver(clock=lambda minute=minute: base + timedelta(minutes=minute))
    event.refresh_from_db()
    assert len(set(partner.keys)) == 1
    assert [received.timestamp for received in partner.received] == [
        int((base + timedelta(minutes=minute)).timestamp()) for minute in (0, 1, 2)
    ]
    assert event.outcome == Outcome.CONFIRMED
    assert [row.http_status for row in Attempt.objects.order_by("pk")] == [500, 503, 204]


@pytest.mark.parametrize(
    ("say", "outcome", "error"),
    [
        (Say(status=500), Outcome.UNREACHABLE, ""),
        (Say(status=422), Outcome.REJECTED, ""),
        (Say(status=429), Outcome.UNREACHABLE, ""),
        (Say(is_rude=True), Outcome.UNREACHABLE, "disconnected"),
    ],
)
def test_a_failure_waits_for_its_turn(
    partner: FakePartner, tell: Tell, say: Say, outcome: Outcome, error: str
) -> None:
    partner.answering = lambda _: say
    event = tell()
    now = timezone.now()
    deliver(clock=lambda: now)
    event.refresh_from_db()
    assert event.outcome == outcome
    assert event.next_attempt_at == now + timedelta(seconds=1)
    assert event.attempts == 1
    assert event.state == EventState.PENDING
    assert Attempt.objects.get().error_class == error


def test_retry_after_is_honored(partner: FakePartner, tell: Tell) -> None:
    partner.answering = lambda _: Say(status=429, headers={"Retry-After": "120"})
    event = tell()
    now = timezone.now()
    deliver(clock=lambda: now)
    event.refresh_from_db()
    assert event.next_attempt_at == now + timedelta(seconds=120)


def test_a_redirect_is_a_failure_and_not_followed(partner: FakePartner, tell: Tell) -> None:
    with fake_partner() as elsewhere:
        partner.answering = lambda _: Say(status=302, headers={"Location": elsewhere.url})
        event = tell()
        deliver()
        event.refresh_from_db()
        assert elsewhere.requests == 0
    assert event.outcome == Outcome.UNREACHABLE
    assert event.acked_version == 0


def test_410_ends_the_telling_and_keeps_every_event(partner: FakePartner, tell: Tell) -> None:
    partner.answering = lambda _: Say(status=410)
    first = tell()
    deliver()
    second = tell()
    assert deliver().sent == 0
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.state == EventState.DEAD
    assert second.state == EventState.PENDING
    assert Endpoint.objects.get().state == EndpointState.GONE

    partner.answering = lambda _: Say()
    assert operations.resume(site=SITE, partner=ADCO, **by_hand()) == 2
    assert deliver().accepted == 2
    assert sorted(partner.keys[1:]) == sorted(
        rules.message_id(event.message_key) for event in (first, second)
    )


def test_after_72_hours_an_event_is_dead_and_a_replay_revives_it(
    partner: FakePartner, tell: Tell
) -> None:
    partner.answering = lambda _: Say(status=500)
    now = timezone.now()
    event = tell(now=now - timedelta(hours=73))
    deliver()
    event.refresh_from_db()
    assert event.state == EventState.DEAD
    assert outbox.list_overdue_addressees(site_id=event.site_id) == {ADCO}
    assert deliver().sent == 0

    partner.answering = lambda _: Say()
    assert operations.replay(site=SITE, partner=ADCO, **by_hand()) == 1
    deliver()
    event.refresh_from_db()
    assert (event.state, event.outcome) == (EventState.PENDING, Outcome.CONFIRMED)
    assert len(set(partner.keys)) == 1


def test_a_newer_version_revives_a_dead_event_with_its_full_time(
    partner: FakePartner, tell: Tell
) -> None:
    partner.answering = lambda _: Say(status=500)
    event = tell(subject="s", now=timezone.now() - timedelta(hours=73))
    deliver()
    event = tell(subject="s", version=2)
    deliver()
    event.refresh_from_db()
    assert event.state == EventState.PENDING
    assert partner.versions("s") == [1, 2]


def test_replay_since_tells_again_what_was_accepted(partner: FakePartner, tell: Tell) -> None:
    event = tell()
    start = timezone.now()
    deliver()
    assert operations.replay(site=SITE, partner=ADCO, **by_hand()) == 0
    assert (
        operations.replay(site=SITE, partner=ADCO, **by_hand(), since=start, is_told_too=True) == 1
    )
    event.refresh_from_db()
    assert outbox.list_overdue_addressees(site_id=event.site_id) == frozenset()
    deliver()
    assert partner.keys == [rules.message_id(event.message_key)] * 2


def test_a_version_that_moved_on_during_the_sending_goes_out_next(
    partner: FakePartner, tell: Tell
) -> None:
    tell(subject="s", version=1, is_revocation=False)

    def decide_again(message: Received) -> Say:
        if message.data["version"] == 1:
            moved.append(True)
        return Say(hang_seconds=0.6) if message.data["version"] == 1 else Say()

    moved: list[bool] = []
    partner.answering = decide_again
    told: list[int] = []

    def clock():  # type: ignore[no-untyped-def]
        # The engine's own thread asks for the time between its looks: a visitor decides meanwhile.
        if moved and not told:
            told.append(2)
            tell(subject="s", version=2)
        return timezone.now()

    deliver(clock=clock)
    event = OutboxEvent.objects.get()
    assert partner.versions("s") == [1, 2]
    assert event.acked_version == event.desired_version == 2
    assert event.outcome == Outcome.CONFIRMED
    assert partner.state["s"]["version"] == 2


def test_a_failure_of_the_old_version_leaves_the_new_ones_schedule_alone(
    partner: FakePartner, tell: Tell
) -> None:
    event = tell(subject="s", version=1)
    flight = claim(timezone.now())
    newer = tell(subject="s", version=2)
    settle(flight, 500, now=timezone.now())
    event.refresh_from_db()
    assert event.next_attempt_at == newer.next_attempt_at
    assert event.outcome == Outcome.NONE
    assert event.lease_token is None
    assert deliver().accepted == 1


def test_a_late_result_is_dropped_once_the_lease_was_lost(partner: FakePartner, tell: Tell) -> None:
    event = tell()
    then = timezone.now()
    late = claim(then)
    later = then + timedelta(seconds=settlements.LEASE_SECONDS + 1)
    mine = claim(later)
    settle(late, 204, now=later)
    event.refresh_from_db()
    assert event.acked_version == 0
    assert event.lease_token == mine.events[0].lease_token
    # That it was sent is kept all the same.
    assert Attempt.objects.filter(outcome="accepted").count() == 1


def test_one_partners_hang_delays_nobody_else(partner: FakePartner, tell: Tell) -> None:
    partner.answering = lambda _: Say(hang_seconds=3)
    with fake_partner() as other:
        set_endpoint(other, RETARGETER)
        for _ in range(20):
            tell(partner=ADCO)
        for _ in range(20):
            tell(partner=RETARGETER)
        settled: list[str] = []
        original = settlements.settle

        def note(ended, **how):  # type: ignore[no-untyped-def]
            settled.extend(event.addressee for one in ended for event in one.events)
            return original(ended=ended, **how)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(settlements, "settle", note)
            deliver(seconds=1.0)
    assert len(other.received) == 20
    # Everything of the other was done before the first hang was over.
    assert settled[:20] == [RETARGETER] * 20
    assert partner.most_at_once == 8


def test_a_run_that_ends_still_serves_who_answers_promptly(
    partner: FakePartner, tell: Tell
) -> None:
    partner.answering = lambda _: Say(hang_seconds=2.5)
    with fake_partner() as other:
        set_endpoint(other, RETARGETER)
        tell(partner=ADCO)
        began = timezone.now()
        moments: list[float] = []

        def clock():  # type: ignore[no-untyped-def]
            now = timezone.now()
            passed = (now - began).total_seconds()
            if passed > 1.5 and not moments:
                moments.append(passed)
                tell(partner=ADCO)
                tell(partner=RETARGETER)
            return now

        deliver(clock=clock, seconds=0.5)
    # The time for new events was over, and the slow partner is left to the next run.
    assert len(other.received) == 1
    assert len(partner.received) == 1
    assert deliver().sent == 1


def test_the_breaker_opens_probes_once_and_closes(partner: FakePartner, tell: Tell) -> None:
    partner.answering = lambda _: Say(status=503)
    set_endpoint(partner, concurrency=1)
    now = timezone.now()
    for _ in range(10):
        tell(now=now - timedelta(seconds=1))
    assert deliver(clock=lambda: now).sent == rules.FAILURES_TO_OPEN
    endpoint = Endpoint.objects.get()
    assert endpoint.opened_until == now + timedelta(seconds=30)
    assert deliver(clock=lambda: now + timedelta(seconds=29)).sent == 0

    probe = now + timedelta(seconds=31)
    assert deliver(clock=lambda: probe).sent == 1
    endpoint.refresh_from_db()
    assert endpoint.opened_until == probe + timedelta(seconds=40)

    partner.answering = lambda _: Say()
    back = probe + timedelta(seconds=41)
    assert deliver(clock=lambda: back).accepted == 10
    endpoint.refresh_from_db()
    assert (endpoint.consecutive_failures, endpoint.opened_until) == (0, None)


def test_a_rejected_message_does_not_hold_up_the_others(partner: FakePartner, tell: Tell) -> None:
    for _ in range(8):
        tell(subject=f"bad{_}")
    tell(subject="good")
    partner.answering = lambda message: Say(
        status=422 if message.data["subject"].startswith("bad") else 204
    )
    deliver()
    endpoint = Endpoint.objects.get()
    assert endpoint.opened_until is None
    assert OutboxEvent.objects.get(subject="good").outcome == Outcome.CONFIRMED


def test_without_an_endpoint_news_wait(tell: Tell) -> None:
    event = tell(partner=RETARGETER)
    assert deliver().sent == 0
    event.refresh_from_db()
    assert (event.state, event.attempts) == (EventState.PENDING, 0)


def test_a_paused_partner_is_left_alone_and_catches_up(partner: FakePartner, tell: Tell) -> None:
    operations.pause(site=SITE, partner=ADCO, **by_hand())
    tell()
    assert deliver().sent == 0
    operations.resume(site=SITE, partner=ADCO, **by_hand())
    assert deliver().accepted == 1


def test_a_secret_that_cannot_be_opened_costs_no_event(partner: FakePartner, tell: Tell) -> None:
    event = tell()
    deliver(keys={"other": b"x" * 32})
    event.refresh_from_db()
    assert event.state == EventState.PENDING
    assert Attempt.objects.get().error_class == "secret_unreadable"
    assert partner.requests == 0


def test_loopback_is_refused_without_the_switch(partner: FakePartner, tell: Tell) -> None:
    tell()
    deliver(allow_loopback=False)
    assert Attempt.objects.get().error_class == "refused_address"
    assert partner.requests == 0


def test_while_secrets_change_both_sign(partner: FakePartner, tell: Tell) -> None:
    old, new = partner.secrets[0], operations.new_secret()
    operations.rotate_secret(
        site=SITE, partner=ADCO, secret=new, keys=settings.CONSENT_KEYS, **by_hand()
    )
    for known in ([old], [new]):
        partner.secrets = known
        tell()
        assert deliver().accepted == 1
    operations.finish_rotation(site=SITE, partner=ADCO, **by_hand())
    partner.secrets = [old]
    tell()
    assert deliver().accepted == 0
    assert partner.refused == ["signature"]


def claim(now: datetime) -> _Flight:
    """Lease the one event that is due, as a run does, and do not send it."""
    [flight] = _Desk(keys=settings.CONSENT_KEYS).claim(
        most=9, but=frozenset(), answered={}, now=now
    )
    assert isinstance(flight, _Flight)
    return flight


def settle(flight: _Flight, status: int, *, now: datetime) -> None:
    reply = Reply(status=status, duration_ms=1)
    settlements.settle(ended=[flight.ended([reply])], chance=lambda: 1.0, now=now)
