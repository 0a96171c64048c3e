"""JSON as the API reads it: small, shallow, unambiguous, storable."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import NoReturn

MAX_BYTES = 16 * 1024
MAX_DEPTH = 6

# PostgreSQL cannot store a NUL, and a lone surrogate is no character.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class InvalidJSON(ValueError):
    """The text is not JSON that this service reads; the message says why."""


def loads(body: bytes) -> object:
    """
    Parse a UTF-8 body.

    :raises InvalidJSON: for broken JSON, more than MAX_DEPTH levels, a repeated key, NaN, numbers
        beyond 64 bits, a NUL or a lone surrogate
    """
    try:
        text = body.decode("utf-8")
        # Most bodies have too few brackets to be too deep.
        if text.count("[") + text.count("{") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
            raise InvalidJSON(f"The body is nested deeper than {MAX_DEPTH} levels.")
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_int=_small_int,
            parse_float=_finite,
        )
    except InvalidJSON:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidJSON("The body is not valid JSON in UTF-8.") from error
    # Written out, neither a NUL nor a lone surrogate is JSON in UTF-8: only escapes can bring one.
    if "\\u" in text:
        _check_strings(value)
    return value


def _depth(text: str) -> int:
    """Return the deepest nesting, without recursion and ignoring brackets inside strings."""
    deepest = level = 0
    in_string = escaped = False
    for character in text:
        if in_string:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                in_string = False
        elif character == '"':
            in_string = True
        elif character in "[{":
            level += 1
            deepest = max(deepest, level)
        elif character in "]}":
            level -= 1
    return deepest


def _unique(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidJSON("A key appears twice.")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJSON(f"{name} is not a JSON number.")


def _small_int(digits: str) -> int:
    if len(digits) > 19:
        raise InvalidJSON("A number is too large.")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise InvalidJSON("A number is too large.")
    return number


def _check_strings(value: object) -> None:
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            raise InvalidJSON("A text contains a character that cannot be stored.")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_strings(key)
            _check_strings(item)
    elif isinstance(value, list):
        for item in value:
            _check_strings(item)
