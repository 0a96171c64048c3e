"""The only reads of insights."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Max, Min

from tracking.consents import queries as consents
from tracking.delivery import queries as delivery
from tracking.delivery.types import EndpointState, PartnerHealth
from tracking.insights import counting, gathered, models, rules
from tracking.insights.types import (
    BANNER,
    CELL_FIELDS,
    DECIDED,
    MIXED,
    ArmRates,
    Cell,
    CellSum,
    CohortRow,
    Count,
    Counting,
    Difference,
    Dimension,
    Filters,
    Health,
    Kind,
    OptInReport,
    PartnerLine,
    Publication,
    Rate,
    Verification,
)
from tracking.lib.quick_redis import Away
from tracking.notices import queries as notices
from tracking.notices.types import Notice
from tracking.registry import queries as registry
from tracking.registry.types import SiteInfo

_OF_DECISIONS = (*DECIDED, Kind.CHANGED, Kind.WITHDRAWN, Kind.SUSPECT)

_CELL_FIELDS = ", ".join(f"c.{name}" for name in CELL_FIELDS)

# Days that verify reads at a time.
_SPAN = 7

# Counting and telling take turns; each turn is short.
TURN = "SELECT pg_advisory_xact_lock(hashtext('insights'))"


def list_sites() -> tuple[SiteInfo, ...]:
    """Return the sites there are numbers of."""
    return registry.list_sites()


def get_opt_in_report(
    *, filters: Filters, now: datetime, may_end_yesterday: bool = False
) -> OptInReport:
    """
    Return the dashboard's numbers, in groups of at least ten people.

    `may_end_yesterday`: where no day is asked for, and too few of today's answers may be told yet.

    :raises UnknownSite:
    """
    site = registry.get_site(code=filters.site)
    zone = ZoneInfo(site.zone)
    until = filters.until or now.astimezone(zone).date()
    # From a day before on, in case that it ends a day before.
    first = rules.first_day_needed(until=until, days=filters.days) - timedelta(days=1)
    on = sum_days(site_id=site.id, first=first, last=until, where=filters.where)
    untold = {
        day: [Kind(kind) for kind in kinds]
        for day, kinds in models.CountedDay.objects.filter(
            site_id=site.id, day__range=(first, until)
        ).values_list("day", "untold")
    }
    if may_end_yesterday and filters.until is None:
        until = rules.last_told(on, untold, today=until)
    days = rules.list_days(until=until, days=filters.days)
    cells = sum_cells(site_id=site.id, first=days[0], last=until, where=filters.where)
    seen = {told.notice for day in on.values() for told in day}
    versions = list_versions(site.code, seen - {MIXED})
    current = notices.find_current(site_code=site.code)
    return rules.build_report(
        filters=filters,
        cells=cells,
        on=on,
        asked=asked_on(versions),
        numbers=registry.list_choice_numbers(site_id=site.id),
        purpose_names=list_names(current, "purpose", "purposes", "name"),
        choice_names={
            f"{kind}:{code}": name
            for kind, rows, field in (
                ("partner", "partners", "legal_name"), ("item", "data_items", "name"),
            )
            for code, name in list_names(current, kind, rows, field).items()
        },
        publications=_list_publications(site, zone),
        untold=untold,
        until=until,
    )  # fmt: skip


def get_rate(*, site: str, purpose: str, since: date, until: date) -> Rate:
    """
    Return a purpose's opt-in rate over days of the site's zone.

    :raises UnknownSite:
    """
    info = registry.get_site(code=site)
    cells = sum_cells(site_id=info.id, first=since, last=until, where={})
    return _purpose_rate(info, purpose, cells, {})


def count_arms(
    *, site: str, experiment: str, arms: Sequence[str], purpose: str, since: date, until: date
) -> ArmRates:
    """
    Return a purpose's opt-in rate for each arm of an experiment, over days of the site's zone.

    :raises UnknownSite:
    """
    info = registry.get_site(code=site)
    rates = {}
    left_out: dict[Cell, int] = {}
    for arm in arms:
        where = {Dimension.VARIANT: f"{experiment}:{arm}"}
        cells = sum_cells(site_id=info.id, first=since, last=until, where=where)
        rates[arm] = _purpose_rate(info, purpose, cells, where)
        left_out |= {
            one.cell: one.count
            for one in cells
            if one.cell.kind in BANNER
            and MIXED in (one.cell.variant, one.cell.kind, one.cell.purposes)
        }
    return ArmRates(rates=rates, left_out=sum(left_out.values()))


def get_health(*, site: str, now: datetime) -> Health:
    """
    Return how the telling of a site's partners stands.

    :raises UnknownSite:
    """
    lines = tuple(_line(partner, now) for partner in delivery.list_health(site=site, now=now))
    return Health(
        lines=lines,
        oldest_unconfirmed_seconds=max(
            (s for line in lines if (s := line.oldest_unconfirmed_seconds) is not None),
            default=None,
        ),
        overdue=sum(line.overdue for line in lines),
    )


def get_counting() -> Counting:
    """Return how far counting and telling are behind."""
    decisions, oldest = consents.get_uncounted()
    last = models.LastTelling.objects.first()
    try:
        showings = gathered.showings().count_waiting()
    except Away:
        showings = None
    return Counting(
        decisions=decisions,
        oldest_decision_at=oldest,
        showings=showings,
        told_at=None if last is None else last.told_at,
    )


# Each cell by its id: there are many more of them than of any day.
_COUNTS = f"""
SELECT {_CELL_FIELDS}, d.day, d.count, d.settled, d.released
  FROM insights_dailycount d
  JOIN LATERAL (SELECT * FROM insights_cell one WHERE one.id = d.cell_id OFFSET 0) c ON true
 WHERE d.site_id = %(site)s AND d.day BETWEEN %(first)s AND %(last)s AND c.kind = ANY(%(kinds)s)
