"""Files of numbers, read back by programs that did not write them."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from datetime import date, datetime
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.utils.escape import unescape
from pyarrow import parquet

from tracking.lib.tables import (
    Column,
    Kind,
    Notes,
    Table,
    Value,
    as_csv,
    as_parquet,
    as_xlsx,
)

COLUMNS = (
    Column(key="day", kind=Kind.DATE),
    Column(key="language"),
    Column(key="shown", kind=Kind.INTEGER),
    Column(key="of_shown", kind=Kind.SHARE),
    Column(key="a_day", kind=Kind.NUMBER),
)
ROWS: tuple[tuple[Value, ...], ...] = (
    (date(2026, 11, 26), "日本語、敬体", 12_345, 0.25, 1.5),
    (date(2026, 11, 27), 'en "US"\nnext', 0, 1, 3),
    (None, None, None, None, None),
)
NOTES = Notes(title="数字の意味", lines=(("shown", "表示した回数"), ("site", "=shop")))
FORMULAS = (
    "=1+1", "+1", "-1", "@SUM(1)", " =1", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠A1",
)  # fmt: skip
LONGEST_TEXT = 32_767


def table(rows: tuple[tuple[Value, ...], ...] = ROWS, name: str = "日別") -> Table:
    return Table(name=name, columns=COLUMNS, rows=rows)


def of_texts(*texts: str, name: str = "texts") -> Table:
    return Table(name=name, columns=(Column(key="text"),), rows=tuple((one,) for one in texts))


def book(*tables: Table) -> Any:
    return openpyxl.load_workbook(io.BytesIO(as_xlsx(tables, about=NOTES)))


def columns(of: Table) -> Any:
    return parquet.read_table(io.BytesIO(as_parquet(of)))


def lines(of: Table) -> list[list[str]]:
    return list(csv.reader(io.StringIO(as_csv(of).decode("utf-8-sig"), newline="")))


# --- CSV


def test_csv_says_what_the_table_says() -> None:
    assert lines(table()) == [
        ["day", "language", "shown", "of_shown", "a_day"],
        ["2026-11-26", "日本語、敬体", "12345", "0.25", "1.5"],
        ["2026-11-27", 'en "US"\nnext', "0", "1", "3"],
        ["", "", "", "", ""],
    ]


def test_csv_is_written_as_excel_and_the_standard_want_it() -> None:
    written = as_csv(table())

    assert written.startswith(b"\xef\xbb\xbfday,")
    assert written.count(b"\r\n") == 4
    assert b'"en ""US""\nnext"' in written


@pytest.mark.parametrize("text", FORMULAS)
def test_text_in_csv_is_never_a_formula(text: str) -> None:
    assert lines(of_texts(text))[1] == [f"'{text}"]
    assert lines(Table(name="t", columns=(Column(key=text),), rows=()))[0] == [f"'{text}"]


def test_a_number_below_zero_is_a_number() -> None:
    assert lines(table(((None, "a-b", -5, -0.5, -1),)))[1] == ["", "a-b", "-5", "-0.5", "-1"]


# --- XLSX


def test_a_sheet_has_real_dates_numbers_and_shares() -> None:
    sheet = book(table())["日別"]

    assert [[cell.value for cell in row] for row in sheet] == [
        ["day", "language", "shown", "of_shown", "a_day"],
        [datetime(2026, 11, 26), "日本語、敬体", 12_345, 0.25, 1.5],  # noqa: DTZ001
        [datetime(2026, 11, 27), 'en "US"\nnext', 0, 1, 3],  # noqa: DTZ001
    ]
    assert [cell.data_type for cell in sheet[2]] == ["d", "s", "n", "n", "n"]
    assert [cell.number_format for cell in sheet[2]] == [
        "yyyy-mm-dd", "@", "#,##0", "0.0%", "#,##0.00",
    ]  # fmt: skip
    assert sheet.freeze_panes == "A2"
    assert all(cell.font.b for cell in sheet[1])


@pytest.mark.parametrize("text", [*FORMULAS, "https://shop.example/", "00123", "{=1}"])
def test_text_in_a_sheet_stays_the_same_text(text: str) -> None:
    cell = book(of_texts(text))["texts"]["A2"]

    assert cell.data_type == "s"
    assert cell.value == text.replace("\r", "_x000D_")
    assert cell.hyperlink is None


def test_the_last_sheet_says_what_the_numbers_mean() -> None:
    made = book(table(), table(name="週別"))

    assert made.sheetnames == ["日別", "週別", "数字の意味"]
    assert [[cell.value for cell in row] for row in made["数字の意味"]] == [
        ["shown", "表示した回数"],
        ["site", "=shop"],
    ]
    assert made["数字の意味"]["B2"].data_type == "s"


def test_sheets_are_named_as_excel_takes_it() -> None:
    names = [
        "a/b:[c]?", "", "History", "'it'", "長" * 40, "長" * 40, "SAME", "same", f"{'x' * 30}'y",
        "\x1f",
    ]  # fmt: skip

    assert book(*(table(name=name) for name in names)).sheetnames == [
        "a b  c", "-", "History_", "it", "長" * 31, f"{'長' * 27} 2", "SAME", "same 2", "x" * 30,
        "- 2", NOTES.title,
    ]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text(max_size=12), max_size=4), name=st.text(max_size=40))
def test_any_text_comes_back_from_every_file(texts: list[str], name: str) -> None:
    given_table = of_texts(*texts, name=name)
    sheet = openpyxl.load_workbook(io.BytesIO(as_xlsx([given_table], about=NOTES))).worksheets[0]

    # The reader leaves the workbook's own spelling of control characters as it is.
    cells = [unescape(row[0].value or "") for row in sheet.iter_rows(min_row=2)]
    assert [*cells, *[""] * (len(texts) - len(cells))] == [unescape(one) for one in texts]
    assert columns(given_table).to_pylist() == [{"text": one} for one in texts]
    written = [row[0] if row else "" for row in lines(given_table)[1:]]
    assert [one in (two, f"'{two}") for one, two in zip(written, texts, strict=True)] == (
        [True] * len(texts)
    )


def test_columns_are_as_wide_as_what_is_in_them() -> None:
    made = book(of_texts("日本語", "ab"), of_texts("x" * 500, name="long"))

    def width(name: str) -> int:
        return round(made[name].column_dimensions["A"].width)

    assert 8 <= width("texts") <= 9
    assert 80 <= width("long") <= 81


def test_a_text_that_no_cell_can_hold_is_refused_and_not_cut() -> None:
    assert len(book(of_texts("x" * LONGEST_TEXT))["texts"]["A2"].value) == LONGEST_TEXT
    with pytest.raises(ValueError, match="texts: larger than"):
        as_xlsx([of_texts("x" * (LONGEST_TEXT + 1))], about=NOTES)


# --- Parquet


def test_parquet_has_typed_columns_and_nulls() -> None:
    read = columns(table())

    assert read.schema.types == [pa.date32(), pa.string(), pa.int64(), pa.float64(), pa.float64()]
    assert [tuple(row.values()) for row in read.to_pylist()] == list(ROWS)


@pytest.mark.parametrize("text", FORMULAS)
def test_text_in_parquet_is_as_it_was(text: str) -> None:
    assert columns(of_texts(text)).to_pylist() == [{"text": text}]


# --- all of them


def test_a_table_without_rows_keeps_its_columns() -> None:
    empty = table(())

    assert lines(empty) == [["day", "language", "shown", "of_shown", "a_day"]]
    assert [cell.value for cell in book(empty)["日別"][1]] == lines(empty)[0]
    assert columns(empty).schema == columns(table()).schema
    assert columns(empty).num_rows == 0


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.TEXT, 1),
        (Kind.INTEGER, 1.0),
        (Kind.INTEGER, True),
        (Kind.INTEGER, "1"),
        (Kind.NUMBER, float("nan")),
        (Kind.SHARE, float("inf")),
        (Kind.SHARE, "25%"),
        (Kind.DATE, "2026-11-26"),
        (Kind.DATE, datetime(2026, 11, 26)),  # noqa: DTZ001
    ],
)
def test_a_value_of_another_kind_is_refused(kind: Kind, value: Any) -> None:
    with pytest.raises(ValueError, match=f"where x is {kind}"):
        Table(name="t", columns=(Column(key="x", kind=kind),), rows=((value,),))


def test_a_table_that_does_not_hold_together_is_refused() -> None:
    with pytest.raises(ValueError, match="row 2 has 1 values"):
        Table(name="t", columns=COLUMNS, rows=(ROWS[0], (None,)))
    with pytest.raises(ValueError, match="same key"):
        Table(name="t", columns=(Column(key="x"), Column(key="x")), rows=())


def test_what_writes_files_is_not_loaded_before_there_is_one() -> None:
    """Each web process would carry it in its memory."""
    asked = "import sys, tracking.lib.tables; print({'arro3', 'xlsxwriter'} & {*sys.modules})"
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)

    assert told.stdout == "set()\n"
