"""`manage.py catalogue`: a site's whole declaration as one YAML file, to keep in git."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from getpass import getuser
from pathlib import Path
from typing import Any, cast

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from tracking.lib.errors import DomainError
from tracking.notices import operations as notices
from tracking.notices import queries as published
from tracking.registry import catalogue_file
from tracking.registry import operations as registry
from tracking.registry import queries as declared
from tracking.registry.catalogue_schema import catalogue_schema


class Command(BaseCommand):
    help = "Export, compare and apply what a site declares, as one YAML file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        export = acts.add_parser("export", help="write what a site declares")
        export.add_argument("site")
        export.add_argument("-o", "--output", type=Path, help="a file; otherwise it is printed")
        apply = acts.add_parser("apply", help="declare what a file says")
        apply.add_argument("file", type=Path)
        apply.add_argument("--publish", action="store_true", help="publish the notice as well")
        apply.add_argument(
            "--dry-run", action="store_true", help="try all of it, say what changes, keep nothing"
        )
        diff = acts.add_parser("diff", help="say what applying a file would change; 1 if anything")
        diff.add_argument("file", type=Path)
        acts.add_parser("schema", help="print the JSON Schema of a file")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['act']}")(options)
        except DomainError as error:
            faults = [*error.fields.get("complaints", []), *error.fields.get("gaps", [])]  # type: ignore[misc]
            listed = "".join(f"\n  {fault}" for fault in cast(list[str], faults))
            raise CommandError(f"Nothing was changed. {error.message}{listed}") from error

    def _export(self, options: dict[str, Any]) -> None:
        there = _find(options["site"])
        if there is None:
            raise declared.UnknownSite
        text = catalogue_file.write(there)
        if options["output"] is None:
            self.stdout.write(text, ending="")
        else:
            options["output"].write_text(text, "utf-8")

    def _apply(self, options: dict[str, Any]) -> None:
        wanted = _read(options["file"])
        site = wanted["site"]["code"]
        with transaction.atomic():
            there = _find(site)
            changes = catalogue_file.compare(there, wanted)
            left = catalogue_file.list_left(there, wanted)
            registry.apply_catalogue(catalogue=_without_wording(wanted))
            words = {
                "site_code": site,
                "wording": wanted["wording"],
                "author": getuser(),
                "now": timezone.now(),
            }
            notices.replace_wording(**words)
            notice = notices.publish_notice_version(**words) if options["publish"] else None
            transaction.set_rollback(options["dry_run"])
        if options["dry_run"]:
            self._print([*changes, *left])
            self.stdout.write(f"{site}: it would apply. Nothing was changed.")
            return
        self._print(left)
        if notice is not None:
            self.stdout.write(f"{site}: version {notice.number} is in effect.")
            return
        self.stdout.write(f"{site}: {len(changes)} changes declared. Nothing is published yet.")

    def _diff(self, options: dict[str, Any]) -> None:
        wanted = _read(options["file"])
        there = _find(wanted["site"]["code"])
        changes = catalogue_file.compare(there, wanted)
        self._print([*changes, *catalogue_file.list_left(there, wanted)])
        if changes:
            raise CommandError(f"{len(changes)} differences.", returncode=1)
        self.stdout.write("No differences.")

    def _schema(self, options: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(catalogue_schema(), ensure_ascii=False, indent=2))

    def _print(self, lines: list[str]) -> None:
        for line in lines:
            self.stdout.write(line)


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file}: {error}") from error
    wanted = catalogue_file.read(text)
    known = {key for lines in published.default_wording().values() for key in lines}
    unknown = sorted({key for lines in wanted["wording"].values() for key in lines} - known)
    if unknown:
        raise CommandError(f"Nothing was changed. The wording has no line {unknown[0]!r}.")
    return wanted


def _find(site: str) -> dict[str, Any] | None:
    """Return what the site declares, with the words of its next notice where they are its own."""
    there = declared.find_catalogue(site_code=site)
    if there is None:
        return None
    return {**there, "wording": published.get_draft(site_code=site).wording}


def _without_wording(catalogue: dict[str, Any]) -> dict[str, Any]:
    return {table: entries for table, entries in catalogue.items() if table != "wording"}
