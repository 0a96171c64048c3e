"""A site's whole catalogue as one YAML file: read, written, told apart. Mistakes have lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import chain
from typing import Any
from zoneinfo import available_timezones

from django.db import models as django_models
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from tracking.lib import strict_yaml
from tracking.lib.errors import DomainError
from tracking.lib.strict_yaml import Document, NotStrictYaml, Path
from tracking.registry import models, rules
from tracking.registry.catalogue_schema import (
    TABLES,
    catalogue_schema,
    declared_fields,
    said,
    whole,
)

MOST_COMPLAINTS = 20


class CatalogueFileInvalid(DomainError):
    code = "catalogue_file_invalid"
    message = "The catalogue file does not hold together."
    status = 400


# Which table the codes of a field speak of.
_NAMES = {
    "purposes": "purposes",
    "required_items": "data_items",
    "optional_items": "data_items",
    "items": "data_items",
    "joint_use": "joint_uses",
    "partner": "partners",
}


def read(text: str) -> dict[str, Any]:
    """
    Return what a file declares, each entry with every field: what is left out is at its default.

    Moments and dates are no longer texts. `wording` is `{}` where the file has none.

    :raises CatalogueFileInvalid: with every mistake and its line in `fields["complaints"]`
    """
    try:
        document = strict_yaml.read(text)
    except NotStrictYaml as error:
        raise CatalogueFileInvalid(fields={"complaints": [f"{error}"]}) from error
    complaints = list(_complaints(document))
    if complaints:
        left = len(complaints) - MOST_COMPLAINTS
        shown = complaints[:MOST_COMPLAINTS] + ([f"… and {left} more"] if left > 0 else [])
        raise CatalogueFileInvalid(fields={"complaints": shown})
    content = document.value
    return {
        "site": _read_entry(models.Site, content["site"]),
        **{
            table: [_read_entry(model, entry) for entry in content.get(table, [])]
            for table, model in TABLES.items()
        },
        "wording": content.get("wording", {}),
    }


def write(catalogue: Mapping[str, Any]) -> str:
    """Return the file of a catalogue; reading it gives the catalogue again."""
    content: dict[str, Any] = {"site": _write_entry(models.Site, catalogue["site"])}
    for table, model in TABLES.items():
        entries = [_write_entry(model, entry) for entry in catalogue[table]]
        if entries or table in catalogue_schema()["required"]:
            content[table] = entries
    if catalogue["wording"]:
        content["wording"] = catalogue["wording"]
    return strict_yaml.write(content)


def compare(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[str]:
    """
    Return, line by line, what makes `after` of `before`; an empty list if nothing does.

    `+` is new, `-` is retired, `~` changes. What `after` leaves out and is no tag stays: see
    `list_left`.
    """
    if before is None:
        return [f"+ site {after['site']['code']}", *_new(after)]
    found = [
        *_changes("site", models.Site, [before["site"]], [after["site"]]),
        *chain.from_iterable(
            _changes(table, model, before[table], after[table]) for table, model in TABLES.items()
        ),
    ]
    for language in sorted(before["wording"].keys() | after["wording"].keys()):
        was, becomes = before["wording"].get(language, {}), after["wording"].get(language, {})
        found.extend(
            f"~ wording {language}.{key}: {_show(was.get(key))} → {_show(becomes.get(key))}"
            for key in sorted(was.keys() | becomes.keys())
            if was.get(key) != becomes.get(key)
        )
    return found


def list_left(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[str]:
    """Return, in words, the rows that `after` leaves out and that stay all the same."""
    if before is None:
        return []
    return [
        f"= {_one(model)} {code} stays: the file leaves it out, and only tags are retired"
        for table, model in TABLES.items()
        if model is not models.Tag
        for code in _by_code(before[table])
        if code not in _by_code(after[table])
    ]


def _new(after: Mapping[str, Any]) -> Iterator[str]:
    for table, model in TABLES.items():
        for entry in after[table]:
            yield f"+ {_one(model)} {entry['code']}"


def _changes(
    table: str,
    model: type[django_models.Model],
    before: Sequence[Mapping[str, Any]],
    after: Sequence[Mapping[str, Any]],
) -> Iterator[str]:
    old, new = _by_code(before), _by_code(after)
    for code, entry in new.items():
        if code not in old:
            yield f"+ {_one(model)} {code}"
            continue
        for name in declared_fields(model):
            if entry[name] != old[code][name]:
                was, becomes = _show(old[code][name]), _show(entry[name])
                yield f"~ {_one(model)} {code}.{name}: {was} → {becomes}"
    if model is models.Tag:
        yield from (f"- tag {code} is retired" for code in old if code not in new)
    if [code for code in old if code in new] != [code for code in new if code in old]:
        yield f"~ {table}: another order"


def _by_code(entries: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {entry["code"]: entry for entry in entries}


def _one(model: type[django_models.Model]) -> str:
    return str(model._meta.verbose_name)


def _show(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "nothing"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_show(child)}" for key, child in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_show(child) for child in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


# --- One entry ---------------------------------------------------------------------------------


def _read_entry(model: type[django_models.Model], entry: Mapping[str, Any]) -> dict[str, Any]:
    fields = declared_fields(model)
    return whole(model, {name: _read_value(fields[name], entry[name]) for name in entry})


def _read_value(field: Any, value: Any) -> Any:
    if field.many_to_many:
        return sorted(value)
    if field.name == "identifiers":
        return rules.read_identifiers(value)
    if isinstance(field, django_models.DateTimeField):
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if isinstance(field, django_models.DateField) else value


def _write_entry(model: type[django_models.Model], entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in said(model, entry).items()
    }


# --- What is wrong with a file -------------------------------------------------------------------


def _is_date(value: object) -> bool:
    return not isinstance(value, str) or bool(date.fromisoformat(value))


def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


_FORMATS = FormatChecker(formats=())
_FORMATS.checkers = {"date": (_is_date, ValueError), "date-time": (_is_moment, ValueError)}


def _complaints(document: Document) -> Iterator[str]:
    validator = Draft202012Validator(catalogue_schema(), format_checker=_FORMATS)
    errors = list(validator.iter_errors(document.value))
    found = [(_place(error), _say(error)) for error in errors]
    if not errors:
        found.extend(_names_nothing(document.value))
    for path, words in sorted(found, key=lambda one: document.line_of(one[0])):
        where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
        yield f"{where.lstrip('.') or 'the file'}: {words}, line {document.line_of(path)}"


def _place(error: ValidationError) -> Path:
    path: Path = tuple(error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        unknown = sorted(error.instance.keys() - error.schema.get("properties", {}).keys())
        return (*path, unknown[0])
    return path


def _say(error: ValidationError) -> str:
    """Return the fault in words; what a file says is shown, so that it can be found in it."""
    shown = _show(error.instance) if not isinstance(error.instance, dict | list) else "this"
    wanted = error.validator_value
    match error.validator:
        case "additionalProperties":
            return "there is no such field"
        case "required":
            missing = [name for name in wanted if name not in error.instance]
            return f"{', '.join(missing)} is missing"
        case "enum":
            return f"{shown!r} is none of {', '.join(map(str, wanted))}"
        case "const":
            return f"must be {wanted} here, not {shown!r}"
        case "type":
            kinds = {"object": "a map", "array": "a list", "string": "a text (quoted, perhaps)"}
            return f"{shown} is not {kinds.get(wanted, wanted)}"
        case "format":
            how = {"date-time": "a moment with its offset, as 2026-04-01T00:00:00+09:00"}
            return f"{shown!r} is not {how.get(wanted, 'a date as 2026-04-01')}"
        case "pattern":
            return f"{shown!r} does not look like {wanted}"
    return str(error.message)


def _names_nothing(content: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield what a schema cannot say: codes given twice or to nothing, zones, identifiers."""
    codes = {table: {entry["code"] for entry in content.get(table, [])} for table in TABLES}
    if content["site"].get("zone", "UTC") not in available_timezones():
        yield ("site", "zone"), f"{content['site']['zone']!r} is no time zone"
    for table in TABLES:
        seen: set[str] = set()
        for index, entry in enumerate(content.get(table, [])):
            if entry["code"] in seen:
                yield (table, index, "code"), f"{entry['code']!r} is declared twice"
            seen.add(entry["code"])
            for name, where in _NAMES.items():
                named = entry.get(name, [])
                for code in [named] if isinstance(named, str) else named:
                    if code not in codes[where]:
                        yield (table, index, name), f"names {code!r}, which is not declared"
            for item in entry.get("payload_fields", {}).values():
                if item not in codes["data_items"]:
                    yield (table, index, "payload_fields"), f"names {item!r}, which is not declared"
            try:
                rules.read_identifiers(entry.get("identifiers", []))
            except ValueError as error:
                yield (table, index, "identifiers"), f"{error}"
