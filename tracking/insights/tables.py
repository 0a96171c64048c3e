"""The dashboard's numbers as tables to take along. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tracking.insights.filtering import View
from tracking.insights.funnel import NUMBERS
from tracking.insights.phrases import Phrases
from tracking.insights.types import Base, Funnel, Number, OptInReport, Rate
from tracking.lib import proportions, tables
from tracking.lib.tables import Column, Kind, Notes, Table, Value

# The workbook that holds all of them.
WORKBOOK = "opt-in"
NAMES = ("by_day", "purposes", "breakdowns", "choices")
_WRITERS = {"csv": tables.as_csv, "parquet": tables.as_parquet}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLink:
    """The address is relative to the dashboard's."""

    name: str
    label: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    name: str
    content_type: str
    content: bytes


def list_files(name: str, *, view: View, phrases: Phrases) -> tuple[FileLink, ...]:
    """Return links to one table's files; the workbook is of all tables."""
    what = phrases.say(f"table_{name}")
    return tuple(
        FileLink(
            name=phrases.say(f"file_{kind}"),
            label=phrases.say("file_label", table=table, file=phrases.say(f"file_{kind}")),
            address=f"downloads/{path}.{kind}{view.address()}",
        )
        for kind, path, table in (
            ("csv", name, what),
            ("xlsx", WORKBOOK, phrases.say("table_all")),
            ("parquet", name, what),
        )
    )


def build_tables(*, report: OptInReport, phrases: Phrases) -> Mapping[str, Table]:
    """
    Return what the page shows, by name. Sums of a column are the page's numbers.

    An empty cell is a number too small to tell, which is in no sum either. A share that can only be
    told as a range is empty, and its ends are beside it; else they are its 95 % interval.
    """
    return {
        "by_day": _by_day(report),
        "purposes": _purposes(report, phrases),
        "breakdowns": _breakdowns(report, phrases),
        "choices": _choices(report, phrases),
    }


def build_file(name: str, kind: str, *, report: OptInReport, view: View) -> File | None:
    """Return a table, or the workbook of all, as a file; None if there is no such file."""
    phrases = Phrases(language=view.language, k=report.smallest)
    built = build_tables(report=report, phrases=phrases)
    if (name, kind) == (WORKBOOK, "xlsx"):
        content = tables.as_xlsx(
            tuple(built.values()), about=build_notes(report=report, phrases=phrases)
        )
    elif name in built and kind in _WRITERS:
        content = _WRITERS[kind](built[name])
    else:
        return None
    return File(
        name=f"{report.filters.site}-{report.until:%Y%m%d}-{name}.{kind}",
        content_type=tables.CONTENT_TYPES[kind],
        content=content,
    )


def make_file(name: str, kind: str, *, table: Table, about: Notes) -> File:
    """Return one table as a file; a workbook also says what it is about."""
    content = tables.as_xlsx((table,), about=about) if kind == "xlsx" else _WRITERS[kind](table)
    return File(name=f"{name}.{kind}", content_type=tables.CONTENT_TYPES[kind], content=content)


def build_notes(*, report: OptInReport, phrases: Phrases) -> Notes:
    """Return what the workbook's numbers are of, and what they mean."""
    return Notes(
        title=phrases.say("definitions"),
        lines=(
            (phrases.say("filter_site"), report.filters.site),
            (
                phrases.say("filter_days"),
                f"{report.days[0].isoformat()} – {report.days[-1].isoformat()}",
            ),
            *(
                (phrases.dimension(dimension), phrases.value(dimension, value))
                for dimension, value in report.filters.where.items()
            ),
            *phrases.definitions(),
        ),
    )


# --- each table

_FUNNEL = tuple(Column(key=key, kind=Kind.INTEGER) for key in NUMBERS)
_AGAIN = ("shown_again", "asked_again", "withdrawn")
_RATE = ("granted", "shown", "decided")


