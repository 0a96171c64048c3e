"""Give a site a past that never was, counted and told as what really happens is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.db import transaction

from tracking.consents import made_up_operations as consents
from tracking.consents.made_up_operations import Spans
from tracking.insights import made_up, operations
from tracking.notices import queries as notices
from tracking.notices.types import Notice
from tracking.regimes import rules as regimes
from tracking.regimes.types import CountryMethod
from tracking.registry import queries as registry
from tracking.registry.types import SiteInfo

# Where no newer notice says when: so many days before the last one.
_FELL_BEFORE = timedelta(days=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeUp:
    """`fell_on`: from this day on, phones in Japanese allow less."""

    first: date
    last: date
    fell_on: date
    counted: int


def make_up(
    *, site: str, records: int, days: int, waiting: int, seed: int, now: datetime
) -> MadeUp:
    """
    Give a site so many decisions over the days that end today, with their showings, and tell them.

    `waiting` of them came in the newest minute and wait to be counted. Nothing leads from a record
    to a device. The rate falls with the newest notice, if one came in these days after another.

    :raises UnknownSite:
    :raises NoNotice: nothing is published yet
    """
    info = registry.get_site(code=site)
    zone = ZoneInfo(info.zone)
    versions = _list_versions(notices.get_current(site_code=site))
    local = now.astimezone(zone)
    last, first = local.date(), local.date() - timedelta(days=days - 1)
    newest = _first_day(versions[-1], zone)
    fell_on = newest if first < newest and len(versions) > 1 else last - _FELL_BEFORE

    def make_days(first: date, number: int, *, last_share: float = 1) -> Iterator[made_up.Day]:
        return made_up.make_days(
            site_id=info.id,
            first=first,
            last=last,
            last_share=last_share,
            records=number,
            seed=seed,
            versions=[_read_version(one, zone) for one in versions],
            places=_places(info, on=last),
            languages=notices.list_languages(versions[-1]),
            fell_on=fell_on,
        )

    def record(day: made_up.Day, spans: Spans, *, wait: bool) -> None:
        consents.record(
            decisions=day.decisions,
            notices={str(one.number): one for one in versions},
            zone=info.zone,
            spans=spans,
            wait=wait,
        )

    consents.make_months(first=now - timedelta(days=days), last=now)
    past = make_days(first, records - waiting, last_share=sum(made_up.HOURS[: local.hour]))
    for day in past:
        with transaction.atomic():
            record(day, _hours(day.day, zone, until=local), wait=False)
            operations.count_decisions(day.decisions)
            operations.count_showings(
                batch=uuid4(),
                counts={(info.id, day.day, cell): n for cell, n in day.showings.items()},
                now=now,
            )
    minute = Spans(starts=[now - timedelta(minutes=1)], ends=[], seconds=60)
    for day in make_days(last, waiting):
        record(day, minute, wait=True)
    operations.tell(now=now, at_once=True)
    return MadeUp(first=first, last=last, fell_on=fell_on, counted=records - waiting)


# --- inside


def _list_versions(current: Notice) -> list[Notice]:
    found = (
        notices.find_version(site_code=current.site_code, number=number)
        for number in range(1, current.number + 1)
    )
    return [one for one in found if one is not None]


def _read_version(notice: Notice, zone: ZoneInfo) -> made_up.Version:
    return made_up.Version(
        number=str(notice.number),
        first=_first_day(notice, zone),
        asked=frozenset(notice.numbers[choice] for choice in notice.asked_ids),
        purposes=frozenset(
            notice.numbers[choice] for choice in notice.asked_ids if choice.startswith("purpose:")
        ),
    )


def _first_day(notice: Notice, zone: ZoneInfo) -> date:
    day: date = notice.effective_at.astimezone(zone).date()
    return day


def _places(site: SiteInfo, *, on: date) -> dict[str, made_up.Place]:
    found = {}
    for country in made_up.countries():
        place = regimes.read_place(country, method=CountryMethod.HEADER)
        regime = regimes.resolve(place=place, site=site, on=on).regime
        found[country] = made_up.Place(
            regime=regime.code,
            country_group=regime.country_group,
            presentation=regimes.presentation_in(regime=regime, wanted=site.presentation),
        )
    return found


def _hours(day: date, zone: ZoneInfo, *, until: datetime) -> Spans:
    """Return a day's hours, of today those that are over."""
    number = until.hour if day == until.date() else 24
    ends = list(accumulate(made_up.HOURS[:number]))
    return Spans(
        starts=[datetime.combine(day, time(hour), tzinfo=zone) for hour in range(number)],
        ends=[end / ends[-1] for end in ends[:-1]],
        seconds=3600,
    )
