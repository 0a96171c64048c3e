"""Counting while others decide, count and fail: afterwards everything is exact, nothing twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction

from tests.factories.registry import SITE, make_site
from tests.visitors import Visitor
from tracking.consents.models import ConsentRecord, Uncounted
from tracking.insights import operations, queries
from tracking.insights.models import DailyCount
from tracking.notices.types import Notice

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def notice() -> Notice:
    return make_site()


def together(*work: Callable[[], object]) -> None:
    """Run all at once, each with a connection of its own; the first failure is raised."""
    failures: list[BaseException] = []

    def run(one: Callable[[], object]) -> None:
        try:
            one()
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[one]) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def assert_exact(*, decisions: int) -> None:
    found = queries.verify(site=SITE)
    assert (found.differences, found.untrue_days) == ((), ())
    assert found.decisions == decisions


def test_two_that_count_while_others_decide_count_everything_once(
    notice: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "AT_ONCE", 3)
    deciders, each, is_over = 3, 12, threading.Event()
    still = threading.Semaphore(0)
    counted: list[int] = []

    def decide(number: int) -> None:
        try:
            for turn in range(each):
                visitor = Visitor(notice)
                (visitor.allow, visitor.refuse, visitor.allow)[(number + turn) % 3]()
                if turn % 4 == 0:
                    visitor.refuse()
        finally:
            still.release()

    def roll_up() -> None:
        while not is_over.is_set():
            counted.append(operations.roll_up())
        counted.append(operations.roll_up())

    def end() -> None:
        for _ in range(deciders):
            still.acquire()
        is_over.set()

    together(*(lambda n=n: decide(n) for n in range(deciders)), roll_up, roll_up, end)

    total = ConsentRecord.objects.count()
    assert total == deciders * (each + 3)
    assert sum(counted) == total
    assert not Uncounted.objects.exists()
    assert_exact(decisions=total)


def test_verify_is_exact_at_any_moment(notice: Notice) -> None:
    is_over, found = threading.Event(), []

    def decide() -> None:
        try:
            for turn in range(25):
                Visitor(notice).allow()
                if turn % 5 == 4:
                    operations.roll_up()
        finally:
            is_over.set()

    def verify() -> None:
        while not is_over.is_set():
            found.append(queries.verify(site=SITE))

    together(decide, verify)

    assert len(found) > 1
    assert all(not one.differences for one in found)
    assert_exact(decisions=25)


def test_a_connection_that_dies_before_the_commit_loses_nothing(
    notice: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        Visitor(notice).allow()
    count = operations.count_decisions

    def count_and_die(decisions: Any) -> None:
        count(decisions)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pid = cursor.fetchone()[0]
        together(lambda: kill(pid))

    with monkeypatch.context() as patched:
        patched.setattr(operations, "count_decisions", count_and_die)
        with pytest.raises(OperationalError):
            operations.roll_up()
    connection.close()

    assert not DailyCount.objects.exists()
    assert Uncounted.objects.count() == 5
    assert operations.roll_up() == 5
    assert_exact(decisions=5)


def kill(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        assert cursor.fetchone()[0]


def test_what_commits_late_is_counted_late(notice: Notice) -> None:
    """A record with an older time may become visible after a newer one was counted."""
    has_written, may_commit = threading.Event(), threading.Event()

    def decide_slowly() -> None:
        with transaction.atomic():
            Visitor(notice).allow()
            has_written.set()
            assert may_commit.wait(timeout=20)

    def decide_and_count() -> None:
        try:
            assert has_written.wait(timeout=20)
            Visitor(notice).refuse()
            assert operations.roll_up() == 1
            assert_exact(decisions=1)
        finally:
            may_commit.set()

    together(decide_slowly, decide_and_count)

    assert operations.roll_up() == 1
    older, newer = ConsentRecord.objects.order_by("recorded_at")
    assert (older.method, newer.method) == ("allow", "refuse")
    assert_exact(decisions=2)


def test_two_recounts_and_a_roll_up_at_once_leave_exact_counts(notice: Notice) -> None:
    for _ in range(6):
        Visitor(notice).allow()
    operations.roll_up()
    for _ in range(4):
        Visitor(notice).refuse()
    DailyCount.objects.update(count=50)

    together(
        lambda: operations.recount(site=SITE), operations.roll_up,
        lambda: operations.recount(site=SITE),
    )  # fmt: skip

    assert not Uncounted.objects.exists()
    assert_exact(decisions=10)
