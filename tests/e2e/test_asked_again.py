"""Who has answered is asked again only about what changed, and keeps everything else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.conftest import Stack
from tests.e2e.customer_site import (
    ALLOW,
    REFUSE,
    Customer,
    banner_of,
    press,
    running,
    sees_banner,
    until,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

REFUSE_CHANGED = "今回の分は許可しない"
CHANGED = "前に選んだあとで、内容が変わりました。変わったところだけお聞きします。"
EXPIRED = "前に選んでから時間がたったため、あらためてお聞きします。"
DAY = 86_400
PAGE = """<!doctype html><html lang="ja"><head><meta charset="utf-8"><title>shop</title>
<script src="{script}"></script></head><body><h1>shop</h1>
<template data-cm-tag="ads"></template>
<template data-cm-tag="retarget"><script src="{vendor}/retarget"></script></template>
<template data-cm-tag="fresh"><script src="{vendor}/fresh"></script></template>
</body></html>"""
# Which of the page's scripts have run: the first is the one of `ads`.
RAN = "consentManager.ready().then(() => (window.ran ?? []).map(at => at.split('/').pop()).sort())"
ALL = ["by-address", "fresh", "retarget"]


@dataclass(kw_only=True)
class Shop:
    """`allowed`: visitors who allowed everything before the notice changed; one who refused."""

    customer: Customer
    address: str
    allowed: list[BrowserContext]
    refused: BrowserContext


def visitor(browser: Browser, **options: Any) -> BrowserContext:
    context = browser.new_context(locale="ja-JP", **options)
    context.set_default_timeout(30_000)
    return context


def answer(page: Page, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Press a button and return what was sent and what the service recorded."""
    with page.expect_response(lambda heard: heard.url.endswith("/v1/consents")) as waiting:
        press(page, name)
    expect(banner_of(page)).to_have_count(0)
    assert waiting.value.status in {201, 200}
    sent: dict[str, Any] = waiting.value.request.post_data_json
    return sent, waiting.value.json()


def settled(page: Page, address: str) -> None:
    """Open a page on which nothing is asked."""
    page.goto(address, wait_until="networkidle")
    page.evaluate(RAN)
    expect(banner_of(page)).to_have_count(0)


@pytest.fixture(scope="module")
def shop(stack: Stack, browser: Browser) -> Iterator[Shop]:
    """A site whose visitors have answered, and which then publishes a notice that asks for more."""
    expect.set_options(timeout=30_000)
    with running("again", stack) as customer:
        page_with = {"script": stack.url("/b/again.js"), "vendor": customer.site.vendor}
        address = customer.put("/", PAGE.format(**page_with))
        visitors = [visitor(browser) for _ in range(4)]
        for context, name in zip(visitors, [ALLOW, ALLOW, ALLOW, REFUSE], strict=True):
            page = context.new_page()
            page.goto(address)
            sees_banner(page)
            answer(page, name)
            page.close()
        customer.publish(items=("id.cookie", "activity.url"), newcomer="newco")
        # Their browsers would go on with the script they have for a minute.
        page_with["script"] += "?lang=ja"
        customer.put("/", PAGE.format(**page_with))
        yield Shop(customer=customer, address=address, allowed=visitors[:3], refused=visitors[3])
        for context in visitors:
            context.close()
    expect.set_options(timeout=5_000)


