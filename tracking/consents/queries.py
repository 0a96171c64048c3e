"""The only reads of devices and consent records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Min

from tracking.consents import models, rules
from tracking.consents.types import (
    AgeBand,
    Choices,
    DecisionCount,
    DeliveryStatus,
    Erased,
    Method,
    Prior,
    Receipt,
    Recorded,
    Surface,
)
from tracking.lib import bits, device_token, prepared
from tracking.lib.device_token import DeviceToken
from tracking.lib.errors import DomainError
from tracking.notices import queries as notices
from tracking.notices.types import Notice
from tracking.outbox import queries as outbox
from tracking.regimes import rules as regimes
from tracking.registry import queries as registry
from tracking.registry.types import SiteInfo

Keys = Mapping[str, bytes]

FIRST_SERIAL = 1
ERASURE_NEWS = "erasure"


class UnknownReceipt(DomainError):
    """Also the answer for somebody else's receipt: nothing tells the two apart."""

    code = "unknown_receipt"
    message = "This device has no such receipt."
    status = 404


class UnknownErasure(DomainError):
    code = "unknown_erasure"
    message = "There is no such erasure, or it is over."
    status = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceState:
    """A device as it stands; nobody may speak for one that `is_erased`."""

    device: UUID
    version: int
    serial: int
    last_record_key: UUID
    choices: Choices
    notice_id: int
    is_erased: bool
    is_suspect: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """
    Whom a request speaks for. `state` is None for a device that is not there yet, and `device` for
    one that nothing names in advance.

    Trusted is a new device's sender, the newest token, and the seed as long as no decision came
    with a token: only those may grant what is new, and are handed a token.
    """

    device: UUID | None
    state: DeviceState | None
    is_trusted: bool
    is_by_token: bool

    @property
    def choices(self) -> Choices | None:
        """What this sender may know: without trust, only what was refused."""
        if self.state is None:
            return None
        choices = self.state.choices
        return choices if self.is_trusted else replace(choices, granted=frozenset())


_STATE = """
SELECT version, serial, last_record_key, granted::text, refused::text,
       extract(epoch FROM decided_at)::bigint, notice_id, with_signal, client_seq,
       erased_at IS NOT NULL, is_suspect
  FROM consents_device WHERE id = %(device)s
"""


def find_state(*, device: UUID, lock: bool = False) -> DeviceState | None:
    """Return a device's state; `lock` serializes the decisions of one device."""
    statement = _STATE + ("FOR UPDATE" if lock else "")
    with connection.cursor() as cursor, connection.wrap_database_errors:
        row = prepared.execute(cursor, statement, {"device": device}).fetchone()
    if row is None:
        return None
    notice = notices.get_by_id(notice_id=row[6])
    return DeviceState(
        device=device,
        version=row[0],
        serial=row[1],
        last_record_key=row[2],
        choices=Choices(
            granted=_ids(notice, bits.unpack(row[3])),
            refused=_ids(notice, bits.unpack(row[4])),
            decided_at=row[5],
            notice=notice.number,
            with_signal=row[7],
            seq=row[8],
        ),
        notice_id=row[6],
        is_erased=row[9],
        is_suspect=row[10],
    )


def find_sender(*, token: DeviceToken | None, seeded: UUID | None, lock: bool = False) -> Sender:
    """
    Return whom a request speaks for: a believed `token` wins over `seeded`, the device of its seed.

    The serial tells whether a device's seed was followed by a token: seeds do not raise it.
    """
    if token is not None:
        state = find_state(device=token.device, lock=lock)
        if state is not None and not state.is_erased:
            return Sender(
                device=state.device,
                state=state,
                is_trusted=token.serial == state.serial,
                is_by_token=True,
            )
    # A token whose device is gone starts anew, under an id that nobody could have planted.
    state = None if seeded is None else find_state(device=seeded, lock=lock)
    if state is not None and state.is_erased:
        state = seeded = None
    return Sender(
        device=seeded,
        state=state,
        is_trusted=state is None or state.serial == FIRST_SERIAL,
        is_by_token=False,
    )


