"""Is the process up, and can it do its work?"""

from __future__ import annotations

from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, JsonResponse
from psycopg_pool import PoolTimeout


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
