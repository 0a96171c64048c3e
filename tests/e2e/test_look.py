"""A site's look, in a real browser: on its own pages and on those that are served for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from tests.e2e.conftest import Stack
from tests.e2e.customer_site import ALLOW, REFUSE, Customer, banner_of, running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

Scheme = Literal["light", "dark"]

LOOK = {"accent": "#7a1f5c", "surface": "#fdf6ef", "text": "#2b1d0e", "radius": "2px"}
POLICY = "default-src 'none'; script-src {service}; style-src 'self'; connect-src {service}"
PAGE = """<!doctype html><html lang="ja"><head><meta charset="utf-8"><title>shop</title>
<script src="{service}/b/{code}.js"></script></head><body><h1>shop</h1></body></html>"""
# What our own dark values are, and what the accent becomes there.
EXPECTED = {
    "light": ("rgb(122, 31, 92)", "rgb(253, 246, 239)", "rgb(43, 29, 14)"),
    "dark": ("rgb(182, 132, 165)", "rgb(28, 30, 33)", "rgb(240, 240, 238)"),
}


@pytest.fixture(scope="module")
def customer(stack: Stack) -> Iterator[Customer]:
    with running("branded", stack) as customer:
        customer.publish(look=LOOK)
        yield customer


def style(node: Locator, name: str) -> str:
    found: str = node.evaluate("(node, name) => getComputedStyle(node)[name]", name)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_banner_wears_it_under_a_strict_policy(
    customer: Customer, visit: BrowserContext, scheme: Scheme
) -> None:
    service = customer.stack.url("")
    address = customer.put(
        f"/{scheme}",
        PAGE.format(service=service, code=customer.code),
        {"Content-Security-Policy": POLICY.format(service=service)},
    )
    page = visit.new_page()
    page.emulate_media(color_scheme=scheme)
    page.goto(address)
    bar = banner_of(page)
    expect(bar).to_be_visible()
    accent, surface, text = EXPECTED[scheme]

    for name in (ALLOW, REFUSE):
        button = bar.get_by_role("button", name=name, exact=True)
        assert style(button, "backgroundColor") == accent
    assert style(bar, "backgroundColor") == surface
    assert style(bar, "color") == text
    assert style(bar, "borderTopLeftRadius") == "2px"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/preferences/branded/", "/external-transmission/branded/"])
def test_so_do_the_pages_that_are_served_for_it(
    customer: Customer, visit: BrowserContext, path: str, scheme: Scheme
) -> None:
    page = visit.new_page()
    page.emulate_media(color_scheme=scheme)
    page.goto(customer.stack.url(path))
    accent, _, text = EXPECTED[scheme]

    sheet = page.locator(".sheet")
    assert style(sheet, "color") == text
    probe = "node => { node.style.color = 'var(--cm-accent)'; return getComputedStyle(node).color }"
    assert page.locator("h1").evaluate(probe) == accent
    for button in page.locator("button.button:not(.plain)").all():
        assert style(button, "backgroundColor") == accent
        assert style(button, "borderTopLeftRadius") == "2px"
