"""All pages that a site's visitors are shown, by address."""

from __future__ import annotations

from tests.factories.registry import SITE
from tests.integration.preferences.pages import Browser
from tracking.preferences.types import Listing

PAGES = (
    f"/preferences/{SITE}/",
    f"/preferences/{SITE}/erasure/",
    f"/external-transmission/{SITE}/",
    *(f"/{listing.value}/{SITE}/" for listing in Listing),
)
PARTS = (
    f"/external-transmission/{SITE}.html",
    *(f"/{listing.value}/{SITE}.html" for listing in Listing),
)


def read(address: str, language: str = "ja") -> str:
    browser = Browser(language).open(f"{address}?lang={language}")
    assert browser.response.status_code == 200
    return browser.html
