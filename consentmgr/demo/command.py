"""What the demo's commands share: they run only where DEMO is on."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class DemoCommand(BaseCommand):
    """A command that refuses to touch anything but a demo."""

    # Each of them runs whenever `up` starts; the tests run the checks.
    requires_system_checks: list[str] = []

    def execute(self, *args: Any, **options: Any) -> str | None:
        if not settings.DEMO:
            raise CommandError("This belongs to the demo; it runs only with DEMO=1.")
        return super().execute(*args, **options)
