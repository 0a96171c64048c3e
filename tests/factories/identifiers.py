"""The small site, whose partners say under what they know a browser."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from tests.factories.registry import catalogue, make_site
from tracking.consents.models import Device, Identifier
from tracking.lib import sealing
from tracking.notices.types import Notice
from tracking.outbox.models import OutboxEvent
from tracking.outbox.types import sealing_context

DECLARED = {
    "statco": [{"kind": "ga_client_id", "cookie": "_ga"}],
    "adco": [{"kind": "cookie_id", "cookie": "_ad"}, {"kind": "user_id"}],
    "mailer": [{"kind": "email_sha256"}],
}


def make_identifying_site(**changes: Any) -> Notice:
    partners = [
        {**one, "identifiers": DECLARED.get(one["code"], [])} for one in catalogue()["partners"]
    ]
    return make_site(**{"partners": partners, **changes})


def kept() -> dict[str, dict[str, str]]:
    """Return what is kept of the one device, opened."""
    found: dict[str, dict[str, str]] = {}
    for row in Identifier.objects.all():
        context = f"consents.identifier:{row.device_id}:{row.partner}:{row.kind}"
        value = sealing.unseal(row.sealed, keys=settings.CONSENT_KEYS, context=context)
        found.setdefault(row.partner, {})[row.kind] = value.decode()
    assert Device.objects.count() == 1
    return found


def told(partner: str) -> dict[str, str]:
    """Return what goes to a partner with its event, opened."""
    event = OutboxEvent.objects.get(addressee=partner)
    context = sealing_context(site_id=event.site_id, addressee=partner, subject=event.subject)
    return {
        kind: sealing.unseal_text(value, keys=settings.CONSENT_KEYS, context=context)
        for kind, value in event.sealed.items()
    }
