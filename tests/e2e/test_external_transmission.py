"""The checks of the external-transmission page that only a browser can make, by their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.conftest import Stack
from tests.e2e.shop_page import ShopPage

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

PLACE = "/external-transmission/kloset/"
LISTS = tuple(f"/{name}/kloset/" for name in ("cookies", "partners", "joint-use", "information"))
TAGGED = tuple(
    f"/demo/{language}{page}"
    for language in ("", "en/")
    for page in ("", "items/coat/", "journal/", "order/?item=coat")
)
# Text that is smaller than it should be: the law's items at 16 px, nothing below 14 px.
SMALL = """() => [...document.querySelectorAll("main, main *")]
  .filter(node => node.checkVisibility() && !node.closest(".unseen")
    && [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim()))
  .filter(node => parseFloat(getComputedStyle(node).fontSize)
    < (node.matches("dd, dd > p, h3, .lead") ? 16 : 14))
  .map(node => [node.localName, node.className, getComputedStyle(node).fontSize])"""
# What the page says of each tag, and what the gate decides for the same browser.
SAID = """() => Object.fromEntries([...document.querySelectorAll("article.entry")].map(entry =>
  [entry.id.slice(4), entry.querySelector(".state").classList.contains("on")]))"""
DECIDED = """async () => {
  const tags = [...document.querySelectorAll("article.entry")].map(entry => entry.id.slice(4));
  const answer = await fetch("/v1/gate", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ site: "kloset", tags }),
  });
  const { decisions } = await answer.json();
  return Object.fromEntries(tags.map(tag => [tag, decisions[tag].allowed]));
}"""


@pytest.fixture
def without_scripts(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(
        locale="ja-JP", java_script_enabled=False, viewport={"width": 1280, "height": 800}
    )
    context.set_default_timeout(30_000)
    yield context
    context.close()


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("place", [PLACE, *LISTS])
def test_et_06_it_is_readable_without_enlarging_or_dragging(
    stack: Stack, visit: BrowserContext, place: str, language: str
) -> None:
    page = visit.new_page()
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(stack.url(f"{place}?lang={language}"))

    assert page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") >= 16
    assert page.evaluate(SMALL) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    content = page.locator("meta[name=viewport]").get_attribute("content")
    assert content == "width=device-width, initial-scale=1"


def test_et_07_all_entries_are_there_without_scripts(
    stack: Stack, without_scripts: BrowserContext
) -> None:
    page = without_scripts.new_page()
    answer = page.goto(stack.url(PLACE))

    assert answer is not None
    assert answer.status == 200
    # What its buttons need, and nothing that tells devices apart.
    assert {cookie["name"] for cookie in page.context.cookies()} == {"cm_form"}
    entries = page.locator("article.entry")
    expect(entries).to_have_count(11)
    for entry in entries.all():
        expect(entry).to_be_visible()
        expect(entry.get_by_role("heading", level=3)).to_be_visible()
        expect(entry.locator("dt").first).to_be_visible()
    # Each partner is one press away.
    for way in page.locator("nav.index a").all():
        target = (way.get_attribute("href") or "").removeprefix("#")
        expect(page.locator(f'[id="{target}"]')).to_have_count(1)


@pytest.mark.parametrize("place", TAGGED)
def test_et_08_it_is_one_press_away_from_every_page_that_fires_a_tag(
    stack: Stack, visit: BrowserContext, place: str
) -> None:
    shop = ShopPage(visit.new_page(), stack).open(place)
    assert shop.page.locator("[data-cm-tag]").count() > 0
    expect(shop.banner.locator(f'a[href*="{PLACE}"]')).to_be_visible()
    way = shop.page.locator(f'footer a[href*="{PLACE}"]')
    label = way.inner_text()
    assert "外部送信" in label or "sent" in label.lower() or "transmission" in label.lower()

    way.click()
    expect(shop.page.locator("article.entry")).to_have_count(11)


def test_et_15_each_entry_shows_the_state_of_this_device_and_changes_it(
    stack: Stack, visit: BrowserContext
) -> None:
    page = visit.new_page()

    def agree() -> dict[str, Any]:
        said: dict[str, Any] = page.evaluate(SAID)
        assert said == page.evaluate(DECIDED)
        return said

    page.goto(stack.url(PLACE))
    exempt = {"cart_session", "fraud_guard"}
    assert {tag for tag, is_on in agree().items() if is_on} == exempt

    _press(page, "criteo", "許可する")
    assert {tag for tag, is_on in agree().items() if is_on} == exempt | {"criteo"}

    _press(page, "criteo", "止める")
    assert {tag for tag, is_on in agree().items() if is_on} == exempt

    # What is decided elsewhere is shown here, too.
    page.goto(stack.url("/preferences/kloset/"))
    page.locator('button[value="allow"]').click()
    page.goto(stack.url(PLACE))
    assert all(agree().values())


def _press(page: Page, tag: str, name: str) -> None:
    entry = page.locator(f"#tag-{tag}")
    entry.get_by_role("button", name=name).click()
    expect(entry.get_by_role("status")).to_be_visible()
