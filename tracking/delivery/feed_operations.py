"""What a partner may do that fetches its news itself: take a page, compare its state with ours."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
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
from tracking.lib import canonical_json
from tracking.lib.errors import DomainError
from tracking.outbox import operations as outbox
from tracking.outbox import queries as outbox_queries
from tracking.outbox.types import ClaimedEvent, Latest

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
    events: list[ClaimedEvent] = []
    with transaction.atomic():
        if after is not None:
            _note_told(endpoint, token=after, now=now)
        if endpoint.state == EndpointState.ACTIVE:
            events = outbox.claim_page(
                site_id=endpoint.partner.site_id,
                addressee=partner,
                limit=NEWS_PER_PAGE,
                lease_seconds=LEASE_SECONDS,
                now=now,
            )
    return FeedPage(
        items=tuple(
            {"id": rules.message_id(event.message_key), **event.payload} for event in events
        ),
        cursor=events[0].lease_token.hex if events else "",
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
