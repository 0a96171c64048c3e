"""The only writes of insights: counting, and telling what may be told of the counts."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from django.db import DataError, ProgrammingError, connection, transaction

from tracking.consents import operations as consents
from tracking.consents import referrers
from tracking.consents.types import DecisionCount, Surface
from tracking.insights import (
    counting,
    gathered,
    loss_queries,
    models,
    queries,
    release,
    rules,
)
from tracking.insights.types import CELL_FIELDS, Cell, Kind, Occasion
from tracking.lib import bits, impression
from tracking.lib.counters import Batch
from tracking.lib.errors import DomainError
from tracking.lib.quick_redis import Away
from tracking.notices import queries as notices
from tracking.regimes import rules as regimes
from tracking.regimes.types import Jurisdiction
from tracking.registry import queries as registry
from tracking.registry.types import SiteInfo


class ShowingInvalid(DomainError):
    code = "invalid"
    message = "The showing does not say what it must."


class ForeignOrigin(DomainError):
    code = "foreign_origin"
    message = "This page may not report for that site."
    status = 403


class PageViewsOff(DomainError):
    code = "page_views_off"
    message = "This site does not count page views."
    status = 403


Counts = Mapping[tuple[int, date, Cell], int]

# How long after its midnight a day stays open for counts that are still on their way.
CLOSES_AFTER = timedelta(hours=1)
# At most so many records in one transaction.
AT_ONCE = 20_000
_KEEP_BATCHES_FOR = timedelta(days=30)

_FIELDS = ", ".join(CELL_FIELDS)
_TEXTS = ", ".join(f"{name} text" for name in CELL_FIELDS)

_KEEP_CELLS = f"""
INSERT INTO insights_cell (id, {_FIELDS})
SELECT id, {_FIELDS} FROM jsonb_to_recordset(%(rows)s) AS row(id uuid, {_TEXTS})
ON CONFLICT DO NOTHING
"""  # noqa: S608  # only our own names
_OPEN_DAYS = """
INSERT INTO insights_countedday AS known (site_id, day, is_closed, untold)
SELECT site, day, false, array_agg(DISTINCT kind)
  FROM jsonb_to_recordset(%(rows)s) AS row(site bigint, day date, kind text)
 GROUP BY site, day
ON CONFLICT (site_id, day) DO UPDATE
   SET is_closed = false,
       untold = ARRAY(SELECT DISTINCT kind FROM unnest(known.untold || excluded.untold) AS kind)
"""
_ADD_COUNTS = """
INSERT INTO insights_dailycount (site_id, day, cell_id, count)
SELECT site, day, cell, count
  FROM jsonb_to_recordset(%(rows)s) AS row(site bigint, day date, cell uuid, count integer)
ON CONFLICT (site_id, day, cell_id) DO UPDATE SET count = insights_dailycount.count + excluded.count
"""
_ADD_PAGES = """
INSERT INTO insights_dailypages (site_id, day, device_class, purposes, count)
SELECT site, day, device_class, purposes, count
  FROM jsonb_to_recordset(%(rows)s)
    AS row(site bigint, day date, device_class text, purposes text, count integer)
ON CONFLICT (site_id, day, device_class, purposes)
DO UPDATE SET count = insights_dailypages.count + excluded.count
"""
_SET_COUNTS = """
INSERT INTO insights_dailycount AS c (site_id, day, cell_id, count)
SELECT site, day, cell, count
  FROM jsonb_to_recordset(%(rows)s) AS row(site bigint, day date, cell uuid, count integer)
ON CONFLICT (site_id, day, cell_id)
DO UPDATE SET count = excluded.count, settled = LEAST(c.settled, excluded.count),
              released = LEAST(c.released, excluded.count)
"""
_DROP_COUNTS = """
DELETE FROM insights_dailycount c
 USING jsonb_to_recordset(%(rows)s) AS row(site bigint, day date, cell uuid)
 WHERE c.site_id = row.site AND c.day = row.day AND c.cell_id = row.cell
"""
_ADD_NUMBERS = """
INSERT INTO insights_dailynumber (site_id, day, cell_id, count)
SELECT site, day, cell, count
  FROM jsonb_to_recordset(%(rows)s) AS row(site bigint, day date, cell uuid, count integer)
