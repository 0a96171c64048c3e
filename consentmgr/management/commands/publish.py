"""`manage.py publish FILE`: declare a site from a TOML catalogue and publish its notice."""

from __future__ import annotations

import tomllib
from argparse import ArgumentParser
from getpass import getuser
from pathlib import Path
from typing import Any, cast

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from tracking.lib.errors import DomainError
from tracking.notices import operations as notices
from tracking.registry import operations as registry

TABLES = {"site", "purposes", "data_items", "partners", "tags"}


class Command(BaseCommand):
    help = "Declare what a catalogue file says and publish it as the site's next notice version."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="a catalogue in TOML")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            content = tomllib.loads(options["file"].read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise CommandError(f"{options['file']}: {error}") from error
        wording = content.pop("wording", {})
        if set(content) != TABLES:
            raise CommandError(
                f"The file must hold {', '.join(sorted(TABLES))} and may hold wording."
            )
        try:
            with transaction.atomic():
                registry.apply_catalogue(catalogue=content)
                notice = notices.publish_notice_version(
                    site_code=content["site"]["code"],
                    wording=wording,
                    author=getuser(),
                    now=timezone.now(),
                )
        except DomainError as error:
            gaps = "".join(f"\n  {gap}" for gap in cast(list[str], error.fields.get("gaps", [])))
            raise CommandError(f"Nothing was changed. {error.message}{gaps}") from error
        self.stdout.write(f"{notice.site_code}: version {notice.number} is in effect.")
