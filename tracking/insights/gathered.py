"""Where counts of all web processes are gathered until they are counted: in Redis."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from tracking.lib.counters import Counters
from tracking.lib.quick_redis import QuickRedis

_TIMEOUT_SECONDS = 0.25


@cache
def showings() -> Counters:
    """Return the showings of banners."""
    return Counters(_redis(), name="consentmgr:showings")


@cache
def page_views() -> Counters:
    """Return the page views of sites that count them."""
    return Counters(_redis(), name="consentmgr:pages")


@cache
def _redis() -> QuickRedis:
    return QuickRedis(settings.REDIS_URL, timeout=_TIMEOUT_SECONDS)