ON CONFLICT (site_id, day, cell_id)
DO UPDATE SET count = insights_dailynumber.count + excluded.count
"""
_NOTE_RELEASED = """
UPDATE insights_dailycount c SET settled = c.count, released = row.released
  FROM jsonb_to_recordset(%(rows)s) AS row(cell uuid, released integer)
 WHERE c.site_id = %(site)s AND c.day = %(day)s AND c.cell_id = row.cell
"""
_ADD_COHORTS = """
INSERT INTO insights_cohortcount (site_id, week, regime, purpose, event, age, count)
SELECT %(site)s, week, regime, purpose, event, age, count
  FROM jsonb_to_recordset(%(rows)s)
    AS row(week date, regime text, purpose smallint, event text, age smallint, count integer)
ON CONFLICT (site_id, week, regime, purpose, event, age)
DO UPDATE SET count = insights_cohortcount.count + excluded.count
"""


def roll_up() -> int:
    """
    Count the decisions that are not counted yet; return how many records that took.

    Each record leaves the queue with the transaction that counts it: a crash counts none twice and
    forgets none, and what commits late is counted late.
    """
    total = 0
    while taken := _roll_up_some():
        total += taken
    return total


@transaction.atomic
def count_decisions(decisions: Sequence[DecisionCount]) -> None:
    """Count decisions; whoever calls it sees to it that none is counted twice."""
    take_turn()
    _add(counting.count_cells(decisions))
    _count_cohorts(decisions)


def count_shown(
    *,
    site_code: str,
    notice_number: int,
    language: str,
    surface: Surface,
    device_class: str,
    occasion: Occasion,
    origin: str | None,
    place: Jurisdiction | None,
    keys: Mapping[str, bytes],
    now: datetime,
    variant: str = "",
    referrer: str | None = None,
    waited_ms: int | None = None,
    is_bot: bool = False,
    is_flood: bool = False,
) -> str:
    """
    Count one showing of the banner, on the day that `now` is in the site's zone; return the proof
    that a decision brings along. Where the notice was asked for, nothing is counted.

    Nothing of the visitor is stored but the coarse words that are counted by. It is gathered in
    Redis until `flush` counts it; with Redis away or slow it is counted at once. The proof is
    random: it is stored nowhere before it is spent, and then not with what it was spent on.

    :raises UnknownSite: 404
    :raises ForeignOrigin: 403, the Origin is missing or not one of the site's
    :raises ShowingInvalid: 400, unknown notice, or a language it is not shown in
    """
    site = registry.get_site(code=site_code)
    if origin not in site.origins:
        raise ForeignOrigin
    notice = notices.find_version(site_code=site.code, number=notice_number)
    if notice is None:
        raise ShowingInvalid(fields={"notice": ["There is no such notice."]})
    if language not in notices.list_languages(notice):
        raise ShowingInvalid(fields={"language": ["The notice was not shown in this language."]})
    is_shown = surface in counting.SHOWN_BY
    referrer_class = referrers.classify(host=referrer, origins=site.origins)
    if is_shown:
        cell = counting.showing_cell(
            occasion=occasion,
            presentation=surface,
            notice=notice.number,
            language=language,
            regime=regimes.resolve(place=place, site=site, on=now.date()).regime,
            device_class=device_class,
            variant=variant,
            referrer_class=referrer_class,
            is_bot=is_bot,
            waited_ms=waited_ms,
        )
        day = now.astimezone(ZoneInfo(site.zone)).date()
        if is_flood:
            cell = replace(cell, kind=Kind.SUSPECT_SHOWN)
        _gather_showing(site.id, day, cell, now=now)
    return impression.issue(
        site_id=site.id,
        issued_at=int(now.timestamp()),
        waited_ms=waited_ms,
        is_shown=is_shown,
        variant=variant,
        source=referrer_class,
        keys=keys,
    )


def count_showings(*, batch: UUID, counts: Counts, now: datetime) -> bool:
    """Count a batch of showings, once however often it is sent; say whether it was new."""
    with transaction.atomic():
        take_turn()
        _, is_new = models.CountedBatch.objects.get_or_create(
            pk=batch, defaults={"counted_at": now}
        )
        if is_new:
            _add(counts)
    return is_new


def count_page_view(
    *,
    site_code: str,
    granted: Collection[str],
    device_class: str,
    origin: str | None,
    now: datetime,
) -> None:
    """
    Count one page view, by the purposes that were allowed on it, where the site counts them.

    Neither the page nor the visitor is known. It is gathered in Redis until `flush` counts it; with
    Redis away or slow it is counted at once.

    :param granted: codes of purposes
    :raises UnknownSite: 404
    :raises ForeignOrigin: 403, the Origin is missing or not one of the site's
    :raises PageViewsOff: 403
    :raises ShowingInvalid: 400, an unknown purpose
    """
    site = registry.get_site(code=site_code)
    if origin not in site.origins:
        raise ForeignOrigin
    if not site.counts_page_views:
        raise PageViewsOff
    numbers = loss_queries.get_purpose_numbers(site_id=site.id)
    unknown = sorted(set(granted) - numbers.keys())
    if unknown:
        raise ShowingInvalid(
            fields={"granted": [f"There is no purpose {code}." for code in unknown[:5]]}
        )
    key = counting.PagesKey(
        site=site.id,
        day=now.astimezone(ZoneInfo(site.zone)).date(),
        device_class=device_class,
        purposes=bits.pack(numbers[code] for code in granted),
    )
    try:
        gathered.page_views().add({counting.gathered_pages_key(key): 1})
    except Away:
        count_pages(batch=uuid4(), counts={key: 1}, now=now)


def count_pages(*, batch: UUID, counts: Mapping[counting.PagesKey, int], now: datetime) -> bool:
    """Count a batch of page views, once however often it is sent; say whether it was new."""
    with transaction.atomic():
        _, is_new = models.CountedBatch.objects.get_or_create(
            pk=batch, defaults={"counted_at": now}
        )
        if is_new:
            rows: list[dict[str, object]] = [
                {**asdict(key), "day": key.day.isoformat(), "count": counts[key]}
                # In one order, so that two batches do not wait for each other.
                for key in sorted(counts, key=str)
            ]
            _write(_ADD_PAGES, rows)
    return is_new


def flush(*, now: datetime) -> int:
    """
    Count what was gathered in Redis; return how many batches were new.

    A batch is dropped after it was counted, and counted once: a crash in between costs nothing,
    and any number may flush at a time. One that cannot be counted keeps nobody waiting: it stays,
    and the error is raised when the others are through.

    :raises Away: Redis does not answer; what is gathered there waits
    """
    # What is of another site was gathered before somebody put an older database back.
    sites = {site.id for site in registry.list_sites()}

    def count_shown(batch: Batch) -> bool:
        shown = counting.read_gathered(batch.counts)
        ours = {key: count for key, count in shown.items() if key[0] in sites}
        return count_showings(batch=batch.id, counts=ours, now=now)

    def count_viewed(batch: Batch) -> bool:
        viewed = counting.read_gathered_pages(batch.counts)
        ours = {key: count for key, count in viewed.items() if key.site in sites}
        return count_pages(batch=batch.id, counts=ours, now=now)

    flushed, faults = 0, []
    for counters, count in (
        (gathered.showings(), count_shown),
        (gathered.page_views(), count_viewed),
    ):
        for batch in counters.take():
            try:
                flushed += count(batch)
            except (DataError, ProgrammingError, LookupError, ValueError) as fault:
                faults.append(fault)
            else:
                counters.drop(batch.id)
    if faults:
        raise faults[0]
    return flushed


def tell_due(*, now: datetime) -> int:
    """Tell, unless somebody has just done so: a showing gets a whole round to be answered."""
    with transaction.atomic():
        take_turn()
        last = models.LastTelling.objects.filter(told_at__gt=now - rules.TELL_EVERY / 2)
        if last.exists():
            return 0
        models.LastTelling.objects.update_or_create(pk=1, defaults={"told_at": now})
    return tell(now=now)


def tell(*, now: datetime, at_once: bool = False) -> int:
    """
    Add to the numbers what may be told of the counts; return how many days were looked at.

    A day closes an hour after its end. With `at_once` what came since the last round does not have
    to settle; that is for whoever makes data up.
    """
    sites = {site.id: site for site in registry.list_sites()}
    days = list(
        models.CountedDay.objects.filter(is_closed=False).order_by("day").values_list("site", "day")
    )
    for site_id, day in days:
        _tell_day(sites[site_id], day, now=now, at_once=at_once)
    for site_id in {site_id for site_id, _ in days}:
        _tell_cohorts(sites[site_id])
    return len(days)


def recount(*, site: str) -> int:
    """
    Put right what `queries.verify` finds wrong with the counts of decisions; return how many.

    What was told stays told, and showings have no records: both stay as they are.

    :raises UnknownSite:
    """
    info = registry.get_site(code=site)
    total = 0
    for span in queries.list_spans(site=info):
        with transaction.atomic():
            take_turn()
            differences = queries.list_differences(site=info, span=span)
            total += len(differences)
            rows = _rows({(info.id, one.day, one.cell): one.recounted for one in differences})
            _write(_OPEN_DAYS, rows)
            _write(_SET_COUNTS, [row for row in rows if row["count"]])
            _write(_DROP_COUNTS, [row for row in rows if not row["count"]])
    return total


def forget_batches(*, now: datetime) -> int:
    """Forget batches that nobody sends again; return how many."""
    return models.CountedBatch.objects.filter(counted_at__lt=now - _KEEP_BATCHES_FOR).delete()[0]


def take_turn() -> None:
    """Keep everybody else from counting and telling until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(queries.TURN)


