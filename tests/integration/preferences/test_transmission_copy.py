"""`/.well-known/external-transmission.json`: the page for machines (ET-16)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from jsonschema import Draft202012Validator, FormatChecker

from consentmgr.demo.catalogue import read_catalogue
from consentmgr.demo.places import get_places
from tests.factories.registry import SITE, catalogue
from tests.integration.preferences.test_transmission import entry
from tracking.notices.operations import publish_notice_version
from tracking.notices.types import Notice
from tracking.registry.operations import apply_catalogue

pytestmark = pytest.mark.django_db

ADDRESS = "/.well-known/external-transmission.json"
SCHEMA = json.loads(
    (Path(__file__).parents[3] / "docs/schemas/external-transmission.json").read_text("utf-8")
)
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())


def read(client: Client, query: str = "") -> dict[str, Any]:
    answer = client.get(ADDRESS + query)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_it_is_what_the_schema_promises(client: Client, notice: Notice) -> None:
    found = read(client)

    assert [error.message for error in VALIDATOR.iter_errors(found)] == []
    assert found["site"] == SITE
    assert found["notice"]["hash"] == notice.hash
    assert found["authoritative_language"] == "ja"


def test_the_schema_refuses_what_says_too_little(client: Client, notice: Notice) -> None:
    found = read(client)
    found["transmissions"][0]["information"] = []
    del found["operator"]["representative"]

    assert len(list(VALIDATOR.iter_errors(found))) == 2


def test_it_says_of_each_tag_what_the_page_says(client: Client, notice: Notice) -> None:
    found = read(client, f"?site={SITE}")
    page = client.get(found["page"] + "?lang=ja").content.decode()

    assert [one["code"] for one in found["transmissions"]] == list(notice.terms.tags)
    for one in found["transmissions"]:
        printed = entry(page, one["code"])
        assert one["recipient"]["legal_name"]["ja"] in printed
        for item in one["information"]:
            assert item["name"]["ja"] in printed
        # A visitor stops what is not exempt, and an exemption is named.
        assert (one["opt_out"] is None) == (one["exemption"] is not None)


def test_the_demos_copy_is_valid_too(client: Client, db: None) -> None:
    apply_catalogue(catalogue=read_catalogue(places=get_places()).declaration)
    publish_notice_version(site_code="kloset", wording={}, author="tests", now=timezone.now())

    found = read(client)

    assert [error.message for error in VALIDATOR.iter_errors(found)] == []
    assert {one["name"]["en"] for one in found["transmissions"]} >= {"Cart", "Google Analytics"}


def test_of_several_sites_one_must_be_named(client: Client, notice: Notice) -> None:
    tables = catalogue()
    tables["site"] |= {"code": "other", "origins": ["https://other.example"]}
    apply_catalogue(catalogue=tables)
    publish_notice_version(site_code="other", wording={}, author="tests", now=timezone.now())

    assert client.get(ADDRESS).status_code == 404
    assert read(client, "?site=other")["site"] == "other"
    assert client.get(f"{ADDRESS}?site=nobody").status_code == 404
