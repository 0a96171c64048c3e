"""The only reads of the registry."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q

from tracking.lib.errors import DomainError
from tracking.lib.short_memory import remembered
from tracking.registry import catalogue_schema, known_cookies, models, owners
from tracking.registry.types import (
    ChoiceKind,
    EntrustmentInfo,
    ExceptionBasis,
    ExceptionInfo,
    HoldMode,
    KnownCookieInfo,
    Nature,
    OwnerInfo,
    PartnerInfo,
    Presentation,
    Role,
    ServerTag,
    SiteInfo,
    TagStatus,
    Transport,
)


class UnknownSite(DomainError):
    code = "unknown_site"
    message = "There is no such site here."
    status = 404


@remembered(seconds=5)
def find_site(*, code: str) -> SiteInfo | None:
    """Return the site, up to five seconds old."""
    site = models.Site.objects.filter(code=code).first()
    return None if site is None else _site_info(site)


def get_site(*, code: str) -> SiteInfo:
    """
    Return the site.

    :raises UnknownSite:
    """
    site = find_site(code=code)
    if site is None:
        raise UnknownSite
    return site


@remembered(seconds=5)
def list_sites() -> tuple[SiteInfo, ...]:
    """Return all sites by code, up to five seconds old."""
    return tuple(_site_info(site) for site in models.Site.objects.order_by("code"))


def list_partners(*, site_id: int) -> list[PartnerInfo]:
    """Return the site's partners in the order the site gave them."""
    rows = models.Partner.objects.filter(site_id=site_id).order_by("position", "code")
    return [_partner_info(partner) for partner in rows]


def find_partner(*, site_code: str, partner_code: str) -> PartnerInfo | None:
    """Return one partner of a site."""
    partner = models.Partner.objects.filter(site__code=site_code, code=partner_code).first()
    return None if partner is None else _partner_info(partner)


def list_entrustments(*, site_id: int) -> list[EntrustmentInfo]:
    """Return what was agreed with each processor of a site, in the order the site gave them."""
    own_users = set(
        models.Tag.objects.filter(
            site_id=site_id, status=TagStatus.LIVE, is_own_use=True
        ).values_list("partner_id", flat=True)
    )
    rows = models.Partner.objects.filter(site_id=site_id, role=Role.PROCESSOR)
    return [
        EntrustmentInfo(
            partner=row.code,
            legal_name=row.legal_name,
            country=row.country,
            contract_ref=row.contract_ref,
            scope=row.contract_scope,
            sub_processors=tuple(row.sub_processors),
            review_on=row.contract_review_on,
            uses_for_itself=row.pk in own_users,
        )
        for row in rows.order_by("position", "code")
    ]


def list_exceptions(*, site_id: int) -> tuple[ExceptionInfo, ...]:
    """Return every exception of a site, newest first."""
    rows = models.LawfulException.objects.filter(site_id=site_id).select_related("tag")
    return tuple(
        ExceptionInfo(
            id=row.pk,
            tag=row.tag.code,
            basis=ExceptionBasis(row.basis),
            approver=row.approver,
            reason=row.reason,
            approved_at=row.approved_at,
            expires_at=row.expires_at,
            ended_at=row.ended_at,
        )
        for row in rows.order_by("-approved_at", "-pk")
    )


def list_choice_numbers(*, site_id: int) -> dict[str, int]:
    """Return the numbers under which records store choices, by ids like `purpose:analytics`."""
    return {
        f"{row.kind}:{row.code}": row.number
        for row in models.ChoiceNumber.objects.filter(site_id=site_id)
    }


def list_server_tags(*, site_id: int) -> list[ServerTag]:
    """Return the live tags of a site that send from the server, by code."""
    rows = models.Tag.objects.filter(
        site_id=site_id, status=TagStatus.LIVE, transport=Transport.SERVER
    )
    return [
        ServerTag(
            code=row.code,
            name=row.name,
            natures=frozenset(purpose.nature for purpose in row.purposes.all()),
        )
        for row in rows.prefetch_related("purposes").order_by("code")
    ]


