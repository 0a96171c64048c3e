"""`manage.py demo_past`: some weeks of made-up decisions, for the dashboard."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from consentmgr.demo import past
from consentmgr.demo.command import DemoCommand


class Command(DemoCommand):
    help = "Make up the demo's past, if it has none. DEMO_PAST_DAYS says how long (90; 0 = none)."

    def handle(self, *args: Any, **options: Any) -> None:
        made = past.make_past(days=past.past_days(), now=timezone.now())
        self.stdout.write(
            "No past is made up."
            if made is None
            else f"{made.counted:,} decisions made up from {made.first} to {made.last};"
            f" from {made.fell_on} on, phones in Japanese allow less."
        )
