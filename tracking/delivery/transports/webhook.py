"""Signed webhooks as Standard Webhooks 1.0.0 describes them."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from tracking.delivery import rules
from tracking.delivery.transports import base
from tracking.delivery.types import ConfirmsBy, Effect, Message, Parcel, Profile, Reply, Setting
from tracking.lib.json_text import JSONObject
from tracking.lib.outbound_http import OutboundClient

TOLERANCE = timedelta(minutes=5)
SECRET_PREFIX = "whsec_"  # noqa: S105  # how a secret is written, not one
SECRET_BYTES = range(24, 65)
_USER_AGENT = f"{base.USER_AGENT} (Standard Webhooks)"


class SignatureRefused(Exception):
    """Nobody who holds the secret signed this within the last minutes."""


PROFILE = Profile(
    name="Signed webhook",
    effect=Effect.TELL,
    erasure_effect=Effect.TELL,
    confirms_by=(ConfirmsBy.RESPONSE, ConfirmsBy.ACKNOWLEDGEMENT),
    source="https://www.standardwebhooks.com/ (1.0.0)",
    secret=Setting(
        code="secret",
        label={"ja": "署名鍵", "en": "Signing secret"},
        help={
            "ja": "whsec_ に続けて、24〜64バイトの乱数をBase64で表したもの",
            "en": "`whsec_` and the base64 of 24 to 64 random bytes",
        },
    ),
    hears_grants=True,
)


async def send(*, parcel: Parcel, client: OutboundClient) -> list[Reply]:
    """Sign and post one message; every secret signs, so that either side may change first."""
    [message] = parcel.messages
    body = _text(message).encode()
    exchange = await base.call(
        client,
        url=parcel.place.url,
        headers={
            "Content-Type": "application/json",
            "User-Agent": _USER_AGENT,
            **sign(
                key=rules.message_id(message.key),
                body=body,
                secrets=parcel.place.secrets,
                attempted_at=parcel.attempted_at,
            ),
        },
        body=body,
    )
    return [exchange.reply()]


def _text(message: Message) -> str:
    """Return the payload as JSON, with the partner's own identifiers where any are held."""
    if isinstance(message.payload, JSONObject) and not message.identifiers:
        return message.payload.text
    content = dict(message.payload)
    if message.identifiers:
        content["data"] = {**content["data"], "identifiers": dict(message.identifiers)}
    return json.dumps(content, ensure_ascii=False)


def sign(
    *, key: str, body: bytes, secrets: Sequence[str], attempted_at: datetime
) -> dict[str, str]:
    """
    Return the three headers for one attempt.

    Not by the library that checks our signatures in the tests: it takes twice as long, and this is
    done for every message.
    """
    stamp = str(int(attempted_at.timestamp()))
    return {
        "webhook-id": key,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(
            _signature(secret, key=key, stamp=stamp, body=body) for secret in secrets
        ),
    }


def _signature(secret: str, *, key: str, stamp: str, body: bytes) -> str:
    digest = hmac.digest(_plain(secret), f"{key}.{stamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


def verify(
    *, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
) -> None:
    """
    Check that a body was signed with one of the secrets, at most TOLERANCE ago or ahead.

    :raises SignatureRefused: without saying what was wrong
    """
    key = headers.get("webhook-id", "")
    stamp = headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "").split(" ")
    if not key or not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 11):
        raise SignatureRefused
    if abs(now.timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        raise SignatureRefused
    expected = [_signature(one, key=key, stamp=stamp, body=body).encode() for one in secrets]
    # No early end: how long it takes tells nothing about which secret nearly fitted.
    matches = [hmac.compare_digest(one, other.encode()) for one in expected for other in given[:8]]
    if not any(matches):
        raise SignatureRefused


@lru_cache(maxsize=256)
def _plain(secret: str) -> bytes:
    return binascii.a2b_base64(secret.removeprefix(SECRET_PREFIX), strict_mode=True)


def is_usable_secret(secret: str) -> bool:
    """Tell whether a secret is `whsec_` and the base64 of 24 to 64 bytes."""
    if not secret.startswith(SECRET_PREFIX):
        return False
    try:
        return len(_plain(secret)) in SECRET_BYTES
    except ValueError:
        return False


WAY = base.Way(profile=PROFILE, send=send, is_usable_secret=is_usable_secret)
