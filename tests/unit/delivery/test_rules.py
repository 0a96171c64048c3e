"""The schedule, the breaker and what answers mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.delivery import rules
from tracking.delivery.types import AttemptOutcome, Breaker, BreakerState

NOW = datetime(2026, 4, 1, 15, 0, tzinfo=UTC)


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
        breaker = rules.after_failure(breaker, attempted_at=NOW, now=NOW)
    assert rules.breaker_state(breaker, now=NOW) is BreakerState.CLOSED
    assert rules.places(breaker, concurrency=8, now=NOW) == 8
    breaker = rules.after_failure(breaker, attempted_at=NOW, now=NOW)
    assert breaker.opened_until == NOW + timedelta(seconds=30)
    assert rules.places(breaker, concurrency=8, now=NOW) == 0
    assert rules.places(breaker, concurrency=8, now=NOW + timedelta(seconds=30)) == 1
    assert rules.after_success() == Breaker()


def test_what_was_on_its_way_does_not_prolong_the_pause() -> None:
    breaker = Breaker(failures=5, openings=1, opened_until=NOW + timedelta(seconds=30))
    later = rules.after_failure(
        breaker, attempted_at=NOW - timedelta(seconds=9), now=NOW + timedelta(seconds=1)
    )
    assert later.opened_until == breaker.opened_until
    assert later.failures == 6


def test_each_failed_probe_doubles_the_pause_up_to_ten_minutes() -> None:
    breaker, now, pauses = Breaker(failures=4), NOW, []
    for _ in range(7):
        breaker = rules.after_failure(breaker, attempted_at=now, now=now)
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
