"""/metrics says how far counting and telling are behind."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.insights.test_flush import show
from tests.visitors import Visitor
from tracking.consents.models import Uncounted
from tracking.insights import operations
from tracking.lib.short_memory import forget_everything
from tracking.notices.types import Notice

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _token(settings: Any) -> None:
    settings.METRICS_TOKEN = "x" * 32


def number(name: str) -> float | None:
    forget_everything()
    text = Client().get("/metrics", headers={"Authorization": "Bearer " + "x" * 32}).content
    for family in text_string_to_metric_families(text.decode()):
        if family.name == name:
            return next((sample.value for sample in family.samples), None)
    raise AssertionError(f"{name} is not there.")


def test_decisions_wait_until_they_are_counted(visitor: Visitor) -> None:
    assert number("consent_decisions_uncounted") == 0
    assert number("consent_decisions_uncounted_age_seconds") == 0
    visitor.allow()
    visitor.refuse()
    Uncounted.objects.update(recorded_at=timezone.now() - timedelta(minutes=4))

    assert number("consent_decisions_uncounted") == 2
    assert number("consent_decisions_uncounted_age_seconds") == pytest.approx(245, abs=5)


def test_showings_wait_until_they_are_flushed(notice: Notice) -> None:
    show()
    show()
    assert number("consent_showings_uncounted") == 2

    operations.flush(now=datetime(2026, 11, 26, tzinfo=UTC))
    assert number("consent_showings_uncounted") == 0


def test_with_valkey_away_nobody_claims_that_none_wait(
    notice: Notice,
    valkey_away: None,
) -> None:
    assert number("consent_showings_uncounted") is None


def test_the_age_of_the_numbers_is_told(notice: Notice) -> None:
    assert number("consent_numbers_told_age_seconds") == math.inf

    operations.tell_due(now=timezone.now() - timedelta(minutes=9))
    assert number("consent_numbers_told_age_seconds") == pytest.approx(545, abs=5)
