"""The writes that make the service forget a device."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db import IntegrityError, transaction

from tracking.consents import models, operations, provision_operations, queries, rules
from tracking.consents.operations import DecisionInvalid, Keys
from tracking.consents.types import Erased, Surface, Visit
from tracking.lib.errors import DomainError
from tracking.notices import queries as notices
from tracking.outbox import operations as outbox
from tracking.outbox import queries as outbox_queries
from tracking.outbox.types import News

logger = logging.getLogger(__name__)

# So long a settled erasure can be looked up, and sent again by a browser that lost the answer.
KEPT_AT_LEAST = timedelta(days=1)
KEPT_AT_MOST = timedelta(days=90)

_USED = {"idempotency_key": ["Something else was sent under this key before."]}


class UnknownDevice(DomainError):
    """Also the answer to an outdated token: nothing tells the two apart."""

    code = "unknown_device"
    message = "There is no record of this device."
    status = 404


def erase(
    *,
    site: str,
    idempotency_key: str,
    surface: Surface,
    language: str,
    visit: Visit,
    keys: Keys,
    now: datetime,
) -> Erased:
    """
    Withdraw everything, tell every partner that may know the device to forget it, and forget it.

    One transaction. What partners could receive is kept by days, without the device, as long as the
    law demands. The withdrawal is a record as any other, and stays with all public records:
    counts and proofs are as before. What led from a record to the device is deleted, and so is
    whatever else refers to the device; its id stays taken for KEPT_AT_MOST, because partners have
    been told of its end. The erasure's news carry what the withdrawal's had sealed for the partner.

    Sent again with the same key it answers the same, without a token.

    :raises UnknownSite: 404
    :raises ForeignOrigin: 403
    :raises NoNotice: 404
    :raises UnknownDevice: 404, no token, or not this device's newest
    :raises DecisionInvalid: 400, an unknown language, a malformed key or one that was used before
    """
    info = operations.check_origin(site, visit)
    with transaction.atomic():
        state = queries.find_own(site=info, token_text=visit.device_token, keys=keys, lock=True)
        if state is None:
            known = queries.find_erasure(site=info, idempotency_key=idempotency_key, now=now)
            if known is None:
                raise UnknownDevice
            return known
        reached = queries.list_reached(site=info, state=state, keys=keys)
        seq = rules.next_seq(choices=state.choices, now=now)
        withdrawn = operations.revoke(
            site=site,
            idempotency_key=idempotency_key,
            client_seq=seq,
            surface=surface,
            language=language,
            refused=None,
            visit=visit,
            keys=keys,
            now=now,
        )
        if withdrawn.is_replay:
            raise DecisionInvalid(fields=_USED)
        # Higher than the withdrawal's: whatever comes last, the erasure is what holds.
        version = state.version + 2
        erasure = _keep_erasure(
            key=uuid4(),
            site_id=info.id,
            notice_id=notices.get_current(site_code=site).id,
            idempotency_key=idempotency_key,
            erased_at=now,
            version=version,
            seq=seq,
            told=[
                {
                    "partner": one.partner,
                    "subject": one.subject,
                    "legal_name": dict(one.legal_name),
                }
                for one in reached
            ],
        )
        _tell(erasure, reached, now=now)
        # Three years of duty (APPI Rules 21, 29), from records that lead to the device no longer.
        provision_operations.keep(site=info, device=state.device, now=now)
        records = _forget(state, now=now)
        erased = queries.get_erasure(site_code=site, key=erasure.key, now=now)
    logger.info("a device was erased: %d records, %d partners to tell", records, len(reached))
    return replace(erased, is_replay=False)


def forget_erasures(*, now: datetime) -> int:
    """
    Delete erasures that are over, and give the ids of erased devices free; return how many.

    An erasure is over when every partner has said its last word, a day after it at the earliest,
    and 90 days after it in any case.
    """
    settled = queries.list_settled_erasures(before=now - KEPT_AT_LEAST, now=now)
    too_old = now - KEPT_AT_MOST
    with transaction.atomic():
        deleted, _ = models.Erasure.objects.filter(key__in=settled).delete()
        expired, _ = models.Erasure.objects.filter(erased_at__lt=too_old).delete()
        models.Device.objects.filter(erased_at__lt=too_old).delete()
    return deleted + expired


def _keep_erasure(**values: Any) -> models.Erasure:
    try:
        with transaction.atomic():
            return models.Erasure.objects.create(**values)
    except IntegrityError as error:
        raise DecisionInvalid(fields=_USED) from error


def _tell(erasure: models.Erasure, reached: list[queries.Reached], *, now: datetime) -> None:
    sealed = outbox_queries.list_sealed(
        site_id=erasure.site_id,
        subjects=[one.subject for one in reached],
        kind=operations.NEWS_KIND,
    )
    news = []
    for one in reached:
        due_at = rules.due_at(decided_at=now, sla_hours=one.sla_hours)
        news.append(
            News(
                addressee=one.partner,
                subject=one.subject,
                kind=queries.ERASURE_NEWS,
                # Nothing that comes later may replace it.
                occasion=str(erasure.key),
                version=erasure.version,
                due_at=due_at,
                sealed=sealed.get(one.partner, {}),
                payload=rules.erasure_message(
                    subject=one.subject, version=erasure.version, erased_at=now, due_at=due_at
                ),
            )
        )
    outbox.append(site_id=erasure.site_id, news=news, now=now)


def _forget(state: queries.DeviceState, *, now: datetime) -> int:
    """Delete all that leads to the device, and return of how many records."""
    device = models.Device.objects.get(pk=state.device)
    records, _ = models.ConsentPrivate.objects.filter(device=device).delete()
    # With it goes whatever else refers to it. A decision of its first days that is still on its way
    # would make it anew, and partners would take no notice of what it says: its id stays taken.
    site_id, notice_id = device.site_id, device.notice_id
    device.delete()
    models.Device.objects.create(
        id=state.device,
        site_id=site_id,
        notice_id=notice_id,
        version=1,
        serial=queries.FIRST_SERIAL,
        client_seq=0,
        granted=frozenset(),
        refused=frozenset(),
        decided_at=now,
        last_record_key=uuid4(),
        erased_at=now,
    )
    return records
