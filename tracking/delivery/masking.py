"""What a person may see of requests and answers: everything but credentials. Pure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote, quote_plus

from tracking.delivery.types import Recorded
from tracking.lib.outbound_http import Record

MASK = "••••••"
MOST_BYTES = 4096

# Headers that hold nothing but a credential; of `Bearer …` and `Basic …` the first word stays.
_CREDENTIAL_HEADERS = re.compile(
    r"(proxy-)?authorization|(set-)?cookie|.*(api-?key|token|secret|password).*", re.IGNORECASE
)
# Members of JSON and of forms that hold one: what is asked for with it, and what is answered.
_NAMES = (
    r"(?:access|refresh|id|auth|bearer)?_?token|(?:client|api)?_?secret|api_?key|assertion"
    r"|client_assertion|password|private_key|code_verifier"
)
_IN_JSON = re.compile(rf'("(?:{_NAMES})"\s*:\s*")((?:[^"\\]|\\.)*)', re.IGNORECASE)
_IN_FORM = re.compile(rf"((?:^|[?&\s])(?:{_NAMES})=)([^&\s]*)", re.IGNORECASE)
# Shorter pieces of a secret say nothing, and would mask half a page.
_SHORTEST = 6
_SHORTEST_LINE = 24
# `id:secret`
_PAIR = re.compile(r"[!-~]+:[!-~]+")


def as_seen(records: Iterable[Record], *, secrets: Sequence[str]) -> tuple[Recorded, ...]:
    """Return exchanges with every credential masked, also those that a partner gave out."""
    records = list(records)
    needles = _needles([*secrets, *_given_out(records)])
    return tuple(_seen(record, needles) for record in records)


def _seen(record: Record, needles: Sequence[str]) -> Recorded:
    answer = record.answer
    answer_body = b"" if answer is None else answer.body
    return Recorded(
        method=record.method,
        url=_masked(record.url, needles),
        headers=_headers(record.headers, needles),
        body=_masked(_text(record.body), needles),
        status=None if answer is None else answer.status,
        error=record.error,
        answer_headers=() if answer is None else _headers(answer.headers, needles),
        # Masked before it is cut: half a credential is one, too.
        answer_body=_cut(_masked(_text(answer_body), needles)),
        is_answer_cut=len(answer_body) > MOST_BYTES,
        duration_ms=record.duration_ms,
    )


def _headers(headers: Mapping[str, str], needles: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _header(name, value, needles)) for name, value in headers.items())


def _header(name: str, value: str, needles: Sequence[str]) -> str:
    if not _CREDENTIAL_HEADERS.fullmatch(name):
        return _masked(value, needles)
    scheme, blank, _ = value.partition(" ")
    return f"{scheme} {MASK}" if blank and scheme.isalpha() else MASK


def _masked(text: str, needles: Sequence[str]) -> str:
    for needle in needles:
        text = text.replace(needle, MASK)
    return _IN_FORM.sub(rf"\1{MASK}", _IN_JSON.sub(rf"\1{MASK}", text))


def _needles(secrets: Sequence[str]) -> list[str]:
    """Return every spelling in which a secret, or a part of it, may stand in a request."""
    parts: set[str] = set()
    for secret in secrets:
        parts |= {secret, secret.strip()}
        if _PAIR.fullmatch(secret):
            parts |= set(secret.split(":"))
        # A key in a file: each of its lines.
        parts |= {line for line in secret.splitlines() if len(line) >= _SHORTEST_LINE}
    spelled: set[str] = set()
    for part in parts:
        if len(part) >= _SHORTEST:
            spelled |= {
                part,
                quote(part, safe=""),
                quote_plus(part),
                json.dumps(part)[1:-1],
                json.dumps(part, ensure_ascii=False)[1:-1],
                base64.b64encode(part.encode()).decode(),
            }
    # The longest first, so that none is left half.
    return sorted(spelled, key=len, reverse=True)


def _given_out(records: Sequence[Record]) -> list[str]:
    """Return the tokens that answers hold: the next request carries them."""
    return [
        found[2]
        for record in records
        if record.answer is not None
        for found in _IN_JSON.finditer(_text(record.answer.body))
    ]


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _cut(text: str) -> str:
    return text.encode()[:MOST_BYTES].decode("utf-8", "ignore")
