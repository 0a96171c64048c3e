"""`manage.py pin_script SITE`: fix the site's script as it is now, and print the line to paste."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse
from django.utils import timezone

from tracking.banner import operations
from tracking.lib.errors import DomainError

AGAIN = (
    "It never changes. Pin again, and paste the new line, after every publication: until then no "
    "visitor of this page can grant anything (docs/page-api.md, section 8)."
)


class Command(BaseCommand):
    help = "Fix a site's script as it is now under an address of its own; print the line to paste."

    def add_arguments(self, parser: ArgumentParser) -> None:
        scheme = "https" if settings.COOKIE_SECURE else "http"
        parser.add_argument("site", help="the site's code")
        parser.add_argument("--country", default="", help="its rules; default: the site's own")
        parser.add_argument("--language", default="", help="the only one; default: all the site's")
        parser.add_argument(
            "--origin",
            default=f"{scheme}://{settings.ALLOWED_HOSTS[0]}",
            help="where pages reach this service (%(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            script = operations.pin_script(
                site_code=options["site"],
                language=options["language"],
                country=options["country"],
                now=timezone.now(),
            )
        except DomainError as error:
            raise CommandError(error.message) from error
        path = reverse("banner-fixed", kwargs={"name": options["site"], "digest": script.digest})
        self.stdout.write(
            f'<script src="{options["origin"].rstrip("/")}{path}" integrity="{script.integrity}"'
            ' crossorigin="anonymous"></script>'
        )
        self.stdout.write(AGAIN)
