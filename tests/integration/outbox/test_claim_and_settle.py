"""The outbox itself: who gets what, and whose word counts. It knows nothing of partners."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from tests.factories.clock import NOW
from tests.integration.outbox.events import (
    SECOND,
    SITE,
    accept,
    append,
    claim,
    fail,
    give_up,
    settle,
    slot,
)
from tracking.outbox import operations, queries
from tracking.outbox.models import OutboxEvent
from tracking.outbox.types import Due, EventState, Outcome, Slot

pytestmark = pytest.mark.django_db


def row(subject: str = "s", addressee: str = "a") -> OutboxEvent:
    return OutboxEvent.objects.get(site_id=SITE, addressee=addressee, subject=subject)


def test_a_claim_leases_what_is_due_and_only_that() -> None:
    append("due", "later")
    OutboxEvent.objects.filter(subject="later").update(next_attempt_at=NOW + SECOND)
    [event] = claim()
    assert (event.subject, event.version, event.attempts) == ("due", 1, 1)
    assert event.payload == {"version": 1}
    assert event.lease_until == NOW + 30 * SECOND
    assert claim() == []
    assert row("due").lease_token == event.lease_token


def test_whoever_was_not_asked_for_is_left_alone() -> None:
    append("s", addressee="b")
    assert claim(slot("a")) == []
    assert claim(Slot(site_id=SITE + 1, addressee="b", limit=5)) == []
    assert len(claim(slot("b"))) == 1


def test_a_lease_that_ran_out_is_free_again() -> None:
    append("s")
    [first] = claim()
    assert claim(now=NOW + 30 * SECOND) == []
    [second] = claim(now=NOW + 31 * SECOND)
    assert second.lease_token != first.lease_token
    assert second.attempts == 2
    assert second.message_key == first.message_key


def test_a_slot_counts_the_leases_of_everybody() -> None:
    append(*"abcdef")
    assert len(claim(slot(limit=4))) == 4
    assert claim(slot(limit=4)) == []
    assert len(claim(slot(limit=5))) == 1
    assert claim(slot(limit=0)) == []


def of_a_dead_process(*subjects: str) -> None:
    """Make the leases of these those of a connection that is gone."""
    OutboxEvent.objects.filter(subject__in=subjects).update(lease_holder=2**31 - 1)


def test_a_lease_of_the_dead_takes_up_no_place() -> None:
    append(*"abcd")
    held = claim(slot(limit=2))
    assert claim(slot(limit=2)) == []
    of_a_dead_process(*(event.subject for event in held))
    assert len(claim(slot(limit=2))) == 2


def test_a_lease_of_the_dead_is_free_once_nothing_of_it_can_be_on_its_way() -> None:
    append("dead", "alive")
    claim(lease_seconds=30)
    of_a_dead_process("dead")

    def after(seconds: int) -> list[str]:
        got = operations.claim(
            slots=[slot()],
            limit=9,
            lease_seconds=30,
            longest_seconds=10,
            now=NOW + seconds * SECOND,
        )
        return [event.subject for event in got]

    assert after(10) == []
    assert after(11) == ["dead"]
    assert after(12) == []
    assert sorted(after(42)) == ["alive", "dead"]


def test_the_oldest_attempt_goes_first() -> None:
    append("younger", now=NOW)
    append("older", now=NOW - SECOND)
    assert [event.subject for event in claim(limit=1)] == ["older"]


def test_a_backlog_does_not_starve_others() -> None:
    append(*(f"s{number}" for number in range(50)), addressee="loud", now=NOW - 60 * SECOND)
    append("s", addressee="quiet")
    got = claim(slot("loud", 50), slot("quiet", 50), limit=10)
    assert len(got) == 10
    assert [event.addressee for event in got].count("quiet") == 1


def test_nothing_asked_for_is_nothing_claimed() -> None:
    append("s")
    assert operations.claim(slots=[], limit=5, lease_seconds=30, now=NOW) == []
    assert claim(limit=0) == []


def test_accepted_and_confirmed_are_two_things() -> None:
    append("s", "t")
    first, second = claim()
    assert accept(first)
    assert accept(second, is_confirmed=True)
    one, two = row(first.subject), row(second.subject)
    assert (one.outcome, one.accepted_at, one.confirmed_at) == ("accepted", NOW + SECOND, None)
    assert (two.outcome, two.confirmed_at) == ("confirmed", NOW + SECOND)
    assert {one.acked_version, two.acked_version} == {1}
    assert claim() == []


@pytest.mark.parametrize("end", [accept, fail])
def test_only_the_lease_holder_settles_and_only_once(end: Any) -> None:
    append("s")
    [late] = claim()
    [mine] = claim(now=NOW + 60 * SECOND)
    before = row()
    assert not end(late)
    after = row()
    assert (after.lease_token, after.acked_version) == (before.lease_token, 0)
    assert end(mine)
    assert not end(mine)


def test_a_newer_version_survives_the_settling_of_the_old() -> None:
    append("s", version=1)
    [event] = claim()
    append("s", version=2, now=NOW + SECOND)
    assert accept(event, is_confirmed=True)
    now = row()
    assert (now.acked_version, now.desired_version) == (1, 2)
    assert (now.outcome, now.accepted_at, now.confirmed_at) == ("", None, None)
    [newer] = claim(now=NOW + SECOND)
    assert newer.version == 2
    assert newer.message_key != event.message_key


def test_a_newer_version_survives_the_death_of_the_old() -> None:
    append("s", version=1)
    [event] = claim()
    append("s", version=2, now=NOW + SECOND)
    assert give_up(event, Outcome.REJECTED)
    now = row()
    assert (now.state, now.outcome) == (EventState.PENDING, "")
    assert now.next_attempt_at == NOW + SECOND


def test_an_older_version_changes_nothing() -> None:
    append("s", version=5)
    append("s", version=4)
    [event] = claim()
    accept(event)
    append("s", version=5)
    assert (row().desired_version, row().acked_version) == (5, 5)


def test_dead_events_wait_for_a_replay() -> None:
    append("s")
    [event] = claim()
    assert give_up(event)
    assert row().state == EventState.DEAD
    assert claim(now=NOW + timedelta(days=9)) == []
    later = NOW + timedelta(days=9)
    assert operations.replay(site_id=SITE, addressee="a", now=later) == 1
    [again] = claim(now=later)
    assert (again.message_key, again.trying_since, again.attempts) == (event.message_key, later, 1)
    assert row().created_at == NOW


def test_replay_touches_one_addressee_only() -> None:
    append("s", addressee="a")
    append("s", addressee="b")
    for event in claim(slot("a"), slot("b")):
        give_up(event)
    assert operations.replay(site_id=SITE, addressee="a", now=NOW) == 1
    assert row(addressee="b").state == EventState.DEAD


def test_a_replay_of_what_was_told_gives_it_new_time() -> None:
    append("s", now=NOW - timedelta(days=3))
    [event] = claim()
    accept(event, is_confirmed=True)

    def again(since: datetime, until: datetime | None = None) -> int:
        return operations.replay(
            site_id=SITE, addressee="a", now=NOW, since=since, until=until, is_told_too=True
        )

    assert again(NOW + 2 * SECOND) == 0
    assert again(NOW, NOW + SECOND) == 0
    assert again(NOW) == 1
    now = row()
    assert (now.acked_version, now.confirmed_at) == (0, None)
    assert now.due_at == NOW + timedelta(hours=24)


def confirm(key: Any, outcome: Outcome = Outcome.CONFIRMED, addressee: str = "a") -> bool:
    return operations.confirm(
        site_id=SITE, addressee=addressee, message_key=key, outcome=outcome, now=NOW + SECOND
    )


def test_a_confirmation_is_for_the_version_that_carries_the_key() -> None:
    append("s", version=1)
    old = row().message_key
    append("s", version=2)
    assert not confirm(old)
    assert not confirm(uuid4())
    assert not confirm(row().message_key, addressee="b")
    assert row().confirmed_at is None
    assert confirm(row().message_key, Outcome.IDENTIFIER_NOT_HELD)
    assert confirm(row().message_key, Outcome.IDENTIFIER_NOT_HELD)
    now = row()
    assert (now.acked_version, now.outcome) == (2, Outcome.IDENTIFIER_NOT_HELD)
    assert now.confirmed_at == now.accepted_at == NOW + SECOND


@pytest.mark.parametrize("end", [accept, fail])
def test_a_confirmation_before_the_answer_is_not_undone_by_it(end: Any) -> None:
    append("s")
    [event] = claim()
    assert confirm(event.message_key, Outcome.IDENTIFIER_NOT_HELD)
    assert end(event)
    now = row()
    assert (now.outcome, now.acked_version) == (Outcome.IDENTIFIER_NOT_HELD, 1)
    assert now.lease_token is None
    assert claim(now=NOW + timedelta(days=1)) == []


def test_backlogs_tell_waiting_dead_overdue_and_unconfirmed_apart() -> None:
    append("waiting", now=NOW - timedelta(hours=1))
    append("overdue", now=NOW - timedelta(hours=30))
    append("dead", "accepted", "confirmed", addressee="b")
    for event in claim(slot("b")):
        match event.subject:
            case "dead":
                give_up(event)
            case "accepted":
                accept(event)
            case "confirmed":
                accept(event, is_confirmed=True)
    a, b = queries.list_backlogs(site_id=SITE, now=NOW)
    assert (a.addressee, a.waiting, a.dead, a.overdue, a.unconfirmed) == ("a", 2, 0, 1, 0)
    assert a.oldest_unsaid_at == NOW - timedelta(hours=30)
    assert a.oldest_due_at == NOW - timedelta(hours=6)
    assert a.oldest_unconfirmed_at is None
    assert (b.addressee, b.waiting, b.dead, b.overdue, b.unconfirmed) == ("b", 0, 1, 0, 1)
    assert b.oldest_unconfirmed_at == NOW + SECOND


def test_what_is_due_is_what_a_claim_would_find() -> None:
    def due(addressee: str = "a", *, now: datetime = NOW) -> Due:
        return queries.list_dues(addressees=[(SITE, "a"), (SITE, "b")], now=now)[SITE, addressee]

    append("later", now=NOW + 60 * SECOND)
    assert due() == due("b") == Due()
    append("second", now=NOW - 5 * SECOND)
    append("first", now=NOW - 9 * SECOND)
    append("other", addressee="b", now=NOW - SECOND)
    assert due() == Due(since=NOW - 9 * SECOND)
    assert due("b") == Due(since=NOW - SECOND)

    [first] = claim(slot(limit=1))
    assert first.subject == "first"
    assert due() == Due(since=NOW - 5 * SECOND, is_leased=True)
    assert due(now=NOW + 31 * SECOND) == Due(since=NOW - 9 * SECOND)
    give_up(first)
    assert due() == Due(since=NOW - 5 * SECOND)
    # What has been taken is due again when it is time to ask after it.
    [second] = claim()
    accept(second, ticket="t", next_attempt_at=NOW + 10 * SECOND)
    assert due() == Due()
    assert due(now=NOW + 11 * SECOND) == Due(since=NOW + 10 * SECOND)


@pytest.mark.parametrize(
    "change",
    [
        "next_attempt_at = NULL",
        "confirmed_at = now()",
        "acked_version = desired_version + 1",
        "lease_token = gen_random_uuid()",
        "lease_until = now()",
        "state = 'lost'",
        "outcome = 'perhaps'",
    ],
)
def test_the_database_refuses_impossible_rows(change: str) -> None:
    append("s")
    with (
        pytest.raises(IntegrityError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE outbox_outboxevent SET {change}")  # noqa: S608


def test_the_database_refuses_a_second_row_for_one_subject() -> None:
    append("s")
    again = row()
    again.pk = None
    again.message_key = uuid4()
    with pytest.raises(IntegrityError), transaction.atomic():
        again.save(force_insert=True)


def test_a_replay_of_a_range_leaves_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "_REPLAY_PART", 2)
    for hours in range(6):
        append(f"s{hours}", now=NOW - timedelta(hours=hours))
    for event in claim():
        give_up(event)
    until, since = NOW, NOW - timedelta(hours=5)
    found = operations.replay(site_id=SITE, addressee="a", now=NOW, since=since, until=until)
    assert found == 5
    assert sorted(event.subject for event in claim()) == ["s1", "s2", "s3", "s4", "s5"]


def test_news_with_an_occasion_of_its_own_is_never_replaced() -> None:
    append("s", version=1, occasion="first")
    append("s", version=2, occasion="second")
    append("s", version=3)
    append("s", version=4)
    assert sorted(event.version for event in claim()) == [1, 2, 4]


def test_a_ticket_is_asked_after_until_it_is_done() -> None:
    append("s")
    [event] = claim()
    assert accept(event, ticket="job-1", next_attempt_at=NOW + 60 * SECOND)
    now = row()
    assert (now.acked_version, now.confirmed_at, now.attempts) == (1, None, 0)
    assert now.trying_since == NOW + SECOND
    assert claim(now=NOW + 59 * SECOND) == []
    [question] = claim(now=NOW + 60 * SECOND)
    assert (question.ticket, question.message_key) == ("job-1", event.message_key)
    assert settle(
        question,
        outcome=Outcome.ACCEPTED,
        is_told=True,
        ticket="job-1",
        next_attempt_at=NOW + 120 * SECOND,
    )
    assert (row().attempts, row().trying_since) == (1, NOW + SECOND)
    [question] = claim(now=NOW + 120 * SECOND)
    assert accept(question, is_confirmed=True)
    assert (row().outcome, row().ticket) == ("confirmed", "")
    assert claim(now=NOW + timedelta(days=9)) == []


def test_what_was_taken_and_failed_is_unsaid_again_and_waits_for_a_person() -> None:
    append("s")
    [event] = claim()
    accept(event, ticket="job-1", next_attempt_at=NOW)
    [question] = claim(now=NOW + SECOND)
    assert give_up(question, Outcome.REJECTED)
    now = row()
    assert (now.state, now.acked_version, now.accepted_at) == (EventState.DEAD, 0, None)


def test_a_newer_version_forgets_the_ticket_of_the_old() -> None:
    append("s", version=1)
    [event] = claim()
    accept(event, ticket="job-1", next_attempt_at=NOW + 60 * SECOND)
    append("s", version=2, now=NOW + SECOND)
    [newer] = claim(now=NOW + SECOND)
    assert (newer.version, newer.ticket) == (2, "")


def test_one_word_confirms_all_that_was_taken_under_a_ticket() -> None:
    append("s", "t", "u")
    for event in claim():
        accept(event, ticket="mail-2" if event.subject == "u" else "mail-1")

    def word(ticket: str, addressee: str = "a") -> int:
        return operations.confirm_ticket(
            site_id=SITE, addressee=addressee, ticket=ticket, outcome=Outcome.CONFIRMED, now=NOW
        )

    assert word("mail-1", addressee="b") == 0
    assert word("") == 0
    assert word("mail-1") == 2
    # It may come again, and the ticket can still be asked after.
    assert word("mail-1") == 2
    assert (row("s").ticket, row("s").confirmed_at) == ("mail-1", NOW)
    assert row("u").confirmed_at is None


def test_what_is_sealed_goes_with_the_newest_message_and_is_forgotten_when_confirmed() -> None:
    append("s", version=1, sealed={"a": "1", "b": "2"})
    append("s", version=2, sealed={"b": "3"})
    [event] = claim()
    assert event.sealed == {"a": "1", "b": "3"}
    accept(event)
    assert row().sealed == event.sealed
    append("s", version=3)
    [event] = claim()
    assert event.sealed == {"a": "1", "b": "3"}
    accept(event, is_confirmed=True)
    assert row().sealed == {}
    append("s", version=4, sealed={"c": "4"})
    assert row().sealed == {"c": "4"}


def test_unconfirmed_past_its_deadline_is_overdue() -> None:
    append("s", now=NOW - timedelta(days=30))
    append("t", addressee="b", now=NOW - timedelta(days=30))
    for event in claim(slot("a"), slot("b")):
        accept(event, is_confirmed=event.addressee == "b")
    assert queries.list_overdue_addressees(site_id=SITE) == {"a"}
    [a] = queries.list_backlogs(site_id=SITE, now=NOW)
    assert (a.addressee, a.waiting, a.overdue, a.unconfirmed) == ("a", 0, 1, 1)
