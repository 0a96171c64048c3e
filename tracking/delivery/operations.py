"""The only writes of endpoints and attempts, and the run that tells partners."""

from __future__ import annotations

import base64
import logging
import random
import secrets as random_bytes
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from tracking.delivery import models, rules
from tracking.delivery.sender import Sender
from tracking.delivery.transports import webhook
from tracking.delivery.types import (
    AttemptOutcome,
    Breaker,
    ConfirmsBy,
    Drained,
    EndpointState,
    Message,
    Reply,
    Transport,
)
from tracking.lib import sealing
from tracking.lib.errors import DomainError
from tracking.lib.outbound_http import TOTAL_SECONDS, OutboundRefused, parse_target
from tracking.outbox import operations as outbox
from tracking.outbox.types import ClaimedEvent, Outcome, Slot
from tracking.registry import queries as registry
from tracking.registry.types import PartnerInfo

logger = logging.getLogger(__name__)

Keys = Mapping[str, bytes]
Clock = Callable[[], datetime]

# Three times the longest sending: what a killed process held is free again after that.
LEASE_SECONDS = 3 * TOTAL_SECONDS
# So long a run takes new events for everybody.
RUN_SECONDS = 10.0
MOST_ON_THEIR_WAY = 256
# While something is on its way, look this often for what has become due meanwhile.
_LOOK_AGAIN_SECONDS = 0.25
# A partner that has not answered by then is not waited for when a run ends.
_PROMPT = timedelta(seconds=1)

_OUTCOMES = {
    AttemptOutcome.ACCEPTED: Outcome.ACCEPTED,
    AttemptOutcome.REJECTED: Outcome.REJECTED,
    AttemptOutcome.UNREACHABLE: Outcome.UNREACHABLE,
    AttemptOutcome.GONE: Outcome.REJECTED,
}

_random = random.SystemRandom()


class UnknownPartner(DomainError):
    code = "unknown_partner"
    message = "There is no such partner here."
    status = 404


class UnknownEndpoint(DomainError):
    code = "unknown_endpoint"
    message = "It is not known where this partner is told."
    status = 404


class EndpointInvalid(DomainError):
    code = "endpoint_invalid"
    message = "The endpoint does not hold together."
    status = 400


class SignatureRefused(DomainError):
    code = "signature_refused"
    message = "The signature is not the partner's, or older than five minutes."
    status = 401


class AcknowledgementInvalid(DomainError):
    code = "invalid"
    message = "The acknowledgement does not say what it must."
    status = 400


class UnknownMessage(DomainError):
    code = "unknown_message"
    message = "No message with this id was sent to this partner."
    status = 404


# --- telling partners


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flight:
    event: ClaimedEvent
    endpoint_id: int
    confirms_by: ConfirmsBy
    attempted_at: datetime


