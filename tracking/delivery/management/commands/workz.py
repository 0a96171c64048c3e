"""What /workz answers, for a health check in a container that serves no pages."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.utils import timezone
from psycopg_pool import PoolTimeout

from tracking.delivery import queries
from tracking.delivery.types import WorkStatus


class Command(BaseCommand):
    help = "Say whether partners are being told; ends with status 1 if they are not."
    # Asked every minute: nothing else is to be looked at.
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            status = queries.get_work(now=timezone.now()).status
        except (DatabaseError, PoolTimeout) as error:
            raise CommandError("database away") from error
        if status is not WorkStatus.OK:
            raise CommandError(status)
        self.stdout.write(status)
