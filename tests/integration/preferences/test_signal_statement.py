"""`/.well-known/gpc.json`: what sites say of browsers' privacy signals."""

from __future__ import annotations

import datetime as dt
from datetime import UTC, datetime

import pytest
from django.db import OperationalError
from django.test import Client

from tests.factories.registry import SITE, catalogue
from tracking.notices.types import Notice
from tracking.regimes import rules as regimes
from tracking.registry.operations import apply_catalogue

pytestmark = pytest.mark.django_db

ADDRESS = "/.well-known/gpc.json"


def test_the_only_site_says_that_it_honours_the_signal(client: Client, notice: Notice) -> None:
    answer = client.get(ADDRESS)

    assert answer["Content-Type"] == "application/json"
    said = answer.json()
    assert said["gpc"] is True
    assert dt.date.fromisoformat(said["lastUpdate"]) == notice.effective_at.date()
    assert client.get(f"{ADDRESS}?site={SITE}").json() == said


def test_of_several_sites_one_must_be_named(client: Client, notice: Notice) -> None:
    tables = catalogue()
    tables["site"] |= {"code": "other", "origins": ["https://other.example"]}
    apply_catalogue(catalogue=tables)

    assert client.get(ADDRESS).status_code == 404
    assert client.get(f"{ADDRESS}?site={SITE}").json()["gpc"] is True
    assert client.get(f"{ADDRESS}?site=other").status_code == 404
    assert client.get(f"{ADDRESS}?site=nobody").status_code == 404


def test_it_says_what_the_data_files_say(
    client: Client, notice: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regimes, "_SOLD", frozenset({"necessary"}))

    assert client.get(ADDRESS).json()["gpc"] is False


def test_a_newer_regime_is_an_update(notice: Notice) -> None:
    now = datetime(2026, 2, 5, tzinfo=UTC)

    assert regimes.signal_statement(on=now.date()).since == dt.date(2026, 2, 5)
    assert regimes.signal_statement(on=dt.date(2026, 2, 4)).since < dt.date(2026, 2, 4)


def test_with_the_database_away_it_says_nothing(
    client: Client, notice: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: object) -> None:
        raise OperationalError

    monkeypatch.setattr("tracking.preferences.queries.get_signal_statement", away)

    answer = client.get(ADDRESS)

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
