"""The only writes of kept identifiers but for a decision's, which takes them away itself."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from tracking.consents import models
from tracking.consents.types import Identifiers
from tracking.lib import sealing
from tracking.regimes import rules as regimes

logger = logging.getLogger(__name__)

Keys = Mapping[str, bytes]


def keep(*, device: UUID, identifiers: Identifiers, keys: Keys, now: datetime) -> None:
    """Keep these in place of earlier ones of the same kinds. Runs in the caller's transaction."""
    models.Identifier.objects.bulk_create(
        [
            models.Identifier(
                device_id=device,
                partner=partner,
                kind=kind,
                sealed=sealing.seal(
                    value.encode(), keys=keys, context=_context(device, partner, kind)
                ),
                collected_at=now,
            )
            # One order for all: two writers of one device never wait for each other in a ring.
            for partner, values in sorted(identifiers.items())
            for kind, value in sorted(values.items())
        ],
        update_conflicts=True,
        unique_fields=["device", "partner", "kind"],
        update_fields=["sealed", "collected_at"],
    )


def open_all(
    *, device: UUID, rows: Iterable[tuple[str, str, bytes]], keys: Keys
) -> dict[str, dict[str, str]]:
    """
    Return the values of rows (partner, kind, sealed).

    What cannot be opened is left out and logged: no decision is refused because a key is missing.
    """
    found: dict[str, dict[str, str]] = {}
    for partner, kind, sealed in rows:
        try:
            value = sealing.unseal(
                bytes(sealed), keys=keys, context=_context(device, partner, kind)
            ).decode()
        except sealing.CannotOpen as error:
            logger.error("an identifier of partner %s cannot be told: %s", partner, error)
        else:
            found.setdefault(partner, {})[kind] = value
    return found


_FORGET = """
DELETE FROM consents_identifier kept USING consents_device device
 WHERE device.id = kept.device_id AND device.decided_at < %(before)s
"""


def forget_expired(*, now: datetime) -> int:
    """
    Delete the identifiers of devices whose grants have expired, and return how many that were.

    A device does not say in which regime it decided; the one in which a grant lasts longest counts.
    """
    days = max(regime.renew_days_granted for regime in regimes.load_regimes())
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, {"before": now - timedelta(days=days)})
        return int(cursor.rowcount)


def reseal(*, keys: Keys) -> sealing.Resealed:
    """
    Seal every kept identifier with the first key, each in a transaction of its own.

    May be stopped and begun again. One that is replaced meanwhile is sealed with that key already.
    """
    changed = unreadable = 0
    for row in models.Identifier.objects.order_by("pk").iterator():
        sealed = bytes(row.sealed)
        context = _context(row.device_id, row.partner, row.kind)
        try:
            anew = sealing.reseal(sealed, keys=keys, context=context)
        except sealing.CannotOpen as error:
            logger.error("identifier %s cannot be sealed anew: %s", row.pk, error)
            unreadable += 1
            continue
        if anew is not None:
            changed += models.Identifier.objects.filter(pk=row.pk, sealed=sealed).update(
                sealed=anew
            )
    return sealing.Resealed(changed=changed, unreadable=unreadable)


def _context(device: UUID, partner: str, kind: str) -> str:
    # A sealed value that is copied to another row does not open there.
    return f"consents.identifier:{device}:{partner}:{kind}"
