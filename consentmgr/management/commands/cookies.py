"""`manage.py cookies`: the operator's copy of the Open Cookie Database, and what it says."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tracking.lib.errors import DomainError
from tracking.registry import known_cookies, operations, queries


class Command(BaseCommand):
    help = "Import the Open Cookie Database, and hold a site's cookies against it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        read = acts.add_parser("import", help="replace what is known by this file")
        read.add_argument("file", type=Path, help="open-cookie-database.csv")
        check = acts.add_parser("check", help="say where declared cookies are not as known")
        check.add_argument("site")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["act"] == "import":
            self._import(options["file"])
        else:
            self._check(options["site"])

    def _import(self, file: Path) -> None:
        try:
            cookies = known_cookies.read(file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, known_cookies.NotTheDatabase) as error:
            raise CommandError(f"{file}: {error} Nothing was changed.") from error
        counts = operations.import_known_cookies(cookies=cookies)
        self.stdout.write(
            f"{len(cookies)} cookies: {counts.added} added, {counts.changed} changed, "
            f"{counts.unchanged} as before, {counts.removed} removed."
        )

    def _check(self, site: str) -> None:
        try:
            advice = queries.list_cookie_advice(site_code=site)
        except DomainError as error:
            raise CommandError(error.message) from error
        for line in advice:
            self.stdout.write(line)
        self.stdout.write(f"{len(advice)} to look at." if advice else "All as known.")
