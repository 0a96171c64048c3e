"""Reads of page views."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from tracking.insights import loss, models
from tracking.insights.loss import Group, PageReport, Step
from tracking.lib.short_memory import remembered
from tracking.notices import queries as notices
from tracking.registry import queries as registry
from tracking.registry.types import Nature, SiteInfo

# How long after midnight views of the day before may still be on their way.
_SETTLES = timedelta(hours=1)


@remembered(seconds=5)
def get_purpose_numbers(*, site_id: int) -> dict[str, int]:
    """Return the choice numbers of a site's purposes by code, up to five seconds old."""
    return {
        choice.removeprefix("purpose:"): number
        for choice, number in registry.list_choice_numbers(site_id=site_id).items()
        if choice.startswith("purpose:")
    }


def get_page_report(
    *, site: str, step: Step, purpose: str, device_class: str, now: datetime
) -> PageReport:
    """
    Return the page views of whole days: the last four weeks by day, or thirteen weeks.

    :param purpose: a purpose that the site does not ask about stands for analytics, else its first
    :param device_class: "" = all
    :raises UnknownSite:
    """
    info = registry.get_site(code=site)
    natures, names = _asked(info)
    chosen = purpose
    if chosen not in names:
        analytics = [code for code in names if natures[code] == Nature.ANALYTICS]
        chosen = next(iter([*analytics, *names]), "")
    until = loss.last_whole_day(today=_today(info, now), step=step)
    spans = loss.list_spans(step=step, until=until)
    weeks = loss.list_spans(step=Step.WEEK, until=until)[-2:]
    groups = []
    if chosen:
        groups = _list_groups(
            site_id=info.id,
            number=get_purpose_numbers(site_id=info.id)[chosen],
            first=min(spans[0][0], weeks[0][0]),
            last=until,
            device_class=device_class,
        )
    before, after = loss.add_up(groups, spans=weeks)
    return PageReport(
        site=info,
        step=step,
        device_class=device_class,
        purpose=chosen,
        purposes=names,
        lines=loss.add_up(groups, spans=spans),
        change=loss.explain(before=before, after=after),
        has_any=models.DailyPages.objects.filter(site_id=info.id).exists(),
    )


# --- inside

_GROUPS = """
SELECT day, device_class, sum(count)::bigint,
       COALESCE(sum(count) FILTER (WHERE substr(purposes, %(place)s, 1) = '1'), 0)::bigint
  FROM insights_dailypages
 WHERE site_id = %(site)s AND day BETWEEN %(first)s AND %(last)s
   AND (%(device_class)s = '' OR device_class = %(device_class)s)
 GROUP BY day, device_class ORDER BY day, device_class
"""


def _list_groups(
    *, site_id: int, number: int, first: date, last: date, device_class: str
) -> list[Group]:
    with connection.cursor() as cursor:
        cursor.execute(
            _GROUPS,
            {
                "site": site_id,
                # SQL counts from one.
                "place": number + 1,
                "first": first,
                "last": last,
                "device_class": device_class,
            },
        )
        return [
            Group(day=day, device_class=device, views=views, seen=seen)
            for day, device, views, seen in cursor.fetchall()
        ]


def _today(site: SiteInfo, now: datetime) -> date:
    return (now - _SETTLES).astimezone(ZoneInfo(site.zone)).date()


def _asked(site: SiteInfo) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the natures and names of the purposes that the current notice asks about."""
    notice = notices.find_current(site_code=site.code)
    if notice is None:
        return {}, {}
    rows = [
        row for row in notice.content["purposes"] if f"purpose:{row['code']}" in notice.asked_ids
    ]
    return {row["code"]: row["nature"] for row in rows}, {row["code"]: row["name"] for row in rows}
