"""The only writes of insights."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import connection

from tracking.lib.errors import DomainError
from tracking.notices import queries as notices
from tracking.regimes import rules as regimes
from tracking.regimes.types import Jurisdiction
from tracking.registry import queries as registry


class ShowingInvalid(DomainError):
    code = "invalid"
    message = "The showing does not say what it must."


class ForeignOrigin(DomainError):
    code = "foreign_origin"
    message = "This page may not report for that site."
    status = 403


_COUNT = """
INSERT INTO insights_dailyshown
  (site_id, day, language, device_class, regime, surface, notice_number, is_first, count)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 1)
ON CONFLICT (site_id, day, language, device_class, regime, surface, notice_number, is_first)
DO UPDATE SET count = insights_dailyshown.count + 1
"""


def count_shown(
    *,
    site_code: str,
    notice_number: int,
    language: str,
    surface: str,
    device_class: str,
    is_first: bool,
    origin: str | None,
    place: Jurisdiction | None,
    now: datetime,
) -> None:
    """
    Count one showing of the banner, on the day that `now` is in the site's zone.

    Nothing of the visitor is stored but the coarse words that are counted by.

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
    regime = regimes.resolve(place=place, site=site, on=now.date()).regime
    day = now.astimezone(ZoneInfo(site.zone)).date()
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT,
            [site.id, day, language, device_class, regime.code, surface, notice.number, is_first],
        )
