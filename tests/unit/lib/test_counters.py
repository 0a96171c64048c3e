"""Gathering in a real Valkey: whatever dies whenever, everything is counted once."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracking.lib.counters import Batch, Counters
from tracking.lib.quick_redis import Away, QuickRedis

Make = Callable[[], Counters]


class Counted:
    """What PostgreSQL does: a batch is counted with its id, or not at all."""

    def __init__(self) -> None:
        self.ids: set[UUID] = set()
        self.sums: Counter[str] = Counter()
        self._turn = threading.Lock()

    def count(self, batch: Batch) -> None:
        with self._turn:
            if batch.id not in self.ids:
                self.ids.add(batch.id)
                self.sums.update(batch.counts)

    def flush(self, counters: Counters) -> None:
        for batch in counters.take():
            self.count(batch)
            counters.drop(batch.id)


@pytest.fixture
def make() -> Make:
    """Return further processes' counters of one name that nobody else has."""
    name = f"test:{uuid4()}"
    return lambda: Counters(QuickRedis(os.environ["REDIS_URL"], timeout=5), name=name)


def test_what_was_added_is_taken_as_one_batch(make: Make) -> None:
    counters = make()
    counters.add({"a": 1, "b": 2})
    counters.add({"a": 3})

    (batch,) = counters.take()

    assert batch.counts == {"a": 4, "b": 2}
    assert counters.count_waiting() == 6


def test_nothing_added_is_no_batch(make: Make) -> None:
    assert make().take() == []
    assert make().count_waiting() == 0


def test_a_flusher_that_dies_before_counting_leaves_its_batch_to_the_next(make: Make) -> None:
    make().add({"a": 1})
    (taken,) = make().take()
    make().add({"a": 2})

    found = {batch.id: batch.counts for batch in make().take()}

    assert found[taken.id] == {"a": 1}
    assert sorted(batch["a"] for batch in found.values()) == [1, 2]


def test_a_flusher_that_dies_between_counting_and_dropping_counts_nothing_twice(
    make: Make,
) -> None:
    counted = Counted()
    make().add({"a": 5})
    for batch in make().take():
        counted.count(batch)
    make().add({"a": 1})

    counted.flush(make())

    assert counted.sums == {"a": 6}
    assert make().take() == []
    assert make().count_waiting() == 0


def test_two_flushers_at_once_count_everything_once(make: Make) -> None:
    counted, added = Counted(), 0
    done = threading.Event()

    def flush() -> None:
        counters = make()
        while not done.is_set():
            counted.flush(counters)

    flushers = [threading.Thread(target=flush) for _ in range(2)]
    for flusher in flushers:
        flusher.start()
    counters = make()
    for _ in range(400):
        counters.add({"a": 1, "b": 2})
        added += 1
    done.set()
    for flusher in flushers:
        flusher.join()
    counted.flush(make())

    assert counted.sums == {"a": added, "b": 2 * added}
    assert len(counted.ids) > 1


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(
        st.one_of(
            st.dictionaries(st.text(max_size=3), st.integers(1, 9), min_size=1, max_size=3),
            st.sampled_from(["flush", "dies taking", "dies counting", "late drop"]),
        ),
        max_size=25,
    )
)
def test_the_sum_counted_is_the_sum_added(steps: list[dict[str, int] | str]) -> None:
    name = f"test:{uuid4()}"
    counters = Counters(QuickRedis(os.environ["REDIS_URL"], timeout=5), name=name)
    counted, added = Counted(), Counter[str]()
    held: list[Batch] = []
    for step in steps:
        match step:
            case dict():
                counters.add(step)
                added.update(step)
            case "flush":
                counted.flush(counters)
            case "dies taking":
                held += counters.take()
            case "dies counting":
                for batch in counters.take():
                    counted.count(batch)
            case "late drop":
                # A flusher that had stood still goes on with what it took long ago.
                for batch in held:
                    counted.count(batch)
                    counters.drop(batch.id)
                held.clear()
    counted.flush(counters)

    assert counted.sums == added
    assert counters.count_waiting() == 0


# --- away


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[str]:
    """Yield the address of a server that takes calls and never answers."""
    path = str(tmp_path / "silent.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        yield f"unix://{path}?db=0"


def test_a_redis_that_hangs_is_away_after_a_moment_and_then_at_once(silent: str) -> None:
    counters = Counters(QuickRedis(silent, timeout=0.2), name="test")
    took = []
    for _ in range(6):
        began = time.monotonic()
        with pytest.raises(Away):
            counters.add({"a": 1})
        took.append(time.monotonic() - began)

    assert 0.15 < took[0] < 1.5
    # The quickest, on a busy machine.
    assert min(took[1:]) < 0.05


def test_a_redis_that_is_not_there_is_away_and_asked_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis = QuickRedis(f"unix://{tmp_path}/none.sock?db=0", timeout=0.2)
    asked = []

    def ask() -> None:
        with pytest.raises(Away):
            redis.ask(lambda client: (asked.append(1), client.ping()))

    ask()
    ask()
    assert len(asked) == 1

    monkeypatch.setattr("tracking.lib.quick_redis.REST_SECONDS", 0.0)
    redis = QuickRedis(f"unix://{tmp_path}/none.sock?db=0", timeout=0.2)
    ask()
    ask()
    assert len(asked) == 3
