"""The only writes of the registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.db import models as django_models
from django.db import transaction

from tracking.lib.errors import DomainError
from tracking.lib.short_memory import forget_everything
from tracking.registry import library, models, queries, rules
from tracking.registry.types import (
    ChoiceKind,
    ImportCounts,
    KnownCookieInfo,
    LibraryEntry,
    TagStatus,
)


class CatalogueInvalid(DomainError):
    code = "catalogue_invalid"
    message = "The catalogue does not hold together."
    status = 400


@transaction.atomic
def apply_catalogue(*, catalogue: Mapping[str, Any]) -> int:
    """
    Make the registry say what a catalogue says, matched by codes, and return the site's id.

    Shape: `{"site": {...}, "purposes": [...], "data_items": [...], "partners": [...],
    "tags": [...]}` and, where there are any, `"joint_uses": [...]`, each entry with a `code` and
    the fields of its model; entries name each other by code. A field that is left out stays as it
    is. A tag that the catalogue leaves out is retired, never deleted, since published notices speak
    of it. Other rows that it leaves out stay: what was sent to a partner must still be revocable.
    Applying twice changes nothing.

    :raises CatalogueInvalid: if an entry has an unknown field, names a code that is not there, or
        declares identifiers that cannot be collected
    """
    site_fields = dict(catalogue["site"])
    _check_known(models.Site, site_fields)
    site, _ = models.Site.objects.update_or_create(
        code=site_fields.pop("code"), defaults=site_fields
    )
    purposes = _upsert(models.Purpose, site, catalogue["purposes"])
    items = _upsert(models.DataItem, site, catalogue["data_items"])
    joint_uses = _upsert(models.JointUse, site, catalogue.get("joint_uses", ()))
    _link(models.JointUse, "items", joint_uses, catalogue.get("joint_uses", ()), items)
    partners = _upsert(
        models.Partner, site, [_partner(entry, joint_uses) for entry in catalogue["partners"]]
    )
    _number(
        site,
        {
            ChoiceKind.PURPOSE: purposes,
            ChoiceKind.ITEM: items,
            ChoiceKind.PARTNER: partners,
        },
    )
    tags = _upsert(models.Tag, site, [_tag(entry, partners) for entry in catalogue["tags"]])
    for name, rows in (
        ("purposes", purposes),
        ("required_items", items),
        ("optional_items", items),
    ):
        _link(models.Tag, name, tags, catalogue["tags"], rows)
    models.Tag.objects.filter(site=site).exclude(code__in=tags).update(status=TagStatus.RETIRED)
    transaction.on_commit(forget_everything)
    return site.pk


@transaction.atomic
def add_from_library(*, site_code: str, codes: Sequence[str]) -> tuple[LibraryEntry, ...]:
    """
    Declare tags of the library as drafts, with the partners, data items and purposes they need.

    What the site declares already stays as it is. Returns the entries, which say what is to be
    verified before the tags go live.

    :raises UnknownSite:
    :raises NotInLibrary:
    :raises AlreadyDeclared: if one of the tags is declared
    """
    models.Site.objects.select_for_update().filter(code=site_code).first()
    catalogue = queries.find_catalogue(site_code=site_code)
    if catalogue is None:
        raise queries.UnknownSite
    apply_catalogue(catalogue=library.extend(catalogue, codes))
    return tuple(library.get(code) for code in dict.fromkeys(codes))


@transaction.atomic
def import_known_cookies(*, cookies: Sequence[KnownCookieInfo]) -> ImportCounts:
    """Replace what is known of cookies by these. A second time changes nothing."""
    there = {row.source_id: row for row in models.KnownCookie.objects.all()}
    given = {cookie.source_id: asdict(cookie) for cookie in cookies}
    gone = there.keys() - given.keys()
    changed = [
        source_id
        for source_id in given.keys() & there.keys()
        if any(getattr(there[source_id], name) != value for name, value in given[source_id].items())
    ]
    new = given.keys() - there.keys()
    models.KnownCookie.objects.filter(source_id__in=gone).delete()
    models.KnownCookie.objects.bulk_create(
        [models.KnownCookie(**given[source_id]) for source_id in sorted({*new, *changed})],
        update_conflicts=True,
        unique_fields=["source_id"],
        update_fields=[name for name in KnownCookieInfo.__slots__ if name != "source_id"],
    )
    return ImportCounts(
        added=len(new),
        changed=len(changed),
        unchanged=len(given) - len(new) - len(changed),
        removed=len(gone),
    )


def _upsert(
    model: type[django_models.Model], site: models.Site, entries: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Write what is new or has changed, all at once, and return the rows by code."""
    there = {row.code: row for row in model._default_manager.filter(site=site)}  # type: ignore[attr-defined]
    linked = {field.name for field in model._meta.many_to_many}
    rows: dict[str, Any] = {}
    written = []
    for position, entry in enumerate(entries):
        _check_known(model, entry)
        code = entry["code"]
        if code in rows:
            raise CatalogueInvalid(f"{model.__name__} {code!r} is declared twice.")
        row = there.get(code) or model(site=site, code=code)
        fields = {"position": position, **entry}
        changed = [
            name
            for name, value in fields.items()
            if name not in linked and getattr(row, name, None) != value
        ]
        for name in changed:
            setattr(row, name, fields[name])
        if changed or row.pk is None:
            written.append(row)
        rows[code] = row
    model._default_manager.bulk_create(
        written,
        update_conflicts=True,
        unique_fields=["site", "code"],
        update_fields=[
            field.name for field in model._meta.fields if field.name not in {"id", "site", "code"}
        ],
    )
    return rows


