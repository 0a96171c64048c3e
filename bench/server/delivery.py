"""
Measure how fast partners are told, against bare clients in the same run.

    .venv/bin/python bench/server/delivery.py throughput [--rounds 3] [--messages 20000]
    .venv/bin/python bench/server/delivery.py latency [--rate 200] [--seconds 60]
    .venv/bin/python bench/server/delivery.py backlog [--messages 1000000]

`throughput`: one worker process on core 0 tells what lies in the outbox; partners (`sink.py`) and
PostgreSQL are on core 1. Beside it, on the same core: an aiohttp loop that posts the same bodies
and keeps nothing, and a Celery worker with a task for each message. `latency`: the product as it
runs, decisions at a steady rate by HTTP, four partners each; the time from a decision to the noted
2xx, out of the outbox itself. `backlog`: what a worker's memory is while very much is waiting.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
sys.path.insert(0, str(ROOT))

from consentmgr.local.testing import throwaway_servers

PARTNERS = 4
# On their way at a time, to each partner; the bare loop has as many.
CONCURRENCY = 64
ORIGIN = "https://bench.example"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwmfKQ9r8GKYo="


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("what", choices=["throughput", "latency", "backlog"])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--messages", type=int)
    options.add_argument("--rate", type=int, default=200)
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--mine", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.mine:
        print(json.dumps(INSIDE[chosen.mine]()))
        return
    os.environ |= {"DEMO": "0", "LOG_LEVEL": "ERROR", "ALLOW_LOOPBACK_PARTNERS": "1"}
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consentmgr.settings")
    if chosen.what != "latency":
        os.sched_setaffinity(0, {1})
    with throwaway_servers({}) as variables:
        os.environ.update(variables)
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, check=True)
        import django

        django.setup()
        match chosen.what:
            case "throughput":
                throughput(chosen.rounds, chosen.messages or 20_000)
            case "latency":
                latency(chosen.rate, chosen.seconds)
            case "backlog":
                backlog(chosen.messages or 1_000_000)


# --- throughput


def throughput(rounds: int, messages: int) -> None:
    for delay, number in ((0.0, messages), (0.05, messages // 4)):
        with sinks(delay) as ports:
            declare(ports)
            found: dict[str, list[float]] = {"bare": [], "ours": [], "tasks": []}
            for turn in range(rounds):
                os.environ |= {"BENCH_PORTS": " ".join(map(str, ports)), "BENCH_N": str(number)}
                rates = {
                    "bare": on_core_0("bare"),
                    "ours": (fill(number), on_core_0("ours"))[1],
                    "tasks": one_task_each(ports, number // 10),
                }
                for name, rate in rates.items():
                    found[name].append(rate)
                print(
                    f"delay {delay}, round {turn + 1}: "
                    + ", ".join(f"{name} {rate:,.0f}/s" for name, rate in rates.items()),
                    file=sys.stderr,
                )
        bare, ours, tasks = (statistics.median(found[name]) for name in ("bare", "ours", "tasks"))
        print(f"\nA partner that takes {delay * 1000:.0f} ms, messages/s (median of {rounds}):\n")
        print("| bare aiohttp loop | ours | one Celery task each | ours ÷ bare | ours ÷ tasks |")
        print("| --- | --- | --- | --- | --- |")
        print(
            f"| {bare:,.0f} | {ours:,.0f} | {tasks:,.0f} | **{ours / bare:.2f}** (bar 0.5) "
            f"| **{ours / tasks:.1f}** (bar 5) |"
        )


def on_core_0(what: str) -> float:
    """Run one of INSIDE in a process of its own on core 0; return messages per second."""
    answer = subprocess.run(
        ["taskset", "-c", "0", sys.executable, __file__, "throughput", "--mine", what],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return float(json.loads(answer))


def bare() -> float:
    """Post as many messages as there are, CONCURRENCY to each partner at a time, and no more."""
    import aiohttp

    ports, number = os.environ["BENCH_PORTS"].split(), int(os.environ["BENCH_N"])
    body = json.dumps(payload("s", 1)).encode()

    async def run() -> float:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def post(port: str, share: int) -> None:
                for _ in range(share):
                    async with session.post(
                        f"http://127.0.0.1:{port}/",
                        data=body,
                        headers={"Content-Type": "application/json"},
                    ) as answer:
                        await answer.read()

            began = time.perf_counter()
            share = number // (len(ports) * CONCURRENCY)
            await asyncio.gather(*(post(port, share) for port in ports for _ in range(CONCURRENCY)))
            return share * len(ports) * CONCURRENCY / (time.perf_counter() - began)

    return asyncio.run(run())


def ours() -> float:
    """Tell what is in the outbox by one run of the product."""
    import django

    django.setup()
    from django.conf import settings
    from django.db import connection
    from django.utils import timezone

    from tracking.delivery import run
    from tracking.delivery.types import Drained

    def deliver(seconds: float) -> Drained:
        return run.deliver_due(
            keys=settings.CONSENT_KEYS, allow_loopback=True, clock=timezone.now, seconds=seconds
        )

    connection.ensure_connection()
    # It has been up for a while, as the others have: what happens once per process is done.
    deliver(0)
    began = time.perf_counter()
    done = deliver(600)
    passed = time.perf_counter() - began
    if done.accepted != int(os.environ["BENCH_N"]):
        sys.exit(f"{done.accepted} accepted")
    return done.accepted / passed


def one_task_each(ports: Sequence[int], number: int) -> float:
    """Let a Celery worker of two processes on core 0 tell partners, a task for each message."""
    from consentmgr import env

    os.environ["BENCH_BROKER"] = env.celery_broker(os.environ["REDIS_URL"])
    from one_task_each import deliver_one  # type: ignore[import-not-found]

    body = json.dumps(payload("s", 1))
    for n in range(number):
        deliver_one.delay(f"http://127.0.0.1:{ports[n % len(ports)]}/", body)
    import redis

    queue = redis.Redis.from_url(os.environ["REDIS_URL"])
    worker = subprocess.Popen(
        ["taskset", "-c", "0", sys.executable, "-m", "celery", "-A", "one_task_each", "worker",
         "--pool", "prefork", "--concurrency", "2", "--loglevel", "ERROR"],
        cwd=HERE,
        # It has nothing to do with Django, which Celery would look for.
        env={k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        while int(queue.llen("celery")) > number * 0.95:
            if worker.poll() is not None:
                sys.exit("The Celery worker ended.")
            time.sleep(0.005)
        began, before = time.perf_counter(), int(queue.llen("celery"))
        while (left := int(queue.llen("celery"))) > number * 0.05:
            time.sleep(0.005)
        return (before - left) / (time.perf_counter() - began)
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        queue.flushdb()


# --- latency


def latency(rate: int, seconds: int) -> None:
    from django.db import connection

    with sinks(0.0) as ports:
        notice = declare(ports)
        connection.close()
        with product() as base:
            asyncio.run(decide(base, notice, rate=rate, seconds=5))
            time.sleep(3)
            with connection.cursor() as cursor:
                cursor.execute("SELECT now()")
                since = cursor.fetchone()[0]
            made = asyncio.run(decide(base, notice, rate=rate, seconds=seconds))
            time.sleep(5)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*), count(accepted_at),"
                " percentile_cont(ARRAY[0.5, 0.99, 1]) WITHIN GROUP"
                " (ORDER BY extract(epoch FROM accepted_at - created_at))"
                " FROM outbox_outboxevent WHERE created_at > %s",
                [since],
            )
            told, accepted, (p50, p99, most) = cursor.fetchone()
    print(f"\n{made['answered']} decisions at {made['rate']:.0f}/s, {told} messages, ")
    print(f"{accepted} accepted; decision to noted 2xx: ")
    print(f"p50 {p50 * 1000:.0f} ms, p99 **{p99 * 1000:.0f} ms** (bar 2,000), ")
    print(f"longest {most * 1000:.0f} ms; the decision itself p99 {made['p99'] * 1000:.0f} ms")


async def decide(base: str, notice: int, *, rate: int, seconds: int) -> dict[str, float]:
    """Refuse everything as a new device, `rate` times a second, whatever the answers take."""
    import aiohttp

    took: list[float] = []

    async def one(session: aiohttp.ClientSession, n: int) -> None:
        began = time.perf_counter()
        decision = {
            "site": "bench", "notice": notice, "idempotency_key": uuid.uuid4().hex,
            "client_seq": n + 1, "method": "refuse", "surface": "bar", "language": "ja",
        }  # fmt: skip
        headers = {"Origin": ORIGIN, "X-Consent-Device": "new"}
        async with session.post(f"{base}/v1/consents", json=decision, headers=headers) as answer:
            if answer.status != 201:
                sys.exit(f"{answer.status}: {await answer.text()}")
        took.append(time.perf_counter() - began)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session:
        began = time.perf_counter()
        tasks = []
        for n in range(rate * seconds):
            await asyncio.sleep(max(0.0, began + n / rate - time.perf_counter()))
            tasks.append(asyncio.create_task(one(session, n)))
        await asyncio.gather(*tasks)
        passed = time.perf_counter() - began
    return {
        "answered": len(took),
        "rate": len(took) / passed,
        "p99": statistics.quantiles(took, n=100)[98],
    }


@contextlib.contextmanager
def product() -> Iterator[str]:
    """Run web, worker and beat as `up` does, and yield the address."""
    port = free_port()
    tools = Path(sys.executable).parent
    commands = [
        [str(tools / "granian"), "--interface", "wsgi", "--host", "127.0.0.1", "--port",
         str(port), "--workers", "1", "--blocking-threads", "4", "--no-access-log",
         "--log-level", "error", "consentmgr.wsgi:application"],
        [str(tools / "celery"), "-A", "consentmgr.celery", "worker", "--beat", "--schedule",
         f"/tmp/bench-beat-{port}", "--concurrency", "2", "--loglevel", "ERROR"],
    ]  # fmt: skip
    running = [subprocess.Popen(command, cwd=ROOT) for command in commands]
    try:
        wait_for(port)
        time.sleep(4)
        yield f"http://127.0.0.1:{port}"
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(60)


# --- backlog


def backlog(messages: int) -> None:
    with sinks(0.0) as ports:
        declare(ports)
        fill(messages)
        os.environ |= {"BENCH_N": str(messages)}
        print(f"\n{messages:,} messages waiting, one worker, memory at its end (kB):")
        print(int(on_core_0("memory")))


def memory() -> float:
    """Tell partners for twenty seconds; return the most memory that took, in kB."""
    import django

    django.setup()
    from django.conf import settings
    from django.utils import timezone

    from tracking.delivery import run

    done = run.deliver_due(
        keys=settings.CONSENT_KEYS, allow_loopback=True, clock=timezone.now, seconds=20
    )
    print(f"{done.accepted:,} told in 20 s", file=sys.stderr)
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


# --- what all need


@contextlib.contextmanager
def sinks(delay: float) -> Iterator[list[int]]:
    """Run a partner for each port, all in one process."""
    ports = [free_port() for _ in range(PARTNERS)]
    process = subprocess.Popen(
        [sys.executable, str(HERE / "sink.py"), "--delay", str(delay), *map(str, ports)],
        stdout=subprocess.PIPE,
    )
    try:
        if process.stdout is None or process.stdout.readline() != b"ready\n":
            sys.exit("The sink did not start.")
        yield ports
    finally:
        process.kill()
        process.wait()


def declare(ports: Sequence[int]) -> int:
    """Declare a site whose every first refusal is told to four partners; return the notice."""
    from django.conf import settings
    from django.utils import timezone

    from tests.factories import registry as factory
    from tracking.delivery import operations
    from tracking.notices import operations as notices
    from tracking.registry import operations as registry

    tables = factory.catalogue()
    tables["site"] |= {"code": "bench", "origins": [ORIGIN]}
    tables["partners"] = [factory.partner(f"p{n}", role="processor") for n in range(PARTNERS)]
    tables["tags"] = [
        factory.tag(f"t{n}", f"p{n}", ["analytics"], required_items=["id.cookie"])
        for n in range(PARTNERS)
    ]
    registry.apply_catalogue(catalogue=tables)
    notice = notices.publish_notice_version(
        site_code="bench", wording={}, author="bench", now=timezone.now()
    )
    for n, port in enumerate(ports):
        operations.set_endpoint(
            site="bench",
            partner=f"p{n}",
            url=f"http://127.0.0.1:{port}/",
            secret=SECRET,
            keys=settings.CONSENT_KEYS,
            allow_loopback=True,
            concurrency=CONCURRENCY,
            actor="bench",
            now=timezone.now(),
        )
    return notice.number


def fill(number: int) -> None:
    """Put messages into the outbox as decisions do, a thousand to a transaction."""
    from datetime import timedelta

    from django.db import connection, transaction
    from django.utils import timezone

    from tracking.outbox import hints, operations
    from tracking.outbox.types import News
    from tracking.registry import queries as registry

    hints.hint = lambda: None  # type: ignore[assignment]
    site_id = registry.get_site(code="bench").id
    with connection.cursor() as cursor:
        # Attempts refuse to be deleted; a benchmark's may, with the guard off for a moment.
        cursor.execute("ALTER TABLE delivery_attempt DISABLE TRIGGER USER")
        cursor.execute("TRUNCATE outbox_outboxevent, delivery_attempt")
        cursor.execute("ALTER TABLE delivery_attempt ENABLE TRIGGER USER")
    now = timezone.now()
    for start in range(0, number, 1000):
        with transaction.atomic():
            operations.append(
                site_id=site_id,
                now=now,
                news=[
                    News(
                        addressee=f"p{n % PARTNERS}",
                        subject=(subject := uuid.uuid4().hex[:24]),
                        kind="consent",
                        version=1,
                        payload=payload(subject, 1),
                        due_at=now + timedelta(hours=24),
                    )
                    for n in range(start, min(start + 1000, number))
                ],
            )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE outbox_outboxevent")
    connection.close()


def payload(subject: str, version: int) -> dict[str, Any]:
    """Return a message as long as real ones are."""
    moment = "2026-04-01T15:00:00+00:00"
    return {
        "type": "consent.revoked",
        "timestamp": moment,
        "data": {
            "subject": subject,
            "version": version,
            "decided_at": moment,
            "due_at": moment,
            "notice": {"number": 3, "hash": "5f0c" * 16},
            "withdrawn": {"purposes": ["advertising"], "data_items": ["activity.url", "id.cookie"]},
            "granted": {"purposes": ["analytics"], "data_items": []},
        },
    }


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.1)
    sys.exit(f"Nothing listens on {port}.")


INSIDE = {"bare": bare, "ours": ours, "memory": memory}

if __name__ == "__main__":
    main()
