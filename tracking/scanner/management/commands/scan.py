"""`manage.py scan`: hold a site, as a browser sees it, against its notice."""

from __future__ import annotations

import json
import shutil
import sys
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from tracking.lib.errors import DomainError
from tracking.scanner import page
from tracking.scanner.browser import ScanFailed
from tracking.scanner.run import scan

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


class Command(BaseCommand):
    help = (
        "Read a site's pages in a real browser and hold what they ask and keep against the notice."
        " Exits 1 if the site is not as published."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        scheme = "https" if settings.COOKIE_SECURE else "http"
        parser.add_argument("--site", required=True, help="the site's code")
        parser.add_argument(
            "--start", required=True, type=_address,
            help="where to begin; links of its origin and below its folder are followed",
        )  # fmt: skip
        parser.add_argument("--pages", type=_count, default=20, help="at most (%(default)s)")
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.add_argument(
            "--service",
            default=f"{scheme}://{settings.ALLOWED_HOSTS[0]}",
            help="where pages reach this service (%(default)s)",
        )
        parser.add_argument(
            "--browser",
            default=next(filter(None, map(shutil.which, _PROGRAMS)), None),
            help="the Chromium to drive (%(default)s; none = playwright's own)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = scan(
                site_code=options["site"],
                start=options["start"],
                service=options["service"],
                pages=options["pages"],
                program=options["browser"],
                clock=timezone.now,
            )
        except DomainError as error:
            raise CommandError(error.message) from error
        except ScanFailed as error:
            raise CommandError(str(error), returncode=2) from error
        if options["json"]:
            self.stdout.write(json.dumps(page.as_json(found), ensure_ascii=False, indent=2))
        else:
            self.stdout.write("\n".join(page.lines(found)))
        if found.alarms:
            sys.exit(1)


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ArgumentTypeError(f"{text!r} is no address such as https://shop.example/")
    return parts._replace(netloc=parts.netloc.lower(), path=parts.path or "/", fragment="").geturl()


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ArgumentTypeError("Name at least one page.")
    return number
