"""Events of nobody in particular."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from tests.factories.clock import NOW
from tracking.outbox import operations
from tracking.outbox.types import ClaimedEvent, News, Slot

SITE = 7
SECOND = timedelta(seconds=1)


def append(
    *subjects: str, addressee: str = "a", version: int = 1, now: datetime = NOW, **fields: Any
) -> None:
    with transaction.atomic():
        operations.append(
            site_id=SITE,
            now=now,
            news=[
                News(
                    addressee=addressee,
                    subject=subject,
                    kind="consent",
                    version=version,
                    payload={"version": version},
                    due_at=now + timedelta(hours=24),
                    **fields,
                )
                for subject in subjects
            ],
        )


def slot(addressee: str = "a", limit: int = 10) -> Slot:
    return Slot(site_id=SITE, addressee=addressee, limit=limit)


def claim(
    *slots: Slot, limit: int = 100, now: datetime = NOW, lease_seconds: float = 30
) -> list[ClaimedEvent]:
    return operations.claim(
        slots=slots or (slot(),), limit=limit, lease_seconds=lease_seconds, now=now
    )
