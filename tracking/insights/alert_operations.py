"""The only writes of alerts."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from tracking.insights import alert_queries, alerts, models
from tracking.registry import queries as registry
from tracking.registry.types import SiteInfo

# What comes and goes with every look is one alert and not many.
ENDS_AFTER = timedelta(hours=1)

_TAKE_TURN = "SELECT pg_try_advisory_xact_lock(hashtext('insights-alerts'), %s)"


def look_for_alerts(*, now: datetime) -> int:
    """
    Look at every site's numbers; return how many alerts are new.

    Each is kept once, from the first look that finds it until none has for an hour. Of two who look
    at the same time one does.
    """
    return sum(_look(site, now=now) for site in registry.list_sites())


@transaction.atomic
def _look(site: SiteInfo, *, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_TURN, [site.id % 2**31])
        if cursor.fetchone() == (False,):
            return 0
    _take_sample(site, now=now)
    judgement = alert_queries.judge(site=site, now=now)
    still_open = {
        (row.kind, row.subject): row
        for row in models.Alert.objects.filter(site_id=site.id, ended_at=None)
    }
    fresh = 0
    for finding in judgement.findings:
        row = still_open.pop((finding.kind.value, finding.subject), None)
        if row is None:
            fresh += 1
            row = models.Alert(
                site_id=site.id, kind=finding.kind, subject=finding.subject, first_seen_at=now
            )
        row.facts, row.last_seen_at = dict(finding.facts), now
        row.save()
    for row in still_open.values():
        if row.kind in judgement.judged and now - row.last_seen_at >= ENDS_AFTER:
            row.ended_at = now
            row.save()
    return fresh


def _take_sample(site: SiteInfo, *, now: datetime) -> None:
    day = now.astimezone(ZoneInfo(site.zone)).date()
    models.ShownSample.objects.get_or_create(
        site_id=site.id,
        at=now,
        defaults={"day": day, "total": alert_queries.count_showings(site_id=site.id, day=day)},
    )
    models.ShownSample.objects.filter(
        site_id=site.id, at__lt=now - alerts.SAMPLES_KEPT_FOR
    ).delete()
