"""What operators ask of the outbox: pages of events, how punctual, what a replay would send."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction

from tests.factories.clock import NOW
from tests.integration.outbox.events import (
    SECOND,
    SITE,
    accept,
    append,
    claim,
    give_up,
    slot,
)
from tracking.outbox import operations, queries
from tracking.outbox.models import ConfirmedHour, OutboxEvent
from tracking.outbox.types import Punctuality, Which

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def page_through(which: Which, *, limit: int, now: datetime = NOW) -> list[str]:
    """Return the subjects on all pages, in order."""
    seen: list[str] = []
    after = None
    while True:
        page = queries.list_events(
            site_id=SITE, addressee="a", which=which, after=after, limit=limit, now=now
        )
        assert len(page.events) <= limit
        seen += [OutboxEvent.objects.get(pk=event.id).subject for event in page.events]
        after = page.after
        if after is None:
            return seen


def confirm_one(subject: str, *, told_at: datetime, confirmed_at: datetime) -> None:
    append(subject, now=told_at)
    [event] = claim(now=told_at)
    accept(event, is_confirmed=True, now=confirmed_at)


@pytest.fixture
def some_of_each() -> None:
    for number in range(3):
        confirm_one(f"done{number}", told_at=NOW, confirmed_at=NOW + number * SECOND)
    append("dead0", "dead1", now=NOW - 80 * HOUR)
    for event in claim():
        give_up(event)
    append("late", now=NOW - 30 * HOUR)
    append("new", now=NOW)
    append("elsewhere", addressee="b")


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
@pytest.mark.parametrize(
    ("which", "subjects"),
    [
        (Which.OPEN, ["dead0", "dead1", "late", "new"]),
        (Which.OVERDUE, ["dead0", "dead1", "late"]),
        (Which.DEAD, ["dead0", "dead1"]),
        (Which.CONFIRMED, ["done2", "done1", "done0"]),
        (Which.ALL, ["dead0", "dead1", "late", "new", "done2", "done1", "done0"]),
    ],
)
def test_pages_hold_every_event_of_their_kind_once(
    some_of_each: None, which: Which, subjects: list[str], limit: int
) -> None:
    assert page_through(which, limit=limit) == subjects


def test_events_of_one_moment_are_told_apart(some_of_each: None) -> None:
    append(*(f"same{number}" for number in range(5)))
    assert len(set(page_through(Which.OPEN, limit=2))) == 9


def test_an_event_is_found_by_its_key_and_only_by_its_addressee() -> None:
    append("s")
    row = OutboxEvent.objects.get()
    found = queries.find_event_by_key(site_id=SITE, addressee="a", message_key=row.message_key)
    assert found is not None
    assert found.id == row.pk
    for site, addressee in ((SITE, "b"), (SITE + 1, "a")):
        assert (
            queries.find_event_by_key(
                site_id=site, addressee=addressee, message_key=row.message_key
            )
            is None
        )


def punctuality(now: datetime) -> Punctuality | None:
    return queries.list_punctualities(site_id=SITE, addressees=["a"], now=now).get("a")


def confirmed_in_the_past() -> None:
    """Five confirmations: three in time, one of them long ago, and two late."""
    for number, (age, took) in enumerate(
        [
            (31 * 24 * HOUR, HOUR),
            (29 * 24 * HOUR, HOUR),
            (48 * HOUR, 24 * HOUR),
            (48 * HOUR, 24 * HOUR + SECOND),
            (26 * HOUR, 25 * HOUR + 50 * 60 * SECOND),
        ]
    ):
        confirm_one(f"s{number}", told_at=NOW - age, confirmed_at=NOW - age + took)


def test_punctuality_counts_what_was_confirmed_in_thirty_days_and_by_its_deadline() -> None:
    confirmed_in_the_past()
    assert punctuality(NOW) == Punctuality(confirmed=4, in_time=2)


def test_counting_hours_beforehand_changes_no_number() -> None:
    confirmed_in_the_past()
    before = punctuality(NOW)
    operations.count_confirmations(now=NOW)
    counted = list(ConfirmedHour.objects.order_by("hour").values_list("hour", "confirmed"))
    operations.count_confirmations(now=NOW)
    assert len(counted) >= 3
    assert counted == list(ConfirmedHour.objects.order_by("hour").values_list("hour", "confirmed"))
    assert punctuality(NOW) == before

    confirm_one("later", told_at=NOW, confirmed_at=NOW + 2 * SECOND)
    operations.count_confirmations(now=NOW + 3 * HOUR)
    assert punctuality(NOW + 3 * HOUR) == Punctuality(confirmed=5, in_time=3)


def test_an_hour_is_counted_when_it_is_over() -> None:
    hour = NOW.replace(minute=0, second=0, microsecond=0)
    confirm_one("s", told_at=hour, confirmed_at=hour + 59 * 60 * SECOND)
    operations.count_confirmations(now=hour + HOUR + 4 * 60 * SECOND)
    assert not ConfirmedHour.objects.exists()
    operations.count_confirmations(now=hour + HOUR + 5 * 60 * SECOND)
    assert ConfirmedHour.objects.get().hour == hour


def test_hours_are_counted_for_every_addressee_of_every_site() -> None:
    for addressee in ("a", "b", "c"):
        append("s", addressee=addressee)
        [event] = claim(slot(addressee))
        accept(event, is_confirmed=True)
    operations.count_confirmations(now=NOW + 2 * HOUR)
    assert list(
        ConfirmedHour.objects.order_by("addressee").values_list("addressee", "confirmed", "in_time")
    ) == [("a", 1, 1), ("b", 1, 1), ("c", 1, 1)]


def test_old_hours_are_forgotten() -> None:
    confirm_one("s", told_at=NOW, confirmed_at=NOW + SECOND)
    operations.count_confirmations(now=NOW + 2 * HOUR)
    operations.count_confirmations(now=NOW + timedelta(days=41))
    assert not ConfirmedHour.objects.exists()


@pytest.mark.parametrize("change", ["in_time = confirmed + 1", "confirmed = -1"])
def test_the_database_refuses_an_hour_that_cannot_be(change: str) -> None:
    confirm_one("s", told_at=NOW, confirmed_at=NOW + SECOND)
    operations.count_confirmations(now=NOW + 2 * HOUR)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE outbox_confirmedhour SET {change}")  # noqa: S608


def test_the_database_keeps_one_count_an_hour() -> None:
    confirm_one("s", told_at=NOW, confirmed_at=NOW + SECOND)
    operations.count_confirmations(now=NOW + 2 * HOUR)
    hour = ConfirmedHour.objects.get()
    hour.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        hour.save()


@pytest.mark.parametrize("is_told_too", [False, True])
@pytest.mark.parametrize(
    ("since", "until"),
    [(None, None), (NOW - 60 * HOUR, None), (None, NOW - 60 * HOUR), (NOW, NOW + 2 * SECOND)],
)
def test_a_replay_sends_what_was_counted(
    some_of_each: None, since: datetime | None, until: datetime | None, is_told_too: bool
) -> None:
    append("accepted")
    [event] = [one for one in claim() if one.subject == "accepted"]
    accept(event)
    how = {"since": since, "until": until, "is_told_too": is_told_too}
    counted = queries.count_replayable(site_id=SITE, addressee="a", **how)  # type: ignore[arg-type]
    sent = operations.replay(site_id=SITE, addressee="a", now=NOW, **how)  # type: ignore[arg-type]
    assert sent == counted.dead + counted.waiting + counted.told
    if since is None and until is None:
        assert (counted.dead, counted.waiting) == (2, 2)
        assert counted.told == (4 if is_told_too else 0)


def test_a_backlog_of_one_addressee_is_the_same_as_among_all(some_of_each: None) -> None:
    [alone] = queries.list_backlogs(site_id=SITE, addressee="a", now=NOW)
    assert alone == next(
        row for row in queries.list_backlogs(site_id=SITE, now=NOW) if row.addressee == "a"
    )
    assert not queries.list_backlogs(site_id=SITE, addressee="nobody", now=NOW)


def test_a_day_is_late_by_what_was_confirmed_late_and_what_is_still_open() -> None:
    due = timedelta(hours=24)
    confirm_one("late", told_at=NOW - 5 * 24 * HOUR, confirmed_at=NOW - 3 * 24 * HOUR)
    confirm_one("in time", told_at=NOW - 9 * 24 * HOUR, confirmed_at=NOW - 9 * 24 * HOUR + SECOND)
    append("open", now=NOW - 30 * HOUR, addressee="b")
    append("not yet due", now=NOW, addressee="b")
    operations.count_confirmations(now=NOW + 2 * HOUR)

    def days(since: datetime) -> list[tuple[str, object]]:
        found = queries.list_late_days(
            site_id=SITE, since=since, until=NOW + 9 * 24 * HOUR, zone="Asia/Tokyo", now=NOW
        )
        return [(one.addressee, one.day) for one in found]

    zone = ZoneInfo("Asia/Tokyo")
    late = ("a", (NOW - 3 * 24 * HOUR).astimezone(zone).date())
    still_open = ("b", (NOW - 30 * HOUR + due).astimezone(zone).date())
    assert days(NOW - 20 * 24 * HOUR) == [late, still_open]
    assert days(NOW - 2 * 24 * HOUR) == [still_open]
