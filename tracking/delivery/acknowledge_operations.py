"""What a partner without an API does with the link in its mail."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tracking.delivery import links
from tracking.delivery.operations import Keys
from tracking.delivery.types import AcknowledgeLink, AcknowledgePage
from tracking.outbox import operations as outbox
from tracking.outbox import queries as outbox_queries
from tracking.outbox.types import Outcome
from tracking.registry import queries as registry


def find_acknowledge_page(*, token: str, keys: Keys, now: datetime) -> AcknowledgePage | None:
    """Return how the mail behind a link stands; None for a link that we did not make, or old."""
    link = links.read(token, keys=keys, now=now)
    return None if link is None else _page(link)


def acknowledge_mail(
    *, token: str, is_held: bool, keys: Keys, now: datetime
) -> AcknowledgePage | None:
    """
    Confirm everything that a mail was about; the first word counts, a second changes nothing.

    Returns None, and changes nothing, for a link that we did not make, or an old one.
    """
    link = links.read(token, keys=keys, now=now)
    if link is None:
        return None
    with transaction.atomic():
        if _page(link).is_open:
            outbox.confirm_ticket(
                site_id=link.site_id,
                addressee=link.partner,
                ticket=link.ticket,
                outcome=Outcome.CONFIRMED if is_held else Outcome.IDENTIFIER_NOT_HELD,
                now=now,
            )
        return _page(link)


def _page(link: AcknowledgeLink) -> AcknowledgePage:
    site = next((site for site in registry.list_sites() if site.id == link.site_id), None)
    partners = {row.code: row for row in registry.list_partners(site_id=link.site_id)}
    partner = partners.get(link.partner)
    ticket = outbox_queries.get_ticket(
        site_id=link.site_id, addressee=link.partner, ticket=link.ticket
    )
    return AcknowledgePage(
        site_name=site.name if site else {},
        partner_name=partner.legal_name if partner else {},
        zone=site.zone if site else "UTC",
        messages=link.messages,
        sent_at=link.sent_at,
        is_open=ticket.events > 0 and ticket.confirmed_at is None,
        confirmed_at=ticket.confirmed_at,
    )