def find_own(
    *, site: SiteInfo, token_text: str | None, keys: Keys, lock: bool = False
) -> DeviceState | None:
    """
    Return the device that holds this token.

    None for no token, a token that is not ours, of another site, outdated, or of a device that is
    not there.
    """
    token = device_token.verify(token_text, keys=keys) if token_text else None
    if token is None or token.site_id != site.id:
        return None
    state = find_state(device=token.device, lock=lock)
    if state is None or state.is_erased or state.serial != token.serial:
        return None
    return state


def find_choices(*, site_code: str, token_text: str | None, keys: Keys) -> Choices | None:
    """
    Return the choices of the device that holds this token; None means "no decision yet".

    :raises UnknownSite:
    """
    site = registry.get_site(code=site_code)
    state = find_own(site=site, token_text=token_text, keys=keys)
    return None if state is None else state.choices


def find_gate_choices(*, site_code: str, token_text: str | None, keys: Keys) -> Choices | None:
    """
    Return what the gate goes by: as `find_choices`, but an outdated token still refuses.

    After a lost answer a browser holds the token before the newest; what its device refused since
    must not read as "no decision yet".

    :raises UnknownSite:
    """
    site = registry.get_site(code=site_code)
    token = device_token.verify(token_text, keys=keys) if token_text else None
    if token is None or token.site_id != site.id:
        return None
    return find_sender(token=token, seeded=None).choices


def find_age_band(*, device: UUID) -> AgeBand | None:
    """Return what a device said last of its visitor's age."""
    said = (
        models.ConsentPrivate.objects.filter(device_id=device, age_band__isnull=False)
        .order_by("-recorded_at")
        .values_list("age_band", flat=True)
        .first()
    )
    return None if said is None else AgeBand(said)


def list_receipts(*, site_code: str, token_text: str | None, keys: Keys) -> list[Receipt]:
    """Return what this device decided, newest first; empty without a valid token."""
    site = registry.get_site(code=site_code)
    state = find_own(site=site, token_text=token_text, keys=keys)
    if state is None:
        return []
    private = {
        (one.recorded_at, one.record_key): one
        for one in models.ConsentPrivate.objects.filter(device_id=state.device)
    }
    rows = models.ConsentRecord.objects.filter(pk__in=list(private)).order_by("-recorded_at")
    return [_receipt(site, row, private[row.pk]) for row in rows]


def get_receipt(*, site_code: str, key: UUID, token_text: str | None, keys: Keys) -> Receipt:
    """
    Return one receipt of this device.

    :raises UnknownReceipt: if it does not exist or is another device's
    """
    site = registry.get_site(code=site_code)
    row, private = _own_record(site, key, token_text, keys)
    return _receipt(site, row, private)


def list_deliveries(
    *, site_code: str, key: UUID, token_text: str | None, keys: Keys, now: datetime
) -> list[DeliveryStatus]:
    """
    Return how far each partner is that one record's withdrawals had to be told to.

    :raises UnknownReceipt: if the record does not exist or is another device's
    """
    site = registry.get_site(code=site_code)
    row, private = _own_record(site, key, token_text, keys)
    return _deliveries(site, row, private, keys, now)


