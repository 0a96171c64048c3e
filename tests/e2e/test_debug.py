"""The debug panel on the demo shop: what a developer sees with `?cm-debug`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from tests.e2e.conftest import ROOT, Stack
from tests.e2e.hold_site import HOLD
from tests.e2e.shop_page import ShopPage
from tests.served_script import config_in, with_config

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
FOUND = """async () => (await axe.run(document.querySelector('#cm-root'))).violations
  .map(found => [found.id, ...found.nodes.map(node => node.target.flat().join(' '))])"""


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """Let a busy machine take its time."""
    expect.set_options(timeout=30_000)
    yield
    expect.set_options(timeout=5_000)


def line(panel: Locator, section: str, code: str) -> Locator:
    """Return the lines of one section that begin with this code."""
    group = panel.locator("details").filter(has=panel.page.get_by_role("heading", name=section))
    return group.locator("li").filter(has=panel.page.locator("code", has_text=code))


def check(page: Page) -> list[object]:
    """Return what axe has against the panel and what is beside it, in four looks."""
    page.evaluate(AXE.read_text("utf-8"))
    found: list[object] = []
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 740})
        page.emulate_media(color_scheme="dark")
        found += page.evaluate(FOUND)
        page.emulate_media(color_scheme="light")
        found += page.evaluate(FOUND)
    return found


def test_the_panel_says_why_each_tag_and_request_ran_or_not(
    stack: Stack, visit: BrowserContext
) -> None:
    visit.grant_permissions(["clipboard-read", "clipboard-write"])
    shop = ShopPage(visit.new_page(), stack)
    faults: list[str] = []
    shop.page.on("pageerror", lambda error: faults.append(str(error)))
    warned: list[str] = []
    shop.page.on(
        "console",
        lambda message: warned.append(message.text) if message.type == "warning" else None,
    )
    shop.open("/demo/items/coat/?cm-debug&secret=hidden")
    panel = shop.page.get_by_role("complementary", name="Consent debug")

    # Before a choice: the reason of each tag, and nothing was asked.
    ga4 = line(panel, "Tags", "ga4")
    expect(ga4).to_contain_text("denied")
    expect(ga4).to_contain_text("no_choice: the visitor has not answered yet")
    expect(ga4).to_contain_text("1 place on this page, no script of it ran")
    expect(line(panel, "Device", "granted")).to_contain_text("nothing was decided")
    expect(line(panel, "Device", "hold_mode")).to_contain_text("observe")
    expect(line(panel, "Requests to other hosts", "127.0.0.1")).to_have_count(0)
    expect(line(panel, "Vendors told", "google")).to_contain_text("all denied")

    # A request that no tag declares, and one of a tag that is denied: marked, and said once.
    google = f"127.0.0.1:{stack.vendors + 1}"
    shop.page.evaluate(
        """google => {
          new Image().src = `http://127.0.0.1:9/pixel/a?mail=secret`;
          new Image().src = `http://127.0.0.1:9/pixel/b?mail=secret`;
          new Image().src = `http://${google}/early?mail=secret`;
        }""",
        google,
    )
    expect(line(panel, "Requests to other hosts", "127.0.0.1:9/pixel")).to_have_count(2)
    expect(line(panel, "Requests to other hosts", google)).to_contain_text("leak")
    expect(line(panel, "Findings", "127.0.0.1")).to_have_count(2)
    expect(panel).to_contain_text("1 undeclared, 1 leak")
    assert len(warned) == 2
    assert any("127.0.0.1:9, which no tag declares" in text for text in warned)
    assert any(
        f"{google} while each tag that declares it was denied (ga4" in text for text in warned
    )

    assert check(shop.page) == []

    # After a yes: the same tags with their new reason, their requests, and the event.
    shop.press("許可する")
    expect(ga4).to_contain_text("granted: the visitor granted all that it needs")
    expect(ga4).to_contain_text("its script ran")
    receiver = line(panel, "Requests to other hosts", google).filter(has_text="allowed")
    expect(receiver.first).to_contain_text("ga4 allowed: the visitor granted all that it needs")
    expect(line(panel, "Events", "cm:change")).to_contain_text("by allow")
    expect(line(panel, "Vendors told", "google")).to_contain_text("analytics: granted")
    expect(line(panel, "Device", "outbox")).to_contain_text("0 (")
    expect(panel).to_contain_text("1 undeclared, 1 leak")

    # Text for a ticket, without what stood in a query.
    panel.get_by_role("button", name="Copy as text").click()
    expect(panel.get_by_role("status")).to_have_text("Copied.")
    text = shop.page.evaluate("navigator.clipboard.readText()")
    assert "- ga4 [allowed]; granted: the visitor granted all that it needs" in text
    assert "secret" not in text

    # Folded and unfolded by keys.
    assert check(shop.page) == []
    panel.get_by_role("button", name="Details").focus()
    shop.page.keyboard.press("Enter")
    expect(ga4).not_to_be_visible()
    expect(panel).to_contain_text("1 undeclared, 1 leak")
    panel.get_by_role("button", name="Close").press("Enter")
    expect(panel).to_have_count(0)
    assert faults == []


def test_what_is_held_is_listed_with_what_became_of_it(stack: Stack, visit: BrowserContext) -> None:
    google = f"127.0.0.1:{stack.vendors + 1}"
    hold = {"strict": True, "replays": True, "hosts": {"ga4": [google]}}
    page = visit.new_page()

    def strict(route: Route) -> None:
        """Serve the script as the service does for a site that is strict."""
        script = route.fetch().text()
        body = with_config(script, {**config_in(script), "hold": hold}, HOLD)
        route.fulfill(body=body, content_type="text/javascript")

    page.route("**/b/kloset.js*", strict)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    shop = ShopPage(page, stack).open("/demo/items/coat/?cm-debug")
    panel = page.get_by_role("complementary", name="Consent debug")
    page.evaluate(
        """google => {
          fetch(`http://${google}/early?mail=secret`).catch(() => {});
          fetch("http://127.0.0.1:9/x?mail=secret").catch(() => {});
        }""",
        google,
    )

    early = line(panel, "Held requests", google + "/early")
    expect(early).to_contain_text("waits")
    expect(early).to_contain_text("ga4 denied: the visitor has not answered yet")
    kept = line(panel, "Held requests", "127.0.0.1:9/x")
    expect(kept).to_contain_text("kept away")
    expect(kept).to_contain_text("no tag declares this host, and the site is strict")
    expect(line(panel, "Device", "hold_mode")).to_contain_text("strict")
    expect(panel).to_contain_text("0 undeclared, 0 leaks")

    shop.press("許可する")
    expect(early).to_contain_text("went after waiting")
    expect(line(panel, "Requests to other hosts", google + "/early")).to_contain_text("allowed")
    expect(panel).not_to_contain_text("secret")
    assert faults == []


def test_without_the_panel_the_console_is_told_once_at_no_further_request(
    stack: Stack, visit: BrowserContext
) -> None:
    page = visit.new_page()
    asked: list[str] = []
    warned: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on(
        "console",
        lambda message: warned.append(message.text) if message.type == "warning" else None,
    )
    # A video stands here behind a note, which needs to know its partner's name.
    ShopPage(page, stack).open("/demo/journal/?no-cm-debug")
    expect(page.get_by_role("region", name="Google LLC")).to_be_visible()

    with page.expect_console_message(lambda message: "127.0.0.1:9," in message.text):
        page.evaluate("new Image().src = 'http://127.0.0.1:9/a'")
    page.evaluate("new Image().src = 'http://127.0.0.1:9/b'")
    page.wait_for_function(
        "performance.getEntriesByType('resource').some(entry => entry.name.endsWith(':9/b'))"
    )

    assert len(warned) == 1
    assert len([url for url in asked if "/v1/bootstrap" in url]) == 1
    assert not [url for url in asked if "/b/debug/" in url]
    expect(page.get_by_role("complementary", name="Consent debug")).to_have_count(0)
