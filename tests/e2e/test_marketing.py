"""Marketing reads the rate, looks at smartphones, finds when it fell and why, takes it along."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import ROOT, Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

STEPS = {
    "Shown": "shown", "Decided": "decided", "Allowed all": "allowed", "Chose": "chosen",
    "Only necessary": "refused", "Ignored": "ignored",
}  # fmt: skip


@pytest.fixture(scope="module")
def counted(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A product with a site of its own that has 35 days behind it; ten days ago its rate fell."""
    catalogue = tmp_path_factory.mktemp("catalogue") / "shop.yaml"
    text = (ROOT / "docs" / "examples" / "shop.yaml").read_text("utf-8")
    catalogue.write_text(text.replace("code: example\n", "code: zoo\n"), "utf-8")
    stack.manage("catalogue", "apply", str(catalogue), "--publish")
    stack.manage("insights", "generate", "--site", "zoo", "--records", "60000", "--days", "35")
    return stack


def numbers(page: Page) -> dict[str, int]:
    """Return the funnel that the page shows."""
    found = {}
    for row in page.locator("table.funnel tbody tr").all():
        name = row.locator("th").inner_text()
        found[STEPS[name]] = int(row.locator("td.number").first.inner_text().replace(",", ""))
    return found


def test_marketing_finds_out_why_the_rate_fell(counted: Stack, visit: BrowserContext) -> None:
    page = visit.new_page()
    page.goto(counted.url("/console/?lang=en&site=zoo"))
    page.locator("input[name=username]").fill("marketing")
    page.locator("input[name=password]").fill(counted.password)
    page.keyboard.press("Enter")
    card = page.locator(".card").first
    expect(card.locator("h3")).to_have_text("Analytics")
    expect(page.locator("table.period td").nth(1)).to_contain_text("%")

    everybody = numbers(page)
    page.locator("details.more summary").click()
    page.locator("select[name=device_class]").select_option("phone")
    page.locator("select[name=language]").select_option("ja")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(
        re.compile("device_class=phone.*language=ja|language=ja.*device_class=phone")
    )
    expect(page.locator(".chips li")).to_have_count(2)
    phones = numbers(page)
    assert 0 < phones["shown"] < everybody["shown"]

    with page.expect_download() as download:
        page.get_by_role("link", name="Numbers by day, CSV").first.click()
    path = Path(download.value.path())
    rows = list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
    assert len(rows) == 28
    for step, number in phones.items():
        assert sum(int(row[step] or 0) for row in rows) == number, step

    question = page.locator(".questions a", has_text="Why did Analytics fall on").first
    asked = question.inner_text()
    question.click()
    answer = page.locator("main")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(answer).to_contain_text(re.compile(r"Of those shown, \d+\.\d% allowed"))
    day = re.search(r"on (.+)\?", asked)
    assert day is not None
    expect(answer).to_contain_text(day[1])

    # Asked of everybody, the answer names those whom the fall came through.
    page.goto(re.sub(r"&(device_class|language)=\w+", "", page.url))
    expect(page.locator(".reasons").first).to_contain_text(re.compile("phone|Japanese", re.I))
