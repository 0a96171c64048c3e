"""Two ways to ask, in a real browser: chance chooses, and nothing but the arm is remembered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.conftest import Stack
from tests.e2e.customer_site import (
    ALLOW,
    Customer,
    banner_of,
    decisions_of,
    press,
    running,
    until_decided,
)
from tests.e2e.test_accessibility import violations
from tests.e2e.test_console import sign_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

TITLE = "見たページを外部の会社に送ってよいですか"
PAGE = """<!doctype html><html lang="ja"><head><meta charset="utf-8"><title>shop</title>
<script src="{service}/b/{code}.js"></script></head><body><h1>shop</h1></body></html>"""
START = """
from django.utils import timezone
from tracking.experiments import operations
from tracking.experiments.types import Arm
now, who = timezone.now(), 'e2e'
draft = operations.create_experiment(
    site_code='trying', code='title', name='A shorter title', author=who, now=now)
arms = [Arm(code='a', share=50, wording={}),
        Arm(code='b', share=50, presentation='card', wording={'ja': {'banner_title': '%s'}})]
draft = operations.save_draft(site_code='trying', code='title', plan=draft.plan, arms=arms,
    revision=draft.revision, author=who, now=now)
operations.start(site_code='trying', code='title', revision=draft.revision, author=who, now=now)
operations.create_experiment(
    site_code='trying', code='next', name='Another one', author=who, now=now)
"""
# What records say, by variant and presentation.
RECORDED = """
from tracking.consents.models import ConsentRecord
rows = ConsentRecord.objects.filter(site__code='trying').values_list('variant', 'presentation')
print(*sorted({'/'.join(row) for row in rows}))
"""
FRESH, AT_LEAST = 24, 8


@pytest.fixture(scope="module")
def customer(stack: Stack) -> Iterator[Customer]:
    with running("trying", stack) as customer:
        customer.stack.run(START % TITLE)
        # Every process of the service remembers for two seconds that there was none.
        customer.publish()
        yield customer


def address(customer: Customer, path: str) -> str:
    service = customer.stack.url("")
    return customer.put(path, PAGE.format(service=service, code=customer.code))


def arm_on(page: Page) -> str:
    """Return the arm that is on the screen; words and presentation belong together."""
    bar = banner_of(page)
    expect(bar).to_be_visible()
    is_b = TITLE in bar.inner_text().replace("\n", "")
    # A card is narrow.
    box = bar.bounding_box()
    assert box is not None
    assert is_b == (box["width"] < 640)
    return "b" if is_b else "a"


def remembered(context: BrowserContext) -> dict[str, str]:
    return {cookie["name"]: cookie["value"] for cookie in context.cookies()}


def test_fresh_browsers_get_both_arms_and_each_keeps_its_own(
    customer: Customer, browser: Browser
) -> None:
    first, second = address(customer, "/"), address(customer, "/second")
    seen: dict[str, Page] = {}
    for number in range(FRESH):
        if number >= AT_LEAST and len(seen) == 2:
            break
        context = browser.new_context(locale="ja-JP", viewport={"width": 1280, "height": 800})
        page = context.new_page()
        page.goto(first)
        arm = arm_on(page)
        assert remembered(context) == {"cm_arm": f"title.{arm}"}
        page.goto(second)
        assert arm_on(page) == arm
        if arm in seen:
            context.close()
        else:
            seen[arm] = page
    # Chance leaves one out in one of eight million runs.
    assert set(seen) == {"a", "b"}

    for arm, page in seen.items():
        heard = decisions_of(page)
        press(page, ALLOW)
        until_decided(page, heard, "allow")
        page.goto(first)
        assert remembered(page.context)["cm_arm"] == f"title.{arm}"
        page.context.close()
    recorded = customer.stack.run(RECORDED).split()
    assert recorded == ["title:a/bar", "title:b/card"]


def test_who_was_asked_before_sees_what_is_published(customer: Customer, browser: Browser) -> None:
    for _ in range(8):
        context = browser.new_context(locale="ja-JP", viewport={"width": 1280, "height": 800})
        context.add_cookies([{"name": "cm_shown", "value": "1", "url": customer.origin}])
        page = context.new_page()
        page.goto(address(customer, "/"))
        assert arm_on(page) == "a"
        assert "cm_arm" not in remembered(context)
        context.close()


@pytest.mark.parametrize(
    ("scheme", "width", "language"), [("light", 1280, "ja"), ("dark", 360, "en")]
)
def test_everybody_can_read_the_pages_about_experiments(
    customer: Customer,
    browser: Browser,
    scheme: Literal["light", "dark"],
    width: int,
    language: str,
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    desk = "/console/experiments/"
    sign_in(customer.stack, page, "admin", f"{desk}?lang={language}&site=trying")
    page.wait_for_url(lambda address: "sign-in" not in address)
    for address in (f"{desk}?site=trying&", f"{desk}trying/next/?", f"{desk}trying/title/?"):
        page.goto(customer.stack.url(f"{address}lang={language}"))
        assert violations(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
    context.close()
