"""The ledgers' only write: that somebody took one out of the house."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tracking.audit import operations as audit
from tracking.ledgers.types import Period
from tracking.registry.types import SiteInfo


def note_export(
    *, site: SiteInfo, partner: str, period: Period, file_format: str, actor: str, now: datetime
) -> None:
    """Keep in the audit log that the lines of a partner were taken out."""
    with transaction.atomic():
        audit.append(
            actor=actor,
            action="ledger.exported",
            site=site.code,
            object=partner,
            details={
                "format": file_format,
                "since": None if period.since is None else period.since.isoformat(),
                "until": None if period.until is None else period.until.isoformat(),
            },
            now=now,
        )


def note_disclosure(*, site: SiteInfo, file_format: str, actor: str, now: datetime) -> None:
    """Keep that one device's lines were taken out; the receipt that led to it is not named."""
    with transaction.atomic():
        audit.append(
            actor=actor,
            action="ledger.disclosed",
            site=site.code,
            details={"format": file_format},
            now=now,
        )
