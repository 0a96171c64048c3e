"""What one network sends above what people do is recorded as ever, and left out of the numbers."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from consentmgr.celery import app
from tests.visitors import Visitor
from tracking.consents import tasks
from tracking.consents.models import ConsentRecord
from tracking.insights import operations as insights
from tracking.insights.models import DailyCount
from tracking.insights.types import Kind
from tracking.notices.types import Notice

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _small_limit(settings: Any) -> None:
    settings.FLOOD_LIMIT = 2
    settings.TRUSTED_PROXY_HOPS = 1


@pytest.fixture
def network() -> str:
    """Return the beginning of addresses that no other test has sent from."""
    return ".".join(["203", *(str(1 + secrets.randbelow(250)) for _ in range(2))])


def refuse_with(visitor: Visitor, headers: dict[str, str]) -> Any:
    """Refuse as somebody who was shown the notice; only the network is doubtful."""
    body = visitor.body("refuse", impression=visitor.be_shown())
    return visitor.post("/v1/consents", body, headers=headers)


def refuse(visitor: Visitor, address: str) -> Any:
    return refuse_with(visitor, {"X-Forwarded-For": address})


def marked() -> list[bool]:
    return list(ConsentRecord.objects.order_by("recorded_at").values_list("is_suspect", flat=True))


def test_first_decisions_above_the_limit_are_recorded_and_suspected(
    notice: Notice, network: str
) -> None:
    answers = [refuse(Visitor(notice), f"{network}.{host}") for host in range(1, 5)]

    assert [answer.status_code for answer in answers] == [201] * 4
    assert all(answer.json()["receipt"] for answer in answers)
    assert marked() == [False, False, True, True]
    insights.roll_up()
    counts = {row.cell.kind: row.count for row in DailyCount.objects.select_related("cell")}
    assert counts == {Kind.REFUSED: 2, Kind.SUSPECT: 2}


def test_a_suspected_refusal_binds_the_gate(notice: Notice, network: str) -> None:
    for host in range(3):
        refuse(Visitor(notice), f"{network}.{host}")
    visitor = Visitor(notice)
    visitor.allow()
    assert visitor.gate("stats")["stats"]["allowed"]

    assert refuse(visitor, f"{network}.9").status_code == 201
    assert not visitor.gate("stats")["stats"]["allowed"]


def test_who_decided_before_is_not_suspected(notice: Notice, network: str) -> None:
    visitor = Visitor(notice)
    refuse(visitor, f"{network}.1")
    for host in range(2, 5):
        refuse(Visitor(notice), f"{network}.{host}")
    refuse(visitor, f"{network}.1")

    assert marked() == [False, False, True, True, False]


@pytest.mark.parametrize(
    ("hops", "headers"),
    [
        # Everybody's address is the proxy's.
        (0, {"X-Forwarded-For": "203.0.114.1"}),
        (0, {"Forwarded": "for=203.0.114.1"}),
        # It did not come through the proxies.
        (2, {"X-Forwarded-For": "203.0.114.1"}),
        (1, {"X-Forwarded-For": "unknown"}),
        (1, {}),
    ],
)
def test_where_the_sender_is_not_certain_nobody_is_suspected(
    notice: Notice, settings: Any, hops: int, headers: dict[str, str]
) -> None:
    settings.TRUSTED_PROXY_HOPS = hops
    for _ in range(4):
        visitor = Visitor(notice, Client(REMOTE_ADDR="203.0.115.4"))
        answer = refuse_with(visitor, headers)
        assert answer.status_code == 201

    assert not any(marked())


def test_without_a_proxy_the_connections_own_address_counts(
    notice: Notice, settings: Any, network: str
) -> None:
    settings.TRUSTED_PROXY_HOPS = 0
    for host in range(3):
        refuse_with(Visitor(notice, Client(REMOTE_ADDR=f"{network}.{host}")), {})

    assert marked() == [False, False, True]


def test_a_proxy_of_the_own_network_is_not_taken_for_a_visitor(
    notice: Notice, settings: Any
) -> None:
    settings.TRUSTED_PROXY_HOPS = 0
    for _ in range(4):
        refuse_with(Visitor(notice), {})

    assert not any(marked())


def test_the_limit_can_be_switched_off(notice: Notice, network: str, settings: Any) -> None:
    settings.FLOOD_LIMIT = 0
    for host in range(5):
        refuse(Visitor(notice), f"{network}.{host}")

    assert not any(marked())


@pytest.fixture
def silent(tmp_path: Any) -> Iterator[str]:
    path = str(tmp_path / "silent.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        yield f"unix://{path}?db=0"


def test_a_redis_that_hangs_neither_stops_nor_delays_a_refusal(
    notice: Notice, network: str, settings: Any, silent: str
) -> None:
    settings.REDIS_URL = silent
    refuse(Visitor(notice), f"{network}.1")
    began = time.monotonic()
    answers = [refuse(Visitor(notice), f"{network}.{host}") for host in range(2, 6)]

    assert [answer.status_code for answer in answers] == [201] * 4
    assert time.monotonic() - began < 4
    assert not any(marked())


@pytest.mark.filterwarnings("ignore::celery.exceptions.CDeprecationWarning")
def test_the_schedule_has_redis_forget(
    settings: Any, silent: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert app.conf.beat_schedule["floods"]["task"] == tasks.forget_floods.name
    tasks.forget_floods.apply(throw=True)
    assert "Redis does not" not in caplog.text

    settings.REDIS_URL = silent
    tasks.forget_floods.apply(throw=True)
    assert "Redis does not write its log anew: TimeoutError" in caplog.text