def get_declaration(*, site_code: str) -> dict[str, Any]:
    """
    Return everything live that the site declares, in the shape a notice version freezes.

    :raises UnknownSite:
    """
    try:
        site = models.Site.objects.get(code=site_code)
    except models.Site.DoesNotExist as error:
        raise UnknownSite from error
    numbers = {
        (row.kind, row.code): row.number for row in models.ChoiceNumber.objects.filter(site=site)
    }
    tags = (
        models.Tag.objects.filter(site=site, status=TagStatus.LIVE)
        .select_related("partner")
        .prefetch_related("purposes", "required_items", "optional_items")
        .order_by("position", "code")
    )
    return {
        "site": site.code,
        "languages": list(site.languages),
        "presentation": site.presentation,
        "look": site.look,
        "review_months": site.review_months,
        "company": site.company,
        "purposes": [
            {
                "number": numbers[ChoiceKind.PURPOSE, purpose.code],
                "code": purpose.code,
                "nature": purpose.nature,
                "name": purpose.name,
                "description": purpose.description,
                "policy_codes": list(purpose.policy_codes),
            }
            for purpose in models.Purpose.objects.filter(site=site).order_by("position", "code")
        ],
        "data_items": [
            {
                "number": numbers[ChoiceKind.ITEM, item.code],
                "code": item.code,
                "name": item.name,
                "description": item.description,
                "is_article9": item.is_article9,
                "named_in": item.named_in,
                "jiaa_class": item.jiaa_class,
            }
            for item in models.DataItem.objects.filter(site=site).order_by("position", "code")
        ],
        "joint_uses": [
            {
                "code": joint_use.code,
                "items": sorted(item.code for item in joint_use.items.all()),
                "scope": joint_use.scope,
                "purpose": joint_use.purpose,
                "responsible_name": joint_use.responsible_name,
                "responsible_address": joint_use.responsible_address,
                "responsible_representative": joint_use.responsible_representative,
            }
            for joint_use in models.JointUse.objects.filter(site=site)
            .prefetch_related("items")
            .order_by("position", "code")
        ],
        "partners": [
            {
                "number": numbers[ChoiceKind.PARTNER, partner.code],
                "code": partner.code,
                "legal_name": partner.legal_name,
                "service_name": partner.service_name,
                "country": partner.country,
                "address": partner.address,
                "representative": partner.representative,
                "role": _role(partner, tags),
                "recipient_class": partner.recipient_class,
                "joint_use": partner.joint_use.code if partner.joint_use else None,
                "confirmation": partner.confirmation,
                "foreign_basis": partner.foreign_basis,
                "foreign_system": partner.foreign_system,
                "foreign_measures": partner.foreign_measures,
                "policy_url": partner.policy_url,
                "optout_url": partner.optout_url,
                "sla_hours": partner.sla_hours,
                "identifiers": partner.identifiers,
                "effective_at": int(partner.effective_at.timestamp())
                if partner.effective_at
                else None,
            }
            for partner in models.Partner.objects.filter(site=site)
            .select_related("joint_use")
            .order_by("position", "code")
        ],
        "tags": [
            {
                "code": tag.code,
                "name": tag.name,
                "partner": tag.partner.code,
                "purposes": sorted(purpose.code for purpose in tag.purposes.all()),
                "required_items": sorted(item.code for item in tag.required_items.all()),
                "optional_items": sorted(item.code for item in tag.optional_items.all()),
                "transport": tag.transport,
                "is_linkable": tag.is_linkable,
                "is_own_use": tag.is_own_use,
                "vendor": tag.vendor,
                "exemption_code": tag.exemption_code,
                "optout_kind": tag.optout_kind,
                "optout_effect": tag.optout_effect,
                "our_purpose": tag.our_purpose,
                "their_purpose": tag.their_purpose,
                "retention": tag.retention,
                "hosts": list(tag.hosts),
                "cookies": tag.cookies,
                "storage_keys": list(tag.storage_keys),
                "loader_url": tag.loader_url,
                "payload_fields": tag.payload_fields,
            }
            for tag in tags
        ],
    }


def find_catalogue(*, site_code: str) -> dict[str, Any] | None:
    """
    Return all that a site declares, drafts included, as `operations.apply_catalogue` takes it.

    Every entry has every field. Retired tags are not in it; neither are their texts lost.
    """
    site = models.Site.objects.filter(code=site_code).first()
    if site is None:
        return None
    tables: dict[str, Any] = {"site": _entry(site, site)}
    for table, model in catalogue_schema.TABLES.items():
        rows = model._default_manager.filter(site=site).order_by("position", "code")
        if model is models.Tag:
            rows = rows.exclude(status=TagStatus.RETIRED)
        links = [field.name for field in model._meta.many_to_many]
        keys = [f.name for f in model._meta.fields if f.many_to_one and f.name != "site"]
        if keys:
            rows = rows.select_related(*keys)
        tables[table] = [_entry(row, site) for row in rows.prefetch_related(*links)]
    return tables


