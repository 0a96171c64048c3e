"""Events of nobody in particular."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from tests.factories.clock import NOW
from tracking.outbox import operations
from tracking.outbox.types import ClaimedEvent, News, Outcome, Settlement, Slot

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


def settle(event: ClaimedEvent, *, now: datetime = NOW + SECOND, **how: Any) -> bool:
    """Note one event's end; tell whether it was still leased to us."""
    done = Settlement(event=event, **how)
    return event.id in operations.settle(settlements=[done], now=now)


def accept(event: ClaimedEvent, *, is_confirmed: bool = False, **how: Any) -> bool:
    outcome = Outcome.CONFIRMED if is_confirmed else Outcome.ACCEPTED
    return settle(event, outcome=outcome, is_told=True, is_confirmed=is_confirmed, **how)


def fail(event: ClaimedEvent) -> bool:
    return settle(
        event, outcome=Outcome.UNREACHABLE, is_told=False, next_attempt_at=NOW + 60 * SECOND
    )


def give_up(event: ClaimedEvent, outcome: Outcome = Outcome.UNREACHABLE) -> bool:
    return settle(event, outcome=outcome, is_told=False, is_dead=True)
