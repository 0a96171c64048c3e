"""ET-14: what a browser really sends and keeps is what is published, and a scan says where not."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import ROOT, Stack
from tests.e2e.customer_site import Customer, running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

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
        cwd=ROOT, env=stack.environment, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def page(customer: Customer, body: str, *, head: str = "") -> str:
    line = f'<script src="{customer.stack.url(f"/b/{CODE}.js")}"></script>'
    return (
        f"<!doctype html><html lang='ja'><head>{head}{line}</head><body>{body}{FOOT}</body></html>"
    )


def told(found: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one["rule"], one["subject"]) for one in found["findings"]}


def test_et_14_the_demo_shop_is_as_published(stack: Stack) -> None:
    records = stack.read("m.ConsentRecord.objects.count()")
    status, found = scan(stack, "kloset", stack.url("/demo/"), "--pages", "3")

    assert found["findings"] == []
    assert (status, found["alarms"]) == (0, 0)
    assert len(found["pages"]) == 3
    assert found["pages"][0] == "/demo/"
    # What a scan decides is in no rate.
    suspects = "[r.is_suspect for r in m.ConsentRecord.objects.order_by('recorded_at')]"
    assert set(stack.read(suspects)[records:]) == {True}


def test_et_14_what_is_not_declared_and_what_is_not_held_is_found(customer: Customer) -> None:
    stack, vendor = customer.stack, customer.site.vendor
    declared = vendor.removeprefix("http://")
    # The same machine under another name is another host.
    unknown = declared.replace("127.0.0.1", "localhost")
    declare(customer, hosts=[declared])
    keep = """<script>
      document.cookie = "stranger=1; Path=/; Max-Age=864000";
      document.cookie = "_ads_1=1; Path=/; Max-Age=7776000";
      localStorage.setItem("somebody", "1");
    </script>"""
    away = f'<img src="http://{declared.replace("127.0.0.1", "away.localhost")}/x.gif">'
    policy = '<meta http-equiv="Content-Security-Policy" content="img-src \'self\'">'
    pages = {
        "/pixel?from=start": page(customer, f'<img src="http://{unknown}/pixel.gif">{keep}'),
        "/leak?from=start": page(customer, f'<img src="{vendor}/leak.gif">'),
        "/policy": page(customer, away, head=policy),
        "/bare": "<!doctype html><p>Neither script nor link.",
    }
    links = "".join(f'<a href="{path}#x">{path}</a>' for path in pages)
    pages["/"] = page(customer, f'{links}<a href="/file">file</a>')
    for path, html in pages.items():
        customer.put(path, html)
    customer.put("/file", "x", {"Content-Type": "application/pdf"})

    status, found = scan(stack, CODE, customer.origin, "--pages", "9")

    assert status == 1
    by_sign = {(one["rule"], one["subject"]): one for one in found["findings"]}
    assert by_sign.keys() == {
        ("unknown_host", unknown),
        ("host_leak", declared),
        ("unknown_cookie", "stranger"),
        ("cookie_leak", "_ads_1"),
        ("long_cookie", "_ads_1"),
        ("unknown_storage", "somebody"),
        ("no_script", ""),
        ("no_link", ""),
        ("stale_tag", "retargeter.example"),
    }
    pixel = by_sign["unknown_host", unknown]
    assert pixel["pages"] == ["/pixel?from=start"]
    assert pixel["visitors"] == ["newcomer", "refuser", "accepter"]
    # The leak: asked before an answer and after a refusal. Who allowed it, allowed it.
    leak = by_sign["host_leak", declared]
    assert (leak["visitors"], leak["tags"]) == (["newcomer", "refuser"], ["ads"])
    assert leak["pages"] == ["/leak?from=start"]
    # From who refused, the script takes it away again, sooner or later than it is looked for.
    assert {"newcomer"} <= {*by_sign["cookie_leak", "_ads_1"]["visitors"]} <= {*leak["visitors"]}
    assert by_sign["long_cookie", "_ads_1"]["about"] == {
        "domain": "localhost", "days": 90, "declared_days": 30, "is_http_only": False,
    }  # fmt: skip
    assert by_sign["no_script", ""]["pages"] == ["/bare"]
    assert by_sign["no_link", ""]["pages"] == ["/bare"]
    # What the page's own policy keeps away was not sent; a file is no page.
    assert not [one for one in told(found) if "away" in one[1]]
    assert len(found["pages"]) == 5, found["pages"]


def test_et_14_a_scan_that_cannot_begin_says_so_and_keeps_nothing(customer: Customer) -> None:
    start = customer.origin + customer.put("/bare-start", "<p>No script.").removeprefix(
        customer.origin
    )
    done = subprocess.run(
        [sys.executable, "manage.py", "scan", "--site", CODE, "--start", start],
        cwd=ROOT, env=customer.stack.environment, capture_output=True, text=True, timeout=90,
    )  # fmt: skip

    assert done.returncode == 2
    assert "does not carry the site's script" in done.stderr
    assert done.stdout == ""


def declare(customer: Customer, *, hosts: list[str]) -> None:
    """Publish that `ads` asks these hosts and keeps a cookie for thirty days."""
    customer.stack.run(
        "from django.utils import timezone\n"
        "from tests.factories.registry import catalogue, tag\n"
        "from tracking.notices.operations import publish_notice_version\n"
        "from tracking.registry.operations import apply_catalogue\n"
        "tables = catalogue(tags=[\n"
        f"  tag('ads', 'adco', ['advertising'], hosts={hosts!r},\n"
        "    cookies=[{'name': '_ads*', 'lifetime_days': 30}]),\n"
        "  tag('retarget', 'retargeter', ['advertising']),\n"
        "])\n"
        f"tables['site'] |= {{'code': {CODE!r}, 'origins': [{customer.origin!r}]}}\n"
        "apply_catalogue(catalogue=tables)\n"
        f"publish_notice_version(site_code={CODE!r}, wording={{}}, author='e2e',\n"
        "  now=timezone.now())\n"
    )
    # Every process of the service remembers sites and notices for a few seconds.
    time.sleep(6)