def deliver_due(
    *,
    keys: Keys,
    allow_loopback: bool,
    clock: Clock,
    seconds: float = RUN_SECONDS,
    is_stopped: Callable[[], bool] = lambda: False,
    chance: Callable[[], float] = _random.random,
) -> Drained:
    """
    Tell partners everything that is due, and return how much that was.

    Ends when nothing is due, or takes no new events after `seconds`: then it waits for what is on
    its way, and until that is done still serves the partners that answer promptly. So it ends at
    most twice TOTAL_SECONDS later. No transaction is open during HTTP, and each result is settled
    as it comes, in a transaction of its own.

    Several runs at once, here or elsewhere, are harmless: a lease keeps each event to one of them.
    If this process dies, leases run out and the events are told again under the same key: doubled
    perhaps, never lost.
    """
    flights: dict[Future[Reply], _Flight] = {}
    sent = accepted = 0
    until = clock() + timedelta(seconds=seconds)
    last_call = until + timedelta(seconds=TOTAL_SECONDS)
    # Whoever keeps this run from ending is left to the next one.
    left_out: frozenset[tuple[int, str]] = frozenset()
    with Sender(allow_loopback=allow_loopback) as sender:
        while True:
            moment = clock()
            if moment >= until:
                left_out |= _slow(flights.values(), now=moment)
            if moment < (last_call if flights else until) and not is_stopped():
                for message, flight in _claim(
                    keys=keys,
                    most=MOST_ON_THEIR_WAY - len(flights),
                    but=left_out,
                    now=moment,
                ):
                    if message is None:
                        _settle(flight, _UNREADABLE, chance=chance(), now=clock())
                    else:
                        flights[sender.submit(message)] = flight
                        sent += 1
            if not flights:
                return Drained(sent=sent, accepted=accepted)
            done, _ = wait(flights, timeout=_LOOK_AGAIN_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                accepted += _settle(
                    flights.pop(future), future.result(), chance=chance(), now=clock()
                )


def _slow(flights: Iterable[_Flight], *, now: datetime) -> frozenset[tuple[int, str]]:
    """Return the (site, addressee) pairs that keep us waiting."""
    return frozenset(
        (flight.event.site_id, flight.event.addressee)
        for flight in flights
        if now - flight.attempted_at > _PROMPT
    )


# What an endpoint gets whose secret was sealed with a key that is no longer here.
_UNREADABLE = Reply(status=None, duration_ms=0, error="secret_unreadable")


def _claim(
    *,
    keys: Keys,
    most: int,
    now: datetime,
    but: frozenset[tuple[int, str]] = frozenset(),
) -> list[tuple[Message | None, _Flight]]:
    """Lease what may go out now; a message is None where it cannot be signed."""
    endpoints = {
        (row.partner.site_id, row.partner.code): row
        for row in models.Endpoint.objects.filter(state=EndpointState.ACTIVE).select_related(
            "partner"
        )
    }
    slots = [
        Slot(site_id=site_id, addressee=addressee, limit=limit)
        for (site_id, addressee), row in endpoints.items()
        if (site_id, addressee) not in but
        and (limit := rules.places(_breaker(row), concurrency=row.concurrency, now=now))
    ]
    claimed = []
    for event in outbox.claim(slots=slots, limit=most, lease_seconds=LEASE_SECONDS, now=now):
        endpoint = endpoints[event.site_id, event.addressee]
        claimed.append(
            (
                _message(endpoint, event, keys=keys, now=now),
                _Flight(
                    event=event,
                    endpoint_id=endpoint.pk,
                    confirms_by=ConfirmsBy(endpoint.confirms_by),
                    attempted_at=now,
                ),
            )
        )
    return claimed


def _message(
    endpoint: models.Endpoint, event: ClaimedEvent, *, keys: Keys, now: datetime
) -> Message | None:
    try:
        signing = _open_secrets(endpoint, keys=keys)
    except sealing.CannotOpen as error:
        logger.error("partner %s cannot be told: %s", event.addressee, error)
        return None
    return Message(
        transport=Transport(endpoint.transport),
        url=endpoint.url,
        secrets=signing,
        key=event.message_key,
        payload=event.payload,
        attempted_at=now,
    )


def _settle(flight: _Flight, reply: Reply, *, chance: float, now: datetime) -> bool:
    """Note how a sending ended, on the event and as an attempt; return whether it was accepted."""
    event = flight.event
    verdict = rules.classify(reply.status)
    outcome = _OUTCOMES[verdict.outcome]
    is_accepted = verdict.outcome is AttemptOutcome.ACCEPTED
    next_attempt_at = (
        None
        if verdict.outcome is AttemptOutcome.GONE
        else rules.next_attempt_at(
            attempts=event.attempts,
            trying_since=event.trying_since,
            retry_after=reply.retry_after,
            now=now,
            chance=chance,
        )
    )
    with transaction.atomic():
        if is_accepted:
            outbox.settle_accepted(
                event=event, is_confirmed=flight.confirms_by is ConfirmsBy.RESPONSE, now=now
            )
        elif next_attempt_at is None:
            outbox.settle_dead(event=event, outcome=outcome)
            logger.error("gave up telling partner %s event %s", event.addressee, event.id)
        else:
            outbox.settle_failed(event=event, outcome=outcome, next_attempt_at=next_attempt_at)
        # Also when the lease was lost: it was sent, whoever settles it.
        models.Attempt.objects.create(
            event_id=event.id,
            version=event.version,
            message_key=event.message_key,
            attempted_at=flight.attempted_at,
            outcome=verdict.outcome,
            http_status=reply.status,
            duration_ms=reply.duration_ms,
            error_class=reply.error,
        )
    # Apart from the event's transaction: rows are locked one at a time, so nothing can deadlock.
    if is_accepted:
        _note_success(flight, now=now)
    elif verdict.counts_against_partner:
        _note_failure(flight, is_gone=verdict.outcome is AttemptOutcome.GONE, now=now)
    return is_accepted


def _note_success(flight: _Flight, *, now: datetime) -> None:
    fields = _breaker_fields(rules.after_success())
    # In a rush of successes the row is written once a second, not once a message.
    models.Endpoint.objects.filter(
        Q(last_success_at=None)
        | Q(last_success_at__lt=now - timedelta(seconds=1))
        | ~Q(**_breaker_fields(Breaker())),
        pk=flight.endpoint_id,
    ).update(last_success_at=now, **fields)


@transaction.atomic
def _note_failure(flight: _Flight, *, is_gone: bool, now: datetime) -> None:
    endpoint = models.Endpoint.objects.select_for_update().get(pk=flight.endpoint_id)
    after = rules.after_failure(_breaker(endpoint), attempted_at=flight.attempted_at, now=now)
    if after.openings > endpoint.openings:
        logger.warning(
            "partner %s does not answer; next try after %s", flight.event.addressee,
            after.opened_until,
        )  # fmt: skip
    fields = _breaker_fields(after)
    if is_gone and endpoint.state == EndpointState.ACTIVE:
        logger.error("partner %s answered 410: no longer told", flight.event.addressee)
        fields["state"] = EndpointState.GONE
    models.Endpoint.objects.filter(pk=endpoint.pk).update(**fields)


def _breaker(endpoint: models.Endpoint) -> Breaker:
    return Breaker(
        failures=endpoint.consecutive_failures,
        openings=endpoint.openings,
        opened_until=endpoint.opened_until,
    )


def _breaker_fields(breaker: Breaker) -> dict[str, object]:
    return {
        "consecutive_failures": breaker.failures,
        "openings": breaker.openings,
        "opened_until": breaker.opened_until,
    }


# --- what a partner tells us


def acknowledge(
    *,
    site: str,
    partner: str,
    headers: Mapping[str, str],
    body: bytes,
    keys: Keys,
    now: datetime,
) -> None:
    """
    Take a partner's signed word that a message has been acted on; safe to repeat.

    `headers` has lower-case names. A word about a version that a newer one has replaced is taken
    and changes nothing: the newer one asks for its own.

    :raises UnknownPartner: 404, also without an endpoint
    :raises SignatureRefused: 401, before anything of the body is read
    :raises AcknowledgementInvalid: 400
    :raises UnknownMessage: 404, no message to this partner had that id
    """
    endpoint = find_signed_endpoint(
        site=site, partner=partner, headers=headers, body=body, keys=keys, now=now
    )
    try:
        told = rules.parse_acknowledgement(body)
    except rules.AcknowledgementInvalid as error:
        raise AcknowledgementInvalid(str(error)) from error
    site_id = endpoint.partner.site_id
    if (
        not outbox.confirm(
            site_id=site_id,
            addressee=partner,
            message_key=told.message_key,
            outcome=Outcome.CONFIRMED if told.is_held else Outcome.IDENTIFIER_NOT_HELD,
            now=now,
        )
        and not models.Attempt.objects.filter(
            message_key=told.message_key, event__site_id=site_id, event__addressee=partner
        ).exists()
    ):
        raise UnknownMessage


def find_signed_endpoint(
    *,
    site: str,
    partner: str,
    headers: Mapping[str, str],
    body: bytes,
    keys: Keys,
    now: datetime,
) -> models.Endpoint:
    """
    Return the endpoint of the partner that signed this; `headers` has lower-case names.

    :raises UnknownPartner: 404, also without an endpoint
    :raises SignatureRefused: 401
    """
    endpoint = (
        models.Endpoint.objects.filter(partner__site__code=site, partner__code=partner)
        .select_related("partner")
        .first()
    )
    if endpoint is None:
        raise UnknownPartner
    # Credentials of another transport sign nothing.
    secrets = [one for one in _open_secrets(endpoint, keys=keys) if webhook.is_usable_secret(one)]
    try:
        webhook.verify(headers=headers, body=body, secrets=secrets, now=now)
    except webhook.SignatureRefused as error:
        raise SignatureRefused from error
    return endpoint


# --- what an operator does


def is_usable_secret(secret: str) -> bool:
    """Tell whether a secret is `whsec_` and the base64 of 24 to 64 bytes."""
    return webhook.is_usable_secret(secret)


def new_secret() -> str:
    """Return a fresh secret, to be shown once and given to the partner."""
    return webhook.SECRET_PREFIX + base64.b64encode(random_bytes.token_bytes(32)).decode()


@transaction.atomic
def set_endpoint(
    *,
    site: str,
    partner: str,
    url: str,
    secret: str | None,
    keys: Keys,
    allow_loopback: bool,
    confirms_by: ConfirmsBy = ConfirmsBy.RESPONSE,
    concurrency: int = 8,
) -> None:
    """
    Say where a partner is told. Replaces an earlier endpoint; `secret=None` keeps its secret.

    A changed URL makes a partner that was gone active again. Use `rotate_secret` to change the
    secret of a partner that is being told.

    :raises UnknownPartner: 404
    :raises EndpointInvalid: 400, a URL or a secret that cannot be used; `fields` says why
    """
    row = _partner(site, partner)
    fields: dict[str, object] = {}
    try:
        parse_target(url, allow_loopback=allow_loopback)
    except OutboundRefused as error:
        fields["url"] = [str(error)]
    known = models.Endpoint.objects.select_for_update().filter(partner_id=row.id).first()
    if secret is None and known is None:
        fields["secret"] = ["A new endpoint needs a secret."]
    if secret is not None and not webhook.is_usable_secret(secret):
        fields["secret"] = ["Write `whsec_` and the base64 of 24 to 64 random bytes."]
    if not 1 <= concurrency <= models.MOST_AT_ONCE:
        fields["concurrency"] = [f"Write a number from 1 to {models.MOST_AT_ONCE}."]
    if fields:
        raise EndpointInvalid(fields=fields)
    endpoint = known or models.Endpoint(partner_id=row.id)
    if endpoint.url != url:
        endpoint.state = EndpointState.ACTIVE if _is_gone(endpoint) else endpoint.state
        _assign(endpoint, _breaker_fields(Breaker()))
    endpoint.url = url
    endpoint.confirms_by = confirms_by
    endpoint.concurrency = concurrency
    if secret is not None:
        endpoint.secret_sealed = _seal(secret, endpoint, keys=keys)
        endpoint.previous_secret_sealed = b""
    endpoint.save()


@transaction.atomic
def rotate_secret(*, site: str, partner: str, secret: str, keys: Keys) -> None:
    """
    Sign with a new secret, and with the present one beside it until `finish_rotation`.

    :raises UnknownEndpoint: 404
    :raises EndpointInvalid: 400, an unusable secret
    """
    endpoint = _endpoint(site, partner)
    if not webhook.is_usable_secret(secret):
        raise EndpointInvalid(
            fields={"secret": ["Write `whsec_` and the base64 of 24 to 64 random bytes."]}
        )
    endpoint.previous_secret_sealed = endpoint.secret_sealed
    endpoint.secret_sealed = _seal(secret, endpoint, keys=keys)
    endpoint.save(update_fields=["secret_sealed", "previous_secret_sealed"])


@transaction.atomic
def finish_rotation(*, site: str, partner: str) -> None:
    """
    Forget the previous secret: from now on only the newest signs and verifies.

    :raises UnknownEndpoint: 404
    """
    endpoint = _endpoint(site, partner)
    endpoint.previous_secret_sealed = b""
    endpoint.save(update_fields=["previous_secret_sealed"])


@transaction.atomic
def pause(*, site: str, partner: str) -> None:
    """
    Send nothing more to a partner; its news wait, and their deadlines run on.

    :raises UnknownEndpoint: 404
    """
    endpoint = _endpoint(site, partner)
    endpoint.state = EndpointState.PAUSED
    endpoint.save(update_fields=["state"])


@transaction.atomic
def resume(*, site: str, partner: str, now: datetime) -> int:
    """
    Tell a paused or gone partner again, starting at once; return how many events are waiting.

    :raises UnknownEndpoint: 404
    """
    count = replay(site=site, partner=partner, now=now)
    endpoint = _endpoint(site, partner)
    endpoint.state = EndpointState.ACTIVE
    _assign(endpoint, _breaker_fields(Breaker()))
    endpoint.save(update_fields=["state", "consecutive_failures", "openings", "opened_until"])
    return count


def replay(*, site: str, partner: str, now: datetime, since: datetime | None = None) -> int:
    """
    Tell again what was given up, and with `since` also what was accepted since then.

    :raises UnknownPartner: 404
    """
    row = _partner(site, partner)
    return outbox.replay(site_id=row.site_id, addressee=row.code, now=now, since=since)


def _partner(site: str, partner: str) -> PartnerInfo:
    known = registry.find_site(code=site)
    for info in registry.list_partners(site_id=known.id) if known else ():
        if info.code == partner:
            return info
    raise UnknownPartner


def _endpoint(site: str, partner: str) -> models.Endpoint:
    """Lock and return the endpoint."""
    row = (
        models.Endpoint.objects.select_for_update(of=("self",))
        .filter(partner__site__code=site, partner__code=partner)
        .first()
    )
    if row is None:
        raise UnknownEndpoint
    return row


def _is_gone(endpoint: models.Endpoint) -> bool:
    return endpoint.state == EndpointState.GONE


def _assign(endpoint: models.Endpoint, fields: Mapping[str, object]) -> None:
    for name, value in fields.items():
        setattr(endpoint, name, value)


def _seal(secret: str, endpoint: models.Endpoint, *, keys: Keys) -> bytes:
    return sealing.seal(secret.encode(), keys=keys, context=_context(endpoint))


def _open_secrets(endpoint: models.Endpoint, *, keys: Keys) -> tuple[str, ...]:
    """Return the secrets that sign and verify, the newest first."""
    return tuple(
        sealing.unseal(bytes(sealed), keys=keys, context=_context(endpoint)).decode()
        for sealed in (endpoint.secret_sealed, endpoint.previous_secret_sealed)
        if sealed
    )


def _context(endpoint: models.Endpoint) -> str:
    # A sealed secret that is copied to another partner's row does not open there.
    return f"delivery.endpoint:{endpoint.partner_id}"
