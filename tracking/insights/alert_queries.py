"""What alerts are judged by, and the alerts there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q, Sum

from tracking.insights import alerts, models, queries
from tracking.insights.alerts import Alert, Facts, Finding, Judgement, Machines
from tracking.insights.types import AlertKind, DayRow, Filters, Kind
from tracking.notices import queries as notices
from tracking.registry import queries as registry
from tracking.registry.types import SiteInfo

_SHOWINGS = (Kind.SHOWN, Kind.SHOWN_AGAIN, Kind.SUSPECT_SHOWN)
_WEEK = 7


def judge(*, site: SiteInfo, now: datetime) -> Judgement:
    """Return what is to be told of a site now."""
    health = queries.get_health(site=site.code, now=now)
    findings: list[Finding] = [*alerts.find_overdue(health.lines)]
    judged = {AlertKind.PARTNER_OVERDUE}
    samples = _list_samples(site)
    if alerts.has_week(samples, now=now):
        judged.add(AlertKind.SHOWN_TO_NOBODY)
        versions = {
            one.number: one.effective_at for one in notices.list_publications(site_code=site.code)
        }
        silence = alerts.find_silence(samples, versions=versions, now=now)
        findings += [silence] if silence else []
    day = now.astimezone(ZoneInfo(site.zone)).date() - timedelta(days=1)
    if models.CountedDay.objects.filter(site_id=site.id, day=day, is_closed=True).exists():
        judged |= {AlertKind.RATE_FELL, AlertKind.RATE_ROSE, AlertKind.MACHINES}
        findings += _judge_day(site, day, now=now)
    return Judgement(findings=tuple(findings), judged=frozenset(judged))


def count_showings(*, site_id: int, day: date) -> int:
    """Return how many showings of a day are counted, exactly. For samples alone."""
    rows = models.DailyCount.objects.filter(site_id=site_id, day=day, cell__kind__in=_SHOWINGS)
    return rows.aggregate(total=Sum("count"))["total"] or 0


def list_alerts(*, site_id: int, since: datetime | None = None) -> tuple[Alert, ...]:
    """Return the alerts that are open, or ended no longer ago than `since`; the latest first."""
    is_told = Q(ended_at=None) if since is None else Q(ended_at=None) | Q(ended_at__gte=since)
    rows = models.Alert.objects.filter(is_told, site_id=site_id).order_by("-id")
    return tuple(_alert(row) for row in rows)


def count_open() -> dict[tuple[str, AlertKind], int]:
    """Return how many alerts are open, by site and kind; all kinds of all sites are there."""
    counts = Counter(models.Alert.objects.filter(ended_at=None).values_list("site__code", "kind"))
    return {
        (site.code, kind): counts[site.code, kind.value]
        for site in registry.list_sites()
        for kind in AlertKind
    }


# --- inside


def _list_samples(site: SiteInfo) -> list[alerts.Sample]:
    rows = models.ShownSample.objects.filter(site_id=site.id).order_by("at")
    return [alerts.Sample(at=row.at, day=row.day, total=row.total) for row in rows]


def _judge_day(site: SiteInfo, day: date, *, now: datetime) -> list[Finding]:
    back = alerts.WEEKS * _WEEK
    report = queries.get_opt_in_report(
        filters=Filters(site=site.code, days=back + 1, until=day), now=now
    )
    changes = alerts.find_rate_changes(
        [
            alerts.PurposeDay(
                code=purpose.code,
                rate=purpose.by_day[-1],
                before=[purpose.by_day[-1 - ago] for ago in range(_WEEK, back + 1, _WEEK)],
            )
            for purpose in report.purposes
        ],
        day=day,
    )
    machines = alerts.find_machines(
        day=day, on_day=_machines(report.by_day[-1:]), before=_machines(report.by_day[:-1])
    )
    return [*changes, *([machines] if machines else [])]


def _machines(rows: Collection[DayRow]) -> Machines:
    return Machines(
        suspects=sum(row.suspects.value for row in rows),
        people=sum(row.funnel.decided.value for row in rows),
    )


def _alert(row: models.Alert) -> Alert:
    facts: Any = row.facts
    kept: Facts = facts
    return Alert(
        id=row.id,
        kind=AlertKind(row.kind),
        subject=row.subject,
        facts=kept,
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
        ended_at=row.ended_at,
    )