def find_recorded(
    *,
    site: SiteInfo,
    idempotency_key: str,
    token: DeviceToken | None,
    seeded: UUID | None,
    keys: Keys,
    now: datetime,
) -> Recorded | None:
    """Return the stored answer to a decision that was sent before, and what its sender has now."""
    private = models.ConsentPrivate.objects.filter(
        site_id=site.id, idempotency_key=idempotency_key
    ).first()
    if private is None:
        return None
    row = models.ConsentRecord.objects.get(pk=(private.recorded_at, private.record_key))
    sender = find_sender(token=token, seeded=seeded)
    state, choices = sender.state, sender.choices
    new_token = None
    if state is None or choices is None or state.device == private.device_id:
        state = find_state(device=private.device_id)
        if state is None:
            raise UnknownReceipt
        choices = state.choices
        # Whoever knows the key sent this decision. It returns the token only while it is the last
        # one that was answered with it, so that an old key never opens a device's later life; the
        # seed returns it as long as it is trusted.
        if state.last_record_key == private.record_key or (
            sender.state is not None and sender.is_trusted and not sender.is_by_token
        ):
            newest = DeviceToken(
                device=state.device,
                site_id=site.id,
                serial=state.serial,
                issued_at=choices.decided_at,
            )
            new_token = device_token.sign(newest, keys=keys)
    # Else this browser has become another device since, and is not led back to the old one.
    notice = notices.get_by_id(notice_id=state.notice_id)
    return Recorded(
        receipt=_receipt(site, row, private),
        choices=choices,
        choices_cookie=rules.choices_cookie(choices=choices, numbers=notice.numbers),
        device_token=new_token,
        deliveries=tuple(_deliveries(site, row, private, keys, now)),
        is_replay=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A partner that may know a device, and the name under which it does."""

    partner: str
    subject: str
    legal_name: Mapping[str, str]
    sla_hours: int


def list_reached(*, site: SiteInfo, state: DeviceState, keys: Keys) -> list[Reached]:
    """
    Return every partner that was ever told of a device, or could ever receive something of it: by
    what was granted, in whatever combination, or before the first choice on notice alone.
    """
    private = models.ConsentPrivate.objects.filter(device_id=state.device)
    rows = models.ConsentRecord.objects.filter(
        pk__in=list(private.values_list("recorded_at", "record_key"))
    )
    granted, grounds = state.choices.granted, {(state.notice_id, "", date.max)}
    for row in rows:
        granted |= _ids(notices.get_by_id(notice_id=row.notice_id), row.granted)
        # As the regime was then, and as it has become since.
        for on in (row.recorded_at.date(), date.max):
            grounds.add((row.notice_id, row.regime, on))
    reached: set[str] = set()
    for notice_id, regime_code, on in grounds:
        terms = notices.get_by_id(notice_id=notice_id).terms
        regime = regimes.get_regime(code=regime_code, on=on)
        implied = rules.implied_grants(terms=terms, regime=regime)
        reached |= rules.list_reached(terms=terms, granted=granted | implied)
    all_partners = [
        Reached(
            partner=partner.code,
            subject=device_token.pairwise_id(
                device=state.device, partner=partner.code, site_id=site.id, keys=keys
            ),
            legal_name=partner.legal_name,
            sla_hours=partner.sla_hours,
        )
        for partner in registry.list_partners(site_id=site.id)
    ]
    told = outbox.list_statuses(
        site_id=site.id, subjects=[one.subject for one in all_partners], kind="consent"
    )
    reached |= {event.addressee for event in told}
    return [one for one in all_partners if one.partner in reached]


def find_erasure(*, site: SiteInfo, idempotency_key: str, now: datetime) -> Erased | None:
    """Return the stored answer to an erasure that was sent before."""
    row = models.Erasure.objects.filter(site_id=site.id, idempotency_key=idempotency_key).first()
    return None if row is None else _erased(site, row, now)


def get_erasure(*, site_code: str, key: UUID, now: datetime) -> Erased:
    """
    Return how far the partners are that an erasure must be told to.

    :raises UnknownSite:
    :raises UnknownErasure: if there is none, or it is over and forgotten
    """
    site = registry.get_site(code=site_code)
    row = models.Erasure.objects.filter(site_id=site.id, key=key).first()
    if row is None:
        raise UnknownErasure
    return _erased(site, row, now)


def list_settled_erasures(*, before: datetime, now: datetime) -> list[UUID]:
    """Return the erasures from before a moment to which every partner has said its last word."""
    found = []
    for row in models.Erasure.objects.filter(erased_at__lt=before).iterator(chunk_size=500):
        deliveries = _erasure_deliveries(row, now)
        if all(delivery.status in rules.LAST_WORDS for delivery in deliveries):
            found.append(row.key)
    return found


# {columns} say what the device held before, {source} where records come from as `r`.
_DECISIONS = """
SELECT r.site_id, timezone(s.zone, r.recorded_at)::date AS day, r.language, r.device_class,
       r.regime, r.country_group, r.presentation, r.surface, v.number::text, r.variant,
       r.referrer_class, r.prior, r.method, r.is_suspect, r.granted::text, r.withdrawn::text,
       {held}, count(*)
  FROM {source}
  JOIN registry_site s ON s.id = r.site_id
  JOIN notices_noticeversion v ON v.id = r.notice_id
 WHERE NOT r.is_superseded
 GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18
"""
_HELD = "u.held::text, date_trunc('week', timezone(s.zone, u.held_since))::date"
# Each record by its key, in its month alone: joined otherwise, all months would be read.
_OF_WAITING = """{waiting} u
  JOIN LATERAL (
    SELECT * FROM consents_consentrecord one
     WHERE one.recorded_at = u.recorded_at AND one.key = u.record_key OFFSET 0
  ) r ON true"""
_RECORDED = _DECISIONS.format(
    held="NULL::text, NULL::date",
    source="""(SELECT * FROM consents_consentrecord
              WHERE site_id = %(site)s AND recorded_at >= %(since)s
                AND recorded_at < %(until)s) r""",
)
_WAITING = _DECISIONS.format(
    held=_HELD,
    source=_OF_WAITING.format(
        waiting="""(SELECT * FROM consents_uncounted
              WHERE recorded_at >= %(since)s AND recorded_at < %(until)s)"""
    ),
).replace("WHERE NOT", "WHERE r.site_id = %(site)s AND NOT")
_RECOUNT = f"""
SELECT recorded.*, 1 FROM ({_RECORDED}) recorded
UNION ALL SELECT waiting.*, -1 FROM ({_WAITING}) waiting
"""  # noqa: S608  # only our own text
# Whoever counts at the same time takes others.
_OF_TAKEN = _DECISIONS.format(held=_HELD, source=_OF_WAITING.format(waiting="taken"))
TAKE_WAITING = f"""
WITH taken AS (
  DELETE FROM consents_uncounted WHERE record_key IN (
    SELECT record_key FROM consents_uncounted LIMIT %(limit)s FOR UPDATE SKIP LOCKED
  ) RETURNING record_key, recorded_at, held, held_since
){_OF_TAKEN}"""  # noqa: S608  # only our own text


def recount(
    *, site_id: int, since: datetime, until: datetime
) -> Iterator[tuple[DecisionCount, int]]:
    """
    Count a site's records of a time from themselves; with -1, those that are not counted yet.

    One statement, so that a decision that is recorded meanwhile is in both or in neither.
    """
    with connection.cursor() as cursor:
        cursor.execute(_RECOUNT, {"site": site_id, "since": since, "until": until})
        rows = cursor.fetchall()
    for row in rows:
        yield from ((one, row[-1]) for one in read_counts([row[:-1]]))


def get_uncounted() -> tuple[int, datetime | None]:
    """Return how many records statistics have not counted yet, and when the oldest was made."""
    found = models.Uncounted.objects.aggregate(count=Count("pk"), oldest=Min("recorded_at"))
    return found["count"], found["oldest"]


def find_record_times(*, site_id: int) -> tuple[datetime, datetime] | None:
    """Return when the oldest and the newest record were made that are still there."""
    times = models.ConsentRecord.objects.filter(site_id=site_id).values_list("recorded_at")
    oldest, newest = times.order_by("recorded_at").first(), times.order_by("-recorded_at").first()
    return None if oldest is None or newest is None else (oldest[0], newest[0])


def read_counts(rows: Iterable[Sequence[Any]]) -> list[DecisionCount]:
    """Return rows of these statements as values."""
    return [
        DecisionCount(
            site_id=row[0],
            day=row[1],
            language=row[2],
            device_class=row[3],
            regime=row[4],
            country_group=row[5],
            presentation=row[6],
            surface=row[7],
            notice=row[8],
            variant=row[9],
            referrer_class=row[10],
            is_first=row[11] == Prior.FIRST,
            method=Method(row[12]),
            is_suspect=row[13],
            granted=row[14],
            withdrawn=row[15],
            held=row[16],
            held_week=row[17],
            count=row[18],
        )
        for row in rows
    ]


# --- inside


def count_refusals(*, site_id: int) -> dict[frozenset[int], int]:
    """Return how many devices refuse what, by choice numbers; there are few different answers."""
    rows = (
        models.Device.objects.filter(site_id=site_id, erased_at__isnull=True)
        .values_list("refused")
        .annotate(devices=Count("pk"))
        .order_by()
    )
    return {refused: devices for refused, devices in rows if refused is not None}


def _own_record(
    site: SiteInfo, key: UUID, token_text: str | None, keys: Keys
) -> tuple[models.ConsentRecord, models.ConsentPrivate]:
    state = find_own(site=site, token_text=token_text, keys=keys)
    private = (
        None
        if state is None
        else models.ConsentPrivate.objects.filter(
            record_key=key, device_id=state.device, site_id=site.id
        ).first()
    )
    if private is None:
        raise UnknownReceipt
    return models.ConsentRecord.objects.get(pk=(private.recorded_at, key)), private


def _deliveries(
    site: SiteInfo,
    row: models.ConsentRecord,
    private: models.ConsentPrivate,
    keys: Keys,
    now: datetime,
) -> list[DeliveryStatus]:
    notice = notices.get_by_id(notice_id=row.notice_id)
    withdrawn = _ids(notice, row.withdrawn)
    subjects = {
        partner: device_token.pairwise_id(
            device=private.device_id, partner=partner, site_id=site.id, keys=keys
        )
        for partner, ids in rules.ids_by_partner(notice.terms).items()
        if ids & withdrawn
    }
    # Whoever had to be told has an event of this version or a newer one: both were one transaction.
    events = {
        event.addressee: event
        for event in outbox.list_statuses(
            site_id=site.id, subjects=subjects.values(), kind="consent"
        )
        if event.desired_version >= private.version
    }
    return [
        rules.delivery_status(
            event=events[partner["code"]],
            version=private.version,
            legal_name=partner["legal_name"],
            now=now,
        )
        for partner in notice.content["partners"]
        if partner["code"] in events
    ]


def _erased(site: SiteInfo, row: models.Erasure, now: datetime) -> Erased:
    notice = notices.get_by_id(notice_id=row.notice_id)
    choices = rules.choices_after_erasure(notice=notice, erased_at=row.erased_at, seq=row.seq)
    return Erased(
        key=row.key,
        site=site.code,
        erased_at=row.erased_at,
        choices=choices,
        choices_cookie=rules.choices_cookie(choices=choices, numbers=notice.numbers),
        deliveries=tuple(_erasure_deliveries(row, now)),
        is_replay=True,
    )


def _erasure_deliveries(row: models.Erasure, now: datetime) -> list[DeliveryStatus]:
    events = {
        event.addressee: event
        for event in outbox.list_statuses(
            site_id=row.site_id, subjects=[one["subject"] for one in row.told], kind=ERASURE_NEWS
        )
    }
    return [
        rules.delivery_status(
            event=events[one["partner"]],
            version=row.version,
            legal_name=one["legal_name"],
            now=now,
        )
        for one in row.told
        if one["partner"] in events
    ]


def _receipt(site: SiteInfo, row: models.ConsentRecord, private: models.ConsentPrivate) -> Receipt:
    notice = notices.get_by_id(notice_id=row.notice_id)
    return Receipt(
        key=row.key,
        recorded_at=row.recorded_at,
        site=site.code,
        notice_number=notice.number,
        notice_hash=notice.hash,
        method=Method(row.method),
        surface=Surface(row.surface),
        regime=row.regime,
        language=row.language,
        granted=_ids(notice, row.granted),
        refused=_ids(notice, row.refused),
        withdrawn=_ids(notice, row.withdrawn),
        age_band=None if private.age_band is None else AgeBand(private.age_band),
        guardian_consent=private.guardian_consent,
    )


def _ids(notice: Notice, numbers: frozenset[int]) -> frozenset[str]:
    return frozenset(notice.ids[number] for number in numbers if number in notice.ids)
