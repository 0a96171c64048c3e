"""Under a policy of nonces and Trusted Types everything works and nothing is reported."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.conftest import Stack
from tests.e2e.customer_site import (
    ALLOW,
    CHOOSE,
    REFUSE,
    SETTINGS,
    Customer,
    banner_of,
    decisions_of,
    press,
    running,
    sees_banner,
    until,
    until_decided,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

NONCE = "cmVhbGx5IHJhbmRvbQ"
POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'{more}; style-src 'self'; "
    "connect-src {service}; img-src 'self'; frame-src {vendor}; base-uri 'none'; "
    "form-action 'none'; require-trusted-types-for 'script'; trusted-types consentmgr; "
    "report-uri /reports"
)
PAGE = """<!doctype html><html lang="ja"><head><meta charset="utf-8"><title>shop</title>
<script nonce="{nonce}">
  window.violations = [];
  document.addEventListener("securitypolicyviolation", (event) =>
    violations.push(event.effectiveDirective + " " + event.blockedURI + " " + event.sample));
</script>
<script nonce="{nonce}" src="{service}/b/{code}.js"></script>
</head><body><h1>shop</h1>
<template data-cm-tag="ads"></template>
<template data-cm-tag="retarget">
  <script nonce="{nonce}">window.inline = (window.inline ?? 0) + 1;</script>
  <script nonce="{nonce}" src="{vendor}/first"></script>
  <script nonce="{nonce}" src="{vendor}/second"></script>
</template>
<script nonce="{nonce}" type="text/plain" data-cm-tag="retarget">window.inert = true;</script>
<template data-cm-tag="video">
  <iframe src="{vendor}/frame" width="400" height="225"></iframe>
</template>
</body></html>"""
NUMBERS = count(1)


@pytest.fixture(scope="module")
def customer(stack: Stack) -> Iterator[Customer]:
    with running("strict", stack) as customer:
        yield customer


@pytest.mark.parametrize("more", ["", " 'strict-dynamic'"])
@pytest.mark.parametrize("is_pinned", [False, True])
def test_everything_works_without_a_violation(
    customer: Customer, visit: BrowserContext, more: str, is_pinned: bool
) -> None:
    site, service = customer.site, customer.stack.url("")
    names = {"nonce": NONCE, "service": service, "vendor": site.vendor, "code": customer.code}
    html = PAGE.format(**names)
    if is_pinned:
        line = customer.pin().replace("<script ", f'<script nonce="{NONCE}" ')
        html = html.replace(
            f'<script nonce="{NONCE}" src="{service}/b/{customer.code}.js"></script>', line
        )
        assert line in html
    address = customer.put(
        f"/page-{next(NUMBERS)}",
        html,
        {"Content-Security-Policy": POLICY.format(more=more, **names)},
    )
    site.asked.clear()
    page = visit.new_page()
    heard = decisions_of(page)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: said.type == "error" and errors.append(said.text))

    def nothing_was_violated() -> None:
        page.wait_for_load_state("networkidle")
        assert page.evaluate("violations") == []
        assert errors == []

    def until_asked(names: set[str]) -> None:
        for _ in range(300):
            if names <= site.names():
                break
            page.wait_for_timeout(100)
        assert site.names() == names

    page.goto(address)
    sees_banner(page)
    placeholder = page.locator(".cm-placeholder").get_by_role("button", name="今回だけ表示する")
    expect(placeholder).to_be_visible()
    nothing_was_violated()
    assert site.asked == []

    # The frame, for this page view alone.
    placeholder.click()
    until(page, "document.querySelectorAll('iframe').length", 1)
    until_asked({"frame"})
    nothing_was_violated()

    press(page, CHOOSE)
    dialog = page.locator("#cm-root .cm-dialog")
    expect(dialog).to_be_visible()
    press(page, "閉じる")
    expect(dialog).to_have_count(0)
    nothing_was_violated()

    press(page, ALLOW)
    until_decided(page, heard, "allow")
    until(page, "window.ran?.length", 3)
    assert page.evaluate("[inline, inert]") == [1, True]
    expect(banner_of(page)).to_have_count(0)
    until_asked({"frame", "by-address", "first", "second"})
    nothing_was_violated()

    # What had run is silenced by a policy of ours until the page is loaded again: that one's
    # violations are wanted.
    press(page, SETTINGS)
    expect(dialog).to_be_visible()
    nothing_was_violated()
    page.once("framenavigated", lambda _: errors.clear())
    press(page, REFUSE)
    until_decided(page, heard, "refuse")
    until(page, "performance.getEntriesByType('navigation')[0].type", "reload")
    until(page, "consentManager.get().choices.granted.length", 0)
    expect(page.locator(".cm-placeholder").get_by_role("button").first).to_be_visible()
    expect(banner_of(page)).to_have_count(0)
    assert page.evaluate("window.ran ?? null") is None
    nothing_was_violated()