# --- inside


def _gather_showing(site_id: int, day: date, cell: Cell, *, now: datetime) -> None:
    try:
        gathered.showings().add({counting.gathered_key(site_id, day, cell): 1})
    except Away:
        count_showings(batch=uuid4(), counts={(site_id, day, cell): 1}, now=now)


@transaction.atomic
def _roll_up_some() -> int:
    take_turn()
    decisions = consents.take_uncounted(limit=AT_ONCE)
    if not decisions:
        return 0
    count_decisions(decisions)
    return sum(one.count for one in decisions)


def _count_cohorts(decisions: Sequence[DecisionCount]) -> None:
    by_site: dict[int, list[DecisionCount]] = defaultdict(list)
    for one in decisions:
        by_site[one.site_id].append(one)
    for site_id, of_site in sorted(by_site.items()):
        purposes = queries.list_purpose_numbers(site_id=site_id)
        rows = [
            {**asdict(key), "week": key.week.isoformat(), "count": count}
            for key, count in counting.count_cohorts(of_site, purposes).items()
        ]
        _write(_ADD_COHORTS, rows, site=site_id)


def _add(counts: Counts) -> None:
    rows = _rows(counts)
    _write(_OPEN_DAYS, rows)
    _write(_ADD_COUNTS, rows)


