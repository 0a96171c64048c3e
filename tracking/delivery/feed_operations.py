"""What a partner may do that fetches its news itself: take a page, compare its state with ours."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from tracking.delivery import models, operations, rules
from tracking.delivery.operations import Keys
from tracking.delivery.types import (
    AttemptOutcome,
    ConfirmsBy,
    EndpointState,
    FeedDigest,
    FeedPage,
    Transport,
)
from tracking.lib import canonical_json, sealing
from tracking.lib.errors import DomainError
from tracking.outbox import operations as outbox
from tracking.outbox import queries as outbox_queries
from tracking.outbox.types import ClaimedEvent, Latest, Outcome, Settlement, sealing_context

NEWS_PER_PAGE = 500
STATES_PER_PAGE = 1000
# So long a page belongs to the partner that fetched it; then its news are in the next one again.
LEASE_SECONDS = 300
# The kind of event that says how a subject stands; an erasure has no state.
_KIND = "consent"


class NotPulled(DomainError):
    code = "not_pulled"
    message = "This partner is told in another way; there is no feed for it."
    status = 404


def pull(
    *,
    site: str,
    partner: str,
    headers: Mapping[str, str],
    target: str,
    after: UUID | None,
    keys: Keys,
    now: datetime,
) -> FeedPage:
    """
    Hand out the next page of what a partner has not been told, and note that it has page `after`.

    `target` is the path and query that were signed. There is no place in a table to go on from:
    news that are committed late would be passed over by it. What counts is that they are untold.
    If the answer is lost, the page comes again when its lease ends: doubled perhaps, never lost.

    :raises UnknownPartner: 404
    :raises SignatureRefused: 401
    :raises NotPulled: 404
    """
    endpoint = _pulling(
        site=site, partner=partner, headers=headers, target=target, keys=keys, now=now
    )
    with transaction.atomic():
        if after is not None:
            _note_told(endpoint, token=after, now=now)
        if endpoint.state != EndpointState.ACTIVE:
            return FeedPage(items=(), cursor="", has_more=False)
        while True:
            events = outbox.claim_page(
                site_id=endpoint.partner.site_id,
                addressee=partner,
                limit=NEWS_PER_PAGE,
                lease_seconds=LEASE_SECONDS,
                now=now,
            )
            wanted = _without_unneeded(endpoint, events, now=now)
            if wanted or len(events) < NEWS_PER_PAGE:
                break
        return FeedPage(
            items=tuple(_item(event, keys=keys) for event in wanted),
            cursor=wanted[0].lease_token.hex if wanted else "",
            has_more=len(events) == NEWS_PER_PAGE,
        )


def get_state(
    *,
    site: str,
    partner: str,
    headers: Mapping[str, str],
    target: str,
    after: str,
    keys: Keys,
    now: datetime,
) -> FeedPage:
    """
    Return how the subjects after `after` stand, told or not; it confirms nothing.

    :raises UnknownPartner: 404
    :raises SignatureRefused: 401
    :raises NotPulled: 404
    """
    endpoint = _pulling(
        site=site, partner=partner, headers=headers, target=target, keys=keys, now=now
    )
    rows = outbox_queries.list_latest(
        site_id=endpoint.partner.site_id,
        addressee=partner,
        kind=_KIND,
        after=after,
        limit=STATES_PER_PAGE,
    )
    return FeedPage(
        items=tuple(row.payload["data"] for row in rows),
        cursor=rows[-1].subject if rows else "",
        has_more=len(rows) == STATES_PER_PAGE,
    )


def get_digest(
    *,
    site: str,
    partner: str,
    headers: Mapping[str, str],
    target: str,
    keys: Keys,
    now: datetime,
) -> FeedDigest:
    """
    Return one number over all that `get_state` would, so that a partner can compare its own.

    :raises UnknownPartner: 404
    :raises SignatureRefused: 401
    :raises NotPulled: 404
    """
    endpoint = _pulling(
        site=site, partner=partner, headers=headers, target=target, keys=keys, now=now
    )
    digest, subjects = hashlib.sha256(), 0
    for row in outbox_queries.iterate_latest(
        site_id=endpoint.partner.site_id, addressee=partner, kind=_KIND
    ):
        digest.update(state_line(row))
        subjects += 1
    return FeedDigest(subjects=subjects, digest=digest.hexdigest())


def state_line(row: Latest) -> bytes:
    """Return what the digest reads of one subject: `subject:version:granted`, and a line feed."""
    granted: Any = row.payload["data"].get("granted", {})
    return b"%s:%d:%s\n" % (row.subject.encode(), row.version, canonical_json.dumps(granted))


def _pulling(
    *,
    site: str,
    partner: str,
    headers: Mapping[str, str],
    target: str,
    keys: Keys,
    now: datetime,
) -> models.Endpoint:
    endpoint = operations.find_signed_endpoint(
        site=site, partner=partner, headers=headers, body=target.encode(), keys=keys, now=now
    )
    if endpoint.transport != Transport.PULL_FEED:
        raise NotPulled
    return endpoint


def _without_unneeded(
    endpoint: models.Endpoint, events: Sequence[ClaimedEvent], *, now: datetime
) -> list[ClaimedEvent]:
    """Return what this partner wants to hear, and note the rest as not needed."""
    if not endpoint.is_for_erasures_only:
        return list(events)
    wanted = [event for event in events if event.payload["type"] == "device.erased"]
    outbox.settle(
        settlements=[
            Settlement(event=event, outcome=Outcome.NOT_NEEDED, is_told=True, is_confirmed=True)
            for event in events
            if event not in wanted
        ],
        now=now,
    )
    return wanted


def _item(event: ClaimedEvent, *, keys: Keys) -> dict[str, Any]:
    context = sealing_context(
        site_id=event.site_id, addressee=event.addressee, subject=event.subject
    )
    return {
        "id": rules.message_id(event.message_key),
        **event.payload,
        "identifiers": {
            kind: sealing.unseal_text(sealed, keys=keys, context=context)
            for kind, sealed in event.sealed.items()
        },
    }


def _note_told(endpoint: models.Endpoint, *, token: UUID, now: datetime) -> None:
    told = outbox.settle_page(
        site_id=endpoint.partner.site_id,
        addressee=endpoint.partner.code,
        token=token,
        is_confirmed=endpoint.confirms_by == ConfirmsBy.RESPONSE,
        now=now,
    )
    models.Attempt.objects.bulk_create(
        models.Attempt(
            event_id=one.event_id,
            version=one.version,
            message_key=one.message_key,
            attempted_at=now,
            outcome=AttemptOutcome.ACCEPTED,
            http_status=200,
            duration_ms=0,
        )
        for one in told
    )
    if told:
        models.Endpoint.objects.filter(pk=endpoint.pk).update(last_success_at=now)