def test_who_refuses_the_changes_keeps_what_was_granted(shop: Shop) -> None:
    page = shop.allowed[0].new_page()
    page.goto(shop.address)

    # It says what changed and names both, and what is not affected has not stopped.
    sees_banner(page)
    note = banner_of(page).locator(".cm-note")
    expect(note).to_contain_text(CHANGED)
    expect(note).to_contain_text(re.compile(r"新しいもの：[^：]*Newco Inc\.（日本語）"))
    expect(note).to_contain_text("受け取る情報や目的が増えた送り先：Adco Inc.（日本語）")
    expect(note).not_to_contain_text("Retargeter")
    expect(banner_of(page).get_by_role("button")).to_have_text(
        [ALLOW, REFUSE_CHANGED, "選んで設定する"]
    )
    until(page, RAN, ["retarget"])

    sent, recorded = answer(page, REFUSE_CHANGED)

    assert sent["method"] == "choose"
    assert sent["surface"] == "bar"
    assert sent["partners"] == {"adco": False, "newco": False}
    assert sent["data_items"] == {"activity.url": False}
    assert sent["purposes"] == {}
    # The service has the same, on top of what it had.
    assert recorded["receipt"]["choices"] == {
        kind: sent[kind] for kind in ("purposes", "data_items", "partners")
    }
    assert set(recorded["choices"]["refused"]) == {
        "partner:adco",
        "partner:newco",
        "item:activity.url",
    }
    assert set(recorded["choices"]["granted"]) == {
        "partner:retargeter", "partner:mailer", "purpose:advertising", "purpose:personalisation",
        "item:id.cookie",
    }  # fmt: skip

    # Not asked again, and all that was granted goes on.
    settled(page, shop.address)
    until(page, RAN, ["retarget"])
    # What people read of the record.
    page.goto(shop.customer.stack.url("/preferences/again/?lang=ja"))
    for choice, is_on in [
        ("partner:retargeter", True), ("partner:mailer", True), ("purpose:advertising", True),
        ("item:id.cookie", True), ("partner:adco", False), ("partner:newco", False),
    ]:  # fmt: skip
        expect(page.locator(f"input[value='{choice}']")).to_be_checked(checked=is_on)


def test_who_allows_the_changes_has_everything_again(shop: Shop) -> None:
    page = shop.allowed[1].new_page()
    page.goto(shop.address)
    sees_banner(page)
    until(page, RAN, ["retarget"])

    sent, recorded = answer(page, ALLOW)

    assert sent["partners"] == {"adco": True, "newco": True}
    kept = recorded["receipt"]["choices"]
    assert {answer for kind in kept.values() for answer in kind.values()} == {True}
    until(page, RAN, ALL)
    settled(page, shop.address)
    until(page, RAN, ALL)


def test_who_refused_everything_is_not_asked_again(shop: Shop) -> None:
    """The newcomer has a purpose that was refused: there is nothing to ask."""
    page = shop.refused.new_page()
    settled(page, shop.address)
    until(page, RAN, [])


def test_who_answered_long_ago_is_asked_everything_again(shop: Shop) -> None:
    context = shop.allowed[2]
    page = context.new_page()
    page.goto(shop.address)
    sees_banner(page)
    answer(page, ALLOW)
    settled(page, shop.address)
    for cookie in context.cookies():
        if cookie["name"] == "cm_choices":
            parts = cookie["value"].split(".")
            parts[2] = str(int(parts[2]) - 800 * DAY)
            context.add_cookies([{**cookie, "value": ".".join(parts)}])  # type: ignore[list-item]

    page.goto(shop.address)
    sees_banner(page)
    expect(banner_of(page).locator(".cm-note")).to_have_text(EXPIRED)
    expect(banner_of(page).get_by_role("button")).to_have_text([ALLOW, REFUSE, "選んで設定する"])
    until(page, RAN, [])

    sent, _ = answer(page, ALLOW)

    assert sent["method"] == "allow"
    assert len(sent["partners"]) == 4
    until(page, RAN, ALL)
    settled(page, shop.address)


def test_a_yes_under_the_browsers_signal_counts(shop: Shop, browser: Browser) -> None:
    context = visitor(browser, extra_http_headers={"Sec-GPC": "1"})
    context.add_init_script(
        "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})"
    )
    page = context.new_page()
    page.goto(shop.address)
    expect(banner_of(page).locator(".cm-note")).to_contain_text("GPC")
    until(page, RAN, [])

    sent, _ = answer(page, ALLOW)

    assert sent["gpc"] is True
    until(page, RAN, ALL)
    settled(page, shop.address)
    until(page, RAN, ALL)
    assert page.evaluate("consentManager.get().choices.with_signal") is True
    context.close()
