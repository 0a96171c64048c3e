"""The published schema says what the tables hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.db import models as django_models
from jsonschema import Draft202012Validator

from tracking.registry import models
from tracking.registry.catalogue_schema import TABLES, catalogue_schema, entry_schema

FILE = Path(__file__).parents[3] / "docs" / "schemas" / "catalogue.json"


def test_the_published_file_is_the_schema() -> None:
    """Renewed with `manage.py catalogue schema > docs/schemas/catalogue.json`."""
    assert json.loads(FILE.read_text("utf-8")) == catalogue_schema()


def test_it_is_a_json_schema() -> None:
    Draft202012Validator.check_schema(catalogue_schema())


@pytest.mark.parametrize("model", [models.Site, *TABLES.values()])
def test_every_field_is_in_it(model: type[django_models.Model]) -> None:
    columns = {field.name for field in (*model._meta.fields, *model._meta.many_to_many)}

    assert set(entry_schema(model)["properties"]) == columns - {"id", "site", "position"}


def test_a_retired_tag_is_not_written_down() -> None:
    assert entry_schema(models.Tag)["properties"]["status"]["enum"] == ["draft", "live"]
    assert entry_schema(models.Tag)["properties"]["status"]["default"] == "live"


def test_only_what_has_no_default_is_required() -> None:
    required = {model.__name__: entry_schema(model)["required"] for model in TABLES.values()}

    assert required == {
        "Purpose": ["code", "nature"],
        "DataItem": ["code", "jiaa_class"],
        "JointUse": ["code"],
        "Partner": ["code", "country", "role"],
        "Tag": ["code", "partner", "purposes", "required_items"],
    }
