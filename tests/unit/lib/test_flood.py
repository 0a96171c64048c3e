"""Floods in a real Valkey: counted by the minute, forgotten soon, and nobody's address is there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from uuid import uuid4

import pytest
from redis import Redis

from consentmgr.local import environment, processes, servers
from tracking.lib.client_address import Address
from tracking.lib.flood import Flood, network_of
from tracking.lib.quick_redis import QuickRedis

CLIENT = ip_address("198.51.100.7")
# The first second of an hour.
HOUR = 498_611 * 3600.0

Make = Callable[..., Flood]


@pytest.fixture
def valkey() -> Iterator[Redis]:
    with Redis.from_url(os.environ["REDIS_URL"], decode_responses=True) as redis:
        yield redis


@pytest.fixture
def name() -> str:
    return f"test:{uuid4()}"


@pytest.fixture
def make(name: str) -> Make:
    """Return further processes' counters of one name that nobody else has."""
    return lambda limit=3: Flood(
        QuickRedis(os.environ["REDIS_URL"], timeout=5), name=name, limit=limit
    )


def ask(flood: Flood, client: Address | None = CLIENT, *, at: float = HOUR + 600) -> bool:
    return flood.is_flood(client, kind="shown", now=at)


def test_what_is_above_the_limit_within_a_minute_is_a_flood(make: Make) -> None:
    flood = make()
    assert [ask(flood, at=HOUR + 600 + second) for second in range(5)] == [
        False, False, False, True, True,
    ]  # fmt: skip


def test_all_processes_count_together(make: Make) -> None:
    assert [ask(make()) for _ in range(4)] == [False, False, False, True]


def test_the_minute_slides(make: Make) -> None:
    flood = make()
    for _ in range(4):
        ask(flood, at=HOUR + 600 + 59)
    # Four a second ago and one now.
    assert ask(flood, at=HOUR + 660)
    # A minute and a half later little is left of them.
    assert not ask(flood, at=HOUR + 660 + 58)
    assert not ask(flood, at=HOUR + 600 + 180)


def test_a_new_hour_begins_with_a_new_key_and_the_last_minute_still_counts(
    make: Make, valkey: Redis, name: str
) -> None:
    flood = make()
    for _ in range(4):
        ask(flood, at=HOUR + 3599)
    assert ask(flood, at=HOUR + 3600)

    keys = [valkey.get(key) for key in valkey.scan_iter(f"{name}:key:*")]
    assert len(set(keys)) == 2


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("198.51.100.7", "198.51.100.250", True),
        ("198.51.100.7", "198.51.101.7", False),
        ("2001:db8:1:2::1", "2001:db8:1:ffff::9", True),
        ("2001:db8:1::1", "2001:db8:2::1", False),
    ],
)
def test_a_network_is_counted_as_one(make: Make, one: str, other: str, together: bool) -> None:
    flood = make()
    for _ in range(4):
        ask(flood, ip_address(one))

    assert ask(flood, ip_address(other)) is together
    assert (network_of(ip_address(one)) == network_of(ip_address(other))) is together


def test_kinds_are_counted_apart(make: Make) -> None:
    flood = make()
    for _ in range(4):
        ask(flood)
    assert not flood.is_flood(CLIENT, kind="decided", now=HOUR + 600)


def test_nothing_in_valkey_leads_to_an_address(make: Make, valkey: Redis, name: str) -> None:
    flood = make()
    ask(flood)

    places = sorted(valkey.scan_iter(f"{name}:*"))
    assert len(places) == 2
    for place in places:
        assert "198.51.100" not in place
        assert "198.51.100" not in str(valkey.get(place))
        assert 0 < valkey.ttl(place) <= 3600 + 120
    # With another hour's key the same network has another name.
    ask(flood, at=HOUR + 600 + 7200)
    names = {place.rpartition(":")[2] for place in valkey.scan_iter(f"{name}:[0-9]*")}
    assert len(names) == 2
    for place in valkey.scan_iter(f"{name}:[0-9]*"):
        assert 0 < valkey.ttl(place) <= 120


def test_without_a_limit_nothing_is_counted(make: Make, valkey: Redis, name: str) -> None:
    assert not any(ask(make(limit=0)) for _ in range(9))
    assert list(valkey.scan_iter(f"{name}:*")) == []


def test_who_is_not_known_floods_nothing(make: Make) -> None:
    flood = make()
    assert not any(ask(flood, None) for _ in range(9))


def test_with_valkey_away_nothing_is_a_flood(tmp_path: object) -> None:
    flood = Flood(QuickRedis(f"unix://{tmp_path}/none.sock?db=0", timeout=0.1), name="x", limit=1)
    assert not any(ask(flood) for _ in range(3))


def test_what_has_expired_leaves_the_append_only_file(tmp_path: Path) -> None:
    place = servers.Place(data=tmp_path, run=tmp_path, is_durable=True)
    running = servers.start_valkey(place, os.environ)
    url = environment.redis_url(tmp_path)
    try:
        flood = Flood(QuickRedis(url, timeout=5), name="flood", limit=3)
        ask(flood)
        with Redis.from_url(url, decode_responses=True) as redis:
            (key,) = redis.scan_iter("flood:key:*")
            secret = str(redis.get(key))
            assert secret in files(tmp_path)
            for one in redis.scan_iter("flood:*"):
                redis.pexpire(one, 1)
            time.sleep(0.1)

            flood.forget()

            deadline = time.monotonic() + 20
            while secret in files(tmp_path) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert secret not in files(tmp_path)
    finally:
        processes.stop([running])


def files(folder: Path) -> str:
    return "".join(
        path.read_bytes().decode("latin-1") for path in folder.rglob("*.aof") if path.is_file()
    )


def test_a_redis_without_such_a_file_is_left_alone() -> None:
    Flood(QuickRedis(os.environ["REDIS_URL"], timeout=5), name="flood", limit=3).forget()
    with Redis.from_url(os.environ["REDIS_URL"]) as redis:
        assert redis.info("persistence")["aof_rewrites"] == 0
