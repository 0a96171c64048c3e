"""A ledger as a file, a line at a time. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping

from tracking.consents import provisions
from tracking.consents.types import ProvisionDays
from tracking.web.parts import pick

FORMATS = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
# Rule 28(1)'s items in their order: ① confirmed, ② first and last day, ③ recipient, ④ items.
COLUMNS = (
    "number", "consent_confirmed", "agreed_on_notice", "country", "foreign_basis",
    "foreign_system", "foreign_measures", "foreign_information_version", "first_day", "last_day",
    "recipient_name", "recipient_address", "recipient_representative", "recipient_role",
    "data_items", "tags", "transport",
)  # fmt: skip


def write(*, lines: Iterable[ProvisionDays], file_format: str, language: str) -> Iterator[str]:
    """Return a file in pieces. Lines are numbered; nothing says which belong to one device."""
    return _csv(lines, language) if file_format == "csv" else _json(lines)


def _json(lines: Iterable[ProvisionDays]) -> Iterator[str]:
    yield '{"provisions": ['
    for number, line in enumerate(lines, start=1):
        facts = {"number": number, **provisions.days_as_json(line)}
        yield ("" if number == 1 else ",") + "\n" + json.dumps(facts, ensure_ascii=False)
    yield "\n]}\n"


def _csv(lines: Iterable[ProvisionDays], language: str) -> Iterator[str]:
    # Spreadsheets take a file for UTF-8 only with this in front.
    yield "\ufeff" + _row(COLUMNS)
    for number, line in enumerate(lines, start=1):
        facts = provisions.days_as_json(line)
        recipient, foreign = line.recipient, facts["foreign"] or {}

        def text(names: Mapping[str, str]) -> str:
            return pick(names, language)

        yield _row(
            (
                str(number),
                text(recipient.confirmation),
                str(line.agreed_on),
                recipient.country,
                foreign.get("basis", ""),
                text(foreign.get("system", {})),
                text(foreign.get("measures", {})),
                str(foreign.get("information_version", "")),
                facts["first_day"],
                facts["last_day"] or "",
                text(recipient.legal_name),
                text(recipient.address),
                text(recipient.representative),
                recipient.role,
                " / ".join(text(name) for name in line.items.values()),
                " ".join(tag.code for tag in line.tags),
                " ".join(sorted({tag.transport for tag in line.tags})),
            )
        )


def _row(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()
