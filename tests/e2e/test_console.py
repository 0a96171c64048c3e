"""The console and the API's own page, as people open them."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.conftest import Stack
from tests.e2e.test_accessibility import violations

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def listen(page: Page) -> list[str]:
    """Collect what a page complains about: refused by its policy, or broken."""
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console",
        lambda message: faults.append(message.text) if message.type == "error" else None,
    )
    return faults


def test_marketing_signs_in_and_reads_the_rate(stack: Stack, visit: BrowserContext) -> None:
    stack.manage("demo_visitors", "--count", "80")
    page = visit.new_page()
    faults = listen(page)
    page.goto(stack.url("/console/?lang=ja&site=kloset"))
    page.locator("input[name=username]").fill("marketing")
    page.locator("input[name=password]").fill(stack.password)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="同意率", exact=True)).to_be_visible()
    expect(page.get_by_text("数字の意味")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename.endswith(".csv")
    assert faults == []


def sign_in(stack: Stack, page: Page, name: str, address: str) -> None:
    page.goto(stack.url(address))
    page.locator("input[name=username]").fill(name)
    page.locator("input[name=password]").fill(stack.password)
    page.keyboard.press("Enter")


def test_the_privacy_owner_tries_a_partner_and_pauses_it(
    stack: Stack, visit: BrowserContext
) -> None:
    page = visit.new_page()
    faults = listen(page)
    sign_in(stack, page, "privacy", "/console/deliveries/?lang=ja&site=kloset")
    page.get_by_role("link", name="株式会社プレイド").click()
    page.get_by_role("link", name="連絡先を変える").click()
    page.get_by_role("button", name="テストを送る").click()
    expect(page.get_by_text("届きました。")).to_be_visible()
    expect(page.get_by_text("consent.test").first).to_be_visible()

    page.get_by_role("link", name="株式会社プレイド").click()
    page.get_by_role("button", name="送信を止める").click()
    expect(page.get_by_text("送信を止めました。")).to_be_visible()
    page.get_by_role("button", name="再開する").click()
    expect(page.get_by_text("再開しました。")).to_be_visible()
    assert faults == []


@pytest.mark.parametrize(
    ("scheme", "width", "language"), [("light", 1280, "ja"), ("dark", 360, "en")]
)
def test_everybody_can_read_the_pages_about_partners(
    stack: Stack, browser: Browser, scheme: Literal["light", "dark"], width: int, language: str
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    sign_in(stack, page, "admin", f"/console/deliveries/?lang={language}&site=kloset")
    page.wait_for_url(lambda address: "sign-in" not in address)
    for address in (
        "/console/deliveries/",
        "/console/deliveries/kloset/plaid/",
        "/console/deliveries/kloset/plaid/endpoint/",
        "/console/deliveries/kloset/plaid/endpoint/?transport=opendsr",
        "/console/deliveries/dead/",
        "/console/audit/",
        "/console/ledgers/",
        "/console/access/",
        "/console/simulator/?place=US-CA&visit=shown&gpc=1",
    ):
        page.goto(stack.url(address + ("&" if "?" in address else "?") + f"lang={language}"))
        assert violations(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
    context.close()


def test_the_admin_has_no_sign_in_of_its_own(stack: Stack, visit: BrowserContext) -> None:
    page = visit.new_page()
    page.goto(stack.url("/console/admin/"))

    assert "/console/sign-in/" in page.url
    page.locator("input[name=username]").fill("admin")
    page.locator("input[name=password]").fill(stack.password)
    page.keyboard.press("Enter")

    expect(page.get_by_role("link", name="Endpoints")).to_be_visible()


def test_the_apis_page_works_without_the_internet(stack: Stack, visit: BrowserContext) -> None:
    page = visit.new_page()
    faults = listen(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto(stack.url("/v1/docs/"))

    expect(page.get_by_text("/v1/consents/current")).to_be_visible()
    assert all(url.startswith((stack.url("/"), "data:")) for url in asked)
    assert faults == []
