"""The demo shop as a visitor handles it."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Stack


@dataclass
class ShopPage:
    page: Page
    stack: Stack

    def open(self, path: str = "/demo/items/coat/") -> ShopPage:
        self.page.goto(self.stack.url(path), wait_until="load")
        return self

    @property
    def banner(self) -> Locator:
        return self.page.locator("#cm-root").get_by_role("region")

    def press(self, name: str) -> None:
        self.banner.get_by_role("button", name=name, exact=True).click()
        expect(self.banner).to_have_count(0)

    def cookies(self) -> dict[str, str]:
        return {c["name"]: c["value"] for c in self.page.context.cookies(self.page.url)}

    def settle(self) -> None:
        """Wait until nothing is on its way any more."""
        self.page.wait_for_load_state("networkidle")
        self.page.wait_for_timeout(300)
