"""The console and the API's own page, as people open them."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.conftest import Stack
from tests.e2e.test_accessibility import SMALL, violations

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
    for name, kind in (("日ごとの数、CSV", "csv"), ("すべての表、Excel", "xlsx")):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).first.click()
        assert download.value.suggested_filename.endswith(f".{kind}")
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


MAKE_NUMBERS = """
from datetime import timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo
from django.utils import timezone
from tracking.insights import operations
from tracking.insights.types import Cell, Kind
from tracking.registry import queries as registry

site = registry.get_site(code="kloset")
numbers = registry.list_choice_numbers(site_id=site.id)
granted = ["1" if name.startswith("purpose:") else "0" for name, _ in sorted(
    numbers.items(), key=lambda one: one[1])]
now = timezone.now()
today = now.astimezone(ZoneInfo(site.zone)).date()
for back in range(10):
    counts = {}
    for device, people in (("phone", 400), ("desktop", 200 + 10 * back)):
        for kind, surface, choices, part in (
            (Kind.SHOWN, "", "", 1), (Kind.ALLOWED, "bar", "".join(granted), 0.4),
            (Kind.REFUSED, "bar", "", 0.3),
        ):
            cell = Cell(
                kind=kind, language="ja", device_class=device, regime="jp-a", country_group="JP",
                presentation="bar", surface=surface, notice="1", variant="",
                referrer_class="search", choices=choices,
            )
            counts[site.id, today - timedelta(days=back), cell] = int(people * part)
    operations.count_showings(batch=uuid4(), counts=counts, now=now)
operations.tell(now=now, at_once=True)
"""


@pytest.fixture(scope="module")
def counted(stack: Stack) -> Stack:
    """A product that has counted ten days."""
    stack.run(MAKE_NUMBERS)
    return stack


@pytest.mark.parametrize(
    ("scheme", "width", "language"),
    [
        ("light", 1280, "ja"), ("dark", 1280, "en"), ("light", 360, "en"), ("dark", 360, "ja"),
    ],
)  # fmt: skip
def test_everybody_can_read_the_dashboard(
    counted: Stack,
    browser: Browser,
    scheme: Literal["light", "dark"],
    width: int,
    language: str,
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    faults = listen(page)
    sign_in(counted, page, "admin", f"/console/?lang={language}&site=kloset&device_class=phone")
    page.wait_for_url(lambda address: "sign-in" not in address)
    expect(page.locator("canvas")).to_have_count(2)
    for is_open in (False, True):
        if is_open:
            page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        # Nothing to press is smaller than a finger needs.
        assert page.locator("main").evaluate(SMALL) == []
    assert faults == []
    context.close()


def test_the_keyboard_walks_through_a_chart(counted: Stack, visit: BrowserContext) -> None:
    page = visit.new_page()
    sign_in(counted, page, "marketing", "/console/?lang=en&site=kloset&days=7")
    chart = page.get_by_role("slider", name="Opt-in rate by purpose").first
    table = page.locator("#rates table")
    expect(table).not_to_be_visible()

    chart.focus()
    before = chart.screenshot()
    chart.press("Home")
    said = chart.get_attribute("aria-valuetext") or ""
    first = table.locator("tbody tr").last
    assert said.startswith(first.locator("th").text_content() or "?")
    assert (first.locator("td").first.text_content() or "?") in said
    assert chart.screenshot() != before

    page.emulate_media(color_scheme="dark")
    expect(chart).to_be_visible()
    dark = chart.screenshot()
    page.emulate_media(color_scheme="light")
    assert chart.screenshot() != dark


def test_without_scripts_the_tables_are_what_one_reads(counted: Stack, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(counted, page, "marketing", "/console/?lang=en&site=kloset&days=7")

    expect(page.locator("#rates table")).to_be_visible()
    expect(page.locator("#volume tbody tr")).to_have_count(7)
    page.get_by_role("link", name="of those who decided").click()
    expect(page.locator("#rates td").first).to_contain_text("57.1%")
    context.close()


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
        "/console/why/",
        "/console/cohorts/",
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
