"""The writes that keep a ledger past an erasure, and forget it after three years."""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from tracking.consents import models, provision_queries, provisions
from tracking.notices import queries as notices
from tracking.registry.types import SiteInfo

_FORGET = """
DELETE FROM consents_keptprovision WHERE last_day + interval '3 years 1 day' < %s
"""


def keep(*, site: SiteInfo, device: UUID, now: datetime) -> int:
    """
    Keep what could be received of a device that is about to be erased; return how many rows.

    In an order that is not the device's, under random keys, by days: nothing joins the rows to each
    other or to a record.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("provision_operations.keep belongs in the transaction of the erasure.")
    rows = []
    for provision in provision_queries.list_of_device(site=site, device=device, now=now):
        days = provisions.in_days(provision=provision, zone=site.zone)
        notice = notices.find_version(site_code=site.code, number=days.notice)
        if notice is None:  # foreign keys keep every version that a record speaks of
            raise LookupError(f"notice {days.notice} of {site.code}")
        rows.append(
            models.KeptProvision(
                site_id=site.id,
                notice_id=notice.id,
                agreed_on=days.agreed_on,
                partner=days.recipient.code,
                items=sorted(days.items),
                tags=[tag.code for tag in days.tags],
                first_day=days.first_day,
                last_day=days.last_day or now.astimezone(ZoneInfo(site.zone)).date(),
            )
        )
    secrets.SystemRandom().shuffle(rows)
    models.KeptProvision.objects.bulk_create(rows)
    return len(rows)


def forget_provisions(*, now: datetime) -> int:
    """Delete what was kept for three years after its last day, and return how many rows."""
    with transaction.atomic(), connection.cursor() as cursor:
        # The name by which the table's guard knows this way out; it checks the days itself.
        cursor.execute("SET LOCAL consents.retention = 'provisions'")
        cursor.execute(_FORGET, [now.date()])
        return int(cursor.rowcount)
