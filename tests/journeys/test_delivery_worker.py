"""A revocation reaches its partner through real workers, whatever is killed on the way."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from consentmgr.celery import app
from consentmgr.local import environment, processes, servers
from tests.factories.registry import SITE, make_site
from tests.fakes import FakePartner, Say, fake_partner
from tests.visitors import Visitor
from tracking.audit.types import COMMAND_LINE
from tracking.consents import identifiers
from tracking.consents.models import Device, Identifier
from tracking.delivery import operations, settlements
from tracking.outbox.models import OutboxEvent

ROOT = Path(__file__).parents[2]
ADCO = "adco"

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def partner() -> Iterator[FakePartner]:
    """The small site with `adco` listening."""
    with fake_partner() as adco:
        yield adco


@pytest.fixture
def visitor(partner: FakePartner) -> Visitor:
    visitor = Visitor(make_site())
    operations.set_endpoint(
        site=SITE,
        partner=ADCO,
        url=partner.url,
        secret=partner.secrets[0],
        keys=settings.CONSENT_KEYS,
        allow_loopback=True,
        actor=COMMAND_LINE,
        now=timezone.now(),
    )
    return visitor


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start programs of ours on the tests' database; whatever still runs at the end is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def run(*arguments: str, redis_url: str = "") -> subprocess.Popen[bytes]:
        parts = urlsplit(os.environ["DATABASE_URL"])
        name = connection.settings_dict["NAME"]
        environ = {
            **os.environ,
            "DATABASE_URL": parts._replace(path=f"/{name}").geturl(),
            "REDIS_URL": redis_url or os.environ["REDIS_URL"],
            "DJANGO_SETTINGS_MODULE": "consentmgr.settings",
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        }
        log = (tmp_path / f"log-{len(started)}").open("wb")
        with log:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=ROOT,
                env=environ,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started.append(process)
        return process

    yield run
    for process in started:
        kill(process)


def worker(schedule: Path) -> list[str]:
    """Return a worker with its own beat: hints and the sweep."""
    return [
        *("celery", "-A", "consentmgr.celery", "worker", "--beat", "--schedule", str(schedule)),
        *("--concurrency", "2", "--pool", "prefork"),
    ]


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a program and its children at once, as a power failure would."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def eventually(happens: Callable[[], Any], *, seconds: float = 45) -> None:
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, "It did not happen."
        time.sleep(0.05)


def allow_and_revoke(visitor: Visitor) -> None:
    """A partner hears of a device when it first loses something."""
    for answer in (visitor.allow(), visitor.revoke(all=True)):
        assert answer.status_code == 201, answer.content


def told() -> list[bool]:
    """Tell for every event of `adco` whether it is done."""
    return [
        event.acked_version == event.desired_version and event.confirmed_at is not None
        for event in OutboxEvent.objects.filter(addressee=ADCO)
    ]


def believes_nothing_is_granted(partner: FakePartner) -> bool:
    return all(state["granted"]["purposes"] == [] for state in partner.state.values())


def test_a_worker_killed_between_decision_and_delivery_loses_nothing(
    visitor: Visitor, partner: FakePartner, start: Any, tmp_path: Path
) -> None:
    first = start(*worker(tmp_path / "beat-1"))
    allow_and_revoke(visitor)
    eventually(lambda: told() == [True])

    # Stopped, it may hold the hint already, yet sends nothing; then it is gone for good.
    os.killpg(first.pid, signal.SIGSTOP)
    allow_and_revoke(Visitor(visitor.notice))
    time.sleep(0.5)
    kill(first)
    assert len(partner.received) == 1

    start(*worker(tmp_path / "beat-2"))
    eventually(lambda: told() == [True, True])
    assert len(partner.received) == len(set(partner.keys)) == 2
    assert believes_nothing_is_granted(partner)


def test_a_worker_killed_while_it_sends_is_replaced_after_the_lease(
    visitor: Visitor, partner: FakePartner, start: Any, tmp_path: Path
) -> None:
    first = start(*worker(tmp_path / "beat-1"))
    partner.answering = lambda _: Say(hang_seconds=60, is_rude=True)
    allow_and_revoke(visitor)
    eventually(lambda: partner.received)
    kill(first)
    partner.answering = lambda _: Say()

    start(*worker(tmp_path / "beat-2"))
    eventually(lambda: told() == [True], seconds=settlements.LEASE_SECONDS + 30)
    # Told twice under one key, which is once in effect.
    assert len(partner.received) == 2
    assert len(set(partner.keys)) == 1
    assert believes_nothing_is_granted(partner)


@contextlib.contextmanager
def own_valkey() -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    """Yield the address of a Valkey of our own, and how to kill it with its data and start it."""
    with tempfile.TemporaryDirectory(prefix="cm-") as folder:
        place = servers.Place(data=Path(folder), run=Path(folder), is_durable=False)
        running = [servers.start_valkey(place, os.environ)]

        def kill_it() -> None:
            running[0].process.kill()
            running[0].process.wait()

        def start_it() -> None:
            running[0] = servers.start_valkey(place, os.environ)

        try:
            yield environment.redis_url(place.run), kill_it, start_it
        finally:
            processes.stop(running)


def test_valkey_killed_with_its_data_loses_nothing(
    visitor: Visitor, partner: FakePartner, start: Any, tmp_path: Path
) -> None:
    with own_valkey() as (redis_url, kill_valkey, start_valkey):
        process = start(*worker(tmp_path / "beat"), redis_url=redis_url)
        allow_and_revoke(visitor)
        eventually(lambda: told() == [True])

        kill_valkey()
        allow_and_revoke(Visitor(visitor.notice))
        time.sleep(1)
        start_valkey()
        # The same worker finds the new, empty server by itself.
        eventually(lambda: told() == [True, True])
        assert process.poll() is None
        kill(process)
    assert believes_nothing_is_granted(partner)


def test_without_any_valkey_the_loop_tells_partners(
    visitor: Visitor, partner: FakePartner, start: Any, tmp_path: Path
) -> None:
    process = start("django", "deliver", "--loop", redis_url=f"unix://{tmp_path}/nothing.sock?db=0")
    allow_and_revoke(visitor)
    eventually(lambda: told() == [True])
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    assert believes_nothing_is_granted(partner)


def test_an_erasure_reaches_its_partner_as_two_messages_each_once(
    visitor: Visitor, partner: FakePartner, start: Any, tmp_path: Path
) -> None:
    start(*worker(tmp_path / "beat"))
    assert visitor.allow().status_code == 201
    body = {
        "site": SITE,
        "idempotency_key": "an-erasure-0000001",
        "surface": "page",
        "language": "ja",
    }
    answer = visitor.post("/v1/erasures", body)
    assert answer.status_code == 201, answer.content
    again = visitor.post("/v1/erasures", body)
    assert again.json()["key"] == answer.json()["key"]

    eventually(lambda: told() == [True, True])
    stranger = Visitor(visitor.notice)
    progress = stranger.get(f"/v1/erasures/{answer.json()['key']}?site={SITE}").json()
    assert {one["partner"]: one["status"] for one in progress["partners"]}[ADCO] == "confirmed"
    assert sorted(message.type for message in partner.received) == [
        "consent.revoked",
        "device.erased",
    ]
    assert len(set(partner.keys)) == 2
    [subject] = partner.erased
    assert {message.data["subject"] for message in partner.received} == {subject}
    assert partner.refused == []


@pytest.fixture
def expired(visitor: Visitor) -> Device:
    """A device whose grant has expired, and whose identifier is still kept; another is well."""
    for _ in range(2):
        Visitor(visitor.notice).allow()
    for device in Device.objects.all():
        identifiers.keep(
            device=device.pk,
            identifiers={ADCO: {"cookie_id": "7"}},
            keys=settings.CONSENT_KEYS,
            now=timezone.now(),
        )
    old = Device.objects.latest("pk")
    Device.objects.filter(pk=old.pk).update(decided_at=timezone.now() - timedelta(days=400))
    return old


def test_a_worker_forgets_identifiers_of_grants_that_have_expired(
    expired: Device, start: Any, tmp_path: Path
) -> None:
    start(*worker(tmp_path / "beat"))
    app.send_task(app.conf.beat_schedule["identifiers"]["task"])

    eventually(lambda: not Identifier.objects.filter(device=expired).exists())
    assert Identifier.objects.count() == 1


def test_without_any_valkey_the_loop_does_the_chores_too(
    expired: Device, start: Any, tmp_path: Path
) -> None:
    start("django", "deliver", "--loop", redis_url=f"unix://{tmp_path}/nothing.sock?db=0")

    eventually(lambda: not Identifier.objects.filter(device=expired).exists())
    assert Identifier.objects.count() == 1
