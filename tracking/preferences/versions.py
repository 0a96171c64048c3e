"""What changed from version to version, in plain words (ET-13). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from tracking.lib import moments
from tracking.notices.diff import TABLES, EntryChange, FieldChange, Revision
from tracking.preferences import wording
from tracking.preferences.book import Book
from tracking.preferences.types import VersionEntry

# Which table the codes in a field are of.
_REFERENCES = {
    "purposes": "purposes",
    "required_items": "data_items",
    "optional_items": "data_items",
    "items": "data_items",
}


def list_versions(
    *, book: Book, revisions: Sequence[Revision], zone: str, now: datetime
) -> tuple[VersionEntry, ...]:
    """Return what each version changed, in the order of `revisions`."""
    return _Chronicle(book=book, revisions=revisions).entries(revisions, zone, now)


class _Chronicle:
    """Calls what came and went by its name, also where no version in effect has it any more."""

    def __init__(self, *, book: Book, revisions: Sequence[Revision]) -> None:
        self._book, self._text, self._language = book, book.text, book.language
        self._fields = wording.field_names(language=book.language)
        self._names: dict[tuple[str, str], Mapping[str, str]] = {
            (table, entry["code"]): entry[named_by]
            for table, named_by in TABLES.items()
            for entry in book.notice.content.get(table, ())
        }
        for revision in revisions:
            for table, diff in revision.diff.tables.items() if revision.diff else ():
                for entry in (*diff.removed, *diff.added):
                    self._names.setdefault((table, entry.code), entry.name)

    def entries(
        self, revisions: Sequence[Revision], zone: str, now: datetime
    ) -> tuple[VersionEntry, ...]:
        def day(at: datetime) -> str:
            return moments.day_text(at=at, zone=zone, language=self._language)

        return tuple(
            VersionEntry(
                number=revision.publication.number,
                published=self._text["published"].format(
                    number=revision.publication.number, date=day(revision.publication.published_at)
                ),
                effective=self._text["effective"].format(
                    date=day(revision.publication.effective_at)
                ),
                is_coming=revision.publication.effective_at > now,
                lines=tuple(self._lines(revision)),
            )
            for revision in revisions
        )

    def _lines(self, revision: Revision) -> Iterator[str]:
        diff, text = revision.diff, self._text
        if diff is None:
            yield text["version_first"]
            return
        for table, changes in diff.tables.items():
            kind = text[f"table_{table}"]
            for key, entries in (("added", changes.added), ("removed", changes.removed)):
                if entries:
                    names = self._book.join(self._book.pick(entry.name) for entry in entries)
                    yield text[f"version_{key}"].format(kind=kind, names=names)
            for change in changes.changed:
                yield text["version_changed"].format(
                    kind=kind,
                    name=self._book.pick(change.name),
                    fields=text["version_separator"].join(self._field_lines(change)),
                )
        if any(change.path[0] == "company" for change in diff.site):
            yield text["version_company"]
        if diff.wording:
            yield text["version_wording"]
        if any(change.path[0] != "company" for change in diff.site) or any(
            changes.is_reordered for changes in diff.tables.values()
        ):
            yield text["version_looks"]

    def _field_lines(self, change: EntryChange) -> Iterator[str]:
        """Return each changed field once: with its text in this language, if that changed."""
        by_field: dict[str, FieldChange] = {}
        for field in change.fields:
            if field.path[0] not in by_field or field.path[1:] == (self._language,):
                by_field[field.path[0]] = field
        yield from dict.fromkeys(
            self._field_line(name, field.path, field.before, field.after)
            for name, field in by_field.items()
        )

    def _field_line(self, name: str, path: tuple[str, ...], before: Any, after: Any) -> str:
        field = self._fields.get(name, self._text["version_other_field"])
        if path[1:] == (self._language,) and before and after:
            return self._text["version_text"].format(field=field, before=before, after=after)
        if name in _REFERENCES:
            table = _REFERENCES[name]
            more = [self._name(table, code) for code in after or () if code not in (before or ())]
            less = [self._name(table, code) for code in before or () if code not in (after or ())]
            parts = [
                self._text[f"version_{key}"].format(kind=field, names=self._book.join(names))
                for key, names in (("added", more), ("removed", less))
                if names
            ]
            return self._text["version_separator"].join(parts)
        return field

    def _name(self, table: str, code: str) -> str:
        return self._book.pick(self._names.get((table, code))) or code
