"""Made-up traffic goes through the real API."""

from __future__ import annotations

import asyncio
import random
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import override_settings
from django.utils import timezone

from consentmgr.demo import seeding, visitors
from consentmgr.demo.management.commands import demo_visitors
from consentmgr.demo.places import Places
from tracking.consents.models import ConsentRecord
from tracking.consents.rules import FASTEST_PRESS_MS
from tracking.insights import operations as insights
from tracking.insights.models import DailyCount

pytestmark = pytest.mark.django_db(transaction=True)


def test_visitors_are_of_every_kind() -> None:
    chance = random.Random(7)  # noqa: S311
    made = visitors.make_visitors(count=400, purposes=["analytics", "advertising"], chance=chance)

    assert len(made) == 400
    assert {one.answer for one in made} == {"ignore", "allow", "refuse", "choose"}
    assert {one.language for one in made} == {"ja", "en"}
    assert {one.device for one in made} == {"iphone", "android", "windows", "mac", "tablet"}
    assert {"", "t.co", "www.google.co.jp"} < {one.referrer for one in made}
    # All of them are people.
    assert min(one.waited for one in made) >= FASTEST_PRESS_MS
    assert not any(one.withdraws for one in made if one.answer in {"ignore", "refuse"})


def test_they_are_recorded_by_the_service_itself(live_server: Any, tmp_path: Path) -> None:
    port = int(live_server.url.rpartition(":")[2])
    places = Places(port=port, partner_port=port + 1)
    with override_settings(ALLOWED_HOSTS=["127.0.0.1", "localhost"]):
        seeding.seed(
            places=places,
            data_folder=tmp_path,
            password="",
            past_days=0,
            keys=settings.CONSENT_KEYS,
            now=timezone.now(),
        )
        told = asyncio.run(visitors.send_all(places=places, count=12, at_once=2))

    assert not told.failures
    answered = told.did.total() - told.did["withdraw"] - told.did["ignore"]
    assert ConsentRecord.objects.count() == answered + told.did["withdraw"]
    insights.flush(now=timezone.now())
    assert not ConsentRecord.objects.filter(is_suspect=True).exists()
    shown = DailyCount.objects.filter(cell__kind__in=["shown", "shown_again"])
    assert sum(shown.values_list("count", flat=True)) == 12
    # Each answer is counted with its showing.
    classes = set(shown.values_list("cell__referrer_class", flat=True))
    answered_classes = ConsentRecord.objects.exclude(method="withdraw")
    assert set(answered_classes.values_list("referrer_class", flat=True)) <= classes


def test_without_a_service_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_visitors, "get_places", lambda: Places(port=1, partner_port=2))

    with override_settings(DEMO=True), pytest.raises(CommandError, match="Nothing was sent"):
        call_command(demo_visitors.Command(), stdout=StringIO())