def _by_day(report: OptInReport) -> Table:
    return Table(
        name="by_day",
        columns=(
            Column(key="day", kind=Kind.DATE),
            *_FUNNEL,
            *(Column(key=key, kind=Kind.INTEGER) for key in _AGAIN),
            *_rate_columns(report),
        ),
        rows=tuple(
            (
                row.day,
                *_of_funnel(row.funnel),
                *(_value(getattr(row, key)) for key in _AGAIN),
                *(value for purpose in report.purposes for value in _of_rate(purpose.by_day[at])),
            )
            for at, row in enumerate(report.by_day)
        ),
    )


def _purposes(report: OptInReport, phrases: Phrases) -> Table:
    return Table(
        name="purposes",
        columns=(
            Column(key="purpose"),
            Column(key="name"),
            *_share_columns(),
            Column(key="withdrawn", kind=Kind.INTEGER),
        ),
        rows=tuple(
            (
                purpose.code,
                phrases.pick(purpose.name, purpose.code),
                *_shares(purpose.period),
                _value(purpose.withdrawn),
            )
            for purpose in report.purposes
        ),
    )


def _breakdowns(report: OptInReport, phrases: Phrases) -> Table:
    return Table(
        name="breakdowns",
        columns=(
            Column(key="dimension"),
            Column(key="value"),
            Column(key="name"),
            *_FUNNEL,
            *(
                column
                for purpose in report.purposes
                for column in _share_columns(f"{purpose.code}_")
            ),
        ),
        rows=tuple(
            (
                dimension.value,
                row.value,
                phrases.value(dimension, row.value),
                *_of_funnel(row.funnel),
                *(
                    value
                    for purpose in report.purposes
                    for value in _shares(row.rates[purpose.code])
                ),
            )
            for dimension, rows in report.breakdowns.items()
            for row in rows
        ),
    )


def _choices(report: OptInReport, phrases: Phrases) -> Table:
    rows: list[tuple[Value, ...]] = []
    for choice in report.choices:
        kind, _, code = choice.id.partition(":")
        rows.append((kind, code, phrases.pick(choice.name, code), *_shares(choice.rate)))
    return Table(
        name="choices",
        columns=(
            Column(key="kind"),
            Column(key="code"),
            Column(key="name"),
            *_share_columns(),
        ),
        rows=tuple(rows),
    )


# --- cells


def _rate_columns(report: OptInReport) -> tuple[Column, ...]:
    return tuple(
        Column(key=f"{purpose.code}_{key}", kind=Kind.INTEGER)
        for purpose in report.purposes
        for key in _RATE
    )


def _share_columns(before: str = "") -> tuple[Column, ...]:
    shares = (f"of_{base.value}{end}" for base in Base for end in ("", "_low", "_high"))
    return (
        *(Column(key=f"{before}{key}", kind=Kind.INTEGER) for key in _RATE),
        *(Column(key=f"{before}{key}", kind=Kind.SHARE) for key in shares),
    )


def _shares(rate: Rate) -> tuple[Value, ...]:
    shares: list[Value] = []
    for base in Base:
        share, interval = base.share(rate), None
        if share is not None:
            interval = proportions.wilson(part=rate.granted, whole=base.whole(rate))
        elif base.is_vague(rate):
            interval = base.bounds(rate)
        shares += [share, *((interval.low, interval.high) if interval else (None, None))]
    return (*_of_rate(rate), *shares)


def _of_rate(rate: Rate) -> tuple[Value, ...]:
    if not rate.shown:
        return (None, None, None) if rate.is_partial else (0, 0, 0)
    return (rate.granted, rate.shown, rate.decided)


def _of_funnel(funnel: Funnel) -> tuple[Value, ...]:
    return tuple(_value(getattr(funnel, key)) for key in NUMBERS)


def _value(number: Number) -> int | None:
    return None if number.is_hidden else number.value
