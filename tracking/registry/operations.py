"""The only writes of the registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db import models as django_models
from django.db import transaction

from tracking.audit import operations as audit
from tracking.lib.errors import DomainError
from tracking.lib.short_memory import forget_everything
from tracking.registry import library, models, queries, rules
from tracking.registry.types import (
    MOST_EXCEPTION_DAYS,
    ChoiceKind,
    ExceptionBasis,
    ImportCounts,
    KnownCookieInfo,
    LibraryEntry,
    TagStatus,
    Transport,
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


class ExceptionInvalid(DomainError):
    code = "exception_invalid"
    message = "This exception cannot be approved."
    status = 400


class UnknownException(DomainError):
    code = "unknown_exception"
    message = "There is no such exception that still runs."
    status = 404


def approve_exception(
    *,
    site_id: int,
    site_code: str,
    tag: str,
    basis: str,
    reason: str,
    expires_at: datetime,
    is_without_law_accepted: bool,
    actor: str,
    now: datetime,
) -> int:
    """
    Let a tag send from the server without consent, for a time, and return the exception's id.

    Advertising, analytics and personalisation are never let through (policy Article 4).

    :raises ExceptionInvalid: with codes by field: `tag` unknown or never; `basis` unknown
        or without_law; `reason` missing; `expires_at` past or too_late
    """
    known = {one.code: one for one in queries.list_server_tags(site_id=site_id)}.get(tag)
    faults: dict[str, object] = {}
    if known is None:
        faults["tag"] = "unknown"
    elif not rules.may_be_excepted(transport=Transport.SERVER, natures=known.natures):
        faults["tag"] = "never"
    if basis not in {one.value for one in ExceptionBasis}:
        faults["basis"] = "unknown"
    elif basis == ExceptionBasis.OUR_RIGHTS and not is_without_law_accepted:
        faults["basis"] = "without_law"
    if not reason.strip():
        faults["reason"] = "missing"
    if expires_at <= now:
        faults["expires_at"] = "past"
    elif expires_at > now + timedelta(days=MOST_EXCEPTION_DAYS):
        faults["expires_at"] = "too_late"
    if faults:
        raise ExceptionInvalid(fields=faults)
    with transaction.atomic():
        row = models.LawfulException.objects.create(
            site_id=site_id,
            tag=models.Tag.objects.get(site_id=site_id, code=tag),
            basis=basis,
            is_without_law_accepted=is_without_law_accepted,
            approver=actor,
            reason=reason.strip(),
            approved_at=now,
            expires_at=expires_at,
        )
        audit.append(
            actor=actor,
            action="exception.approved",
            site=site_code,
            object=tag,
            details={
                "basis": basis,
                "reason": row.reason,
                "until": expires_at.isoformat(timespec="minutes"),
            },
            now=now,
        )
        transaction.on_commit(forget_everything)
    return int(row.pk)


def end_exception(
    *, site_id: int, site_code: str, exception_id: int, actor: str, now: datetime
) -> None:
    """
    End an exception before its time.

    :raises UnknownException: if there is none, or it has ended
    """
    with transaction.atomic():
        row = (
            models.LawfulException.objects.select_for_update()
            .filter(site_id=site_id, pk=exception_id, ended_at__isnull=True, expires_at__gt=now)
            .first()
        )
        if row is None:
            raise UnknownException
        row.ended_at = now
        row.save(update_fields=["ended_at"])
        audit.append(
            actor=actor,
            action="exception.ended",
            site=site_code,
            object=row.tag.code,
            details={"basis": row.basis},
            now=now,
        )
        transaction.on_commit(forget_everything)


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
