"""The first layer of a browser that runs no scripts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.conftest import FLAGS, Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

PAGE = "/demo/items/coat/?size=m"
PATIENT = 30_000


def without_scripts(browser: Browser) -> BrowserContext:
    """Return a visitor who reads Japanese on a small phone, with scripts off."""
    context = browser.new_context(
        locale="ja-JP", viewport={"width": 320, "height": 640}, java_script_enabled=False
    )
    context.set_default_timeout(PATIENT)
    return context


@pytest.fixture
def scriptless(browser: Browser) -> Iterator[BrowserContext]:
    context = without_scripts(browser)
    yield context
    context.close()


@pytest.fixture
def elsewhere(browser: Browser) -> Iterator[BrowserContext]:
    """One whose pages may be made up: else they count as public, and this machine as shut off."""
    program = os.environ.get("CHROME_BIN") or shutil.which("chromium") or shutil.which("chrome")
    flags = [*FLAGS, "--disable-features=LocalNetworkAccessChecks"]
    another = browser.browser_type.launch(executable_path=program, args=flags)
    yield without_scripts(another)
    another.close()


def height_of_frame(page: Page) -> float:
    box = page.locator("iframe.cm-first-layer").bounding_box()
    assert box is not None
    return box["height"]


@pytest.mark.parametrize(
    ("button", "said"), [("必須のみ許可する", "必須のみ許可"), ("許可する", "すべて許可")]
)
def test_a_visitor_without_scripts_is_asked_once(
    stack: Stack, scriptless: BrowserContext, button: str, said: str
) -> None:
    page = scriptless.new_page()
    page.goto(stack.url(PAGE))
    frame = page.frame_locator("iframe.cm-first-layer")
    expect(frame.get_by_role("heading")).to_be_visible(timeout=PATIENT)
    allow, refuse, choose = frame.locator(".button").all()
    sizes = [one.bounding_box() for one in (allow, refuse, choose)]
    assert len({(round(box["width"]), round(box["height"])) for box in sizes if box}) == 1
    assert all(box is not None and box["height"] >= 44 for box in sizes)
    assert height_of_frame(page) <= 0.4 * 640
    assert not scriptless.cookies()

    frame.get_by_role("button", name=button, exact=True).click()

    expect(frame.get_by_role("link", name="送る情報の設定")).to_be_visible(timeout=PATIENT)
    expect(page).to_have_url(stack.url(PAGE), timeout=PATIENT)
    expect(frame.get_by_role("button")).to_have_count(0, timeout=PATIENT)
    assert height_of_frame(page) < 50
    assert {"cm_device", "cm_choices"} == {cookie["name"] for cookie in scriptless.cookies()}

    # The link leaves the frame, and there the one record is told.
    frame.get_by_role("link", name="送る情報の設定").click()
    expect(page).to_have_url(stack.url("/preferences/kloset/?lang=ja"), timeout=PATIENT)
    expect(page.locator(".history .act")).to_have_text([said], timeout=PATIENT)


def test_on_a_page_of_another_site_the_question_has_a_page_of_its_own(
    stack: Stack, elsewhere: BrowserContext
) -> None:
    """127.0.0.1 is another site than localhost to a browser: no cookie reaches the frame."""
    page = elsewhere.new_page()
    address = f"http://127.0.0.1:{stack.port}/elsewhere"
    snippet = (
        f'<link rel="stylesheet" href="{stack.url("/first-layer/kloset.css")}">'
        f'<iframe class="cm-first-layer" src="{stack.url("/first-layer/kloset/")}"></iframe>'
    )
    page.route(address, lambda route: route.fulfill(body=snippet, content_type="text/html"))
    page.goto(address)
    frame = page.frame_locator("iframe.cm-first-layer")

    expect(frame.get_by_role("link", name="送る情報の設定")).to_be_visible(timeout=PATIENT)
    expect(frame.get_by_role("button")).to_have_count(0, timeout=PATIENT)
    assert height_of_frame(page) < 50

    frame.get_by_role("link", name="送る情報の設定").click()
    page.get_by_role("button", name="必須のみ許可する").click()
    expect(page.get_by_role("status").first).to_be_visible(timeout=PATIENT)
    assert any(cookie["name"] == "cm_device" for cookie in elsewhere.cookies())
