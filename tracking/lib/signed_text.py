"""A few values in a text that cannot be changed without our keys, for links in mails."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping

from tracking.lib import canonical_json

_MAC_BYTES = 16
_MOST_CHARACTERS = 1024


def sign(values: Mapping[str, str | int], *, purpose: str, keys: Mapping[str, bytes]) -> str:
    """Return `key id.values.MAC`, safe in a URL, made with the first key. Anybody can read it."""
    key_id, key = next(iter(keys.items()))
    body = canonical_json.dumps(dict(values))
    return f"{key_id}.{_encode(body)}.{_encode(_mac(key, body, purpose))}"


def verify(text: str, *, purpose: str, keys: Mapping[str, bytes]) -> dict[str, str | int] | None:
    """Return the values, or None if it is not what we signed for the same purpose."""
    if len(text) > _MOST_CHARACTERS or text.count(".") != 2:
        return None
    key_id, *parts = text.split(".")
    key = keys.get(key_id)
    try:
        body, given = (_decode(part) for part in parts)
    except (binascii.Error, ValueError):
        return None
    if key is None or not hmac.compare_digest(_mac(key, body, purpose), given):
        return None
    values: dict[str, str | int] = json.loads(body)
    return values


def _mac(key: bytes, body: bytes, purpose: str) -> bytes:
    # The purpose has no vertical bar, so no two pairs make the same message.
    return hmac.digest(key, b"signed-text|" + purpose.encode() + b"|" + body, "sha256")[:_MAC_BYTES]


def _encode(plain: bytes) -> str:
    return base64.urlsafe_b64encode(plain).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
