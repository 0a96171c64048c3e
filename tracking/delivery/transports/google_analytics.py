"""
Google Analytics 4: delete what was collected under one client ID or user ID.

Google has two interfaces for it. The older, `analytics/v3/userDeletion`, was closed together with
Universal Analytics; its successor is `submitUserDeletion` of the Admin API, which Google names as
the replacement. That it lies in `v1alpha` is the smaller risk: `v1beta` does not have it.

The deletion leaves new data to come in again: what stops those is the closed tag on the page.

Source: https://developers.google.com/analytics/devguides/config/userdeletion/migration and
https://developers.google.com/analytics/devguides/config/admin/v1/rest/v1alpha/properties/submitUserDeletion
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

from tracking.delivery.transports import base, oauth, removal
from tracking.delivery.types import (
    AttemptOutcome,
    ConfirmsBy,
    Effect,
    Parcel,
    Profile,
    Reply,
    Setting,
)
from tracking.lib.outbound_http import OutboundClient

SCOPE = "https://www.googleapis.com/auth/analytics.edit"

# What the contract calls our kinds of identifiers; one of them per call.
_FIELDS = {"ga_client_id": "clientId", "ga_user_id": "userId"}
# The cookie is GA1.<depth>.<client id>; the depth may hold dashes.
_COOKIE = re.compile(r"GA\d\.[\d-]+\.(\d+\.\d+)")
# Google answers both 403 and 429 when a quota is used up; only the reason tells this 403 from a
# missing permission. https://developers.google.com/analytics/devguides/limits-and-quotas
_QUOTA = frozenset(
    {
        "quotaExceeded",
        "rateLimitExceeded",
        "userRateLimitExceeded",
        "dailyLimitExceeded",
        "RATE_LIMIT_EXCEEDED",
        "RESOURCE_EXHAUSTED",
    }
)

PROFILE = Profile(
    name="Google Analytics user deletion",
    effect=Effect.ERASE,
    erasure_effect=Effect.ERASE,
    confirms_by=(ConfirmsBy.RESPONSE,),
    source="https://developers.google.com/analytics/devguides/config/admin/v1 (v1alpha, 2026-11)",
    url="https://analyticsadmin.googleapis.com",
    needs=("ga_client_id", "ga_user_id"),
    settings=(
        Setting(
            code="property_id",
            label={"ja": "プロパティID", "en": "Property ID"},
            help={
                "ja": "「管理」の「プロパティの詳細」に表示される数字です。"
                "G-で始まる測定IDではありません。",
                "en": "The number under Admin, Property details; "
                "not the measurement ID, which starts with G-.",
            },
            pattern=r"\d{1,20}",
            example="123456789",
        ),
    ),
    secret=Setting(
        code="secret",
        label={"ja": "サービスアカウントの鍵（JSON）", "en": "Service account key (JSON)"},
        help={
            "ja": "Google Cloudで作成した鍵ファイルの内容を、そのまま貼り付けます。",
            "en": "The whole content of the key file made in Google Cloud.",
        },
        pattern=oauth.SERVICE_ACCOUNT,
    ),
    # 180 writes a minute and account; a message may need two.
    pause=timedelta(milliseconds=700),
    sample={"ga_client_id": "1000000000.1700000000"},
)


async def send(*, parcel: Parcel, client: OutboundClient) -> list[Reply]:
    """Ask for the deletion of each id that the message holds; a repetition only moves its time."""
    [message] = parcel.messages
    place = parcel.place
    grant = oauth.service_account(secret=place.secrets[0], scope=SCOPE, at=parcel.attempted_at)
    replies: list[Reply] = []
    for kind, field in _FIELDS.items():
        if kind not in message.identifiers:
            continue
        identifier = _readable(kind, message.identifiers[kind])
        if identifier is None:
            replies.append(removal.MALFORMED)
            continue
        exchange = await oauth.call(
            client,
            grant=grant,
            url=f"{place.url.rstrip('/')}/v1alpha/properties/"
            f"{place.settings['property_id']}:submitUserDeletion",
            headers={"Content-Type": "application/json"},
            body=json.dumps({field: identifier}).encode(),
        )
        replies.append(_reply(exchange))
        if removal.would_repeat(replies[-1]):
            break
    return [removal.worst(replies)]


WAY = base.Way(profile=PROFILE, send=send)


def _readable(kind: str, text: str) -> str | None:
    """Return the id to delete; a client ID may be given as the raw `_ga` cookie."""
    text = text.strip()
    if kind == "ga_client_id" and text.startswith("GA"):
        found = _COOKIE.fullmatch(text)
        return found[1] if found else None
    # A site may choose its ids freely; Google keeps at most 256 characters of one.
    return text if 0 < len(text) <= 256 else None


def _reply(exchange: base.Exchange) -> Reply:
    answer = exchange.json()
    if exchange.is_ok:
        if isinstance(answer, dict) and isinstance(answer.get("deletionRequestTime"), str):
            return exchange.reply(outcome=AttemptOutcome.ACCEPTED)
        return exchange.unreadable()
    if exchange.status == 403 and _reasons(answer) & _QUOTA:
        return exchange.reply(outcome=AttemptOutcome.UNREACHABLE, error="quota_exceeded")
    return exchange.reply()


def _reasons(answer: Any) -> set[str]:
    """Return what an error body of Google's gives as its reasons, in the older and newer shape."""
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict):
        return set()
    found = [error.get("status")]
    for shape in ("errors", "details"):
        entries = error.get(shape)
        if isinstance(entries, list):
            found += [entry.get("reason") for entry in entries if isinstance(entry, dict)]
    return {reason for reason in found if isinstance(reason, str)}
