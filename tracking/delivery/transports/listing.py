"""Messages as a list, for partners that are told by files: the same columns everywhere."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence

from tracking.delivery import rules
from tracking.delivery.types import Message
from tracking.lib import canonical_json

COLUMNS = ("message", "type", "version", "decided_at", "due_at", "withdrawn", "identifier")
# What spreadsheets take for the beginning of a formula (OWASP, CSV Injection).
_FORMULA = tuple("=+-@\t\r＝＋－＠")


def digest(messages: Iterable[Message]) -> str:
    """Return the hex SHA-256 that names these messages, whatever their order; the same on retry."""
    keys = sorted(message.key.hex for message in messages)
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()


def as_csv(messages: Sequence[Message]) -> bytes:
    """
    Return UTF-8 CSV (RFC 4180) with one line per identifier, the pairwise subject being the first.

    `identifier` is the kind, a colon and the value: so no value, whoever chose it, is at the
    beginning of a cell, where a spreadsheet would run it, and none had to be changed for that.
    """
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(COLUMNS)
    for message in messages:
        data = message.payload.get("data", {})
        fields = [
            rules.message_id(message.key),
            message.type,
            data.get("version", ""),
            data.get("decided_at", ""),
            data.get("due_at", ""),
            " ".join(withdrawn(message)),
        ]
        for kind, value in {"subject": message.subject, **message.identifiers}.items():
            lines.writerow(_safe(str(field)) for field in (*fields, f"{kind}:{value}"))
    return text.getvalue().encode()


def as_jsonl(messages: Sequence[Message]) -> bytes:
    """Return one canonical JSON object a line: the message's payload, its id and identifiers."""
    return b"".join(
        canonical_json.dumps(
            {
                "id": rules.message_id(message.key),
                **message.payload,
                "identifiers": dict(message.identifiers),
            }
        )
        + b"\n"
        for message in messages
    )


def withdrawn(message: Message) -> list[str]:
    """Return what a message takes back, as ids such as purpose:advertising."""
    told = message.payload.get("data", {}).get("withdrawn")
    if not isinstance(told, dict):
        return []
    return [
        *(f"purpose:{code}" for code in told.get("purposes", ())),
        *(f"item:{code}" for code in told.get("data_items", ())),
    ]


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