"""  # noqa: S608  # only our own names
_SUM_CELLS = """
WITH told AS (
  SELECT n.cell_id, sum(n.count)::bigint AS count
    FROM insights_dailynumber n
   WHERE n.site_id = %(site)s AND n.day BETWEEN %(first)s AND %(last)s
   GROUP BY n.cell_id
)
SELECT {fields}, told.count
  FROM told JOIN insights_cell c ON c.id = told.cell_id
 WHERE c.is_told{filters}
"""
# Who answered alike is added up under one number: to group by five texts takes much longer.
_SUM_DAYS = """
WITH cells AS MATERIALIZED (
  SELECT c.id, c.kind, c.notice, c.purposes, {mixed} AS is_mixed,
         dense_rank() OVER (ORDER BY c.kind, c.notice, c.purposes, {mixed})::int AS answer
    FROM insights_cell c
   WHERE c.is_told{filters}
), sums AS (
  SELECT n.day, c.answer, sum(n.count) AS count
    FROM insights_dailynumber n JOIN cells c ON c.id = n.cell_id
   WHERE n.site_id = %(site)s AND n.day BETWEEN %(first)s AND %(last)s
   GROUP BY 1, 2
)
SELECT sums.day, one.kind, one.notice, one.purposes, one.is_mixed, sums.count
  FROM sums JOIN (SELECT DISTINCT ON (answer) * FROM cells) one USING (answer)
"""


def sum_cells(
    *, site_id: int, first: date, last: date, where: Mapping[Dimension, str]
) -> list[CellSum]:
    """Return a period's numbers by cell, those of mixed groups with them that may hold some."""
    with connection.cursor() as cursor:
        cursor.execute(
            _SUM_CELLS.format(fields=_CELL_FIELDS, filters=_filters(where)),
            {"site": site_id, "first": first, "last": last, **_values(where)},
        )
        return [CellSum(cell=Cell.of(row), count=row[-1]) for row in cursor.fetchall()]


def list_purpose_numbers(*, site_id: int) -> frozenset[int]:
    """Return the choice numbers of a site that are purposes."""
    return frozenset(
        number
        for choice, number in registry.list_choice_numbers(site_id=site_id).items()
        if choice.startswith("purpose:")
    )


def list_counts(*, site_id: int, day: date) -> list[Count]:
    """Return a day's exact counts. For telling alone: nothing else may see them."""
    return [
        Count(cell=Cell.of(row), count=row[-3], settled=row[-2], released=row[-1])
        for row in _read_counts(site_id=site_id, first=day, last=day, kinds=list(Kind))
    ]


