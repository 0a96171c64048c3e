"""The only reads of tokens."""

from __future__ import annotations

from datetime import datetime

from tracking.access import models, rules
from tracking.access.types import ApiTokenInfo, Scope, State


def list_api_tokens(*, now: datetime) -> list[ApiTokenInfo]:
    """Return every token: those that work first, then the newest."""
    rows = models.ApiToken.objects.select_related("site").order_by("-created_at", "-pk")
    return sorted(
        map(_info, rows), key=lambda one: rules.state(token=one, now=now) is not State.LIVE
    )


def find_live_api_token(*, token: str, now: datetime) -> ApiTokenInfo | None:
    """Return what a token may do; None if it is none, or does not work any more."""
    if not rules.is_token(token):
        return None
    rows = models.ApiToken.objects.select_related("site")
    row = rows.filter(digest=rules.digest(token)).first()
    info = None if row is None else _info(row)
    return info if info is not None and rules.state(token=info, now=now) is State.LIVE else None


def _info(row: models.ApiToken) -> ApiTokenInfo:
    return ApiTokenInfo(
        id=row.pk,
        name=row.name,
        tail=row.tail,
        scopes=frozenset(map(Scope, row.scopes)),
        site=None if row.site is None else row.site.code,
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_on=row.last_used_on,
    )
