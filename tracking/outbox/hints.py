"""
Tell the workers, after a commit, that there is something to tell.

A hint may be lost: the sweep is the truth. So it is never worth a visitor's time. One thread per
process publishes hints, at most ten a second, and the request only sets an event.
"""

from __future__ import annotations

import logging
import os
import threading
import time

import celery
from django.conf import settings

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.1
_EXPIRES_SECONDS = 30

_wanted = threading.Event()
_lock = threading.Lock()
_publisher: tuple[int, threading.Thread] | None = None


def hint() -> None:
    """Ask for a hint; returns at once and never raises."""
    global _publisher
    _wanted.set()
    # A thread does not survive a fork: a child starts its own.
    if _publisher is None or _publisher[0] != os.getpid():
        with _lock:
            if _publisher is None or _publisher[0] != os.getpid():
                thread = threading.Thread(target=_publish_forever, name="outbox-hints", daemon=True)
                _publisher = (os.getpid(), thread)
                thread.start()


def _publish_forever() -> None:
    while True:
        _wanted.wait()
        _wanted.clear()
        try:
            celery.current_app.send_task(
                settings.OUTBOX_HINT_TASK, ignore_result=True, expires=_EXPIRES_SECONDS
            )
        except Exception as error:
            # Redis away: the sweep and the supervisor's retry carry on without us.
            logger.warning("hint not sent: %s", type(error).__name__)
        time.sleep(_PAUSE_SECONDS)
