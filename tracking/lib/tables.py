"""
One table, three files: CSV and XLSX for people, Parquet for programs.

What writes XLSX and Parquet is loaded with the first such file: most processes never make one.
"""

from __future__ import annotations

import csv
import io
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}

Value = str | int | float | date | None


class Kind(StrEnum):
    """What a column holds. A share is a number of which 1 is the whole."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    DATE = "date"
    SHARE = "share"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    key: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """
    Rows of values in the order of the columns; None = nothing, or nothing that may be told.

    :raises ValueError: if two columns share a key, a row is not as long as the columns, or a value
        is not of its column's kind
    """

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]

    def __post_init__(self) -> None:
        if len({column.key for column in self.columns}) < len(self.columns):
            raise ValueError(f"{self.name}: two columns have the same key.")
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(self.columns):
                raise ValueError(f"{self.name}: row {number} has {len(row)} values.")
            for column, value in zip(self.columns, row, strict=True):
                if not _is_of(column.kind, value):
                    raise ValueError(
                        f"{self.name}: row {number} has {value!r} where {column.key} is"
                        f" {column.kind}."
                    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """What the numbers mean and how they were chosen: `(name, explanation)` under a title."""

    title: str
    lines: tuple[tuple[str, str], ...]


def as_csv(table: Table) -> bytes:
    """
    Return the table as CSV (RFC 4180) in UTF-8, with the mark without which Excel reads another.

    Text that a spreadsheet would take for a formula begins with an apostrophe (OWASP, "CSV
    Injection"). Shares are numbers such as 0.25.
    """
    text = io.StringIO()
    text.write("\ufeff")
    writer = csv.writer(text)
    writer.writerow(_defused(column.key) for column in table.columns)
    writer.writerows(map(_defused, row) for row in table.rows)
    return text.getvalue().encode()


def as_xlsx(tables: Sequence[Table], *, about: Notes) -> bytes:
    """
    Return a workbook with a sheet for each table and a last one with the notes.

    :raises ValueError: if a table or a text is larger than a sheet or a cell can be
    """
    from xlsxwriter import Workbook

    file = io.BytesIO()
    names = _sheet_names([*(table.name for table in tables), about.title])
    with Workbook(file, {"in_memory": True}) as book:
        head = book.add_format({"bold": True, "bottom": 1})
        formats = {kind: book.add_format({"num_format": code}) for kind, code in _CODES.items()}
        for name, table in zip(names, tables, strict=False):
            sheet = book.add_worksheet(name)
            sheet.freeze_panes(1, 0)
            for at, column in enumerate(table.columns):
                _checked(sheet.write_string(0, at, column.key, head), name)
                cells: list[Value] = [row[at] for row in table.rows]
                sheet.set_column(at, at, _width([column.key, *cells]))
                write = {
                    Kind.TEXT: sheet.write_string,
                    Kind.DATE: sheet.write_datetime,
                }.get(column.kind, sheet.write_number)
                for line, value in enumerate(cells, start=1):
                    if value is not None:
                        _checked(write(line, at, value, formats[column.kind]), name)
        sheet = book.add_worksheet(names[-1])
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        sheet.set_column(0, 0, _width([name for name, _ in about.lines]))
        sheet.set_column(1, 1, _WIDEST)
        for line, (name, explanation) in enumerate(about.lines):
            _checked(sheet.write_string(line, 0, name, wrapped), about.title)
            _checked(sheet.write_string(line, 1, explanation, wrapped), about.title)
    return file.getvalue()


def as_parquet(table: Table) -> bytes:
    """Return the table as Parquet: string, int64, double and date32 columns that may be null."""
    from arro3 import core
    from arro3.io import write_parquet

    kinds = {
        Kind.TEXT: core.DataType.string(),
        Kind.INTEGER: core.DataType.int64(),
        Kind.NUMBER: core.DataType.float64(),
        Kind.SHARE: core.DataType.float64(),
    }

    def array(kind: Kind, values: Iterable[Any]) -> core.Array:
        if kind is Kind.DATE:
            days = [None if day is None else (day - _EPOCH).days for day in values]
            return core.Array(days, core.DataType.int32()).cast(core.DataType.date32())
        return core.Array(list(values), kinds[kind])

    file = io.BytesIO()
    arrays = [
        array(column.kind, [row[at] for row in table.rows])
        for at, column in enumerate(table.columns)
    ]
    keys = [column.key for column in table.columns]
    write_parquet(core.Table.from_arrays(arrays, names=keys), file, compression="snappy")
    return file.getvalue()


# --- what is of which kind

_EPOCH = date(1970, 1, 1)
_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,),
    Kind.INTEGER: (int,),
    Kind.NUMBER: (int, float),
    Kind.DATE: (date,),
    Kind.SHARE: (int, float),
}


def _is_of(kind: Kind, value: Value) -> bool:
    if value is None:
        return True
    if isinstance(value, bool | datetime) or (
        isinstance(value, float) and not math.isfinite(value)
    ):
        return False
    return isinstance(value, _TYPES[kind])


# --- CSV

# Spreadsheets in Japanese take the wide signs for the narrow ones.
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")


def _defused(value: Value) -> Value:
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


# --- XLSX

_WIDEST = 80
_LONGEST_NAME = 31
# In a workbook a date is a number, and its format alone says what it is.
_CODES = {
    Kind.TEXT: "@",
    Kind.INTEGER: "#,##0",
    Kind.NUMBER: "#,##0.00",
    Kind.DATE: "yyyy-mm-dd",
    Kind.SHARE: "0.0%",
}


def _checked(result: int, name: str) -> None:
    """Refuse what the writer would cut off or leave out."""
    if result:
        raise ValueError(f"{name}: larger than a sheet or a cell can be.")


def _sheet_names(names: Iterable[str]) -> list[str]:
    """Return names that Excel takes: 31 characters at most, without its signs, each once."""
    given: dict[str, str] = {}
    for name in names:
        plain = "".join(one if _is_nameable(one) else " " for one in name)
        # Excel keeps "history" for itself, and an apostrophe may not be at an end.
        plain = re.sub(r"(?i)^history$", r"\g<0>_", plain[:_LONGEST_NAME].strip(" '")) or "-"
        numbered = (f"{plain[: _LONGEST_NAME - 4]} {number}" for number in range(2, 1000))
        free = next(one for one in (plain, *numbered) if one.lower() not in given)
        given[free.lower()] = free
    return list(given.values())


def _is_nameable(character: str) -> bool:
    return character.isprintable() and character not in "[]:*?/\\"


def _width(cells: Iterable[Value]) -> int:
    """Return how wide a column is to be, in Latin characters."""
    return min(_WIDEST, 2 + max(map(_columns, cells), default=0))


def _columns(value: Value) -> int:
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in str(value or ""))
