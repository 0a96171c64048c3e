"""The only writes of endpoints, and what partners tell us. What a sending leaves: `settlements`."""

from __future__ import annotations

import base64
import re
import secrets as random_bytes
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from tracking.delivery import models, rules
from tracking.delivery.settlements import breaker_fields
from tracking.delivery.transports import TRANSPORTS, base, webhook
from tracking.delivery.types import (
    Breaker,
    ConfirmsBy,
    EndpointState,
    Place,
    Transport,
)
from tracking.lib import sealing
from tracking.lib.errors import DomainError
from tracking.lib.outbound_http import OutboundRefused, parse_target
from tracking.outbox import operations as outbox
from tracking.outbox.types import Outcome
from tracking.registry import queries as registry
from tracking.registry.types import PartnerInfo

Keys = Mapping[str, bytes]


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
    endpoint = (
        models.Endpoint.objects.filter(partner__site__code=site, partner__code=partner)
        .select_related("partner")
        .first()
    )
    if endpoint is None:
        raise UnknownPartner
    try:
        webhook.verify(
            headers=headers, body=body, secrets=_open_secrets(endpoint, keys=keys), now=now
        )
    except webhook.SignatureRefused as error:
        raise SignatureRefused from error
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


# --- what an operator does


def new_secret() -> str:
    """Return a fresh signing secret, to be shown once and given to the partner."""
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
    transport: Transport = Transport.WEBHOOK,
    settings: Mapping[str, str] | None = None,
    confirms_by: ConfirmsBy | None = None,
    concurrency: int = 8,
    is_for_erasures_only: bool = False,
) -> None:
    """
    Say where and how a partner is told. Replaces an earlier endpoint; `secret=None` keeps its
    secret, `confirms_by=None` is the transport's usual way.

    Another URL or transport makes a partner that was gone active again. Use `rotate_secret` to
    change the secret of a partner that is being told.

    :raises UnknownPartner: 404
    :raises EndpointInvalid: 400, something that cannot be used; `fields` says what and why
    """
    row = _partner(site, partner)
    known = models.Endpoint.objects.select_for_update().filter(partner_id=row.id).first()
    keeps_secret = secret is None and known is not None and known.transport == transport
    settings = {code: value for code, value in (settings or {}).items() if value}
    fields = check_endpoint(
        url=url,
        secret=secret,
        keeps_secret=keeps_secret,
        transport=transport,
        settings=settings,
        confirms_by=confirms_by,
        concurrency=concurrency,
        allow_loopback=allow_loopback,
    )
    if fields:
        raise EndpointInvalid(fields=fields)
    endpoint = known or models.Endpoint(partner_id=row.id)
    if (endpoint.url, endpoint.transport) != (url, transport):
        endpoint.state = EndpointState.ACTIVE if _is_gone(endpoint) else endpoint.state
        _assign(endpoint, breaker_fields(Breaker()))
    endpoint.url = url
    endpoint.transport = transport
    endpoint.settings = settings
    endpoint.confirms_by = confirms_by or TRANSPORTS[transport].profile.confirms_by[0]
    endpoint.concurrency = concurrency
    endpoint.is_for_erasures_only = is_for_erasures_only
    if not keeps_secret:
        endpoint.secret_sealed = _seal(secret, endpoint, keys=keys) if secret else b""
        endpoint.previous_secret_sealed = b""
    endpoint.save()


def check_endpoint(
    *,
    url: str,
    secret: str | None,
    keeps_secret: bool,
    transport: Transport,
    settings: Mapping[str, str],
    confirms_by: ConfirmsBy | None,
    concurrency: int,
    allow_loopback: bool,
) -> dict[str, list[str]]:
    """Return what is wrong with an endpoint, by field; a setting's field is `settings.<code>`."""
    way = TRANSPORTS[transport]
    fields: dict[str, list[str]] = {}
    if way.profile.has_url:
        try:
            parse_target(url, allow_loopback=allow_loopback)
        except OutboundRefused as error:
            fields["url"] = [str(error)]
    elif url:
        fields["url"] = ["This way of reaching a partner has no address; leave it empty."]
    wanted = way.profile.secret
    if wanted is None:
        if secret:
            fields["secret"] = ["This way of reaching a partner has no secret; leave it empty."]
    elif secret is None:
        if not keeps_secret and wanted.is_required:
            fields["secret"] = ["A new endpoint needs a secret."]
    elif not _is_usable(way, secret):
        fields["secret"] = [f"Write: {wanted.help['en']}"]
    known = {setting.code: setting for setting in way.profile.settings}
    for code in settings.keys() - known.keys():
        fields[f"settings.{code}"] = ["There is no such setting here."]
    for code, setting in known.items():
        value = settings.get(code, "")
        if not value and setting.is_required or value and not re.fullmatch(setting.pattern, value):
            fields[f"settings.{code}"] = [f"Write: {setting.help['en']}"]
    if confirms_by is not None and confirms_by not in way.profile.confirms_by:
        fields["confirms_by"] = ["A partner reached this way does not confirm like that."]
    if not 1 <= concurrency <= models.MOST_AT_ONCE:
        fields["concurrency"] = [f"Write a number from 1 to {models.MOST_AT_ONCE}."]
    return fields


def _is_usable(way: base.Way, secret: str) -> bool:
    if way.is_usable_secret is not None:
        return way.is_usable_secret(secret)
    return way.profile.secret is not None and bool(
        re.fullmatch(way.profile.secret.pattern, secret, re.DOTALL)
    )


@transaction.atomic
def rotate_secret(*, site: str, partner: str, secret: str, keys: Keys) -> None:
    """
    Sign with a new secret, and with the present one beside it until `finish_rotation`.

    :raises UnknownEndpoint: 404
    :raises EndpointInvalid: 400, an unusable secret
    """
    endpoint = _endpoint(site, partner)
    way = TRANSPORTS[Transport(endpoint.transport)]
    if way.profile.secret is None or not _is_usable(way, secret):
        raise EndpointInvalid(fields={"secret": ["This secret cannot be used here."]})
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
    _assign(endpoint, breaker_fields(Breaker()))
    endpoint.save(update_fields=["state", "consecutive_failures", "openings", "opened_until"])
    return count


def replay(
    *,
    site: str,
    partner: str,
    now: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
    is_told_too: bool = False,
) -> int:
    """
    Tell again what was given up between two moments, and with `is_told_too` what was accepted then.

    :raises UnknownPartner: 404
    """
    row = _partner(site, partner)
    return outbox.replay(
        site_id=row.site_id,
        addressee=row.code,
        now=now,
        since=since,
        until=until,
        is_told_too=is_told_too,
    )


# --- what time does


def drop_old_tallies(*, now: datetime) -> int:
    """Drop tallies that no chart reaches back to, and return how many; totals stay."""
    return models.Tally.objects.filter(since__lt=now - rules.KEEP_TALLIES_FOR).delete()[0]


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


def open_place(endpoint: models.Endpoint, *, keys: Keys) -> Place:
    """
    Return where a partner is told, ready to be used.

    :raises sealing.CannotOpen: if a key is missing
    """
    return Place(
        partner=endpoint.partner.code,
        url=endpoint.url,
        settings=endpoint.settings,
        secrets=_open_secrets(endpoint, keys=keys),
    )


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
