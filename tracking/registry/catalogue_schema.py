"""
What a catalogue file may hold, as a JSON Schema (2020-12), made from the tables themselves.

`docs/schemas/catalogue.json` is a copy for editors and other programs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models as django_models

from tracking.registry import models
from tracking.registry.types import (
    IDENTIFIER_COOKIE,
    IDENTIFIER_KIND,
    MOST_IDENTIFIERS,
    Role,
    TagStatus,
)

ADDRESS = "https://json-schema.org/draft/2020-12/schema"
CODE = {"type": "string", "pattern": "^[A-Za-z0-9_-]+$", "maxLength": 40}
DOTTED_CODE = {"type": "string", "pattern": "^[A-Za-z0-9._-]+$", "maxLength": 40}
LINE = {"type": "string", "minLength": 1}
TEXTS = {
    "type": "object",
    "description": "A map from language to text.",
    "propertyNames": {"pattern": "^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"},
    "additionalProperties": {"type": "string"},
}

# The tables of a file in their order, each with its model. What names what is checked apart.
TABLES: dict[str, type[django_models.Model]] = {
    "purposes": models.Purpose,
    "data_items": models.DataItem,
    "joint_uses": models.JointUse,
    "partners": models.Partner,
    "tags": models.Tag,
}

# What the database keeps as JSON but is no map of texts.
_SHAPES: dict[str, dict[str, Any]] = {
    "company": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "email": {"type": "string"},
            "name": TEXTS,
            "address": TEXTS,
            "representative": TEXTS,
        },
    },
    "look": {"type": "object", "additionalProperties": {"type": "string"}},
    "identifiers": {
        "type": "array",
        "maxItems": MOST_IDENTIFIERS,
        "items": {
            "type": "object",
            "additionalProperties": False,
            "required": ["kind"],
            "properties": {
                "kind": {"type": "string", "pattern": f"^{IDENTIFIER_KIND}$"},
                "cookie": {"type": "string", "pattern": f"^{IDENTIFIER_COOKIE}$"},
            },
        },
    },
    "cookies": {
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name"],
            "properties": {
                "name": LINE,
                "lifetime_days": {"type": "integer", "minimum": 0, "maximum": 36500},
            },
        },
    },
    "payload_fields": {"type": "object", "additionalProperties": DOTTED_CODE},
}


@cache
def catalogue_schema() -> dict[str, Any]:
    """Return the schema of a catalogue file."""
    return {
        "$schema": ADDRESS,
        "title": "Consent Manager catalogue",
        "description": "Everything that one site declares. Entries name each other by code.",
        "type": "object",
        "additionalProperties": False,
        "required": ["site", "purposes", "data_items", "partners", "tags"],
        "properties": {
            "site": entry_schema(models.Site),
            **{
                table: {"type": "array", "items": entry_schema(model)}
                for table, model in TABLES.items()
            },
            "wording": {
                "type": "object",
                "description": "Single lines that replace the default wording, per language.",
                "propertyNames": TEXTS["propertyNames"],
                "additionalProperties": {"type": "object", "additionalProperties": LINE},
            },
        },
    }


@cache
def entry_schema(model: type[django_models.Model]) -> dict[str, Any]:
    """Return the schema of one entry of a table."""
    fields = declared_fields(model)
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, field in fields.items() if _is_required(field)],
        "properties": {name: _field(field) for name, field in fields.items()},
    }
    if model is models.Partner:
        schema["dependentSchemas"] = {
            "joint_use": {"properties": {"role": {"const": Role.JOINT_USER.value}}}
        }
    return schema


def declared_fields(model: type[django_models.Model]) -> dict[str, Any]:
    """Return what a file says of an entry, in the order in which a file says it."""
    fields = [*model._meta.many_to_many, *model._meta.fields]
    names = {f.name: f for f in fields if f.name not in {"id", "site", "position"}}
    first = [name for name in ("code", "partner", "status", "name") if name in names]
    return {name: names[name] for name in dict.fromkeys((*first, *names))}


def default_of(field: Any) -> Any:
    """Return what an entry says where it leaves a field out."""
    if field.many_to_many:
        return []
    if field.model is models.Tag and field.name == "status":
        return TagStatus.LIVE.value
    default = field.get_default() if field.has_default() else None if field.null else ""
    return getattr(default, "value", default)


def said(model: type[django_models.Model], entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry in the fields' order, without what it would say anyhow."""
    fields = declared_fields(model)
    required = entry_schema(model)["required"]
    return {
        name: entry[name]
        for name, field in fields.items()
        if name in entry and (name in required or entry[name] != default_of(field))
    }


def whole(model: type[django_models.Model], entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry with every field, those that it leaves out as their default."""
    return {
        **{name: default_of(field) for name, field in declared_fields(model).items()},
        **entry,
    }


def _is_required(field: Any) -> bool:
    if field.many_to_many:
        return not field.blank
    return not (field.has_default() or field.null or field.blank)


def _field(field: Any) -> dict[str, Any]:
    schema = _type(field)
    if field.help_text:
        schema["description"] = str(field.help_text)
    if field.model is models.Tag and field.name == "status":
        # A retired tag is one that the file leaves out.
        schema |= {"enum": [TagStatus.DRAFT.value, TagStatus.LIVE.value], "default": "live"}
    elif field.has_default() and default_of(field) not in ("", [], {}):
        schema["default"] = default_of(field)
    return schema


def _type(field: Any) -> dict[str, Any]:
    match field:
        case django_models.JSONField():
            return dict(_SHAPES.get(field.name, TEXTS))
        case django_models.ManyToManyField():
            return {"type": "array", "items": DOTTED_CODE, "uniqueItems": True}
        case django_models.ForeignKey():
            return dict(CODE)
        case ArrayField():
            return {"type": "array", "items": LINE}
        case django_models.BooleanField():
            return {"type": "boolean"}
        case django_models.IntegerField():
            at_most = {"review_months": 36}.get(field.name, 32767)
            return {"type": "integer", "minimum": 1, "maximum": at_most}
        case django_models.DateTimeField():
            return {"type": "string", "format": "date-time"}
        case django_models.DateField():
            return {"type": "string", "format": "date"}
    if field.choices:
        return {"type": "string", "enum": [value for value, _ in field.flatchoices]}
    match field.name:
        case "code":
            return dict(DOTTED_CODE if field.model is models.DataItem else CODE)
        case "country" | "default_country":
            return {"type": "string", "pattern": "^[A-Z]{2}$"}
        case "jiaa_class":
            return {"type": "string", "enum": ["1", "2", "3"]}
    text: dict[str, Any] = {"type": "string"}
    if field.max_length:
        text["maxLength"] = field.max_length
    if isinstance(field, django_models.URLField):
        text["pattern"] = "^(https?://.+)?$"
    return text