def list_cohorts(*, site_id: int) -> list[CohortRow]:
    """Return what became of each week's cohort, exactly; `released` of it may be told."""
    return [
        CohortRow(
            week=row.week,
            regime=row.regime,
            purpose=row.purpose,
            event=row.event,
            age=row.age,
            count=row.count,
            released=row.released,
        )
        for row in models.CohortCount.objects.filter(site_id=site_id)
    ]


# --- whether the counts are true

_UNTRUE_DAYS = """
WITH released AS (
  SELECT d.day, sum(d.released) AS people FROM insights_dailycount d
   WHERE d.site_id = %(site)s AND d.day BETWEEN %(first)s AND %(last)s GROUP BY d.day
), told AS (
  SELECT n.day, sum(n.count) AS people FROM insights_dailynumber n
   WHERE n.site_id = %(site)s AND n.day BETWEEN %(first)s AND %(last)s GROUP BY n.day
)
SELECT day FROM told FULL JOIN released USING (day)
 WHERE COALESCE(told.people, 0) <> COALESCE(released.people, 0) ORDER BY day
"""


def verify(*, site: str) -> Verification:
    """
    Hold all counts of decisions against a full recount of the records, and all numbers against the
    counts, some days at a time. Counting waits meanwhile; deciding does not.

    :raises UnknownSite:
    """
    info = registry.get_site(code=site)
    since = first_recountable(site=info)
    decisions = 0
    differences: list[Difference] = []
    untrue: list[date] = []
    for span in list_spans(site=info):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(TURN)
            found, counted = _compare(info, span, since)
            differences += found
            decisions += counted
            cursor.execute(_UNTRUE_DAYS, {"site": info.id, "first": span[0], "last": span[1]})
            untrue += [row[0] for row in cursor.fetchall()]
    return Verification(
        decisions=decisions,
        since=since,
        differences=tuple(differences),
        untrue_days=tuple(untrue),
    )


def has_days_before_today(*, site: str, now: datetime) -> bool:
    """Say whether anything was counted before the day that it is at a site."""
    info = registry.get_site(code=site)
    today = now.astimezone(ZoneInfo(info.zone)).date()
    return models.CountedDay.objects.filter(site_id=info.id, day__lt=today).exists()


def list_spans(*, site: SiteInfo) -> list[tuple[date, date]]:
    """Return all days that there is something of, so many at a time that each is quickly read."""
    zone = ZoneInfo(site.zone)
    times = consents.find_record_times(site_id=site.id) or ()
    days = [at.astimezone(zone).date() for at in times]
    counted = models.CountedDay.objects.filter(site_id=site.id)
    days += counted.aggregate(Min("day"), Max("day")).values()
    known = [day for day in days if day is not None]
    if not known:
        return []
    first, last = min(known), max(known)
    starts = range(0, (last - first).days + 1, _SPAN)
    return [
        (first + timedelta(days=n), min(first + timedelta(days=n + _SPAN - 1), last))
        for n in starts
    ]


def list_differences(*, site: SiteInfo, span: tuple[date, date]) -> tuple[Difference, ...]:
    """
    Return the counts of decisions of some days that are not what the records say; call it in a
    turn.
    """
    return _compare(site, span, first_recountable(site=site))[0]


def first_recountable(*, site: SiteInfo) -> date | None:
    """
    Return the first day of which all records are there; None without any record.

    Records are dropped by whole months of UTC, which begin amid a day of the site's.
    """
    times = consents.find_record_times(site_id=site.id)
    if times is None:
        return None
    first: date = times[0].astimezone(ZoneInfo(site.zone)).date()
    is_whole = not models.DailyCount.objects.filter(
        site_id=site.id, day__lt=first, cell__kind__in=_OF_DECISIONS
    ).exists()
    return first if is_whole else first + timedelta(days=1)


# --- inside


def _compare(
    site: SiteInfo, span: tuple[date, date], since: date | None
) -> tuple[tuple[Difference, ...], int]:
    """Return what differs on some days since the first that can be recounted, of how many."""
    if since is None or span[1] < since:
        return (), 0
    first, end = (
        datetime.combine(day, time(), tzinfo=ZoneInfo(site.zone))
        for day in (max(span[0], since), span[1] + timedelta(days=1))
    )
    true: Counter[tuple[date, Cell]] = Counter()
    for decision, sign in consents.recount(site_id=site.id, since=first, until=end):
        true[decision.day, counting.cell_of(decision)] += sign * decision.count
    rows = _read_counts(
        site_id=site.id, first=max(span[0], since), last=span[1], kinds=_OF_DECISIONS
    )
    stored = Counter({(row[-4], Cell.of(row)): row[-3] for row in rows})
    wrong = [key for key in stored.keys() | true.keys() if stored[key] != true[key]]
    return tuple(
        Difference(day=day, cell=cell, counted=stored[day, cell], recounted=true[day, cell])
        for day, cell in sorted(wrong, key=str)
    ), stored.total()


