"""Requests are counted twice: by five minutes for a while, and in all for ever."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from consentmgr.celery import app
from tests.fakes import FakePartner, Say
from tests.integration.delivery.conftest import Tell, deliver
from tracking.delivery import operations, tasks
from tracking.delivery.models import Tally, Total

pytestmark = pytest.mark.django_db


def totals() -> dict[str, int]:
    return dict(Total.objects.values_list("outcome", "requests"))


def test_totals_add_up_over_runs_and_outcomes(partner: FakePartner, tell: Tell) -> None:
    answers = iter([Say(status=422), Say(), Say(), Say(status=503)])
    partner.answering = lambda _: next(answers)
    # As far apart as the partner's own clock lets pass.
    for minutes in (-4, 0, 4):
        moment = timezone.now() + timedelta(minutes=minutes)
        tell(now=moment)
        deliver(clock=lambda moment=moment: moment)
    # What was refused first went out again beside the second.
    assert totals() == {"accepted": 2, "rejected": 1, "unreachable": 1}
    assert sum(Tally.objects.values_list("requests", flat=True)) == 4
    assert Tally.objects.values("since").distinct().count() > 1


def test_old_tallies_go_and_totals_stay(partner: FakePartner, tell: Tell) -> None:
    now = timezone.now()
    for days in (401, 399):
        moment = now - timedelta(days=days)
        tell(now=moment)
        # Refused, for the partner sees an old date; so the second run sends the first event, too.
        deliver(clock=lambda moment=moment: moment)
    before = Total.objects.values("outcome", "requests", "total_ms").get()
    assert before["requests"] == 3
    assert operations.drop_old_tallies(now=now) == 1
    assert Tally.objects.get().since > now - timedelta(days=400)
    assert Total.objects.values("outcome", "requests", "total_ms").get() == before


# Celery wants queues named in its configuration some day; here a task names its own.
@pytest.mark.filterwarnings("ignore::celery.exceptions.CDeprecationWarning")
def test_the_chore_is_on_the_schedule(partner: FakePartner, tell: Tell) -> None:
    moment = timezone.now() - timedelta(days=401)
    tell(now=moment)
    deliver(clock=lambda: moment)
    tasks.drop_old_tallies()
    assert app.conf.beat_schedule["tallies"]["task"] == tasks.drop_old_tallies.name
    assert not Tally.objects.exists()


def test_totals_begin_with_what_had_been_tallied(partner: FakePartner, tell: Tell) -> None:
    tell()
    deliver()
    kept = list(Total.objects.values("endpoint", "outcome", "requests", "total_ms"))
    Total.objects.all().delete()
    module = import_module("tracking.delivery.migrations.0007_totals")
    with connection.cursor() as cursor:
        cursor.execute(module.FILL)
    assert list(Total.objects.values("endpoint", "outcome", "requests", "total_ms")) == kept != []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE delivery_total SET outcome = 'perhaps'",
        "UPDATE delivery_total SET requests = -1",
        "INSERT INTO delivery_total (endpoint_id, outcome, requests, total_ms)"
        " SELECT endpoint_id, outcome, 1, 1 FROM delivery_total",
    ],
)
def test_the_database_refuses_impossible_totals(
    partner: FakePartner, tell: Tell, statement: str
) -> None:
    tell()
    deliver()
    with (
        pytest.raises(DatabaseError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
