"""The console and the API's own page, as people open them."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Stack

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
    page.goto(stack.url("/console/?lang=ja"))
    page.locator("input[name=username]").fill("marketing")
    page.locator("input[name=password]").fill(stack.password)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="同意率", exact=True)).to_be_visible()
    expect(page.get_by_text("数字の意味")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename.endswith(".csv")
    assert faults == []


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
