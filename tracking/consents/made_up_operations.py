"""Records that nobody gave, for demos and measurements."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256

from django.db import connection, transaction

from tracking.consents.types import DecisionCount, Method, Prior
from tracking.lib import bits
from tracking.notices.types import Notice

# A made-up record proves nothing, and says so: there is no private part that opens this.
COMMITMENT = sha256(b"made up").digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """
    When records came: spans of `seconds` that begin at `starts`; `ends` is the share of all that
    had come by the end of each but the last.
    """

    starts: Sequence[datetime]
    ends: Sequence[float]
    seconds: int


_WRITE = """
WITH made AS MATERIALIZED (
  SELECT gen_random_uuid() AS key,
         (%(starts)s::timestamptz[])[1 + width_bucket(random(), %(ends)s::float8[])]
           + random() * make_interval(secs => %(seconds)s) AS recorded_at,
         one.*
    FROM jsonb_to_recordset(%(rows)s) AS one(
           notice bigint, granted text, refused text, withdrawn text, method text, surface text,
           prior text, regime text, country_group text, language text, device_class text,
           variant text, presentation text, referrer_class text, is_suspect boolean, held text,
           held_since date, count integer
         ), generate_series(1, one.count)
   ORDER BY recorded_at
), recorded AS (
  INSERT INTO consents_consentrecord
    (key, recorded_at, site_id, notice_id, granted, refused, withdrawn, method, surface, prior,
     regime, country_group, country_method, language, device_class, variant, presentation,
     referrer_class, with_signal, is_superseded, is_suspect, commitment)
  SELECT key, recorded_at, %(site)s, notice, granted::varbit, refused::varbit, withdrawn::varbit,
         method, surface, prior, regime, country_group, 'header', language, device_class, variant,
         presentation, referrer_class, false, false, is_suspect, %(commitment)s
    FROM made
)
INSERT INTO consents_uncounted (record_key, recorded_at, held, held_since)
SELECT key, recorded_at, held::varbit, timezone(%(zone)s, held_since::timestamp)
  FROM made WHERE %(wait)s
"""


@transaction.atomic
def record(
    *,
    decisions: Sequence[DecisionCount],
    notices: Mapping[str, Notice],
    zone: str,
    spans: Spans,
    wait: bool,
) -> None:
    """
    Record decisions of one site without a private part: nothing leads from them to a device.

    :param notices: the versions that were decided on, by number
    :param wait: statistics have yet to count them, as what is really decided; else the caller does
    """
    if not decisions:
        return

    @cache
    def refused(notice: str, granted: str) -> str:
        version = notices[notice]
        asked = {version.numbers[choice] for choice in version.asked_ids}
        return bits.pack(asked - bits.unpack(granted))

    rows = [
        {
            "notice": notices[one.notice].id,
            "granted": one.granted,
            "refused": one.withdrawn
            if one.method is Method.WITHDRAW
            else refused(one.notice, one.granted),
            "withdrawn": one.withdrawn,
            "method": one.method,
            "surface": one.surface,
            "prior": Prior.FIRST if one.is_first else Prior.AGAIN,
            "regime": one.regime,
            "country_group": one.country_group,
            "language": one.language,
            "device_class": one.device_class,
            "variant": one.variant,
            "presentation": one.presentation,
            "referrer_class": one.referrer_class,
            "is_suspect": one.is_suspect,
            "held": one.held,
            "held_since": None if one.held_week is None else one.held_week.isoformat(),
            "count": one.count,
        }
        for one in decisions
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE,
            {
                "rows": json.dumps(rows),
                "site": decisions[0].site_id,
                "zone": zone,
                "starts": list(spans.starts),
                "ends": list(spans.ends),
                "seconds": spans.seconds,
                "commitment": COMMITMENT,
                "wait": wait,
            },
        )


def make_months(*, first: datetime, last: datetime) -> None:
    """Create the record tables from one month to another."""
    month = first.astimezone(UTC).date().replace(day=1)
    with connection.cursor() as cursor:
        while month <= last.astimezone(UTC).date():
            cursor.execute("SELECT consents_make_month(%s)", [month])
            month = (month + timedelta(days=31)).replace(day=1)
