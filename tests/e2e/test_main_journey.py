"""The promise, whole: nothing before a yes, what was granted after it, nothing after a no."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.conftest import AGENT, Stack
from tests.e2e.shop_page import ShopPage

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

ANALYTICS = {"google", "microsoft"}
PERSONALISATION = {"plaid", "treasuredata"}
ADVERTISING = {"google", "lineyahoo", "criteo"}


SUSPECTS = "[one.is_suspect for one in m.ConsentRecord.objects.order_by('recorded_at')]"


def test_allow_then_withdraw_advertising(stack: Stack, visit: BrowserContext) -> None:
    stack.forget()
    records = len(stack.read(SUSPECTS))
    shop = ShopPage(visit.new_page(), stack).open()
    faults: list[str] = []
    shop.page.on("pageerror", lambda error: faults.append(str(error)))

    # The banner asks in Japanese, with two equal buttons, and nothing has left.
    allow = shop.banner.get_by_role("button", name="許可する", exact=True)
    refuse = shop.banner.get_by_role("button", name="必須のみ許可する", exact=True)
    expect(allow).to_be_visible()
    look = """e => [e.offsetWidth, e.offsetHeight,
      ...['backgroundColor', 'color', 'fontSize', 'fontWeight'].map(p => getComputedStyle(e)[p])]"""
    assert allow.evaluate(look) == refuse.evaluate(look)
    shop.settle()
    assert stack.reached() == set()
    assert "cm_device" not in shop.cookies()

    # A yes: exactly the granted tags' vendors are reached.
    shop.press("許可する")
    shop.settle()
    assert stack.reached() == ANALYTICS | ADVERTISING | PERSONALISATION
    assert {"_ga", "cto_bundle"} <= set(shop.cookies())

    # The gate's answer for the server is that of the record, which is there once a token is.
    for _ in range(50):
        if "cm_device" in shop.cookies():
            break
        shop.page.wait_for_timeout(200)
    # An order: the literal gate serves the conversion tag, the server sends its event.
    shop.open("/demo/order/?item=coat")
    shop.settle()
    assert "_gcl_au" in shop.cookies()
    assert [entry["reach"] for entry in stack.log()["meta"]["requests"]] == ["server_event"]
    shop.open()

    # Again: the same, and no question to the service is needed for it.
    stack.forget()
    asked: list[str] = []
    shop.page.on("request", lambda request: asked.append(request.url))
    shop.page.reload(wait_until="load")
    shop.settle()
    assert stack.reached() == ANALYTICS | ADVERTISING | PERSONALISATION
    expect(shop.banner).to_have_count(0)
    assert not [url for url in asked if re.search(r"/v1/(consents|bootstrap|gate$)", url)]

    # Withdraw advertising in the preference centre.
    stack.forget()
    centre = visit.new_page()
    centre.goto(stack.url("/preferences/kloset/?lang=ja"))
    centre.locator("input[value='purpose:advertising']").uncheck()
    centre.get_by_role("button", name="選んだ内容で保存する").click()
    expect(centre.get_by_role("status").first).to_be_visible()

    # Each of the advertising partners receives a signed message, within seconds.
    deadline = time.monotonic() + 10
    told: set[str] = set()
    while time.monotonic() < deadline and not told >= ADVERTISING | {"meta"}:
        told = {
            partner
            for partner, log in stack.log().items()
            if any(
                message["type"] == "consent.revoked"
                and message["is_verified"]
                and "advertising" in message["withdrawn"]["purposes"]
                for message in log["messages"]
            )
        }
        time.sleep(0.2)
    assert told == ADVERTISING | {"meta"}

    # The shop obeys: no advertising vendor is reached, its cookies are gone, analytics goes on.
    stack.forget()
    for path in ("/demo/items/coat/", "/demo/order/?item=coat"):
        shop.open(path)
        shop.settle()
    log = stack.log()
    tags = {entry["tag"] for partner in log.values() for entry in partner["requests"]}
    assert not tags & {"google_ads", "line_tag", "criteo", "meta_capi"}
    assert {"ga4", "clarity"} <= tags
    assert not {"_gcl_au", "cto_bundle", "__lt__cid"} & set(shop.cookies())

    # The visitor is told how many have confirmed.
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        centre.reload()
        if "4社が確認" in centre.locator("main").inner_text():
            break
        time.sleep(0.5)
    expect(centre.locator("main")).to_contain_text("4社が確認")
    assert faults == []

    # Both decisions are a person's, and count.
    assert stack.read(SUSPECTS)[records:] == [False, False]


def test_only_necessary_reaches_nobody_ever(stack: Stack, visit: BrowserContext) -> None:
    stack.forget()
    shop = ShopPage(visit.new_page(), stack).open("/demo/")
    shop.press("必須のみ許可する")

    for path in ("/demo/", "/demo/items/coat/", "/demo/journal/", "/demo/order/"):
        shop.open(path)
        shop.settle()

    assert stack.reached() == set()
    assert not any(name.startswith("_") for name in shop.cookies())
    expect(shop.banner).to_have_count(0)


def test_with_the_browsers_signal_advertising_stays_shut(
    stack: Stack, visit: BrowserContext
) -> None:
    visit.add_init_script(
        "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})"
    )
    visit.set_extra_http_headers({"Sec-GPC": "1"})
    stack.forget()
    shop = ShopPage(visit.new_page(), stack).open()

    expect(shop.banner).to_contain_text("GPC")
    shop.settle()

    assert stack.reached() == set()


def test_a_page_without_javascript_still_lets_the_visitor_choose(
    stack: Stack, browser: object
) -> None:
    from playwright.sync_api import Browser

    assert isinstance(browser, Browser)
    context = browser.new_context(java_script_enabled=False, locale="ja-JP", user_agent=AGENT)
    page = context.new_page()
    records = len(stack.read(SUSPECTS))
    page.goto(stack.url("/preferences/kloset/?lang=ja"))

    page.get_by_role("button", name="必須のみ許可する").click()

    expect(page.get_by_role("status").first).to_be_visible()
    assert any(cookie["name"] == "cm_device" for cookie in context.cookies())
    assert stack.read(SUSPECTS)[records:] == [False]
    context.close()
