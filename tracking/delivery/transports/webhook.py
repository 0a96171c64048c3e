"""Signed webhooks as Standard Webhooks 1.0.0 describes them."""

from __future__ import annotations

import binascii
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from tracking.delivery import rules
from tracking.delivery.transports import base
from tracking.delivery.types import ConfirmsBy, Effect, Message, Parcel, Profile, Reply, Setting
from tracking.lib.outbound_http import OutboundClient

TOLERANCE = timedelta(minutes=5)
SECRET_PREFIX = "whsec_"  # noqa: S105  # how a secret is written, not one
SECRET_BYTES = range(24, 65)


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
    body = json.dumps(_content(message), ensure_ascii=False, separators=(",", ":")).encode()
    exchange = await base.call(
        client,
        url=parcel.place.url,
        headers={
            "Content-Type": "application/json",
            "User-Agent": f"{base.USER_AGENT} (Standard Webhooks)",
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


def _content(message: Message) -> dict[str, object]:
    """Return the payload, with the partner's own identifiers where any are held."""
    content = dict(message.payload)
    if message.identifiers:
        content["data"] = {**content["data"], "identifiers": dict(message.identifiers)}
    return content


def sign(
    *, key: str, body: bytes, secrets: Sequence[str], attempted_at: datetime
) -> dict[str, str]:
    """Return the three headers for one attempt."""
    # The library relabels the zone instead of converting: only UTC comes out right.
    moment = attempted_at.astimezone(UTC)
    text = body.decode()
    return {
        "webhook-id": key,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(
            _signer(secret).sign(msg_id=key, timestamp=moment, data=text) for secret in secrets
        ),
    }


def verify(
    *, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
) -> None:
    """
    Check that a body was signed with one of the secrets, at most TOLERANCE ago or ahead.

    The library signs; comparing is done here, because its own `verify` reads the clock itself and
    raises ValueError for a signature without a comma.

    :raises SignatureRefused: without saying what was wrong
    """
    key = headers.get("webhook-id", "")
    stamp = headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "").split(" ")
    if not key or not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 11):
        raise SignatureRefused
    if abs(now.timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        raise SignatureRefused
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise SignatureRefused from error
    signed_at = datetime.fromtimestamp(int(stamp), tz=UTC)
    expected = [
        _signer(secret).sign(msg_id=key, timestamp=signed_at, data=text).encode()
        for secret in secrets
    ]
    # No early end: how long it takes tells nothing about which secret nearly fitted.
    matches = [hmac.compare_digest(one, other.encode()) for one in expected for other in given[:8]]
    if not any(matches):
        raise SignatureRefused


@lru_cache(maxsize=256)
def _signer(secret: str) -> Webhook:
    return Webhook(secret)


def is_usable_secret(secret: str) -> bool:
    """Tell whether a secret is `whsec_` and the base64 of 24 to 64 bytes."""
    if not secret.startswith(SECRET_PREFIX):
        return False
    try:
        plain = binascii.a2b_base64(secret.removeprefix(SECRET_PREFIX), strict_mode=True)
        Webhook(secret)
    except (binascii.Error, ValueError, EmptyWebhookSecretError):
        return False
    return len(plain) in SECRET_BYTES


WAY = base.Way(profile=PROFILE, send=send, is_usable_secret=is_usable_secret)
