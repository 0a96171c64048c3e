"""`manage.py demo_visitors`: made-up traffic for the demo, through the running service's API."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from aiohttp import ClientError
from django.core.management.base import CommandError, CommandParser

from consentmgr.demo import visitors
from consentmgr.demo.command import DemoCommand
from consentmgr.demo.places import get_places


class Command(DemoCommand):
    help = (
        "Send made-up visitors to the running demo. The service stamps their decisions itself, "
        "so all of them belong to today."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--count", type=int, default=400, help="visitors (400)")
        parser.add_argument("--at-once", type=int, default=8, help="of them at a time (8)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["count"] < 1 or options["at_once"] < 1:
            raise CommandError("--count and --at-once must be at least 1.")
        places = get_places()
        try:
            told = asyncio.run(
                visitors.send_all(places=places, count=options["count"], at_once=options["at_once"])
            )
        except (ClientError, TimeoutError) as error:
            raise CommandError(
                f"The service does not answer at {places.service} ({error}). Nothing was sent; "
                "start it with `python3 manage.py up`."
            ) from error
        if told.failures.total() == options["count"]:
            raise CommandError(f"No visitor came through: {_list(told.failures)}.")
        did, failed = told.did, told.failures
        self.stdout.write(
            f"Demo traffic, all dated today: {did['allow']} allowed, {did['refuse']} refused, "
            f"{did['choose']} chose, {did['ignore']} ignored the banner; "
            f"{did['withdraw']} withdrew afterwards"
            + (f"; failed: {_list(failed)}." if failed else ".")
        )


def _list(failures: Counter[str]) -> str:
    return ", ".join(f"{count} × {what}" for what, count in failures.most_common())
