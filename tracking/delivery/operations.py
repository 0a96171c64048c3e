"""The only writes of endpoints, and what partners tell us. What a sending leaves: `settlements`."""

from __future__ import annotations

import base64
import logging
import re
import secrets as random_bytes
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from tracking.audit import operations as audit
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

logger = logging.getLogger(__name__)

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
    actor: str,
    now: datetime,
    transport: Transport = Transport.WEBHOOK,
    settings: Mapping[str, str] | None = None,
    confirms_by: ConfirmsBy | None = None,
    concurrency: int = 8,
    is_for_erasures_only: bool = False,
) -> None:
    """
    Say where and how a partner is told. Replaces an earlier endpoint; `secret=None` keeps its
    secret where it goes to the same place, `confirms_by=None` is the transport's usual way.

    Another URL or transport makes a partner that was gone active again. Use `rotate_secret` to
    change the secret of a partner that is being told.

    :raises UnknownPartner: 404
    :raises EndpointInvalid: 400, something that cannot be used; `fields` says what and why
    """
    row = _partner(site, partner)
    known = models.Endpoint.objects.select_for_update().filter(partner_id=row.id).first()
    settings = {code: value for code, value in (settings or {}).items() if value}
    keeps_secret = secret is None and may_keep_secret(
        known, transport=transport, url=url, settings=settings
    )
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
    before = {} if known is None else _described(known)
    has_new_secret = not keeps_secret and _secret_in_use(endpoint, keys=keys) != (secret or "")
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
    details = _changes(before, _described(endpoint)) | (
        {"secret": "new" if secret else "none"} if has_new_secret else {}
    )
    if details:
        audit.append(
            actor=actor,
            action="endpoint.added" if known is None else "endpoint.changed",
            site=site,
            object=partner,
            details=details,
            now=now,
        )


def may_keep_secret(
    known: models.Endpoint | None, *, transport: Transport, url: str, settings: Mapping[str, str]
) -> bool:
    """
    Tell whether an endpoint's secret may serve a changed one: only where it goes to the same place.

    Else whoever may change addresses could have it sent to one of their own, and read it there.
    """
    if known is None or known.transport != transport:
        return False
    if not TRANSPORTS[transport].profile.has_url:
        return dict(known.settings) == dict(settings)
    # Scheme and host.
    return known.url.split("/")[:3] == url.split("/")[:3]


def _described(endpoint: models.Endpoint) -> dict[str, object]:
    """Return what an endpoint says of itself, without its secrets."""
    return {
        "transport": str(endpoint.transport),
        "url": endpoint.url,
        "settings": dict(endpoint.settings),
        "confirms_by": str(endpoint.confirms_by),
        "concurrency": endpoint.concurrency,
        "is_for_erasures_only": endpoint.is_for_erasures_only,
    }


def _changes(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, object]:
    """Return what is new, or what was and what is."""
    if not before:
        return dict(after)
    return {
        name: {"was": before[name], "is": value}
        for name, value in after.items()
        if before[name] != value
    }


@transaction.atomic
def begin_test(
    *,
    site: str,
    partner: str,
    url: str,
    secret: str | None,
    transport: Transport,
    settings: Mapping[str, str],
    keys: Keys,
    allow_loopback: bool,
    actor: str,
    now: datetime,
) -> Place:
    """
    Note that somebody sends a test message, and return where it goes; nothing else is kept.

    `secret=None` takes the endpoint's own, where `set_endpoint` would keep it.

    :raises UnknownPartner: 404
    :raises EndpointInvalid: 400
    """
    row = _partner(site, partner)
    known = models.Endpoint.objects.filter(partner_id=row.id).first()
    settings = {code: value for code, value in settings.items() if value}
    keeps_secret = secret is None and may_keep_secret(
        known, transport=transport, url=url, settings=settings
    )
    fields = check_endpoint(
        url=url,
        secret=secret,
        keeps_secret=keeps_secret,
        transport=transport,
        settings=settings,
        confirms_by=None,
        concurrency=1,
        allow_loopback=allow_loopback,
    )
    if TRANSPORTS[transport].profile.is_pulled:
        fields["transport"] = ["The partner fetches its messages; there is nothing to send."]
    secrets: tuple[str, ...] = () if secret is None else (secret,)
    if known is not None and keeps_secret:
        try:
            secrets = _open_secrets(known, keys=keys)
        except sealing.CannotOpen:
            fields["secret"] = ["The key that sealed the secret is not here; enter it again."]
    if fields:
        raise EndpointInvalid(fields=fields)
    audit.append(
        actor=actor,
        action="endpoint.tested",
        site=site,
        object=partner,
        details={"transport": str(transport), "url": url, "settings": settings},
        now=now,
    )
    return Place(partner=partner, url=url, settings=settings, secrets=secrets, site_id=row.site_id)