def _read_counts(
    *, site_id: int, first: date, last: date, kinds: Sequence[Kind]
) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNTS, {"site": site_id, "first": first, "last": last, "kinds": list(kinds)}
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def sum_days(
    *, site_id: int, first: date, last: date, where: Mapping[Dimension, str]
) -> dict[date, list[rules.Told]]:
    """Return a period's numbers by day and by what people answered; not every day has some."""
    mixed = " OR ".join(f"c.{dimension.value} = '{MIXED}'" for dimension in where) or "false"
    with connection.cursor() as cursor:
        cursor.execute(
            _SUM_DAYS.format(filters=_filters(where), mixed=mixed),
            {"site": site_id, "first": first, "last": last, **_values(where)},
        )
        on: dict[date, list[rules.Told]] = defaultdict(list)
        for day, kind, notice, purposes, is_mixed, count in cursor.fetchall():
            on[day].append(
                rules.Told(
                    kind=Kind(kind),
                    notice=notice,
                    purposes=purposes,
                    is_mixed=is_mixed,
                    count=count,
                )
            )
        return dict(on)


def _filters(where: Mapping[Dimension, str]) -> str:
    # Names of dimensions are ours; values are bound.
    return "".join(
        f" AND c.{dimension.value} IN (%({dimension.value})s, '{MIXED}')" for dimension in where
    )


def _values(where: Mapping[Dimension, str]) -> dict[str, str]:
    return {dimension.value: value for dimension, value in where.items()}


def _line(partner: PartnerHealth, now: datetime) -> PartnerLine:
    # Not told yet, or told and not confirmed: both are promises that are still open.
    open_since = [
        at for at in (partner.oldest_unsaid_at, partner.oldest_unconfirmed_at) if at is not None
    ]
    return PartnerLine(
        code=partner.partner,
        legal_name=partner.legal_name,
        is_working=partner.state is EndpointState.ACTIVE and partner.consecutive_failures == 0,
        waiting=partner.waiting + partner.unconfirmed,
        overdue=partner.overdue,
        dead=partner.dead,
        oldest_unconfirmed_seconds=max(0, int((now - min(open_since)).total_seconds()))
        if open_since
        else None,
    )


def _purpose_rate(
    site: SiteInfo, purpose: str, cells: Sequence[CellSum], where: Mapping[Dimension, str]
) -> Rate:
    told = rules.tell(cells, where)
    versions = list_versions(site.code, {one.notice for one in told} - {MIXED})
    number = registry.list_choice_numbers(site_id=site.id).get(f"purpose:{purpose}", -1)
    return rules.rate(told, number=number, asked=asked_on(versions))


def asked_on(versions: Mapping[str, Notice]) -> rules.Asked:
    """Return the choice numbers that each of these notice versions asks about."""
    return {
        number: frozenset(notice.numbers[choice] for choice in notice.asked_ids)
        for number, notice in versions.items()
    }


def list_versions(site_code: str, numbers: set[str]) -> dict[str, Notice]:
    """Return a site's notice versions by their numbers as text."""
    found = {n: notices.find_version(site_code=site_code, number=int(n)) for n in numbers}
    return {number: notice for number, notice in found.items() if notice is not None}


def list_names(notice: Notice | None, kind: str, rows: str, field: str) -> dict[str, Any]:
    """Return what a notice asks about of one kind, by code, in its order."""
    if notice is None:
        return {}
    return {
        row["code"]: row[field]
        for row in notice.content[rows]
        if f"{kind}:{row['code']}" in notice.asked_ids
    }


def _list_publications(site: SiteInfo, zone: ZoneInfo) -> list[Publication]:
    return [
        Publication(
            number=one.number, day=one.effective_at.astimezone(zone).date(), at=one.effective_at
        )
        for one in notices.list_publications(site_code=site.code)
    ]
