"""The only writes of tokens."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from tracking.access import models, queries, rules
from tracking.access.types import ApiTokenInfo, NewApiToken, Scope
from tracking.audit import operations as audit
from tracking.lib.errors import DomainError
from tracking.registry import queries as registry


class ApiTokenInvalid(DomainError):
    code = "api_token_invalid"
    message = "This token cannot be made."
    status = 400


class UnknownApiToken(DomainError):
    code = "unknown_api_token"
    message = "There is no such token that still works."
    status = 404


def create_api_token(
    *,
    name: str,
    scopes: Collection[str],
    site_code: str,
    expires_at: datetime | None,
    actor: str,
    now: datetime,
) -> NewApiToken:
    """
    Make a token, for all sites where `site_code` is empty, and return it this once.

    :raises ApiTokenInvalid: with codes by field: `name` missing or too_long; `scopes` unknown, also
        if there are none; `site` unknown; `expires_at` past
    """
    name = name.strip()
    site = registry.find_site(code=site_code) if site_code else None
    faults: dict[str, object] = {}
    if not name:
        faults["name"] = "missing"
    elif len(name) > rules.MOST_NAME:
        faults["name"] = "too_long"
    if not scopes or not set(scopes) <= set(Scope):
        faults["scopes"] = "unknown"
    if site_code and site is None:
        faults["site"] = "unknown"
    if expires_at is not None and expires_at <= now:
        faults["expires_at"] = "past"
    if faults:
        raise ApiTokenInvalid(fields=faults)
    token = f"{rules.PREFIX}{secrets.token_hex(rules.TOKEN_BYTES)}"
    with transaction.atomic():
        row = models.ApiToken.objects.create(
            name=name,
            site_id=None if site is None else site.id,
            scopes=sorted(set(scopes)),
            digest=rules.digest(token),
            tail=token[-rules.TAIL_LENGTH :],
            created_by=actor,
            created_at=now,
            expires_at=expires_at,
        )
        audit.append(
            actor=actor,
            action="token.created",
            site=site_code,
            object=str(row),
            details={
                "scopes": ", ".join(row.scopes),
                "until": None if expires_at is None else expires_at.isoformat(timespec="minutes"),
            },
            now=now,
        )
    return NewApiToken(
        name=name, token=token, scopes=frozenset(map(Scope, row.scopes)), site=site_code or None
    )


def revoke_api_token(*, token_id: int, actor: str, now: datetime) -> None:
    """
    End a token at once.

    :raises UnknownApiToken: if there is none, or it was revoked before
    """
    with transaction.atomic():
        row = (
            models.ApiToken.objects.select_for_update(of=("self",))
            .select_related("site")
            .filter(pk=token_id, revoked_at__isnull=True)
            .first()
        )
        if row is None:
            raise UnknownApiToken
        row.revoked_at = now
        row.save(update_fields=["revoked_at"])
        audit.append(
            actor=actor,
            action="token.revoked",
            site="" if row.site is None else row.site.code,
            object=str(row),
            now=now,
        )


def authenticate(*, token: str, now: datetime) -> ApiTokenInfo | None:
    """
    Return what a token may do, None if it is none or does not work any more; whichever it is stays
    untold. Keeps the day of its use, written once a day.
    """
    info = queries.find_live_api_token(token=token, now=now)
    today = now.date()
    if info is not None and info.last_used_on != today:
        models.ApiToken.objects.filter(pk=info.id).update(last_used_on=today)
    return info
