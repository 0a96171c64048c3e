"""The service's counts of what each network sends; see `tracking.lib.flood`."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from tracking.lib.flood import Flood
from tracking.lib.quick_redis import QuickRedis

# No decision waits longer for a Redis that hangs, and most not at all.
_TIMEOUT_SECONDS = 0.1


def get_flood() -> Flood:
    """Return the counts that the settings ask for."""
    return _get_flood(settings.REDIS_URL, settings.FLOOD_LIMIT)


@cache
def _get_flood(redis_url: str, limit: int) -> Flood:
    redis = QuickRedis(redis_url, timeout=_TIMEOUT_SECONDS)
    return Flood(redis, name="consentmgr:flood", limit=limit)
