"""Parcels of withdrawals, as the engine hands them to a transport."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from tracking.delivery.types import Message, Parcel, Place

AT = datetime(2026, 4, 1, 15, 0, tzinfo=UTC)


def withdrawal(
    number: int = 1,
    *,
    subject: str = "",
    type: str = "consent.revoked",
    due_at: str = "2026-04-02T15:00:00+00:00",
    purposes: Sequence[str] = ("advertising",),
    **identifiers: str,
) -> Message:
    """Return the `number`th message; the same number is the same message."""
    subject = subject or f"subject{number:04}"
    return Message(
        key=uuid5(NAMESPACE_URL, f"withdrawal-{number}"),
        subject=subject,
        payload={
            "type": type,
            "timestamp": f"2026-04-01T15:{number % 60:02}:00+00:00",
            "data": {
                "subject": subject,
                "version": 3,
                "decided_at": f"2026-04-01T15:{number % 60:02}:00+00:00",
                "due_at": due_at,
                "withdrawn": {"purposes": list(purposes), "data_items": ["activity.url"]},
                "granted": {"purposes": [], "data_items": []},
            },
        },
        identifiers=identifiers,
    )


def parcel(
    *messages: Message,
    url: str = "",
    settings: Mapping[str, str] | None = None,
    secret: str = "",
    partner: str = "adco",
    site_id: int = 1,
    attempted_at: datetime = AT,
) -> Parcel:
    return Parcel(
        place=Place(
            partner=partner,
            url=url,
            settings=settings or {},
            secrets=(secret,) if secret else (),
            site_id=site_id,
        ),
        messages=messages or (withdrawal(),),
        attempted_at=attempted_at,
    )
