"""What vendors hear on the demo shop, and on a page with the base codes that vendors give out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.e2e.conftest import Stack
from tests.e2e.customer_site import until
from tests.e2e.shop_page import ShopPage

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

DIST = Path(__file__).parents[2] / "static" / "dist"

CONSENT = "[...dataLayer].filter(x => x[0] === 'consent').map(x => [x[1], x[2]])"
# What this page heard up to each decision, kept beyond the reload that a withdrawal brings.
KEEP = (
    "window.isBefore = true;"
    "document.addEventListener('cm:change', () =>"
    f" sessionStorage.setItem('heard', JSON.stringify({CONSENT})))"
)
ADS = ("ad_storage", "ad_user_data", "ad_personalization")
TYPES = (*ADS, "analytics_storage", "functionality_storage", "personalization_storage")


def state(*granted: str, **more: object) -> dict[str, object]:
    given = {name: "granted" if name in granted else "denied" for name in TYPES}
    return {**given, "security_storage": "granted", **more}


DEFAULT = ["default", state(wait_for_update=500)]
# The shop's Google tags count and advertise; none of them serves another purpose.
GRANTED = ["update", state(*ADS, "analytics_storage")]
ANALYTICS_ONLY = ["update", state("analytics_storage")]
DENIED = ["update", state()]


def heard(page: Page) -> list[Any]:
    found: list[Any] = page.evaluate(CONSENT)
    return found


def heard_by_the_page_before(page: Page) -> list[Any]:
    """Wait for the reload after a withdrawal and return what the page before it had heard."""
    until(page, "!window.isBefore && document.readyState === 'complete'", True)
    found: list[Any] = page.evaluate("JSON.parse(sessionStorage.getItem('heard'))")
    return found


def asked_of_google(page: Page) -> list[str]:
    """Collect requests to Google's hosts from here on; the demo's own Google is in its ledger."""
    asked: list[str] = []
    page.on(
        "request",
        lambda request: (
            asked.append(request.url) if "google" in request.url.split("/")[2] else None
        ),
    )
    return asked


def test_one_default_first_then_one_update_for_each_decision(
    stack: Stack, visit: BrowserContext
) -> None:
    stack.forget()
    page = visit.new_page()
    asked = asked_of_google(page)
    shop = ShopPage(page, stack).open()

    # Before the choice: the default, in front of everything, and no word to Google.
    shop.settle()
    assert heard(page) == [DEFAULT]
    assert page.evaluate("[...dataLayer].slice(0, 2).map(x => x[0])") == ["consent", "set"]
    assert page.evaluate("`${dataLayer[0]}`") == "[object Arguments]"
    assert "google" not in stack.reached()

    shop.press("許可する")
    shop.settle()
    assert heard(page) == [DEFAULT, GRANTED]
    assert "google" in stack.reached()

    # Who comes back is not asked and is not defaulted twice.
    page.reload(wait_until="load")
    shop.settle()
    assert heard(page) == [DEFAULT, GRANTED]

    # A part of it withdrawn: said before the page is loaded again, and said again after it.
    page.evaluate(KEEP)
    page.evaluate("void consentManager.set({purposes: {advertising: false}})")
    assert heard_by_the_page_before(page) == [DEFAULT, GRANTED, ANALYTICS_ONLY]
    shop.settle()
    assert heard(page) == [DEFAULT, ANALYTICS_ONLY]
    assert asked == []


def test_a_refusal_is_said_once_and_reaches_nobody(stack: Stack, visit: BrowserContext) -> None:
    stack.forget()
    page = visit.new_page()
    asked = asked_of_google(page)
    shop = ShopPage(page, stack).open()

    shop.press("必須のみ許可する")
    shop.settle()
    assert heard(page) == [DEFAULT, DENIED]
    # Nothing changes for Google by refusing once more.
    page.evaluate("consentManager.set({purposes: {advertising: false}})")
    assert heard(page) == [DEFAULT, DENIED]

    shop.open("/demo/")
    shop.settle()
    assert heard(page) == [DEFAULT, DENIED]
    assert stack.reached() == set()
    assert asked == []


def test_base_codes_find_their_names_free_and_hear_of_consent_first(visit: BrowserContext) -> None:
    page = visit.new_page()
    parts = [DIST / "signals.js", *(DIST / "vendors" / f"{name}.js" for name in ("meta", "tiktok"))]
    denied = "CM_SIGNALS.tell({meta: {advertising: false}, tiktok: {advertising: false}});"
    page.add_script_tag(content="".join(part.read_text("utf-8") for part in parts) + denied)

    page.add_script_tag(
        content="""
          window.seen = [typeof fbq, typeof ttq];
          (w => {
            if (w.fbq) return;
            const n = w.fbq = function () {
              n.callMethod ? n.callMethod(...arguments) : n.queue.push([...arguments]);
            };
            n.queue = [];
          })(window);
          fbq("init", "1");
          (w => {
            const ttq = w.ttq = w.ttq || [];
            for (const m of ["page", "holdConsent"]) ttq[m] = (...a) => ttq.push([m, ...a]);
            ttq.page();
          })(window);
        """
    )

    assert page.evaluate("seen") == ["undefined", "undefined"]
    assert page.evaluate("fbq.queue") == [["consent", "revoke"], ["init", "1"]]
    assert page.evaluate("[...ttq]") == [["holdConsent"], ["page"]]
