"""The signed links by which a partner without an API acknowledges. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from tracking.delivery.types import AcknowledgeLink
from tracking.lib import signed_text

PATH = "/partners/acknowledge/"
VALID_FOR = timedelta(days=400)
_PURPOSE = "delivery.acknowledge"


def address(link: AcknowledgeLink, *, service_url: str, keys: Mapping[str, bytes]) -> str:
    """Return the link's URL at this service, whose own has no slash at its end."""
    token = signed_text.sign(
        {
            "site": link.site_id,
            "partner": link.partner,
            "ticket": link.ticket,
            "messages": link.messages,
            "at": int(link.sent_at.timestamp()),
        },
        purpose=_PURPOSE,
        keys=keys,
    )
    return f"{service_url}{PATH}{token}"


def read(token: str, *, keys: Mapping[str, bytes], now: datetime) -> AcknowledgeLink | None:
    """Return what a link carries, or None if we did not sign it within VALID_FOR."""
    values = signed_text.verify(token, purpose=_PURPOSE, keys=keys)
    if values is None:
        return None
    link = AcknowledgeLink(
        site_id=int(values["site"]),
        partner=str(values["partner"]),
        ticket=str(values["ticket"]),
        messages=int(values["messages"]),
        sent_at=datetime.fromtimestamp(int(values["at"]), tz=UTC),
    )
    return link if now - link.sent_at <= VALID_FOR else None
