"""A test message, sent as a real one would be, and seen by whoever sets up a partner."""

from __future__ import annotations

import asyncio
import secrets as random_bytes
import uuid
from collections.abc import Mapping
from datetime import datetime

from tracking.delivery import masking, operations, rules
from tracking.delivery.transports import TRANSPORTS
from tracking.delivery.types import Message, Parcel, Place, Reply, Transport, Trial
from tracking.lib.outbound_http import RecordingClient

# A transport may need several requests; somebody waits in front of a page.
MOST_SECONDS = 25.0


def send_test_message(
    *,
    site: str,
    partner: str,
    url: str,
    secret: str | None,
    transport: Transport,
    settings: Mapping[str, str],
    keys: operations.Keys,
    allow_loopback: bool,
    actor: str,
    now: datetime,
) -> Trial:
    """
    Send a message about nobody, and return every request and answer with credentials masked.

    Leaves no outbox event and no attempt, only an entry in the audit log. `secret=None` uses the
    one that is kept, under the same conditions as `operations.set_endpoint`.

    :raises UnknownPartner: 404
    :raises EndpointInvalid: 400, nothing was sent
    """
    place = operations.begin_test(
        site=site,
        partner=partner,
        url=url,
        secret=secret,
        transport=transport,
        settings=settings,
        keys=keys,
        allow_loopback=allow_loopback,
        actor=actor,
        now=now,
    )
    message = rules.test_message(
        profile=TRANSPORTS[transport].profile,
        key=uuid.uuid4(),
        subject=f"test-{random_bytes.token_urlsafe(12)}",
        now=now,
    )
    return asyncio.run(
        _send(transport, place=place, message=message, allow_loopback=allow_loopback, now=now)
    )


async def _send(
    transport: Transport, *, place: Place, message: Message, allow_loopback: bool, now: datetime
) -> Trial:
    parcel = Parcel(place=place, messages=(message,), attempted_at=now)
    client = RecordingClient(allow_loopback=allow_loopback)
    try:
        async with client, asyncio.timeout(MOST_SECONDS):
            [reply] = await TRANSPORTS[transport].send(parcel=parcel, client=client)
    except TimeoutError:
        reply = Reply(status=None, duration_ms=int(MOST_SECONDS * 1000), error="timeout")
    except Exception as error:
        # As in the real run: what cannot be made is an outcome, too.
        reply = Reply(status=None, duration_ms=0, error=type(error).__name__)
    return Trial(
        outcome=rules.judge(reply).outcome,
        error=reply.error,
        exchanges=masking.as_seen(client.records, secrets=place.secrets),
    )
