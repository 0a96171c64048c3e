"""Where a visitor is, by the operator's country database: recorded as such, the address nowhere."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import IntegrityError
from django.test import Client

from tests.factories.country_database import write_database
from tests.factories.registry import SITE
from tests.visitors import Visitor
from tracking.consents.models import ConsentPrivate, ConsentRecord
from tracking.notices.types import Notice
from tracking.regimes.types import CountryMethod

pytestmark = pytest.mark.django_db

FRANCE, CALIFORNIA, OHIO, BRITAIN = (
    "198.51.100.7", "203.0.113.7", "192.0.2.7", "2001:db8:1::7",
)  # fmt: skip


@pytest.fixture
def database(tmp_path: Path, settings: Any) -> Path:
    settings.COUNTRY_DATABASE = write_database(tmp_path / "country.mmdb")
    return settings.COUNTRY_DATABASE


def decide_from(visitor: Visitor, peer: str, **headers: str) -> tuple[str, str]:
    """Return the regime and the method under which a refusal is recorded."""
    visitor.client.defaults["REMOTE_ADDR"] = peer
    answer = visitor.post("/v1/consents", visitor.body("refuse"), headers=headers)
    assert answer.status_code == 201, answer.content
    record = ConsentRecord.objects.get(key=answer.json()["receipt"]["key"])
    return record.regime, record.country_method


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("peer", "regime"),
    [
        (FRANCE, "eu"),
        (CALIFORNIA, "us-ca"),
        # A state that the file does not know by its code.
        (OHIO, "us-ca"),
        (BRITAIN, "uk"),
        (f"::ffff:{FRANCE}", "eu"),
    ],
)
def test_the_address_tells_the_place(visitor: Visitor, peer: str, regime: str) -> None:
    assert decide_from(visitor, peer) == (regime, "database")


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("peer", ["10.1.2.3", "::1", "fe80::1%eth0", "unix:", ""])
def test_an_address_that_nobody_knows_is_where_the_site_is(visitor: Visitor, peer: str) -> None:
    assert decide_from(visitor, peer) == ("jp-a", "site_default")


@pytest.mark.usefixtures("database")
def test_a_trusted_header_comes_before_the_database(visitor: Visitor, settings: Any) -> None:
    settings.TRUSTED_COUNTRY_HEADER = "CF-IPCountry"

    assert decide_from(visitor, FRANCE, **{"CF-IPCountry": "KR"}) == ("kr", "header")
    assert decide_from(visitor, FRANCE, **{"CF-IPCountry": "XX"}) == ("eu", "database")
    assert decide_from(visitor, FRANCE) == ("eu", "database")


@pytest.mark.usefixtures("database")
def test_without_a_trusted_proxy_nobody_writes_where_he_is(visitor: Visitor) -> None:
    spoofed = {"X-Forwarded-For": CALIFORNIA}

    assert decide_from(visitor, FRANCE, **spoofed) == ("eu", "database")


@pytest.mark.usefixtures("database")
def test_behind_a_proxy_what_it_saw_counts(visitor: Visitor, settings: Any) -> None:
    settings.TRUSTED_PROXY_HOPS = 1

    def seen(header: str) -> tuple[str, str]:
        return decide_from(visitor, "10.0.0.1", **{"X-Forwarded-For": header})

    assert seen(FRANCE) == ("eu", "database")
    assert seen(f"{CALIFORNIA}, {FRANCE}") == ("eu", "database")
    for broken in ("", "nobody", f"{FRANCE}:443", f"{FRANCE},"):
        assert seen(broken) == ("jp-a", "site_default"), broken
    assert decide_from(visitor, FRANCE) == ("jp-a", "site_default")


def test_a_file_that_goes_away_leaves_the_sites_country(visitor: Visitor, database: Path) -> None:
    assert decide_from(visitor, FRANCE) == ("eu", "database")
    database.unlink()
    assert decide_from(visitor, FRANCE) == ("jp-a", "site_default")


@pytest.mark.usefixtures("database")
def test_every_door_sees_the_same_place(visitor: Visitor) -> None:
    visitor.client.cookies["cm_shown"] = "1"
    for peer, reason in ((FRANCE, "no_choice"), ("10.0.0.1", "notice_given")):
        visitor.client.defaults["REMOTE_ADDR"] = peer
        assert visitor.gate("stats")["stats"]["reason"] == reason


@pytest.mark.usefixtures("database")
def test_a_script_for_one_address_is_kept_by_that_browser_alone(
    notice: Notice, settings: Any
) -> None:
    settings.TRUSTED_COUNTRY_HEADER = "CF-IPCountry"
    client = Client(REMOTE_ADDR=FRANCE)

    def caching(**headers: str) -> str:
        answer = client.get(f"/b/{SITE}.js", headers=headers)
        assert answer.status_code == 200
        assert "CF-IPCountry" in answer["Vary"]
        return answer["Cache-Control"].partition(",")[0]

    assert caching() == "private"
    assert caching(**{"CF-IPCountry": "XX"}) == "private"
    assert caching(**{"CF-IPCountry": "FR"}) == "public"
    # Where it is not found, another address may be.
    client.defaults["REMOTE_ADDR"] = "10.0.0.1"
    assert caching() == "private"
    settings.COUNTRY_DATABASE = None
    assert caching() == "public"


@pytest.mark.usefixtures("database")
def test_the_address_is_kept_nowhere_and_logged_nowhere(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        decide_from(visitor, FRANCE)

    assert FRANCE not in caplog.text
    assert ConsentPrivate.objects.exists()
    for model in apps.get_models():
        for row in model._default_manager.values():
            assert FRANCE not in str(row), model


@pytest.mark.parametrize("method", [*CountryMethod, "guess"])
def test_the_table_takes_known_methods_only(visitor: Visitor, method: str) -> None:
    visitor.refuse()
    record = ConsentRecord.objects.get()
    record.pk, record.country_method = (record.recorded_at, uuid4()), method

    if method in list(CountryMethod):
        record.save(force_insert=True)
    else:
        with pytest.raises(IntegrityError, match="country_method"):
            record.save(force_insert=True)
