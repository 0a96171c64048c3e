"""
Measure publishing, and the pages made of it, with 200 tags of 80 partners.

    .venv/bin/python bench/server/publishing.py [--tags 200] [--partners 80] [--versions 30]

One process on a throwaway PostgreSQL: `catalogue apply --publish` of a file, another version that
changes one word, what the console's desk and editor cost, and the external-transmission page with
that many versions behind it. Times are medians of five, beside the budgets they have to keep.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from consentmgr.local.testing import throwaway_servers

ROUNDS = 5


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tags", type=int, default=200)
    options.add_argument("--partners", type=int, default=80)
    options.add_argument("--versions", type=int, default=30)
    chosen = options.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consentmgr.settings")
    with throwaway_servers(dict(os.environ)) as variables:
        os.environ |= variables | {"ALLOWED_HOSTS": "testserver"}
        measure(tags=chosen.tags, partners=chosen.partners, versions=chosen.versions)


def measure(*, tags: int, partners: int, versions: int) -> None:
    """Print a line for each thing that is measured."""
    import django

    django.setup()

    from django.core.management import call_command
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from tests.factories.large_catalogue import large_catalogue
    from tests.factories.registry import SITE
    from tracking.notices import operations as notices
    from tracking.publishing import queries as publishing
    from tracking.registry import catalogue_file

    call_command("migrate", verbosity=0)
    large = {"joint_uses": [], "wording": {}, **large_catalogue(tags=tags, partners=partners)}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "large.yaml")
        file.write_text(catalogue_file.write(large))
        took = once(
            lambda: call_command("catalogue", "apply", file, "--publish", stdout=io.StringIO())
        )
        print(f"catalogue apply --publish, first        {took:8.0f} ms   (budget 2,000)")

    def publish(number: int) -> None:
        notices.publish_notice_version(
            site_code=SITE,
            wording={"en": {"prefs_lead": f"You can change it at any time, version {number}."}},
            author="bench",
            now=datetime.now(tz=UTC),
        )

    took = statistics.median(once(lambda n=n: publish(n)) for n in range(versions))
    print(f"publish one changed word                {took:8.0f} ms   (budget 2,000)")
    took = median(lambda: publishing.get_desk(site_code=SITE, now=datetime.now(tz=UTC)))
    print(f"what publishing would do (console)      {took:8.0f} ms")
    client, address = Client(), f"/external-transmission/{SITE}/"
    took = once(lambda: client.get(address))
    print(f"external-transmission page, cold        {took:8.0f} ms   ({versions} versions)")
    took = median(lambda: client.get(address))
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    print(
        f"external-transmission page, from cache  {took:8.0f} ms   "
        f"{len(queries)} queries (budget 5)"
    )


def once(work: Callable[[], object]) -> float:
    """Return how long it takes, in ms."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def median(work: Callable[[], object]) -> float:
    """Return the median of several times, in ms."""
    return statistics.median(once(work) for _ in range(ROUNDS))


if __name__ == "__main__":
    main()
