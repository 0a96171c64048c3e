"""
A partner that fetches its news itself, signing its calls as it would sign acknowledgements.

Nothing is sent: `feed_operations` hands out pages. How a call is signed is ours, on the terms of
Standard Webhooks 1.0.0; `docs/transports/pull_feed.md` is the contract.
"""

from __future__ import annotations

from tracking.delivery.transports import base, webhook
from tracking.delivery.types import ConfirmsBy, Effect, Parcel, Profile, Reply
from tracking.lib.outbound_http import OutboundClient

PROFILE = Profile(
    name="Signed feed to fetch",
    effect=Effect.TELL,
    erasure_effect=Effect.TELL,
    confirms_by=(ConfirmsBy.RESPONSE, ConfirmsBy.ACKNOWLEDGEMENT),
    source="docs/transports/pull_feed.md; signatures: https://www.standardwebhooks.com/ (1.0.0)",
    secret=webhook.PROFILE.secret,
    hears_grants=True,
    is_pulled=True,
    has_url=False,
)


async def send(*, parcel: Parcel, client: OutboundClient) -> list[Reply]:
    """Send nothing: whoever calls this mistook the partner for one that is told."""
    return base.to_all(parcel, Reply(status=None, duration_ms=0, error="is_pulled"))


WAY = base.Way(profile=PROFILE, send=send, is_usable_secret=webhook.is_usable_secret)
