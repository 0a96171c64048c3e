"""One spelling for one value, so that a hash of it means something (RFC 8785 for our types)."""

from __future__ import annotations

import hashlib
import json


def dumps(value: object) -> bytes:
    """
    Return the canonical bytes: sorted keys, no blanks, UTF-8.

    Values are dicts with text keys, lists, text, integers, booleans and None; for these the result
    equals RFC 8785's. Keys here are ASCII, so sorting by code point equals its UTF-16 order.

    :raises TypeError: for a float, whose spelling RFC 8785 defines and Python's differs from
    """
    _refuse_floats(value)
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def sha256(value: object) -> str:
    """Return the hex SHA-256 of the canonical bytes."""
    return hashlib.sha256(dumps(value)).hexdigest()


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise TypeError("Canonical JSON here holds no floats.")
    if isinstance(value, dict):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)
