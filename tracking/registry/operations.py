"""The only writes of the registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import models as django_models
from django.db import transaction

from tracking.audit import operations as audit
from tracking.lib.errors import DomainError
from tracking.lib.short_memory import forget_everything
from tracking.registry import models, queries, rules
from tracking.registry.types import (
    MOST_EXCEPTION_DAYS,
    ChoiceKind,
    ExceptionBasis,
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
    the fields of its model; entries name each other by code. A tag that the catalogue leaves out is
    retired, never deleted, since published notices speak of it. Applying twice changes nothing.

    :raises CatalogueInvalid: if an entry has an unknown field, names a code that is not there, or
        declares identifiers that cannot be collected
    """
    site_fields = dict(catalogue["site"])
    site, _ = models.Site.objects.update_or_create(
        code=site_fields.pop("code"), defaults=_known(models.Site, site_fields)
    )
    purposes = _upsert(models.Purpose, site, catalogue["purposes"])
    items = _upsert(models.DataItem, site, catalogue["data_items"])
    joint_uses = _upsert_joint_uses(site, catalogue.get("joint_uses", ()), items)
    partners = _upsert(
        models.Partner, site, [_partner(entry, joint_uses) for entry in catalogue["partners"]]
    )
    _number(site, ChoiceKind.PURPOSE, purposes)
    _number(site, ChoiceKind.ITEM, items)
    _number(site, ChoiceKind.PARTNER, partners)

    kept: list[str] = []
    for position, entry in enumerate(catalogue["tags"]):
        fields = dict(entry)
        code = fields.pop("code")
        kept.append(code)
        links = {
            name: [_get(rows, c, f"Tag {code!r}") for c in fields.pop(name, [])]
            for name, rows in (
                ("purposes", purposes),
                ("required_items", items),
                ("optional_items", items),
            )
        }
        fields["partner"] = _get(partners, fields.get("partner", ""), f"Tag {code!r}")
        fields.setdefault("status", TagStatus.LIVE)
        tag, _ = models.Tag.objects.update_or_create(
            site=site, code=code, defaults={"position": position, **_known(models.Tag, fields)}
        )
        for name, rows in links.items():
            getattr(tag, name).set(rows)
    models.Tag.objects.filter(site=site).exclude(code__in=kept).update(status=TagStatus.RETIRED)
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


def _upsert(
    model: type[django_models.Model], site: models.Site, entries: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for position, entry in enumerate(entries):
        fields = dict(entry)
        code = fields.pop("code")
        rows[code], _ = model._default_manager.update_or_create(
            site=site, code=code, defaults={"position": position, **_known(model, fields)}
        )
    return rows


def _upsert_joint_uses(
    site: models.Site, entries: Sequence[Mapping[str, Any]], items: Mapping[str, Any]
) -> dict[str, Any]:
    rows = _upsert(
        models.JointUse,
        site,
        [{name: value for name, value in entry.items() if name != "items"} for entry in entries],
    )
    for entry in entries:
        rows[entry["code"]].items.set(
            _get(items, code, f"Joint use {entry['code']!r}") for code in entry.get("items", ())
        )
    return rows


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


def _number(site: models.Site, kind: ChoiceKind, rows: Mapping[str, Any]) -> None:
    """Give every new code the next free number. The site's row was locked by the upsert above."""
    known = set(
        models.ChoiceNumber.objects.filter(site=site, kind=kind).values_list("code", flat=True)
    )
    highest = models.ChoiceNumber.objects.filter(site=site).aggregate(
        highest=django_models.Max("number")
    )["highest"]
    following = 0 if highest is None else highest + 1
    for code in rows:
        if code not in known:
            models.ChoiceNumber.objects.create(site=site, kind=kind, code=code, number=following)
            following += 1


def _known(model: type[django_models.Model], fields: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in model._meta.get_fields()}
    unknown = sorted(set(fields) - names)
    if unknown:
        raise CatalogueInvalid(f"{model.__name__} has no field {unknown[0]!r}.")
    return dict(fields)


def _get(rows: Mapping[str, Any], code: str, who: str) -> Any:
    try:
        return rows[code]
    except KeyError as error:
        raise CatalogueInvalid(f"{who} names {code!r}, which is not declared.") from error
