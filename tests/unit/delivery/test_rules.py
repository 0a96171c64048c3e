"""The schedule, the breaker and what answers mean."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.delivery import rules
from tracking.delivery.types import (
    AttemptOutcome,
    Breaker,
    BreakerState,
    ConfirmsBy,
    Recent,
    Reply,
    WorkStatus,
)
from tracking.outbox.types import ClaimedEvent, Outcome

NOW = datetime(2026, 4, 1, 15, 0, tzinfo=UTC)
FEW = Recent(sent=1, failed=1)


@pytest.mark.parametrize(
    ("status", "outcome", "counts"),
    [
        (200, AttemptOutcome.ACCEPTED, False),
        (204, AttemptOutcome.ACCEPTED, False),
        (299, AttemptOutcome.ACCEPTED, False),
        (301, AttemptOutcome.UNREACHABLE, True),
        (302, AttemptOutcome.UNREACHABLE, True),
        (304, AttemptOutcome.UNREACHABLE, True),
        (400, AttemptOutcome.REJECTED, False),
        (401, AttemptOutcome.REJECTED, True),
        (404, AttemptOutcome.REJECTED, True),
        (408, AttemptOutcome.UNREACHABLE, True),
        (410, AttemptOutcome.GONE, True),
        (413, AttemptOutcome.REJECTED, False),
        (422, AttemptOutcome.REJECTED, False),
        (425, AttemptOutcome.UNREACHABLE, True),
        (429, AttemptOutcome.UNREACHABLE, True),
        (500, AttemptOutcome.UNREACHABLE, True),
        (503, AttemptOutcome.UNREACHABLE, True),
        (102, AttemptOutcome.UNREACHABLE, True),
        (None, AttemptOutcome.UNREACHABLE, True),
    ],
)
def test_what_an_answer_means(status: int | None, outcome: AttemptOutcome, counts: bool) -> None:
    verdict = rules.classify(status)
    assert (verdict.outcome, verdict.counts_against_partner) == (outcome, counts)


def delay(
    attempts: int, *, tried_for: timedelta = timedelta(0), chance: float = 1.0, header: str = ""
) -> timedelta | None:
    moment = rules.next_attempt_at(
        attempts=attempts,
        trying_since=NOW - tried_for,
        retry_after=header,
        now=NOW,
        chance=chance,
    )
    return None if moment is None else moment - NOW


def test_pauses_double_up_to_a_quarter_of_an_hour() -> None:
    assert [delay(attempts) for attempts in (1, 2, 3, 4, 10, 11, 12, 5000)] == [
        timedelta(seconds=seconds) for seconds in (1, 2, 4, 8, 512, 900, 900, 900)
    ]


def test_the_jitter_is_full() -> None:
    assert delay(5, chance=0.0) == timedelta(0)
    assert delay(5, chance=0.5) == timedelta(seconds=8)


def test_after_a_day_once_an_hour() -> None:
    a_day = timedelta(hours=24)
    assert delay(100, tried_for=a_day - timedelta(seconds=1)) == timedelta(minutes=15)
    assert delay(100, tried_for=a_day) == timedelta(hours=1)
    assert delay(100, tried_for=a_day, chance=0.0) == timedelta(minutes=54)


def test_after_three_days_never() -> None:
    assert delay(1, tried_for=timedelta(hours=72) - timedelta(seconds=1)) is not None
    assert delay(1, tried_for=timedelta(hours=72)) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30),
        ("3600", 3600),
        ("86400", 3600),
        ("Wed, 01 Apr 2026 15:02:00 GMT", 120),
        ("Wed, 01 Apr 2026 14:00:00 GMT", 1),
        ("0", 1),
        ("-5", 1),
        ("soon", 1),
        ("", 1),
        ("9" * 30, 1),
        ("٣", 1),
    ],
)
def test_retry_after_is_honored_up_to_an_hour(header: str, seconds: int) -> None:
    assert delay(1, header=header) == timedelta(seconds=seconds)


@given(
    attempts=st.integers(min_value=1, max_value=10**6),
    hours=st.floats(min_value=0, max_value=100),
    chance=st.floats(min_value=0, max_value=1),
    header=st.text(max_size=40),
)
def test_a_pause_is_never_negative_nor_longer_than_an_hour(
    attempts: int, hours: float, chance: float, header: str
) -> None:
    pause = delay(attempts, tried_for=timedelta(hours=hours), chance=chance, header=header)
    assert (pause is None) == (timedelta(hours=hours) >= rules.GIVE_UP_AFTER)
    assert pause is None or timedelta(0) <= pause <= timedelta(hours=1)


def test_the_breaker_opens_after_five_failures_in_a_row() -> None:
    breaker = Breaker()
    for _ in range(4):
        breaker = rules.after_failure(breaker, attempted_at=NOW, now=NOW, recent=FEW)
    assert rules.breaker_state(breaker, now=NOW) is BreakerState.CLOSED
    assert rules.places(breaker, concurrency=8, now=NOW) == 8
    breaker = rules.after_failure(breaker, attempted_at=NOW, now=NOW, recent=FEW)
    assert breaker.opened_until == NOW + timedelta(seconds=30)
    assert rules.places(breaker, concurrency=8, now=NOW) == 0
    assert rules.places(breaker, concurrency=8, now=NOW + timedelta(seconds=30)) == 1
    assert rules.after_success() == Breaker()


def test_what_was_on_its_way_does_not_prolong_the_pause() -> None:
    breaker = Breaker(failures=5, openings=1, opened_until=NOW + timedelta(seconds=30))
    later = rules.after_failure(
        breaker,
        attempted_at=NOW - timedelta(seconds=9),
        now=NOW + timedelta(seconds=1),
        recent=FEW,
    )
    assert later.opened_until == breaker.opened_until
    assert later.failures == 6


def test_each_failed_probe_doubles_the_pause_up_to_ten_minutes() -> None:
    breaker, now, pauses = Breaker(failures=4), NOW, []
    for _ in range(7):
        breaker = rules.after_failure(breaker, attempted_at=now, now=now, recent=FEW)
        assert breaker.opened_until is not None
        pauses.append((breaker.opened_until - now).total_seconds())
        now = breaker.opened_until
    assert pauses == [30, 60, 120, 240, 480, 600, 600]


KEY = UUID("0c1f5a4b-e0d2-4c3f-9a8f-3f3c4c1b2a19")
ID = "msg_0c1f5a4be0d24c3f9a8f3f3c4c1b2a19"


def test_message_ids_come_back() -> None:
    assert rules.message_id(KEY) == ID
    told = rules.parse_acknowledgement(
        b'{"type":"consent.acknowledged","data":{"id":"%s","outcome":"done"}}' % ID.encode()
    )
    assert (told.message_key, told.is_held) == (KEY, True)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        "{}",
        "[" * 8000,
        '{"type":"consent.acknowledged"}',
        f'{{"type":"other","data":{{"id":"{ID}","outcome":"done"}}}}',
        f'{{"type":"consent.acknowledged","data":{{"id":"{ID}","outcome":"maybe"}}}}',
        f'{{"type":"consent.acknowledged","data":{{"id":"{ID}","outcome":["done"]}}}}',
        f'{{"type":"consent.acknowledged","data":{{"id":"{ID}"}}}}',
        f'{{"type":"consent.acknowledged","data":{{"id":"{ID}","outcome":"done","x":1}}}}',
        f'{{"type":"consent.acknowledged","x":1,"data":{{"id":"{ID}","outcome":"done"}}}}',
        f'{{"type":"consent.acknowledged","timestamp":1,"data":{{"id":"{ID}","outcome":"done"}}}}',
        '{"type":"consent.acknowledged","data":{"id":"msg_1","outcome":"done"}}',
        '{"type":"consent.acknowledged","data":{"id":7,"outcome":"done"}}',
        f'{{"type":"consent.acknowledged","data":{{"id":"{ID.upper()}","outcome":"done"}}}}',
        f'{{"type":"consent.acknowledged","data":{{"id":"{ID}\\n","outcome":"done"}}}}',
        '{"type":["consent.acknowledged"],"data":"x"}',
    ],
)
def test_other_bodies_are_no_acknowledgement(body: str) -> None:
    with pytest.raises(rules.AcknowledgementInvalid):
        rules.parse_acknowledgement(body.encode())


@given(st.binary(max_size=200))
def test_no_bytes_do_worse_than_be_refused(body: bytes) -> None:
    with pytest.raises(rules.AcknowledgementInvalid):
        rules.parse_acknowledgement(body)


@pytest.mark.parametrize(
    ("recent", "opens"),
    [
        (Recent(sent=9, failed=9), False),
        (Recent(sent=10, failed=6), False),
        (Recent(sent=10, failed=7), True),
        (Recent(sent=1000, failed=699), False),
        (Recent(sent=1000, failed=700), True),
    ],
)
def test_the_breaker_opens_when_most_of_what_was_sent_lately_failed(
    recent: Recent, opens: bool
) -> None:
    breaker = rules.after_failure(Breaker(), attempted_at=NOW, now=NOW, recent=recent)
    assert (breaker.opened_until is not None) is opens


def event(*, ticket: str = "", tried: timedelta = timedelta(0)) -> ClaimedEvent:
    return ClaimedEvent(
        id=1,
        site_id=1,
        addressee="adco",
        subject="s",
        kind="consent",
        version=3,
        payload={},
        sealed={},
        ticket=ticket,
        message_key=uuid4(),
        attempts=1,
        trying_since=NOW - tried,
        lease_token=uuid4(),
        lease_until=NOW,
    )


def reply(**how: object) -> Reply:
    return Reply(**{"status": 200, "duration_ms": 1, **how})  # type: ignore[arg-type]


HOUR = timedelta(hours=1)
RESPONSE, ACKNOWLEDGEMENT, POLL = ConfirmsBy


@pytest.mark.parametrize(
    ("asked", "answer", "confirms_by", "outcome", "told", "confirmed", "after", "dead"),
    [
        ("", reply(), RESPONSE, Outcome.CONFIRMED, True, True, None, False),
        ("", reply(), ACKNOWLEDGEMENT, Outcome.ACCEPTED, True, False, None, False),
        ("", reply(), POLL, Outcome.CONFIRMED, True, True, None, False),
        ("", reply(ticket="j"), ACKNOWLEDGEMENT, Outcome.ACCEPTED, True, False, None, False),
        ("", reply(ticket="j", check_after=HOUR), POLL, Outcome.ACCEPTED, True, False, HOUR, False),
        ("", reply(status=500), POLL, Outcome.UNREACHABLE, False, False, HOUR / 3600, False),
        ("", reply(status=422), POLL, Outcome.REJECTED, False, False, HOUR / 3600, False),
        ("", reply(status=410), POLL, Outcome.REJECTED, False, False, None, True),
        (
            "",
            reply(outcome=AttemptOutcome.NOT_HELD),
            POLL,
            Outcome.IDENTIFIER_NOT_HELD,
            True,
            True,
            None,
            False,
        ),
        (
            "",
            reply(outcome=AttemptOutcome.NOT_NEEDED),
            POLL,
            Outcome.NOT_NEEDED,
            True,
            True,
            None,
            False,
        ),
        (
            "j",
            reply(outcome=AttemptOutcome.PENDING),
            POLL,
            Outcome.ACCEPTED,
            True,
            False,
            HOUR,
            False,
        ),
        (
            "j",
            reply(outcome=AttemptOutcome.DONE),
            POLL,
            Outcome.CONFIRMED,
            True,
            True,
            None,
            False,
        ),
        (
            "j",
            reply(outcome=AttemptOutcome.FAILED),
            POLL,
            Outcome.REJECTED,
            False,
            False,
            None,
            True,
        ),
        # What was taken stays taken, though nobody can say what became of it.
        ("j", reply(status=500), POLL, Outcome.ACCEPTED, True, False, HOUR / 3600, False),
    ],
)
def test_what_becomes_of_an_event(
    asked: str,
    answer: Reply,
    confirms_by: ConfirmsBy,
    outcome: Outcome,
    told: bool,
    confirmed: bool,
    after: timedelta | None,
    dead: bool,
) -> None:
    done = rules.settlement(
        event=event(ticket=asked), reply=answer, confirms_by=confirms_by, now=NOW, chance=1.0
    )
    assert (done.outcome, done.is_told, done.is_confirmed) == (outcome, told, confirmed)
    assert done.next_attempt_at == (None if after is None else NOW + after)
    assert done.is_dead is dead
    # A ticket that is still worked on is never forgotten.
    assert bool(done.ticket) is (told and not confirmed and bool(asked or answer.ticket))


def test_asking_goes_on_far_longer_than_telling() -> None:
    def after(days: int, ticket: str) -> tuple[bool, bool]:
        done = rules.settlement(
            event=event(ticket=ticket, tried=timedelta(days=days)),
            reply=reply(status=500),
            confirms_by=POLL,
            now=NOW,
            chance=1.0,
        )
        return done.is_dead, done.next_attempt_at is None

    assert after(3, "") == (True, True)
    assert after(59, "job") == (False, False)
    # Not asked any more, yet not unsaid: it stays unconfirmed, and its deadline speaks.
    assert after(60, "job") == (False, True)


def test_one_good_answer_in_a_request_says_that_the_partner_is_there() -> None:
    bad, good = reply(status=500), reply()
    assert rules.judge_request([bad, bad]).counts_against_partner
    assert not rules.judge_request([bad, good]).counts_against_partner


@pytest.mark.parametrize(
    ("moment", "start"), [("15:00:00", "15:00"), ("15:04:59", "15:00"), ("15:05:00", "15:05")]
)
def test_requests_are_counted_in_five_minutes(moment: str, start: str) -> None:
    day = "2026-04-01T{}+00:00"
    assert rules.window_start(datetime.fromisoformat(day.format(moment))) == datetime.fromisoformat(
        day.format(start)
    )


OPEN = Breaker(failures=5, openings=1, opened_until=NOW + timedelta(seconds=30))


@pytest.mark.parametrize(
    ("oldest", "breaker", "next_request", "since"),
    [
        (None, Breaker(), None, None),
        (-60, Breaker(), None, -60),
        (0, Breaker(), None, 0),
        (1, Breaker(), None, None),
        (-60, OPEN, None, None),
        (-60, replace(OPEN, opened_until=NOW - timedelta(seconds=10)), None, -10),
        (-5, replace(OPEN, opened_until=NOW - timedelta(seconds=10)), None, -5),
        (-60, Breaker(), 1, None),
        (-60, Breaker(), -7, -7),
    ],
)
def test_since_when_something_could_have_been_sent(
    oldest: float | None, breaker: Breaker, next_request: float | None, since: float | None
) -> None:
    found = rules.due_since(
        oldest=moment(oldest), breaker=breaker, next_request_at=moment(next_request), now=NOW
    )
    assert found == moment(since)


@pytest.mark.parametrize(
    ("due", "is_leased", "success", "undone"),
    [
        (None, False, None, None),
        (-60, False, None, -60),
        (-60, True, None, None),
        (-60, False, -2, -2),
        (-60, False, -90, -60),
    ],
)
def test_a_backlog_that_moves_is_not_undone(
    due: float | None, is_leased: bool, success: float | None, undone: float | None
) -> None:
    found = rules.undone_since(
        due_since=moment(due), is_leased=is_leased, last_success_at=moment(success)
    )
    assert found == moment(undone)


@pytest.mark.parametrize(
    ("looked_for", "undone", "status"),
    [
        (None, None, WorkStatus.NOT_LOOKED_FOR),
        (-15, None, WorkStatus.OK),
        (-16, None, WorkStatus.NOT_LOOKED_FOR),
        (-16, -60, WorkStatus.NOT_LOOKED_FOR),
        (-1, -6, WorkStatus.OK),
        (-1, -7, WorkStatus.NOT_DONE),
    ],
)
def test_work_is_done_while_it_is_looked_for_and_nothing_is_left(
    looked_for: float | None, undone: float | None, status: WorkStatus
) -> None:
    found = rules.work_status(
        looked_for_at=moment(looked_for), undone_since=moment(undone), now=NOW
    )
    assert found is status


def moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else NOW + timedelta(seconds=seconds)
