"""`manage.py demo_seed`: bring the demo to the state its catalogue describes."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.utils import timezone

from consentmgr.demo import past, seeding
from consentmgr.demo.command import DemoCommand
from consentmgr.demo.places import get_places


class Command(DemoCommand):
    help = "Fill the demo: catalogue, notice, partner endpoints, console accounts. Repeatable."

    def handle(self, *args: Any, **options: Any) -> None:
        seeded = seeding.seed(
            places=get_places(),
            data_folder=settings.DATA_DIR,
            # Handed to this command alone; nothing else reads it.
            password=os.environ.get("CONSOLE_PASSWORD", ""),
            keys=settings.CONSENT_KEYS,
            past_days=past.past_days(),
            now=timezone.now(),
        )
        if options["verbosity"] >= 2:
            self.stdout.write(
                f"Notice {seeded.notice.number} of {seeded.notice.site_code} is in effect; "
                f"{seeded.endpoints} partner endpoints; "
                f"accounts made: {', '.join(seeded.accounts) or 'none'}."
            )
