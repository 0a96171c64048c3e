"""A site that speaks a language which runs from right to left, with texts of its own."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.factories.clock import NOW
from tests.factories.registry import SITE, catalogue
from tests.integration.preferences.pages import PAGE, TRANSMISSION, Browser
from tracking.notices import operations as notices
from tracking.notices.queries import default_wording
from tracking.notices.types import Notice
from tracking.registry import operations as registry

pytestmark = pytest.mark.django_db


def in_arabic(value: Any) -> Any:
    """Return a catalogue with its texts in Arabic alone."""
    if isinstance(value, list):
        return [in_arabic(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"ja", "en"}:
        return {"ar": f"نص {value['en']}"}
    return {key: in_arabic(entry) for key, entry in value.items()}


@pytest.fixture
def arabic(db: None) -> Notice:
    tables = in_arabic(catalogue())
    tables["site"]["languages"] = ["ar"]
    registry.apply_catalogue(catalogue=tables)
    return notices.publish_notice_version(
        site_code=SITE,
        wording={"ar": {key: f"نص {words}" for key, words in default_wording()["en"].items()}},
        author="tests",
        now=NOW,
    )


@pytest.mark.parametrize("address", [PAGE, TRANSMISSION])
def test_its_pages_run_from_right_to_left(arabic: Notice, address: str) -> None:
    response = Client().get(address)

    html = response.content.decode()
    assert response.status_code == 200
    assert '<html lang="ar" dir="rtl">' in html
    # Nothing is in Japanese here that could be the authoritative text.
    assert "Japanese text" not in html
    assert "نص adco" in html or "نص Adco" in html


@pytest.mark.parametrize("address", [PAGE, TRANSMISSION])
def test_other_pages_say_nothing_of_direction(notice: Notice, address: str) -> None:
    assert "dir=" not in Browser("en").open(address).html
