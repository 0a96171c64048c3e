"""Secrets at rest: AES-256-GCM with a key that lives outside the database."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class CannotOpen(ValueError):
    """The sealed value was made with a key that is not here, or was changed."""


def seal(plain: bytes, *, keys: Mapping[str, bytes], context: str) -> bytes:
    """Return `key id : nonce 12 B : ciphertext`; `context` must be given again to open it."""
    key_id, key = next(iter(keys.items()))
    nonce = secrets.token_bytes(12)
    return (
        key_id.encode()
        + b":"
        + nonce
        + AESGCM(_derive(key)).encrypt(nonce, plain, context.encode())
    )


def unseal(sealed: bytes, *, keys: Mapping[str, bytes], context: str) -> bytes:
    """
    Return what was sealed.

    :raises CannotOpen: for a missing key, another context or a changed value
    """
    key_id, _, rest = sealed.partition(b":")
    key = keys.get(key_id.decode("ascii", "replace"))
    if key is None:
        raise CannotOpen("The key that sealed this value is not in CONSENT_KEYS.")
    try:
        return AESGCM(_derive(key)).decrypt(rest[:12], rest[12:], context.encode())
    except InvalidTag as error:
        raise CannotOpen("The sealed value was changed or belongs elsewhere.") from error


def seal_text(plain: str, *, keys: Mapping[str, bytes], context: str) -> str:
    """Return `seal` of a text as base64, for where bytes cannot be stored."""
    return base64.b64encode(seal(plain.encode(), keys=keys, context=context)).decode()


def unseal_text(sealed: str, *, keys: Mapping[str, bytes], context: str) -> str:
    """
    Return the text that `seal_text` sealed.

    :raises CannotOpen: as `unseal`
    """
    return unseal(_raw(sealed), keys=keys, context=context).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resealed:
    """How many values were sealed anew, and how many could not be, because their key is missing."""

    changed: int
    unreadable: int


def reseal(sealed: bytes, *, keys: Mapping[str, bytes], context: str) -> bytes | None:
    """
    Return the value sealed with the first key, or None if it is already.

    :raises CannotOpen: as `unseal`
    """
    if sealed.startswith(next(iter(keys)).encode() + b":"):
        return None
    return seal(unseal(sealed, keys=keys, context=context), keys=keys, context=context)


def reseal_text(sealed: str, *, keys: Mapping[str, bytes], context: str) -> str | None:
    """
    Return `reseal` of what `seal_text` returned.

    :raises CannotOpen: as `unseal`
    """
    anew = reseal(_raw(sealed), keys=keys, context=context)
    return None if anew is None else base64.b64encode(anew).decode()


def _raw(sealed: str) -> bytes:
    try:
        return base64.b64decode(sealed, validate=True)
    except ValueError as error:
        raise CannotOpen("The sealed value was changed or belongs elsewhere.") from error


@cache
def _derive(key: bytes) -> bytes:
    # Signing and sealing never use the same bytes.
    return hashlib.sha256(b"consentmgr sealing v1|" + key).digest()
