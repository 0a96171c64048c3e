"""What Prometheus is told of scans."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from tests.factories.registry import SITE
from tracking.lib.short_memory import forget_everything
from tracking.notices.types import Notice
from tracking.scans.operations import record_scan
from tracking.scans.types import Finding, Rule

pytestmark = pytest.mark.django_db

TOKEN = "x" * 32


@pytest.fixture(autouse=True)
def _token(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN


def told() -> dict[str, dict[str, float]]:
    """Return the numbers about scans: metric → site → value."""
    forget_everything()
    text = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()
    return {
        family.name: {sample.labels["site"]: sample.value for sample in family.samples}
        for family in text_string_to_metric_families(text)
        if family.name.startswith("consent_scan")
    }


def record(*rules: Rule, hours_ago: int) -> None:
    now = timezone.now() - timedelta(hours=hours_ago)
    record_scan(
        site_code=SITE,
        notice_number=1,
        pages=["/"],
        findings=[
            Finding(rule=rule, subject="x", tags=(), visitors=(), pages=()) for rule in rules
        ],
        started_at=now,
        now=now,
    )


def test_a_site_that_was_never_scanned_has_no_numbers(notice: Notice) -> None:
    assert told() == {"consent_scan_alarms": {}, "consent_scan_age_seconds": {}}


def test_the_last_scan_counts_and_advice_is_no_alarm(notice: Notice) -> None:
    record(Rule.UNKNOWN_HOST, Rule.NO_LINK, Rule.STALE_TAG, hours_ago=2)
    assert told()["consent_scan_alarms"] == {SITE: 2}
    assert told()["consent_scan_age_seconds"][SITE] == pytest.approx(7200, abs=60)

    record(Rule.STALE_TAG, hours_ago=1)
    assert told()["consent_scan_alarms"] == {SITE: 0}
    assert told()["consent_scan_age_seconds"][SITE] == pytest.approx(3600, abs=60)