def _rows(counts: Counts) -> list[dict[str, object]]:
    """Return counts as our statements read them; their cells are there then."""
    ids = {cell: str(counting.digest(cell)) for cell in {cell for _, _, cell in counts}}
    _write(
        _KEEP_CELLS,
        [
            {"id": digest, **dict(zip(CELL_FIELDS, cell.values(), strict=True))}
            for cell, digest in ids.items()
        ],
    )
    return [
        {
            "site": site,
            "day": day.isoformat(),
            "cell": ids[cell],
            "kind": Kind.IGNORED if cell.kind is Kind.SHOWN else cell.kind,
            "count": count,
        }
        for (site, day, cell), count in counts.items()
    ]


@transaction.atomic
def _tell_day(site: SiteInfo, day: date, *, now: datetime, at_once: bool) -> None:
    take_turn()
    counts = queries.list_counts(site_id=site.id, day=day)
    midnight = datetime.combine(day + timedelta(days=1), time(), tzinfo=ZoneInfo(site.zone))
    closes = now >= midnight + CLOSES_AFTER
    if at_once:
        counts = [replace(one, settled=one.count) for one in counts]
    told = release.release(
        counts=counts,
        purposes=queries.list_purpose_numbers(site_id=site.id),
        closes=closes,
    )
    _write(_ADD_NUMBERS, _rows({(site.id, day, cell): n for cell, n in told.groups.items()}))
    _write(
        _NOTE_RELEASED,
        [
            {"cell": str(counting.digest(cell)), "released": released}
            for cell, released in told.released.items()
        ],
        site=site.id,
        day=day,
    )
    models.CountedDay.objects.filter(site_id=site.id, day=day).update(
        is_closed=closes, untold=sorted(told.untold)
    )


@transaction.atomic
def _tell_cohorts(site: SiteInfo) -> None:
    take_turn()
    for row in release.release_cohorts(queries.list_cohorts(site_id=site.id)):
        models.CohortCount.objects.filter(
            site_id=site.id,
            week=row.week,
            regime=row.regime,
            purpose=row.purpose,
            event=row.event,
            age=row.age,
        ).update(released=row.released)


def _write(statement: str, rows: Sequence[Mapping[str, object]], **values: Any) -> None:
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(statement, {"rows": json.dumps(rows), **values})
