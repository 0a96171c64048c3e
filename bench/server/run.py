"""
Measure the gate and the consent write against bare DRF views, in one run.

    .venv/bin/python bench/server/run.py [--rounds 3] [--seconds 6]

Needs `wrk`, `taskset` and two cores: one web worker on core 0, load and servers on core 1. Targets
take turns within every round, because machines are noisy: read the ratios, not the rates.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from consentmgr.local.testing import throwaway_servers

THREADS = 4
CONNECTIONS = 32
ORIGIN = "https://bench.example"
TAGS = 10


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=int, default=6)
    options.add_argument("--out", type=Path)
    chosen = options.parse_args()
    os.sched_setaffinity(0, {1})
    with throwaway_servers({}) as variables:
        os.environ.update(variables, DEMO="0", LOG_LEVEL="ERROR")
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consentmgr.settings")
        number = prepare()
        with (
            served("consentmgr.wsgi:application") as ours,
            served("baseline:application", folder=Path(__file__).parent) as bare,
        ):
            results = measure(chosen.rounds, chosen.seconds, ours, bare, number)
    report(results)
    if chosen.out:
        chosen.out.write_text(json.dumps(results, indent=1))


def prepare() -> int:
    """Migrate, declare a site with ten tags and four partners that a refusal must be told to."""
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, check=True)
    import django

    django.setup()
    from django.db import connection
    from django.utils import timezone

    from tests.factories import registry as factory
    from tracking.notices import operations as notices
    from tracking.registry import operations as registry

    tables = factory.catalogue()
    tables["site"] |= {"code": "bench", "origins": [ORIGIN]}
    # Processors' analytics run on notice alone, so that every first refusal has four deliveries.
    tables["partners"] = [factory.partner(f"p{n}", role="processor") for n in range(4)]
    tables["tags"] = [
        factory.tag(f"t{n}", f"p{n % 4}", ["analytics"], required_items=["id.cookie"])
        for n in range(TAGS)
    ]
    registry.apply_catalogue(catalogue=tables)
    notice = notices.publish_notice_version(
        site_code="bench", wording={}, author="bench", now=timezone.now()
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bench_consent (id bigserial PRIMARY KEY, device uuid, site int,"
            " policy int, decisions smallint[], proof bytea, created timestamptz);"
            "CREATE INDEX ON bench_consent (device, created)"
        )
    settings = connection.settings_dict
    os.environ |= {
        "BENCH_DATABASE": settings["NAME"],
        "BENCH_USER": settings["USER"],
        "BENCH_HOST": settings["HOST"],
        "BENCH_REDIS": os.environ["REDIS_URL"],
    }
    connection.close()
    return notice.number


@contextlib.contextmanager
def served(application: str, *, folder: Path = ROOT) -> Iterator[str]:
    """Serve an application with one worker on core 0 and yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        "taskset", "-c", "0", str(Path(sys.executable).with_name("granian")), "--interface", "wsgi",
        "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--blocking-threads", str(THREADS), "--no-access-log", "--log-level", "error", application,
    ]  # fmt: skip
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{folder}:{os.environ.get('PYTHONPATH', '')}"},
    )
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def measure(
    rounds: int, seconds: int, ours: str, bare: str, notice: int
) -> dict[str, list[dict[str, float]]]:
    answers = {
        "purposes": {"analytics": False},
        "data_items": {"id.cookie": False},
        "partners": {f"p{n}": False for n in range(4)},
    }
    decision = {
        "site": "bench", "notice": notice, "idempotency_key": "{uuid}", "client_seq": 0,
        "method": "choose", "surface": "bar", "language": "ja", **answers,
    }  # fmt: skip
    body = json.dumps(decision).replace('"client_seq": 0', '"client_seq": {n}')
    json_header = "Content-Type: application/json\n"
    page = f"{json_header}Origin: {ORIGIN}\nX-Consent-Device: "
    token = record(ours, body.replace("{uuid}", "bench-device-0000").replace("{n}", "1"))
    asked = json.dumps({"site": "bench", "tags": [f"t{n}" for n in range(TAGS)]})
    row = '{"device": "{uuid}", "site": 1, "policy": 3, "decisions": [1, 1, 0, 0]}'
    targets = {
        "bare redis GET": (bare, "GET", "/redis", "", ""),
        "gate of 10 tags": (ours, "POST", "/v1/gate", asked, page + token),
        "bare INSERT": (bare, "POST", "/insert", row, json_header),
        "full decision": (ours, "POST", "/v1/consents", body, page + "new"),
    }
    results: dict[str, list[dict[str, float]]] = {name: [] for name in targets}
    for turn in range(rounds + 1):
        for name, (base, method, path, sent, headers) in targets.items():
            found = load(base, method, path, sent, headers, seconds if turn else 2, seed=turn)
            if turn:  # the first round warms up
                results[name].append(found)
                print(f"round {turn}  {name:18} {found['rate']:8.0f}/s", file=sys.stderr)
    return results


def record(base: str, body: str) -> str:
    """Record one decision and return the device's token."""
    request = Request(
        f"{base}/v1/consents",
        body.encode(),
        {"Content-Type": "application/json", "Origin": ORIGIN, "X-Consent-Device": "new"},
    )
    with urlopen(request) as answer:
        token: str = json.load(answer)["device_token"]
    return token


def load(
    base: str, method: str, path: str, body: str, headers: str, seconds: int, *, seed: int
) -> dict[str, float]:
    environment = {
        **os.environ, "BENCH_METHOD": method, "BENCH_PATH": path, "BENCH_BODY": body,
        "BENCH_HEADERS": headers, "BENCH_SEED": str(seed * 7919 + 1),
    }  # fmt: skip
    output = subprocess.run(
        ["taskset", "-c", "1", "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s",
         "-s", str(Path(__file__).with_name("load.lua")), base],
        env=environment, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    found: dict[str, float] = json.loads(output.splitlines()[-1])
    if found["errors"]:
        sys.exit(f"{path}: {found['errors']:.0f} of {found['requests']:.0f} answers were errors")
    return {**found, "rate": found["requests"] / found["seconds"]}


def report(results: dict[str, list[dict[str, float]]]) -> None:
    print("| target | requests/s (median of rounds) | p50 ms | p99 ms |\n| --- | --- | --- | --- |")
    for name, rounds in results.items():
        rate, p50, p99 = (
            statistics.median(r[key] for r in rounds) for key in ("rate", "p50_ms", "p99_ms")
        )
        print(f"| {name} | {rate:,.0f} | {p50:.1f} | {p99:.1f} |")
    for name, base, bar in (
        ("gate of 10 tags", "bare redis GET", 1.2),
        ("full decision", "bare INSERT", 0.7),
    ):
        ratios = [
            mine["rate"] / theirs["rate"]
            for mine, theirs in zip(results[name], results[base], strict=True)
        ]
        print(f"\n{name} ÷ {base} = **{statistics.median(ratios):.2f}** (bar {bar})")


if __name__ == "__main__":
    main()
