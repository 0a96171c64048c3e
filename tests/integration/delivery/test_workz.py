"""/workz and its command: liveness is work done, not a process that is up."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from tests.factories.registry import SITE
from tests.fakes import FakePartner, Say
from tests.integration.delivery.conftest import (
    ADCO,
    Tell,
    by_hand,
    database_away,
    deliver,
    lease_one,
)
from tracking.delivery import operations, settlements
from tracking.delivery.types import WorkStatus

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


def ask() -> tuple[int, Any]:
    response = Client().get("/workz")
    return response.status_code, response.json()


def status() -> tuple[int, str]:
    code, body = ask()
    return code, body["status"]


OK = (200, WorkStatus.OK)
NOT_LOOKED_FOR = (503, WorkStatus.NOT_LOOKED_FOR)
NOT_DONE = (503, WorkStatus.NOT_DONE)


def beat(seconds_ago: float = 0) -> None:
    settlements.beat(now=timezone.now() - seconds_ago * SECOND)


def test_where_nobody_ever_looked_for_work_there_is_none_done() -> None:
    assert ask() == (
        503,
        {
            "status": "nobody looks for work",
            "seconds_since_looked_for": None,
            "seconds_undone": None,
        },
    )


def test_a_run_that_finds_nothing_is_work_too(partner: FakePartner) -> None:
    deliver()
    code, body = ask()
    assert (code, body["status"], body["seconds_undone"]) == (200, "ok", None)
    assert 0 <= body["seconds_since_looked_for"] < 5


def test_a_pulse_is_good_for_fifteen_seconds(partner: FakePartner) -> None:
    beat(seconds_ago=13)
    assert status() == OK
    beat(seconds_ago=16)
    assert status() == NOT_LOOKED_FOR


def test_what_is_due_may_wait_for_two_sweeps(partner: FakePartner, tell: Tell) -> None:
    beat()
    tell(now=timezone.now() - 3 * SECOND)
    assert status() == OK
    tell(now=timezone.now() - 7 * SECOND)
    assert status() == NOT_DONE
    assert ask()[1]["seconds_undone"] >= 7
    deliver()
    assert status() == OK


def test_what_cannot_be_sent_is_no_standstill(partner: FakePartner, tell: Tell) -> None:
    beat()
    tell(partner="retargeter", now=timezone.now() - 60 * SECOND)
    assert status() == OK
    operations.pause(site=SITE, partner=ADCO, **by_hand())
    tell(now=timezone.now() - 60 * SECOND)
    assert status() == OK


def test_an_open_breaker_is_no_standstill(partner: FakePartner, tell: Tell) -> None:
    partner.answering = lambda _: Say(status=503)
    for _ in range(6):
        tell(now=timezone.now() - 60 * SECOND)
    deliver()
    assert status() == OK


def test_a_backlog_that_is_worked_off_is_no_standstill(partner: FakePartner, tell: Tell) -> None:
    for _ in range(3):
        tell(now=timezone.now() - 60 * SECOND)
    beat()
    assert status() == NOT_DONE
    lease_one(now=timezone.now())
    assert status() == OK


def test_a_partner_that_has_just_been_told_is_no_standstill(
    partner: FakePartner, tell: Tell
) -> None:
    tell()
    deliver()
    tell(now=timezone.now() - 60 * SECOND)
    assert status() == OK


def test_a_lease_that_ran_out_excuses_nobody(partner: FakePartner, tell: Tell) -> None:
    tell(now=timezone.now() - 60 * SECOND)
    lease_one(now=timezone.now() - (settlements.LEASE_SECONDS + 1) * SECOND)
    beat()
    assert status() == NOT_DONE


def test_a_database_that_is_away_is_named_as_the_reason() -> None:
    with database_away():
        assert ask() == (503, {"status": "database away"})


def test_asking_is_cheap(partner: FakePartner, tell: Tell, django_assert_num_queries: Any) -> None:
    tell()
    with django_assert_num_queries(3):
        ask()


def test_the_command_says_the_same_by_its_exit_status(partner: FakePartner) -> None:
    beat()
    out = io.StringIO()
    call_command("workz", stdout=out)
    assert out.getvalue() == "ok\n"
    beat(seconds_ago=16)
    with pytest.raises(CommandError, match="^nobody looks for work$"):
        call_command("workz", stdout=out)
    with database_away(), pytest.raises(CommandError, match="^database away$"):
        call_command("workz", stdout=out)
