"""What the ledgers' page reads: registry, gate and the provision ledger, in one look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from tracking.consents import provision_queries, provisions
from tracking.consents.types import ProvisionDays, Recipient
from tracking.gate import queries as gate
from tracking.ledgers import rules
from tracking.ledgers.types import ContractState, Ledgers, PartnerCount, Period
from tracking.registry import queries as registry
from tracking.registry import rules as registry_rules
from tracking.registry.types import SiteInfo, Transport

_WORST_FIRST = list(ContractState)


def get_ledgers(*, site: SiteInfo, now: datetime) -> Ledgers:
    """Return a site's entrustments, those that need somebody first, and its exceptions."""
    today = now.astimezone(ZoneInfo(site.zone)).date()
    uses = {one.exception: one for one in gate.count_exception_uses(site_id=site.id)}
    entrustments = [
        (info, rules.contract_state(info=info, today=today))
        for info in registry.list_entrustments(site_id=site.id)
    ]
    return Ledgers(
        entrustments=tuple(sorted(entrustments, key=lambda one: _WORST_FIRST.index(one[1]))),
        exceptions=tuple(
            (info, rules.exception_state(info=info, now=now), uses.get(info.id))
            for info in registry.list_exceptions(site_id=site.id)
        ),
        exceptable=tuple(
            tag
            for tag in registry.list_server_tags(site_id=site.id)
            if registry_rules.may_be_excepted(transport=Transport.SERVER, natures=tag.natures)
        ),
        recipients=tuple(provision_queries.list_recipients(site=site)),
    )


def list_recipients(*, site: SiteInfo) -> list[Recipient]:
    """Return everybody of whom lines can be exported."""
    return provision_queries.list_recipients(site=site)


def count_devices(*, site: SiteInfo, period: Period, now: datetime) -> list[PartnerCount]:
    """
    Return, per partner, of how many devices it could receive something in a period.

    Goes through the records of every device of the site: for a page that somebody waits for.
    """
    devices: Counter[str] = Counter()
    for lines in provision_queries.iterate_devices(site=site, now=now):
        devices.update({line.recipient.code for line in lines if _is_in(line, period)})
    kept = Counter(
        line.recipient.code
        for line in provision_queries.iterate_kept(site=site)
        if _is_in(line, period)
    )
    return [
        PartnerCount(partner=code, devices=rules.tell(devices[code]), kept=rules.tell(kept[code]))
        for code in sorted({*devices, *kept})
    ]


def iterate_lines(
    *, site: SiteInfo, partner: str, period: Period, now: datetime
) -> Iterator[ProvisionDays]:
    """Return every line of a partner in a period: of devices that are there, then what is kept."""
    for lines in provision_queries.iterate_devices(site=site, now=now):
        for line in lines:
            if line.recipient.code == partner and _is_in(line, period):
                yield line
    for line in provision_queries.iterate_kept(site=site):
        if line.recipient.code == partner and _is_in(line, period):
            yield line


def list_lines_of_receipt(*, site: SiteInfo, key: UUID, now: datetime) -> list[ProvisionDays]:
    """
    Return the lines of the device that made a record.

    :raises UnknownReceipt: if there is no such record, or its device was erased
    """
    return [
        provisions.in_days(provision=one, zone=site.zone)
        for one in provision_queries.list_of_receipt(site=site, key=key, now=now)
    ]


def _is_in(line: ProvisionDays, period: Period) -> bool:
    return provisions.overlaps(days=line, since=period.since, until=period.until)
