"""Counting starts from nothing: Valkey is not emptied with the tables."""

from __future__ import annotations

import os

import pytest
from redis import Redis


@pytest.fixture(autouse=True)
def _nothing_gathered() -> None:
    with Redis.from_url(os.environ["REDIS_URL"]) as redis:
        for key in redis.scan_iter("consentmgr:*"):
            redis.delete(key)
