"""
The device token: the only thing that can read or write a device's consent.

Layout before base64url: version 1 B, key id length 1 B, key id, device 16 B, site id 4 B,
serial 4 B, issued-at 4 B (epoch seconds), HMAC-SHA256 over all of it, cut to 16 B.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

_VERSION = 1
_FIXED = struct.Struct(">16sIII")
_MAC_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceToken:
    """`serial` counts this device's tokens; only the newest may grant."""

    device: UUID
    site_id: int
    serial: int
    issued_at: int


def sign(token: DeviceToken, *, keys: Mapping[str, bytes]) -> str:
    """Return the token's text, signed with the first key."""
    key_id, key = next(iter(keys.items()))
    head = bytes([_VERSION, len(key_id)]) + key_id.encode("ascii")
    body = head + _FIXED.pack(token.device.bytes, token.site_id, token.serial, token.issued_at)
    mac = hmac.digest(key, body, "sha256")[:_MAC_BYTES]
    return base64.urlsafe_b64encode(body + mac).rstrip(b"=").decode()


def verify(text: str, *, keys: Mapping[str, bytes]) -> DeviceToken | None:
    """Return the token, or None if it is not one that we signed."""
    if len(text) > 256:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        if raw[0] != _VERSION:
            return None
        start = 2 + raw[1]
        key = keys.get(raw[2:start].decode("ascii"))
    except (binascii.Error, ValueError, IndexError):
        return None
    end = start + _FIXED.size
    if key is None or len(raw) != end + _MAC_BYTES:
        return None
    if not hmac.compare_digest(hmac.digest(key, raw[:end], "sha256")[:_MAC_BYTES], raw[end:]):
        return None
    device, site_id, serial, issued_at = _FIXED.unpack(raw[start:end])
    return DeviceToken(
        device=UUID(bytes=device), site_id=site_id, serial=serial, issued_at=issued_at
    )


def seeded_device(*, seed: str, site_id: int, keys: Mapping[str, bytes]) -> UUID:
    """
    Return the device of a browser that has no token yet, from the seed that it made itself.

    Secret in, secret out: without our key no id can be aimed at. The *last* key makes it: a signing
    key that is added between two first decisions must not make two devices of them.
    """
    key = list(keys.values())[-1]
    message = b"device-seed|%d|%s" % (site_id, seed.encode())
    return UUID(bytes=hmac.digest(key, message, "sha256")[:16])


def pairwise_id(*, device: UUID, partner: str, site_id: int, keys: Mapping[str, bytes]) -> str:
    """
    Return the id under which one partner knows the device; no two partners can match theirs.

    The *last* key makes it, so that adding a signing key in front does not rename every device.
    """
    key = list(keys.values())[-1]
    message = b"partner|%d|%s|" % (site_id, partner.encode()) + device.bytes
    return base64.urlsafe_b64encode(hmac.digest(key, message, "sha256")[:18]).decode()
