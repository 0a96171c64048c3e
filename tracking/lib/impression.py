"""
A proof of being shown: that this service was asked for by a page, once. Names nobody.

Layout before base64url: version 1 B, key id length 1 B, key id, site id 4 B, issued-at 4 B (epoch
seconds), nonce 12 B, waited 4 B (milliseconds; all bits set = not known), is-shown 1 B, length of
the variant 1 B, variant, source to the end, HMAC-SHA256 over all of it, cut to 16 B.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass

NONCE_BYTES = 12

_VERSION = 1
_FIXED = struct.Struct(f">II{NONCE_BYTES}sI?B")
_MAC_BYTES = 16
_UNKNOWN = 2**32 - 1
_MOST_CHARACTERS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Impression:
    """
    `nonce` makes it good for one decision only. `waited_ms`: from painting the notice to the press;
    None = nothing had been pressed yet. `is_shown`: a showing was counted with it. Its answer is to
    be counted by the same `variant` and `source` (the kind of place that the visitor had come from;
    "" = not known). Both ASCII.
    """

    site_id: int
    issued_at: int
    nonce: bytes
    waited_ms: int | None
    is_shown: bool
    variant: str = ""
    source: str = ""


def issue(
    *,
    site_id: int,
    issued_at: int,
    keys: Mapping[str, bytes],
    waited_ms: int | None = None,
    is_shown: bool = False,
    variant: str = "",
    source: str = "",
) -> str:
    """Return the text of a new one."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return sign(
        Impression(
            site_id=site_id,
            issued_at=issued_at,
            nonce=nonce,
            waited_ms=waited_ms,
            is_shown=is_shown,
            variant=variant,
            source=source,
        ),
        keys=keys,
    )


def sign(impression: Impression, *, keys: Mapping[str, bytes]) -> str:
    """Return the text, signed with the first key."""
    key_id, key = next(iter(keys.items()))
    waited = impression.waited_ms
    body = bytes([_VERSION, len(key_id)]) + key_id.encode("ascii")
    body += _FIXED.pack(
        impression.site_id,
        impression.issued_at,
        impression.nonce,
        _UNKNOWN if waited is None else min(waited, _UNKNOWN - 1),
        impression.is_shown,
        len(impression.variant),
    )
    body += impression.variant.encode("ascii") + impression.source.encode("ascii")
    return base64.urlsafe_b64encode(body + _mac(key, body)).rstrip(b"=").decode()


def verify(text: str, *, keys: Mapping[str, bytes]) -> Impression | None:
    """Return the impression, or None if it is not one that we signed. Its age is not looked at."""
    if len(text) > _MOST_CHARACTERS:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        if raw[0] != _VERSION:
            return None
        start = 2 + raw[1]
        key = keys.get(raw[2:start].decode("ascii"))
    except (binascii.Error, ValueError, IndexError):
        return None
    body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    texts = start + _FIXED.size
    if key is None or len(body) < texts or not hmac.compare_digest(_mac(key, body), mac):
        return None
    site_id, issued_at, nonce, waited, is_shown, length = _FIXED.unpack(body[start:texts])
    both = body[texts:].decode("ascii")
    return Impression(
        site_id=site_id,
        issued_at=issued_at,
        nonce=nonce,
        waited_ms=None if waited == _UNKNOWN else waited,
        is_shown=is_shown,
        variant=both[:length],
        source=both[length:],
    )


def _mac(key: bytes, body: bytes) -> bytes:
    # A device token is no impression, nor the other way round.
    return hmac.digest(key, b"impression|" + body, "sha256")[:_MAC_BYTES]
