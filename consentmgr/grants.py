"""
What the role of the running service may do, where it differs from the role that owns the tables.

Triggers already refuse changes to evidence whoever asks; this keeps the service from removing them.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connections
from psycopg import sql

EVIDENCE = (
    "consents_consentrecord",
    "notices_noticeversion",
    "notices_noticereview",
    "delivery_attempt",
    "banner_pinnedscript",
    "audit_entry",
    "gate_exceptionuse",
    "scans_scan",
    "experiments_arm",
)


def grant_after_migration(*, using: str, **kwargs: Any) -> None:
    """Grant to the role in `DATABASE_URL`, unless it owns the tables itself."""
    if connections[using].settings_dict["USER"] != settings.APP_ROLE:
        grant_to_app_role(using=using, role=str(settings.APP_ROLE))


def grant_to_app_role(*, using: str, role: str) -> None:
    """Let a role read and write, but never change evidence or alter a table."""
    connection = connections[using]
    name = sql.Identifier(role)
    with connection.cursor() as cursor:
        for statement in (
            sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(name),
            sql.SQL(
                "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}"
            ).format(name),
            sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}").format(name),
        ):
            cursor.execute(statement)
        for table in EVIDENCE:
            cursor.execute(
                sql.SQL("REVOKE UPDATE, DELETE, TRUNCATE ON {} FROM {}").format(
                    sql.Identifier(table), name
                )
            )
