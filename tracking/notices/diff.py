"""What changed between two notice contents. Pure, and the same for the same two contents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracking.notices.types import Publication

# Every table of a content, with the text that names an entry to people.
TABLES = {
    "purposes": "name",
    "data_items": "name",
    "partners": "legal_name",
    "tags": "name",
    "joint_uses": "purpose",
}
# Follow from everything else, or only count.
_DERIVED = frozenset({"schema", "number", "material_since"})
_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """
    One value that changed; None where there was none.

    `path` leads to it through its entry, a text's language last: `("our_purpose", "ja")`.
    """

    path: tuple[str, ...]
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry that came or went. `name` is by language."""

    code: str
    name: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryChange:
    """An entry that stayed, under its new `name`, with every value that changed in it."""

    code: str
    name: Mapping[str, str]
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDiff:
    """`is_reordered`: the entries that stayed are in another order."""

    added: tuple[Entry, ...]
    removed: tuple[Entry, ...]
    changed: tuple[EntryChange, ...]
    is_reordered: bool

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.removed or self.changed or self.is_reordered)


@dataclass(frozen=True, slots=True, kw_only=True)
class WordingChange:
    """One line of the wording; None where there was none."""

    language: str
    key: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """
    `tables` has all of `TABLES`. `site` is what concerns no entry: company, languages, look,
    presentation, months until the review.
    """

    wording: tuple[WordingChange, ...]
    tables: Mapping[str, TableDiff]
    site: tuple[FieldChange, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.wording or self.site) and all(t.is_empty for t in self.tables.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One published version and what it changed; None for the first."""

    publication: Publication
    diff: Diff | None


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> Diff:
    """
    Return every change from one notice content to another.

    A value that a content does not have is the same as an empty one, since older contents lack what
    was not declared yet. Entries are in the order of their content, values in that of their names.
    """
    return Diff(
        wording=tuple(
            WordingChange(
                language=change.path[0],
                key=change.path[1],
                before=change.before,
                after=change.after,
            )
            for change in _changes(before.get("wording", _NOTHING), after.get("wording", _NOTHING))
        ),
        tables={
            table: _compare_table(before.get(table, ()), after.get(table, ()), named_by)
            for table, named_by in TABLES.items()
        },
        site=tuple(_changes(_without_tables(before), _without_tables(after))),
    )


def _compare_table(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]], named_by: str
) -> TableDiff:
    old = {entry["code"]: entry for entry in before}
    new = {entry["code"]: entry for entry in after}
    changes = {
        code: tuple(_changes(old[code], entry)) for code, entry in new.items() if code in old
    }
    return TableDiff(
        added=tuple(
            Entry(code=code, name=entry[named_by]) for code, entry in new.items() if code not in old
        ),
        removed=tuple(
            Entry(code=code, name=entry[named_by]) for code, entry in old.items() if code not in new
        ),
        changed=tuple(
            EntryChange(code=code, name=new[code][named_by], fields=fields)
            for code, fields in changes.items()
            if fields
        ),
        is_reordered=[code for code in old if code in new] != list(changes),
    )


def _changes(
    before: Mapping[str, Any], after: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[FieldChange]:
    for key in sorted((before.keys() | after.keys()) - _DERIVED):
        old, new = before.get(key), after.get(key)
        if (old or None) == (new or None):
            continue
        if isinstance(old or _NOTHING, Mapping) and isinstance(new or _NOTHING, Mapping):
            yield from _changes(old or _NOTHING, new or _NOTHING, (*path, key))
        else:
            yield FieldChange(path=(*path, key), before=old, after=new)


def _without_tables(content: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in content.items() if key not in {*TABLES, "wording"}}
