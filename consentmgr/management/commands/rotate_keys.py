"""`manage.py rotate_keys`: seal everything that is sealed with the first of CONSENT_KEYS."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from tracking.consents import identifiers
from tracking.delivery import operations as delivery
from tracking.outbox import operations as outbox

# In the order in which a value moves, so that none slips past.
ROOMS = (
    ("identifiers of devices", identifiers.reseal),
    ("identifiers on their way to partners", outbox.reseal),
    ("secrets of partners", delivery.reseal_secrets),
)


class Command(BaseCommand):
    help = "Seal all secrets and identifiers in the database with the first of CONSENT_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        unreadable = 0
        for name, reseal in ROOMS:
            done = reseal(keys=settings.CONSENT_KEYS)
            unreadable += done.unreadable
            self.stdout.write(
                f"{name}: {done.changed} sealed anew, {done.unreadable} cannot be opened."
            )
        if unreadable:
            raise CommandError(
                f"{unreadable} were sealed with a key that is not in CONSENT_KEYS: put it back "
                "behind the first one and run this again. The log names their rows."
            )
        self.stdout.write(f"All is sealed with {next(iter(settings.CONSENT_KEYS))}.")
