"""ET-14: what a browser really sends and keeps is what is published, and a scan says where not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import ROOT, Stack
from tests.e2e.customer_site import Customer, running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

CODE = "scanned"
FOOT = f'<a href="/external-transmission/{CODE}/">利用者情報の外部送信について</a>'


@pytest.fixture(scope="module")
def customer(stack: Stack) -> Iterator[Customer]:
    with running(CODE, stack) as customer:
        yield customer


def scan(stack: Stack, site: str, start: str, *more: str) -> tuple[int, dict[str, Any]]:
    """Run the command against the product; return its exit code and what it found."""
    command = [sys.executable, "manage.py", "scan", "--site", site, "--start", start, "--json"]
    done = subprocess.run(
        [*command, "--service", stack.url(""), *more],
        cwd=ROOT, env=stack.environment, capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def page(customer: Customer, body: str, *, foot: str = FOOT) -> str:
    line = f'<script src="{customer.stack.url(f"/b/{CODE}.js")}"></script>'
    return f"<!doctype html><html lang='ja'><head>{line}</head><body>{body}{foot}</body></html>"


def told(found: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one["rule"], one["subject"]) for one in found["findings"]}


def test_et_14_the_demo_shop_is_as_published(stack: Stack) -> None:
    status, found = scan(stack, "kloset", stack.url("/demo/"), "--pages", "5")

    assert found["findings"] == []
    assert (status, found["alarms"]) == (0, 0)
    assert len(found["pages"]) == 5
    assert found["pages"][0] == "/demo/"
