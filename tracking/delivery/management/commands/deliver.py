"""Tell partners what is due without Celery: Redis may be dead and revocations still leave."""

from __future__ import annotations

import logging
import signal
import threading
import time
from typing import Any

import celery
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections
from django.utils import timezone

from tracking.delivery import run
from tracking.web.database import AWAY

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
# Nobody else needs this process: one run may go on for as long as there is something to tell.
RUN_SECONDS = 3600.0
AFTER_TROUBLE_SECONDS = 3.0


class Command(BaseCommand):
    help = "Tell partners what is due, once or for as long as this runs."

    def add_arguments(self, parser: CommandParser) -> None:
        how = parser.add_mutually_exclusive_group(required=True)
        how.add_argument("--once", action="store_true", help="until nothing is due, then end")
        how.add_argument("--loop", action="store_true", help="until SIGTERM or Ctrl-C")

    def handle(self, *args: Any, **options: Any) -> None:
        stopped = threading.Event()
        if options["once"]:
            done = run.deliver_due(**_how(stopped))
            self.stdout.write(f"{done.sent} sent, {done.accepted} accepted")
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        chores = _Chores()
        while not stopped.is_set():
            pause = PAUSE_SECONDS
            try:
                run.deliver_due(**_how(stopped), seconds=RUN_SECONDS)
            except AWAY as error:
                # The database is away: what was on its way is sent again after its lease.
                logger.error("database away: %s", type(error).__name__)
                pause = AFTER_TROUBLE_SECONDS
            chores.do()
            close_old_connections()
            stopped.wait(pause)


class _Chores:
    """What beat would have workers do beside telling partners, here and as often."""

    def __init__(self) -> None:
        app = celery.current_app
        app.loader.import_default_modules()
        self._plan = {
            app.tasks[entry["task"]]: float(entry["schedule"])
            for entry in app.conf.beat_schedule.values()
            if entry["task"] != settings.OUTBOX_HINT_TASK
        }
        self._due = dict.fromkeys(self._plan, time.monotonic())

    def do(self) -> None:
        """Do what is due; what fails is due again after its time, as with beat."""
        for task, every_seconds in self._plan.items():
            if self._due[task] <= time.monotonic():
                self._due[task] = time.monotonic() + every_seconds
                done = task.apply()
                if done.failed():
                    logger.error("%s failed: %s", task.name, type(done.result).__name__)


def _how(stopped: threading.Event) -> dict[str, Any]:
    return {
        "keys": settings.CONSENT_KEYS,
        "allow_loopback": settings.ALLOW_LOOPBACK_PARTNERS,
        "clock": timezone.now,
        "is_stopped": stopped.is_set,
    }
