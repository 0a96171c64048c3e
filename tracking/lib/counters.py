"""
Counts that are gathered in Redis and taken from there in batches.

A count is added to a hash. Taking renames the hash to a batch with an id, which stays until it is
dropped: whoever counts batches remembers their ids, drops each after it was counted, and so counts
everything once, whenever it dies and however many do so at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

from redis import Redis

from tracking.lib.quick_redis import QuickRedis

# The batch is on the list with the same step that takes it: none can be forgotten in between.
_TAKE = """
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('RENAME', KEYS[1], KEYS[2])
  redis.call('SADD', KEYS[3], ARGV[1])
end
return redis.call('SMEMBERS', KEYS[3])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    id: UUID
    counts: Mapping[str, int]


class Counters:
    """Counts of one kind; `name` is the beginning of all their keys in Redis."""

    def __init__(self, redis: QuickRedis, *, name: str) -> None:
        self._redis = redis
        self._live = f"{name}:live"
        self._batches = f"{name}:batches"

    def add(self, counts: Mapping[str, int]) -> None:
        """
        Add to the counts, in one round trip.

        :raises Away: nothing is known to be added
        """

        def add(redis: Redis) -> None:
            with redis.pipeline() as pipe:
                for key, count in counts.items():
                    pipe.hincrby(self._live, key, count)
                pipe.execute()

        self._redis.ask(add)

    def take(self) -> list[Batch]:
        """
        Return what was added since the last time as a batch, and every batch not dropped yet.

        :raises Away:
        """

        def take(redis: Redis) -> list[Batch]:
            new = str(uuid4())
            known = redis.eval(_TAKE, 3, self._live, self._batch(new), self._batches, new)
            with redis.pipeline(transaction=False) as pipe:
                for batch in known:
                    pipe.hgetall(self._batch(batch))
                found = pipe.execute()
            return [
                Batch(id=UUID(batch), counts={key: int(count) for key, count in counts.items()})
                for batch, counts in zip(known, found, strict=True)
                # Somebody else has dropped it meanwhile.
                if counts
            ]

        return self._redis.ask(take)

    def drop(self, batch: UUID) -> None:
        """
        Forget a batch that was counted.

        :raises Away: it will be taken again
        """

        def drop(redis: Redis) -> None:
            with redis.pipeline() as pipe:
                pipe.delete(self._batch(str(batch)))
                pipe.srem(self._batches, str(batch))
                pipe.execute()

        self._redis.ask(drop)

    def count_waiting(self) -> int:
        """
        Return the sum of all counts that are added and not dropped.

        :raises Away:
        """

        def count(redis: Redis) -> int:
            keys = [self._live, *map(self._batch, map(str, redis.smembers(self._batches)))]
            with redis.pipeline() as pipe:
                for key in keys:
                    pipe.hvals(key)
                return sum(int(count) for counts in pipe.execute() for count in counts)

        return self._redis.ask(count)

    def _batch(self, batch: str) -> str:
        return f"{self._live}:{batch}"
