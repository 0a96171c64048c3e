"""What the tests of alerts and of the dashboard share."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families


@pytest.fixture
def metrics(db: None, settings: Any) -> set[str]:
    """Return the names of all that /metrics tells."""
    settings.METRICS_TOKEN = "x" * 32
    text = Client().get("/metrics", headers={"Authorization": "Bearer " + "x" * 32}).content
    return {
        family.name + ("_total" if family.type == "counter" else "")
        for family in text_string_to_metric_families(text.decode())
    }
