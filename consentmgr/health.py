"""Is the process up, can it do its work, and is the work of others done?"""

from __future__ import annotations

from datetime import datetime

from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from psycopg_pool import PoolTimeout

from tracking.delivery import queries as delivery
from tracking.delivery.types import WorkStatus


def healthz(request: HttpRequest) -> JsonResponse:
    """Answer while the process lives; touches nothing else."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when decisions can be recorded: the database is there and migrated."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('consents_consentrecord') IS NOT NULL")
            is_migrated = bool(cursor.fetchone()[0])
    except (DatabaseError, PoolTimeout):
        return JsonResponse({"status": "database away"}, status=503)
    if not is_migrated:
        return JsonResponse({"status": "not migrated"}, status=503)
    return JsonResponse({"status": "ok"})


def workz(request: HttpRequest) -> JsonResponse:
    """Answer 200 while partners are being told; a worker that is up and hangs is not enough."""
    now = timezone.now()
    try:
        work = delivery.get_work(now=now)
    except (DatabaseError, PoolTimeout):
        return JsonResponse({"status": "database away"}, status=503)
    return JsonResponse(
        {
            "status": work.status,
            "seconds_since_looked_for": _seconds(work.looked_for_at, now),
            "seconds_undone": _seconds(work.undone_since, now),
        },
        status=200 if work.status is WorkStatus.OK else 503,
    )


def _seconds(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else round((now - moment).total_seconds(), 1)
