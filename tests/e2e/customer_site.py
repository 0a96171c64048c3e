"""A customer's site of its own on the running product, so that its notices are nobody else's."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from playwright.sync_api import Error, Locator, Page, expect

from tests.e2e import hold_site
from tests.e2e.conftest import Stack

ALLOW = "許可する"
REFUSE = "必須のみ許可する"
CHOOSE = "選んで設定する"
SETTINGS = "送る情報の設定"


@dataclass(kw_only=True)
class Customer:
    """The site's pages lie on one port, its vendor on another; each page has its own path."""

    code: str
    stack: Stack
    site: hold_site.Site

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.site.port}"

    def publish(self, **declared: Any) -> None:
        """Declare the site, as `declare` does, and publish its notice."""
        self.declare(**declared, and_then="publish_notice_version(\n"
            "  site_code=code, wording={}, author='e2e', now=timezone.now())\n")  # fmt: skip
        # Every process of the service remembers sites and notices for a few seconds.
        time.sleep(6)

    def declare(
        self,
        *,
        items: tuple[str, ...] = ("id.cookie",),
        newcomer: str = "",
        look: Mapping[str, str] = MappingProxyType({}),
        and_then: str = "",
    ) -> None:
        """
        Declare a site with the tags `ads`, `retarget` and `video`; `ads` needs these items.

        `newcomer`: one partner more, with a tag `fresh`.
        """
        self.stack.run(
            "from django.utils import timezone\n"
            "from tests.factories.registry import catalogue, partner, tag\n"
            "from tracking.notices.operations import publish_notice_version\n"
            "from tracking.registry.operations import apply_catalogue\n"
            f"code, vendor, items = {self.code!r}, {self.site.vendor!r}, {list(items)!r}\n"
            "tables = catalogue(tags=[\n"
            "  tag('ads', 'adco', ['advertising'], required_items=items,\n"
            "    loader_url=vendor + '/by-address'),\n"
            "  tag('retarget', 'retargeter', ['advertising']),\n"
            "  tag('video', 'mailer', ['personalisation']),\n"
            "])\n"
            f"if newcomer := {newcomer!r}:\n"
            "  tables['partners'].append(partner(newcomer))\n"
            "  tables['tags'].append(tag('fresh', newcomer, ['advertising']))\n"
            f"tables['site'] |= {{'code': code, 'origins': [{self.origin!r}]}}\n"
            f"tables['site']['look'] = {dict(look)!r}\n"
            "apply_catalogue(catalogue=tables)\n" + and_then
        )

    def pin(self) -> str:
        """Return the line that `pin_script` prints."""
        said = self.stack.manage("pin_script", self.code, "--origin", self.stack.url(""))
        line = said.splitlines()[0]
        assert re.fullmatch(r"<script .*></script>", line), said
        return line

    def put(self, path: str, html: str, headers: dict[str, str] | None = None) -> str:
        """Put a page up and return its address."""
        self.site.pages[path] = (html, headers or {})
        return self.origin + path


@contextmanager
def running(code: str, stack: Stack) -> Iterator[Customer]:
    with hold_site.running() as site:
        customer = Customer(code=code, stack=stack, site=site)
        # Browsers ask for it; a missing one is an error in their console.
        customer.put("/favicon.ico", "", {"Content-Type": "image/x-icon"})
        customer.publish()
        yield customer


def banner_of(page: Page) -> Locator:
    return page.locator("#cm-root").get_by_role("region")


def press(page: Page, name: str) -> None:
    page.locator("#cm-root").get_by_role("button", name=name, exact=True).click()


def until(page: Page, expression: str, wanted: object, seconds: float = 30) -> None:
    """Ask until the answer is right; a strict policy forbids the driver's own way of waiting."""
    deadline = time.monotonic() + seconds
    found = None
    while time.monotonic() < deadline:
        # It may be loading itself again.
        with suppress(Error):
            found = page.evaluate(expression)
        if found == wanted:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{expression}: {json.dumps(found)}, not {json.dumps(wanted)}")


def decisions_of(page: Page) -> list[tuple[str, int]]:
    """Return a list that grows with each decision the service has answered: method and status."""
    found: list[tuple[str, int]] = []

    def hear(response: object) -> None:
        request = response.request  # type: ignore[attr-defined]
        if request.method == "POST" and request.url.endswith("/v1/consents"):
            body = request.post_data_json
            found.append((body["method"], response.status))  # type: ignore[attr-defined]

    page.on("response", hear)
    return found


def until_decided(page: Page, heard: list[tuple[str, int]], method: str, *statuses: int) -> None:
    """Wait for the answer; a page that loads itself again may have sent it twice (200)."""
    wanted = {(method, status) for status in statuses or (201, 200)}
    deadline = time.monotonic() + 30
    while not wanted & {*heard} and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    assert wanted & {*heard}, heard


def sees_banner(page: Page) -> None:
    expect(banner_of(page)).to_be_visible()
