"""
Does one network send more than people do? Counted in Redis, by something that leads back to nobody.

A network is an IPv4 /24 or an IPv6 /48: whoever sends a flood has at least that much to himself.
Counted is under an HMAC of it, with a key that is random for each hour. The key is in Redis alone
(and in the memory of the processes that use it) for an hour and a few minutes, the counts for two
minutes; after that not even the service can say which network they were of.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from ipaddress import IPv6Address, ip_network

from redis import Redis

from tracking.lib.client_address import Address
from tracking.lib.quick_redis import Away, QuickRedis

_MINUTE, _HOUR = 60, 3600
# A count is read for a minute after its own.
_KEEP_COUNT_SECONDS = 2 * _MINUTE
_KEEP_KEY_SECONDS = _HOUR + _KEEP_COUNT_SECONDS


class Flood:
    """
    Counts requests per network; `limit` of them in any minute are no flood yet, 0 = nothing is.

    `name` is the beginning of all keys in Redis.
    """

    def __init__(self, redis: QuickRedis, *, name: str, limit: int) -> None:
        self._redis = redis
        self._name = name
        self._limit = limit
        self._keys: dict[int, bytes] = {}

    def is_flood(self, client: Address | None, *, kind: str, now: float) -> bool:
        """
        Count a request of this kind; say whether its network has sent more than the limit.

        `now`: seconds of the epoch. The last minute is this one and what is left of the one before,
        as if that had been even. Without a client, and with Redis away, nothing is a flood.
        """
        if client is None or not self._limit:
            return False
        minute, second = divmod(now, _MINUTE)
        try:
            count, before = self._redis.ask(
                lambda redis: self._count(redis, network_of(client), kind, int(minute))
            )
        except Away:
            return False
        return count + before * (1 - second / _MINUTE) > self._limit

    def forget(self) -> None:
        """
        Have Redis write its append-only file anew, if it keeps one.

        What has expired stands in that file until then, keys beside what was counted under them.

        :raises Away: also where Redis will not, for it does so already or nobody may ask for it
        """

        def forget(redis: Redis) -> None:
            if redis.info("persistence")["aof_enabled"]:
                redis.bgrewriteaof()

        self._redis.ask(forget)

    def _count(self, redis: Redis, network: str, kind: str, minute: int) -> tuple[int, int]:
        this, last = (self._place(redis, network, kind, m) for m in (minute, minute - 1))
        with redis.pipeline() as pipe:
            pipe.incr(this)
            pipe.expire(this, _KEEP_COUNT_SECONDS)
            pipe.get(last)
            count, _, before = pipe.execute()
        return count, int(before or 0)

    def _place(self, redis: Redis, network: str, kind: str, minute: int) -> str:
        key = self._key(redis, minute * _MINUTE // _HOUR)
        digest = hmac.new(key, f"{kind} {network}".encode(), hashlib.sha256).hexdigest()
        return f"{self._name}:{minute}:{digest}"

    def _key(self, redis: Redis, hour: int) -> bytes:
        if hour not in self._keys:
            place = f"{self._name}:key:{hour}"
            with redis.pipeline() as pipe:
                # Whoever is first makes it for all.
                pipe.set(place, secrets.token_hex(32), nx=True, ex=_KEEP_KEY_SECONDS)
                pipe.get(place)
                _, found = pipe.execute()
            kept = {old: key for old, key in self._keys.items() if abs(old - hour) <= 1}
            self._keys = {**kept, hour: bytes.fromhex(found)}
        return self._keys[hour]


def network_of(client: Address) -> str:
    """Return the network that a client is counted with."""
    bits = 48 if isinstance(client, IPv6Address) else 24
    return str(ip_network((client, bits), strict=False))
