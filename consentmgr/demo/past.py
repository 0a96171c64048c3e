"""The demo's past: some weeks of visitors who never were, so that its numbers say something."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, timedelta

from consentmgr.demo.places import SITE
from tracking.insights import made_up_operations, queries
from tracking.insights.made_up_operations import MadeUp

Wording = Mapping[str, Mapping[str, str]]

# The notice changed so long ago; since then, phones in Japanese allow less.
NOTICE_CHANGED = timedelta(days=10)
NEW_WORDING: Wording = {
    "ja": {"prefs_lead": "送る相手と情報を、ひとつずつ選べます。あとからいつでも変えられます。"},
    "en": {"prefs_lead": "Choose each company and each kind of data. Change it at any time."},
}
_RECORDS_A_DAY = 670
_SEED = 1


def past_days() -> int:
    """Return how far back the demo's past goes; 0 = it has none."""
    # Read by the demo alone, so it is not among the product's own variables.
    return int(os.environ.get("DEMO_PAST_DAYS") or 90)


def make_past(*, days: int, now: datetime) -> MadeUp | None:
    """Give the demo its past, once; None if it has one or is to have none."""
    if days == 0 or queries.has_days_before_today(site=SITE, now=now):
        return None
    return made_up_operations.make_up(
        site=SITE, records=days * _RECORDS_A_DAY, days=days, waiting=0, seed=_SEED, now=now
    )
