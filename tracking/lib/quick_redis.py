"""Ask Redis, and do without it when it is away or slow."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

T = TypeVar("T")

# After a failure nobody asks for so long: a Redis that hangs costs one request a moment, not all.
REST_SECONDS = 5.0


class Away(Exception):
    """Redis did not answer in time. What was asked may have been done all the same."""


class QuickRedis:
    """
    A Redis that answers within `timeout` seconds or counts as away.

    Nothing is tried a second time: what was done and not answered would be done twice. It connects
    when it is first asked, with a pool of its own.
    """

    def __init__(self, url: str, *, timeout: float) -> None:
        self._redis = Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )
        self._rests_until = 0.0

    def ask(self, question: Callable[[Redis], T]) -> T:
        """
        Return what `question` returns when it is handed the client.

        :raises Away: also without asking, shortly after a failure
        """
        if time.monotonic() < self._rests_until:
            raise Away
        try:
            return question(self._redis)
        except RedisError as error:
            self._rests_until = time.monotonic() + REST_SECONDS
            raise Away from error