def _link(
    model: type[django_models.Model],
    name: str,
    rows: Mapping[str, Any],
    entries: Sequence[Mapping[str, Any]],
    others: Mapping[str, Any],
) -> None:
    """Make a many-to-many field of these rows name what their entries name, all at once."""
    through = getattr(model, name).through
    field: Any = model._meta.get_field(name)
    kind = str(model._meta.verbose_name).capitalize()
    left, right = f"{field.m2m_field_name()}_id", f"{field.m2m_reverse_field_name()}_id"
    wanted = {
        (rows[entry["code"]].pk, _get(others, code, f"{kind} {entry['code']!r}").pk)
        for entry in entries
        for code in entry.get(name, ())
    }
    there = {
        (one, other): pk
        for pk, one, other in through.objects.filter(
            **{f"{left}__in": [row.pk for row in rows.values()]}
        ).values_list("pk", left, right)
    }
    through.objects.filter(pk__in=[pk for pair, pk in there.items() if pair not in wanted]).delete()
    through.objects.bulk_create(
        through(**{left: one, right: other}) for one, other in sorted(wanted - there.keys())
    )


def _partner(entry: Mapping[str, Any], joint_uses: Mapping[str, Any]) -> dict[str, Any]:
    try:
        identifiers = rules.read_identifiers(entry.get("identifiers", []))
    except ValueError as error:
        raise CatalogueInvalid(f"Partner {entry['code']!r}: {error}.") from error
    code = entry.get("joint_use")
    return {
        **entry,
        "identifiers": identifiers,
        "joint_use": _get(joint_uses, code, f"Partner {entry['code']!r}") if code else None,
    }


def _tag(entry: Mapping[str, Any], partners: Mapping[str, Any]) -> dict[str, Any]:
    partner = _get(partners, entry.get("partner", ""), f"Tag {entry['code']!r}")
    return {"status": TagStatus.LIVE, **entry, "partner": partner}


def _number(site: models.Site, kinds: Mapping[ChoiceKind, Mapping[str, Any]]) -> None:
    """Give every new code the next free number. The site's row was locked by the upsert above."""
    numbered = {
        (row.kind, row.code): row.number for row in models.ChoiceNumber.objects.filter(site=site)
    }
    new = [(kind, code) for kind, rows in kinds.items() for code in rows]
    following = max(numbered.values(), default=-1) + 1
    models.ChoiceNumber.objects.bulk_create(
        models.ChoiceNumber(site=site, kind=kind, code=code, number=number)
        for number, (kind, code) in enumerate(
            (choice for choice in new if choice not in numbered), following
        )
    )


def _check_known(model: type[django_models.Model], fields: Mapping[str, Any]) -> None:
    names = {field.name for field in model._meta.get_fields()}
    unknown = sorted(set(fields) - names)
    if unknown:
        raise CatalogueInvalid(f"{model.__name__} has no field {unknown[0]!r}.")


def _get(rows: Mapping[str, Any], code: str, who: str) -> Any:
    try:
        return rows[code]
    except KeyError as error:
        raise CatalogueInvalid(f"{who} names {code!r}, which is not declared.") from error
