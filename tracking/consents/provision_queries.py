"""The only reads of the provision ledger: what is derived, and what is kept past an erasure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from tracking.consents import models, provisions, queries
from tracking.consents.types import (
    Method,
    PastDecision,
    Provision,
    ProvisionDays,
    Recipient,
    Submission,
    Surface,
)
from tracking.lib import bits
from tracking.notices import queries as notices
from tracking.notices.types import Notice
from tracking.registry import queries as registry
from tracking.registry.types import SiteInfo

Keys = Mapping[str, bytes]

# Devices whose records are read together.
_AT_A_TIME = 500

# In the order in which decisions took effect; what changed nothing comes after what it did not
# change.
_HISTORIES = """
SELECT p.device_id, r.notice_id, p.idempotency_key, p.client_seq, r.method, r.surface, r.language,
       r.with_signal, r.granted::text, r.refused::text, r.is_superseded, r.recorded_at, r.regime
  FROM consents_consentprivate p
  JOIN consents_consentrecord r ON r.recorded_at = p.recorded_at AND r.key = p.record_key
 WHERE p.device_id = ANY(%s)
 ORDER BY p.device_id, p.version, r.is_superseded, r.recorded_at
"""


def list_own(
    *, site_code: str, token_text: str | None, keys: Keys, now: datetime
) -> list[Provision]:
    """
    Return what could be received of the device that holds this token; empty without one.

    :raises UnknownSite:
    """
    site = registry.get_site(code=site_code)
    state = queries.find_own(site=site, token_text=token_text, keys=keys)
    return [] if state is None else list_of_device(site=site, device=state.device, now=now)


def list_of_receipt(*, site: SiteInfo, key: UUID, now: datetime) -> list[Provision]:
    """
    Return what could be received of the device that made a record (APPI Art. 33(5)).

    :raises UnknownReceipt: if there is no such record, or its device was erased
    """
    device = (
        models.ConsentPrivate.objects.filter(site_id=site.id, record_key=key)
        .values_list("device_id", flat=True)
        .first()
    )
    if device is None:
        raise queries.UnknownReceipt
    return list_of_device(site=site, device=device, now=now)


def list_of_device(*, site: SiteInfo, device: UUID, now: datetime) -> list[Provision]:
    """Return what could be received of a device of this site."""
    versions = _versions(site)
    return provisions.list_provisions(
        decisions=_histories(site, [device]).get(device, []), notices=versions, now=now
    )


def iterate_devices(*, site: SiteInfo, now: datetime) -> Iterator[list[ProvisionDays]]:
    """Return the provisions of every device of a site by their days, a device at a time."""
    versions = _versions(site)
    last: UUID | None = None
    while True:
        known = models.Device.objects.filter(site_id=site.id, erased_at__isnull=True)
        if last is not None:
            known = known.filter(pk__gt=last)
        devices = list(known.order_by("pk").values_list("pk", flat=True)[:_AT_A_TIME])
        if not devices:
            return
        for decisions in _histories(site, devices).values():
            yield [
                provisions.in_days(provision=one, zone=site.zone)
                for one in provisions.list_provisions(
                    decisions=decisions, notices=versions, now=now
                )
            ]
        last = devices[-1]


def iterate_kept(*, site: SiteInfo) -> Iterator[ProvisionDays]:
    """Return what is kept past erasures, by its first day."""
    rows = models.KeptProvision.objects.filter(site_id=site.id).order_by("first_day", "key")
    for row in rows.iterator(chunk_size=_AT_A_TIME):
        notice = notices.get_by_id(notice_id=row.notice_id)
        yield ProvisionDays(
            recipient=provisions.read_recipient(notice=notice, partner=row.partner),
            items=provisions.read_items(notice=notice, codes=row.items),
            tags=provisions.read_tags(notice=notice, codes=row.tags),
            agreed_on=row.agreed_on,
            notice=notice.number,
            first_day=row.first_day,
            last_day=row.last_day,
        )


def list_recipients(*, site: SiteInfo) -> list[Recipient]:
    """Return everybody who ever belonged into a site's ledger, as last published there."""
    found: dict[str, Recipient] = {}
    for notice in _versions(site):
        for code, partner in notice.terms.partners.items():
            recipient = provisions.read_recipient(notice=notice, partner=code)
            if provisions.is_kept(role=partner.role, country=recipient.country):
                found[code] = recipient
    return list(found.values())


# --- inside


def _versions(site: SiteInfo) -> list[Notice]:
    found = (
        notices.find_version(site_code=site.code, number=publication.number)
        for publication in notices.list_publications(site_code=site.code)
    )
    return [notice for notice in found if notice is not None]


def _histories(site: SiteInfo, devices: Sequence[UUID]) -> dict[UUID, list[PastDecision]]:
    found: dict[UUID, list[PastDecision]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_HISTORIES, [list(devices)])
        rows = cursor.fetchall()
    for row in rows:
        notice = notices.get_by_id(notice_id=row[1])
        submission = Submission(
            site=site.code,
            notice=notice.number,
            idempotency_key=row[2],
            client_seq=row[3],
            method=Method(row[4]),
            surface=Surface(row[5]),
            language=row[6],
            gpc=row[7],
            granted=_ids(notice, row[8]),
            refused=_ids(notice, row[9]),
            # Whatever the sender called it: a late decision that took no effect reads as history.
            is_history=row[10],
        )
        found.setdefault(row[0], []).append(
            PastDecision(submission=submission, recorded_at=row[11], regime=row[12])
        )
    return found


def _ids(notice: Notice, numbers: str) -> frozenset[str]:
    return frozenset(notice.ids[n] for n in bits.unpack(numbers) if n in notice.ids)