def propose_secret(transport: Transport) -> str:
    """Return a fresh secret where we make it, or "" where the partner gives a credential."""
    is_ours = TRANSPORTS[transport].is_usable_secret is webhook.is_usable_secret
    return new_secret() if is_ours else ""


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
            fields["secret"] = ["A new endpoint needs a secret, and so does another address."]
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
def rotate_secret(
    *, site: str, partner: str, secret: str, keys: Keys, actor: str, now: datetime
) -> None:
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
    audit.append(actor=actor, action="endpoint.secret_rotated", site=site, object=partner, now=now)


@transaction.atomic
def finish_rotation(*, site: str, partner: str, actor: str, now: datetime) -> None:
    """
    Forget the previous secret: from now on only the newest signs and verifies.

    :raises UnknownEndpoint: 404
    """
    endpoint = _endpoint(site, partner)
    endpoint.previous_secret_sealed = b""
    endpoint.save(update_fields=["previous_secret_sealed"])
    audit.append(
        actor=actor, action="endpoint.rotation_finished", site=site, object=partner, now=now
    )


def reseal_secrets(*, keys: Keys) -> sealing.Resealed:
    """Seal every endpoint's secrets with the first key. May be stopped and begun again."""
    changed = unreadable = 0
    for pk in models.Endpoint.objects.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            endpoint = models.Endpoint.objects.select_for_update().get(pk=pk)
            for name in ("secret_sealed", "previous_secret_sealed"):
                sealed = bytes(getattr(endpoint, name))
                try:
                    anew = sealed and sealing.reseal(sealed, keys=keys, context=_context(endpoint))
                except sealing.CannotOpen as error:
                    logger.error("endpoint %s cannot be sealed anew: %s", pk, error)
                    unreadable += 1
                    continue
                if anew:
                    setattr(endpoint, name, anew)
                    endpoint.save(update_fields=[name])
                    changed += 1
    return sealing.Resealed(changed=changed, unreadable=unreadable)


@transaction.atomic
def pause(*, site: str, partner: str, actor: str, now: datetime) -> None:
    """
    Send nothing more to a partner; its news wait, and their deadlines run on.

    :raises UnknownEndpoint: 404
    """
    endpoint = _endpoint(site, partner)
    endpoint.state = EndpointState.PAUSED
    endpoint.save(update_fields=["state"])
    audit.append(actor=actor, action="endpoint.paused", site=site, object=partner, now=now)


@transaction.atomic
def resume(*, site: str, partner: str, actor: str, now: datetime) -> int:
    """
    Tell a paused or gone partner again, starting at once; return how many events are waiting.

    :raises UnknownEndpoint: 404
    """
    endpoint = _endpoint(site, partner)
    count = outbox.replay(site_id=_partner(site, partner).site_id, addressee=partner, now=now)
    endpoint.state = EndpointState.ACTIVE
    _assign(endpoint, breaker_fields(Breaker()))
    endpoint.save(update_fields=["state", "consecutive_failures", "openings", "opened_until"])
    audit.append(
        actor=actor,
        action="endpoint.resumed",
        site=site,
        object=partner,
        details={"events": count},
        now=now,
    )
    return count


def replay(
    *,
    site: str,
    partner: str,
    actor: str,
    now: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
    is_told_too: bool = False,
) -> int:
    """
    Tell again what was given up between two moments, and with `is_told_too` what was accepted then.

    Works in parts, each a transaction of its own; that somebody asked for it is kept first.

    :raises UnknownPartner: 404
    """
    row = _partner(site, partner)
    with transaction.atomic():
        audit.append(
            actor=actor,
            action="events.replayed",
            site=site,
            object=partner,
            details={
                "since": since and since.isoformat(),
                "until": until and until.isoformat(),
                "is_told_too": is_told_too,
            },
            now=now,
        )
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
        site_id=endpoint.partner.site_id,
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


def _secret_in_use(endpoint: models.Endpoint, *, keys: Keys) -> str | None:
    """Return the newest secret, "" for none, or None where its key is not here."""
    try:
        return next(iter(_open_secrets(endpoint, keys=keys)), "")
    except sealing.CannotOpen:
        return None


def _context(endpoint: models.Endpoint) -> str:
    # A sealed secret that is copied to another partner's row does not open there.
    return f"delivery.endpoint:{endpoint.partner_id}"
