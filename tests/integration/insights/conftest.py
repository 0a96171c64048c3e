"""Counting starts from nothing: Valkey is not emptied with the tables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tracking.insights import gathered
from tracking.lib.quick_redis import QuickRedis


@pytest.fixture(autouse=True)
def _nothing_gathered() -> None:
    with Redis.from_url(os.environ["REDIS_URL"]) as redis:
        for key in redis.scan_iter("consentmgr:*"):
            redis.delete(key)


@pytest.fixture
def valkey_away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Have showings and page views counted at once, for nothing can be gathered."""
    nobody = QuickRedis(f"unix://{tmp_path}/none.sock?db=0", timeout=0.2)
    monkeypatch.setattr(gathered, "_redis", lambda: nobody)
    for gatherer in (gathered.showings, gathered.page_views):
        gatherer.cache_clear()
    yield
    for gatherer in (gathered.showings, gathered.page_views):
        gatherer.cache_clear()
