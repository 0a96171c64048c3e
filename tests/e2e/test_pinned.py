"""A page with a pinned line: it works across origins, and not with a byte that is not its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.e2e.conftest import Stack
from tests.e2e.customer_site import (
    ALLOW,
    REFUSE,
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

PAGE = """<!doctype html><html lang="ja"><head><meta charset="utf-8">{line}</head><body>
<h1>shop</h1><template data-cm-tag="ads"></template></body></html>"""
NUMBERS = count(1)


@pytest.fixture
def customer(stack: Stack) -> Iterator[Customer]:
    """A site that nobody else publishes for."""
    with running(f"pinned-{next(NUMBERS)}", stack) as customer:
        yield customer


def errors_of(page: Page) -> list[str]:
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda said: said.type == "error" and found.append(said.text))
    return found


def test_it_asks_refuses_and_remembers(customer: Customer, visit: BrowserContext) -> None:
    address = customer.put("/", PAGE.format(line=customer.pin()))
    page = visit.new_page()
    errors, heard = errors_of(page), decisions_of(page)
    page.goto(address)
    sees_banner(page)

    press(page, REFUSE)

    until_decided(page, heard, "refuse")
    until(page, "[...document.scripts].find((s) => s.src.includes('/b/act/')).integrity.length", 71)
    page.reload()
    until(page, "consentManager.get().choices.granted.length", 0)
    expect(banner_of(page)).to_have_count(0)
    assert customer.site.asked == []
    assert errors == []


def test_a_browser_refuses_another_script(customer: Customer, visit: BrowserContext) -> None:
    line = re.sub(
        "sha384-.", lambda m: "sha384-" + ("B" if m[0][-1] == "A" else "A"), customer.pin()
    )
    address = customer.put("/", PAGE.format(line=line))
    page = visit.new_page()
    errors = errors_of(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto(address, wait_until="networkidle")
    # As long as anything that tries again waits.
    page.wait_for_timeout(9000)

    assert page.evaluate("typeof consentManager") == "undefined"
    expect(page.locator("#cm-root")).to_have_count(0)
    assert len([url for url in asked if "/b/" in url]) == 1
    assert len(errors) == 1
    assert "integrity" in errors[0]
    assert customer.site.asked == []


def test_a_browser_refuses_another_part(customer: Customer, visit: BrowserContext) -> None:
    def tamper(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text() + "window.tampered = true;")

    address = customer.put("/", PAGE.format(line=customer.pin()))
    page = visit.new_page()
    page.route("**/b/act/*.js", tamper)
    errors, heard = errors_of(page), decisions_of(page)
    page.goto(address)
    sees_banner(page)

    press(page, ALLOW)
    with page.expect_event("console", lambda said: "integrity" in said.text):
        pass

    assert page.evaluate("window.tampered") is None
    assert any("integrity" in error for error in errors)
    assert heard == []
    # The line itself is what the page said, and opens what was allowed.
    assert customer.site.asked == ["/by-address"]


def test_a_retired_notice_is_asked_about_once(customer: Customer, visit: BrowserContext) -> None:
    line = customer.pin()
    plain = customer.put("/plain", PAGE.format(line=line).replace("data-cm-tag", "data-x"))
    tagged = customer.put("/", PAGE.format(line=line))
    customer.publish(items=("id.cookie", "activity.url"))

    # Nothing can open, nothing false is said, and the question does not come back.
    page = visit.new_page()
    _is_taken_back(page, plain)
    expect(page.locator("#cm-root .cm-toast")).to_be_empty()
    page.goto(tagged, wait_until="networkidle")
    expect(banner_of(page)).to_have_count(0)
    assert customer.site.asked == []

    # Another tab asks once more. What opened until the answer came goes with the page. The first is
    # closed: it would find the decision in the outbox, and could send it for this one.
    page.close()
    page = visit.new_page()
    _is_taken_back(page, tagged)
    until(page, "performance.getEntriesByType('navigation')[0].type", "reload")
    until(page, "consentManager.ready().then(() => window.ran ?? null)", None)
    expect(banner_of(page)).to_have_count(0)

    # A refusal is taken.
    page = visit.new_page()
    heard = decisions_of(page)
    page.goto(tagged)
    sees_banner(page)
    press(page, REFUSE)
    until_decided(page, heard, "refuse")
    page.reload(wait_until="networkidle")
    expect(banner_of(page)).to_have_count(0)


def _is_taken_back(page: Page, address: str) -> None:
    """Allow on a page whose notice is retired."""
    heard = decisions_of(page)
    page.goto(address)
    sees_banner(page)
    press(page, ALLOW)
    until_decided(page, heard, "allow", 409)
    until(page, "consentManager.get().choices.granted.length", 0)
    expect(banner_of(page)).to_have_count(0)
