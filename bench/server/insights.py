"""
Measure the dashboard, counting and verifying over a made-up year.

    .venv/bin/python bench/server/insights.py [--records 10000000] [--days 365]

One process on a throwaway PostgreSQL: makes the past up (`manage.py insights generate`), asks for
the dashboard with and without filters, counts a minute of 500 decisions a second, tells a day, and
holds all counts against all records. Beside the clock is the processor time that the database's
process and ours took: on a busy machine it says more. The baseline counts one month's records.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from consentmgr.local.testing import throwaway_servers

ROUNDS = 20
A_MINUTE = 30_000
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=10_000_000)
    options.add_argument("--days", type=int, default=365)
    chosen = options.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consentmgr.settings")
    with throwaway_servers(dict(os.environ)) as variables:
        os.environ |= variables | {"ALLOWED_HOSTS": "testserver"}
        measure(records=chosen.records, days=chosen.days)


def measure(*, records: int, days: int) -> None:
    """Print a table's line for each thing that is measured."""
    import django

    django.setup()

    from django.core.management import call_command
    from django.db import connection

    from tests.factories.large_catalogue import large_catalogue
    from tests.factories.registry import SITE
    from tracking.insights import operations, queries
    from tracking.notices import operations as notices
    from tracking.registry import operations as registry

    call_command("migrate", verbosity=0)
    registry.apply_catalogue(catalogue=large_catalogue(tags=40, partners=16))
    now = datetime.now(tz=UTC)
    for ago, words in ((days, "Words."), (12, "Other words.")):
        notices.publish_notice_version(
            site_code=SITE,
            wording={"en": {"prefs_lead": words}},
            author="bench",
            now=now - timedelta(days=ago),
        )
    with connection.cursor() as cursor:
        # Work that is shared out among processes would not be seen.
        cursor.execute("SET max_parallel_workers_per_gather = 0")
    head()
    took = once(
        lambda: call_command(
            "insights", "generate", "--records", str(records + A_MINUTE), "--days", str(days),
            "--waiting", str(A_MINUTE), verbosity=0,
        )
    )  # fmt: skip
    line(f"make up, count and tell {records:,} decisions of {days} days", took)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    month = [now - timedelta(days=32), now - timedelta(days=2)]
    base = several(lambda: count_month(connection, month))
    line("baseline: count(*) of 30 days of records", base)
    for period in (7, 28, 90):
        for where in ("", "&device_class=phone&language=ja"):
            measure_page(period, where, base)
    minute = once(operations.roll_up)
    line(f"count {A_MINUTE:,} decisions (a minute of 500/s)", minute, "budget 1,000 ms")
    line("tell what is new of today", once(lambda: operations.tell(now=now, at_once=True)))
    exact: list[Any] = []
    took = once(lambda: exact.append(queries.verify(site=SITE)))
    is_exact = not (exact[0].differences or exact[0].untrue_days)
    line(
        "verify", took, f"{'exact' if is_exact else 'NOT EXACT'}: {exact[0].decisions:,} decisions"
    )
    if not is_exact:
        sys.exit(1)


def measure_page(period: int, where: str, base: Took) -> None:
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from tests.factories.registry import SITE

    user, _ = User.objects.get_or_create(username="root", is_superuser=True, is_staff=True)
    client = Client()
    client.force_login(user)
    address = f"/console/?site={SITE}&days={period}{where}"
    page = several(lambda: client.get(address))
    with CaptureQueriesContext(connection) as queries:
        client.get(address)
    asked = queries.captured_queries
    slowest = max(asked, key=lambda one: float(one["time"]))["sql"]

    def ask() -> None:
        with connection.cursor() as cursor:
            cursor.execute(slowest)
            cursor.fetchall()

    query = several(ask)
    line(
        f"dashboard, {period} days, {'phones, Japanese' if where else 'everybody'}",
        page,
        f"{len(asked)} queries",
    )
    line("its slowest query", query, f"{query.server / max(base.server, 1):.2f} of the baseline")


def count_month(connection: Any, month: Sequence[datetime]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM consents_consentrecord WHERE recorded_at BETWEEN %s AND %s", month
        )
        cursor.fetchall()


class Took(NamedTuple):
    """Milliseconds: by the clock, and what the database's processor and ours did of them."""

    wall: float
    server: float
    ours: float


def once(work: Callable[[], object]) -> Took:
    """Return how long it takes."""
    server, ours, began = server_time(), time.process_time(), time.perf_counter()
    work()
    return Took(
        wall=(time.perf_counter() - began) * 1000,
        ours=(time.process_time() - ours) * 1000,
        server=server_time() - server,
    )


def several(work: Callable[[], object]) -> Took:
    """Return the median by the clock; of the processors' time, which ticks slowly, the mean."""
    work()
    found = [once(work) for _ in range(ROUNDS)]
    return Took(
        wall=statistics.median(one.wall for one in found),
        server=statistics.mean(one.server for one in found),
        ours=statistics.mean(one.ours for one in found),
    )


def server_time() -> float:
    """Return the processor time that this connection's process has had, in ms."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_MS


def head() -> None:
    print("| what | ms | database's processor | ours | |\n| --- | --- | --- | --- | --- |")


def line(what: str, took: Took, more: str = "") -> None:
    print(
        f"| {what} | {took.wall:,.0f} | {took.server:,.0f} | {took.ours:,.0f} | {more} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
