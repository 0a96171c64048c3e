"""`manage.py demo_partners`: the demo's partners, listening until the process is told to end."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from consentmgr.demo import endpoint_secrets, receivers
from consentmgr.demo.catalogue import read_catalogue
from consentmgr.demo.command import DemoCommand
from consentmgr.demo.places import get_places


class Command(DemoCommand):
    help = "Run the receivers that play the demo shop's partners, and the page that shows them."

    def handle(self, *args: Any, **options: Any) -> None:
        places = get_places()
        catalogue = read_catalogue(places=places)
        secrets = endpoint_secrets.load_or_make(
            folder=settings.DATA_DIR, partners=[one.partner for one in catalogue.receivers]
        )

        async def serve() -> None:
            stop = asyncio.Event()
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop.set)
            async with receivers.listening(
                receivers=catalogue.receivers, secrets=secrets, places=places
            ):
                self.stdout.write(f"Partner receivers: {places.overview}")
                await stop.wait()

        try:
            asyncio.run(serve())
        except OSError as error:
            raise CommandError(f"The receivers cannot listen: {error}") from error