def list_unnamed_items(*, site_code: str) -> list[str]:
    """Return the data items that neither Article 9 nor, as far as is said, the policy names."""
    unnamed = models.DataItem.objects.filter(site__code=site_code, is_article9=False, named_in="")
    return list(unnamed.order_by("position", "code").values_list("code", flat=True))


def find_owner(host: str) -> OwnerInfo | None:
    """Return who a host belongs to, as third-party-web has it."""
    return owners.find_owner(host)


def find_known_cookies(*, names: Collection[str]) -> dict[str, list[KnownCookieInfo]]:
    """Return what the operator's Open Cookie Database says of these names; `*` may end a name."""
    bases = {name.rstrip("*") for name in names}
    rows = models.KnownCookie.objects.filter(Q(name__in=bases) | Q(is_wildcard=True))
    known = [_known_cookie(row) for row in rows.order_by("platform", "source_id")]
    return {name: known_cookies.match(name, known) for name in names}


def list_cookie_advice(*, site_code: str) -> list[str]:
    """
    Return, in words, where a site's cookies are not what the Open Cookie Database knows.

    :raises UnknownSite:
    """
    declaration = get_declaration(site_code=site_code)
    natures = {purpose["code"]: purpose["nature"] for purpose in declaration["purposes"]}
    names = {cookie["name"] for tag in declaration["tags"] for cookie in tag["cookies"]}
    known = find_known_cookies(names=names)
    return [
        f"Tag {tag['code']}: {advice}"
        for tag in declaration["tags"]
        for cookie in tag["cookies"]
        for advice in known_cookies.advise(
            cookie, natures={natures[code] for code in tag["purposes"]}, known=known[cookie["name"]]
        )
    ]


def _entry(row: Any, site: models.Site) -> dict[str, Any]:
    """Return a row as a file says it: rows by code, texts in the order of the site's languages."""
    languages = [*site.languages, *("ja", "en")]

    def say(field: Any) -> Any:
        value = getattr(row, field.name)
        if field.many_to_many:
            return sorted(other.code for other in value.all())
        if field.many_to_one:
            return None if value is None else value.code
        if isinstance(value, datetime):
            return value.astimezone(ZoneInfo(site.zone))
        return _in_order(value, languages)

    return {name: say(field) for name, field in catalogue_schema.declared_fields(type(row)).items()}


def _in_order(value: Any, languages: Sequence[str]) -> Any:
    """Return texts by the order of languages; PostgreSQL keeps an order of its own."""
    if not isinstance(value, dict):
        return value
    known = [key for key in dict.fromkeys(languages) if key in value]
    return {key: _in_order(value[key], languages) for key in dict.fromkeys((*known, *value))}


def _known_cookie(row: models.KnownCookie) -> KnownCookieInfo:
    fields = {name: getattr(row, name) for name in KnownCookieInfo.__slots__}
    return KnownCookieInfo(**{**fields, "nature": Nature(row.nature)})


def _role(partner: models.Partner, tags: Iterable[models.Tag]) -> str:
    """
    Return what a partner is, whatever the site calls it: one that uses what it receives for itself
    is no processor (APPI Art. 27(5)(i): only within what it was entrusted with).
    """
    if partner.role == Role.PROCESSOR and any(
        tag.is_own_use for tag in tags if tag.partner_id == partner.pk
    ):
        return Role.THIRD_PARTY
    return partner.role


def _partner_info(partner: models.Partner) -> PartnerInfo:
    return PartnerInfo(
        id=partner.pk,
        site_id=partner.site_id,
        code=partner.code,
        legal_name=partner.legal_name,
        sla_hours=partner.sla_hours,
    )


def _site_info(site: models.Site) -> SiteInfo:
    return SiteInfo(
        id=site.pk,
        code=site.code,
        name=site.name,
        origins=frozenset(site.origins),
        zone=site.zone,
        default_country=site.default_country,
        profile=site.profile,
        languages=tuple(site.languages),
        presentation=Presentation(site.presentation),
        quarantines_overdue_partners=site.quarantines_overdue_partners,
        hold_mode=HoldMode(site.hold_mode),
        replays_held=site.replays_held,
        asks_age=site.asks_age,
        counts_page_views=site.counts_page_views,
    )
