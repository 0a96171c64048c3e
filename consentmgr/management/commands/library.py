"""`manage.py library`: partners and tags to start from."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tracking.lib import strict_yaml
from tracking.lib.errors import DomainError
from tracking.registry import library, operations, queries
from tracking.registry.types import LibraryEntry


class Command(BaseCommand):
    help = "Look into the library of partners and tags, and add from it to a site as drafts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        listing = acts.add_parser("list", help="print code, name and partner of every tag")
        listing.add_argument("--search", default="", help="only those that hold these words")
        acts.add_parser("show", help="print an entry").add_argument("code")
        add = acts.add_parser("add", help="declare tags as drafts, with all that they need")
        add.add_argument("site")
        add.add_argument("codes", nargs="+", metavar="code")
        acts.add_parser("identify", help="say whose a host is").add_argument("host")
        acts.add_parser("taxonomy", help="print purposes and data items for a new catalogue")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['act']}")(options)
        except DomainError as error:
            raise CommandError(f"{error.message} Nothing was changed.") from error

    def _list(self, options: dict[str, Any]) -> None:
        for entry in library.search(options["search"]):
            self.stdout.write(
                f"{entry.code:20} {entry.tag['name']['en']} — {entry.partner['legal_name']['en']}"
            )

    def _show(self, options: dict[str, Any]) -> None:
        entry = library.get(options["code"])
        said = {"partners": [entry.partner], "tags": [entry.tag]}
        self.stdout.write(strict_yaml.write(said), ending="")
        self.stdout.write(f"# Sources: {', '.join(entry.source) or 'none'}")
        self._print_verify(entry)

    def _add(self, options: dict[str, Any]) -> None:
        added = operations.add_from_library(site_code=options["site"], codes=options["codes"])
        for entry in added:
            self.stdout.write(f"{entry.code} is declared as a draft.")
            self._print_verify(entry)
        for item in queries.list_unnamed_items(site_code=options["site"]):
            self.stdout.write(f"Data item {item}: write in named_in where your policy names it.")
        self.stdout.write("Check all of this, then set the status of the tags to live and publish.")

    def _identify(self, options: dict[str, Any]) -> None:
        host = options["host"]
        entries, known = library.find_by_host(host)
        owner = queries.find_owner(host)
        for entry in entries:
            self.stdout.write(f"Tag {entry.code} of {entry.partner['legal_name']['en']}")
        for one in known:
            name = one.name.get("en", "unknown owner")
            self.stdout.write(f"{one.host}: {name}. {one.note}".rstrip() + " (not verified)")
        if owner is not None:
            self.stdout.write(f"third-party-web: {owner.name} ({owner.company}), {owner.category}")
        if not entries and not known and owner is None:
            raise CommandError(f"Nobody here knows {host}.", returncode=1)

    def _taxonomy(self, options: dict[str, Any]) -> None:
        start = library.load_taxonomy()
        said = {table: start[table] for table in ("purposes", "data_items")}
        self.stdout.write(strict_yaml.write(said), ending="")

    def _print_verify(self, entry: LibraryEntry) -> None:
        self.stdout.write(f"# To be verified: {', '.join(entry.verify)}")
