"""
The privacy owner's day: edit the wording, mend what the checks find, see it, publish it; only those
whom a change concerns are asked again; bring the old version back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, expect

from tests.e2e.conftest import Stack
from tests.e2e.customer_site import (
    ALLOW,
    REFUSE,
    Customer,
    banner_of,
    press,
    running,
    sees_banner,
)
from tests.e2e.test_accessibility import violations
from tests.e2e.test_console import sign_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

SITE = "owner"
DESK = f"/console/notices/?site={SITE}&lang=ja"
PAGE = """<!doctype html><html lang="ja"><head><meta charset="utf-8"><title>shop</title>
<script src="{script}"></script></head><body><h1>shop</h1>
<template data-cm-tag="ads"></template></body></html>"""
TITLE = "見たページの記録を、外部の会社に送ってもよいでしょうか"
# Every process of the service remembers notices for two seconds.
FORGOTTEN_MS = 3_000


@pytest.fixture(scope="module")
def customer(stack: Stack) -> Iterator[Customer]:
    with running(SITE, stack) as customer:
        yield customer


def visitor(browser: Browser) -> BrowserContext:
    context = browser.new_context(locale="ja-JP")
    context.set_default_timeout(30_000)
    return context


def open_shop(page: Page, customer: Customer, number: int) -> None:
    """Open a page that was never in the browser's cache, so that its script is today's."""
    script = customer.stack.url(f"/b/{SITE}.js?lang=ja&seen={number}")
    page.goto(customer.put(f"/{number}", PAGE.format(script=script)))


def sees_question(page: Page, customer: Customer, number: int, words: str) -> None:
    """Where the database was slow for a moment, a page may get the script as it was before."""
    for again in range(3):
        open_shop(page, customer, 100 * number + again)
        with suppress(AssertionError):
            expect(banner_of(page)).to_contain_text(words)
            break
    sees_banner(page)
    expect(banner_of(page)).to_contain_text(words)


def is_left_alone(context: BrowserContext, customer: Customer, number: int) -> None:
    page = context.new_page()
    open_shop(page, customer, number)
    page.evaluate("consentManager.ready()")
    page.wait_for_load_state("networkidle")
    expect(banner_of(page)).to_have_count(0)
    page.close()


def decide(context: BrowserContext, customer: Customer, name: str) -> None:
    page = context.new_page()
    open_shop(page, customer, 0)
    sees_banner(page)
    with page.expect_response(lambda heard: heard.url.endswith("/v1/consents")):
        press(page, name)
    page.close()


def preview(page: Page, language: str, width: int) -> FrameLocator:
    return page.frame_locator(f"iframe[src*='/preview/{language}/'][width='{width}']")


def test_from_a_word_to_its_publication_and_back(
    customer: Customer, browser: Browser, visit: BrowserContext
) -> None:
    stack = customer.stack
    allower, refuser = visitor(browser), visitor(browser)
    decide(allower, customer, ALLOW)
    decide(refuser, customer, REFUSE)

    # Edit: what is written is kept without a press, and the banner shows it.
    page = visit.new_page()
    sign_in(stack, page, "privacy", DESK)
    page.get_by_role("link", name="文言を書き換える").click()
    title = page.locator("[id='line.ja.banner_title']")
    title.fill(TITLE)
    expect(page.locator("#state")).to_have_text("保存しました")
    for width in (360, 1280):
        shown = preview(page, "ja", width).get_by_role("region")
        expect(shown).to_contain_text("送ってもよいでしょうか")
        expect(shown.get_by_role("button")).to_have_count(3)
    expect(preview(page, "en", 360).get_by_role("region")).to_contain_text("May we send")

    # Lint: a refusal that shames keeps the notice back, and says so where it is.
    refuse = page.locator("[id='line.ja.refuse']")
    refuse.fill("いいえ、損をしてもかまいません")
    notes = page.locator("[id='line.ja.refuse-notes']")
    expect(notes.locator(".bad").first).to_be_visible()
    expect(page.locator("#stops")).to_contain_text("直すことが")
    page.get_by_role("button", name="保存して戻る").click()
    expect(page.get_by_text("これらが直るまで、公表できません。")).to_be_visible()
    expect(page.get_by_role("button", name="確認に出す")).to_have_count(0)
    page.locator(".findings a[href$='#line-ja-refuse']").first.click()
    page.locator("[id='line.ja.refuse']").fill("")
    expect(page.locator("#stops")).to_have_text("公表する前の確認に、すべて合っています。")
    page.get_by_role("button", name="保存して戻る").click()

    # A sentence is not material: it says that nobody is asked again, and nobody is.
    expect(page.get_by_text("だれにも聞き直しません。")).to_be_visible()
    page.get_by_role("button", name="確認に出す").click()
    expect(page.get_by_text("確認中です。privacyさんが")).to_be_visible()
    page.get_by_role("button", name="公表する").click()
    expect(page.get_by_text("公表しました。")).to_be_visible()
    page.wait_for_timeout(FORGOTTEN_MS)
    newcomer = visitor(browser)
    look = newcomer.new_page()
    sees_question(look, customer, 2, "送ってもよいでしょうか")
    for context in (allower, refuser):
        is_left_alone(context, customer, 3)

    # A partner that gets more is: whoever allowed it is asked, whoever refused it is not.
    customer.declare(items=("id.cookie", "activity.url"))
    page.wait_for_timeout(FORGOTTEN_MS)
    page.goto(stack.url(DESK))
    expect(page.get_by_text("受け取るものが増えます：activity.url（日本語）")).to_be_visible()
    expect(page.get_by_text("10台未満に、変わったところだけを聞き直します。")).to_be_visible()
    page.get_by_role("button", name="確認に出す").click()
    page.get_by_role("button", name="公表する").click()
    expect(page.get_by_text("公表しました。")).to_be_visible()
    page.wait_for_timeout(FORGOTTEN_MS)
    is_left_alone(refuser, customer, 4)
    asked = allower.new_page()
    sees_question(asked, customer, 4, "変わったところだけお聞きします。")
    asked.close()

    # Back: the older yes holds again, and nobody is asked anything.
    page.locator(".versions a[href*='/restore/2/']").click()
    expect(page.get_by_text("だれにも聞き直しません。")).to_be_visible()
    page.get_by_role("button", name="この内容に戻す").click()
    expect(page.get_by_text("第2版の内容に戻しました。")).to_be_visible()
    page.wait_for_timeout(FORGOTTEN_MS)
    for context in (allower, refuser):
        is_left_alone(context, customer, 5)
    for context in (allower, refuser, newcomer):
        context.close()


@pytest.mark.parametrize(
    ("scheme", "width", "language"), [("light", 1280, "ja"), ("dark", 360, "en")]
)
def test_everybody_can_use_the_pages_about_the_notice(
    stack: Stack, browser: Browser, scheme: Literal["light", "dark"], width: int, language: str
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    sign_in(stack, page, "privacy", f"/console/notices/?site=kloset&lang={language}")
    page.wait_for_url(lambda address: "sign-in" not in address)
    for address in (
        "/console/notices/",
        "/console/notices/kloset/wording/",
        "/console/notices/kloset/compare/1/draft/",
        "/console/notices/kloset/restore/1/",
    ):
        page.goto(stack.url(f"{address}?lang={language}"), wait_until="load")
        assert violations(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
    context.close()
