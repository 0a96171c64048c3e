"""Who could receive what, and when: told to the person on the preference page."""

from __future__ import annotations

import re

import pytest

from tests.factories.registry import catalogue, make_site, partner, text
from tests.integration.preferences.pages import PAGE, Browser
from tracking.consents.models import ConsentRecord
from tracking.notices.types import Notice

pytestmark = pytest.mark.django_db


@pytest.fixture
def notice(db: None) -> Notice:
    adco = partner("adco", address=text("1 Ad Street"), representative=text("A. Director"))
    partners = [adco if one["code"] == "adco" else one for one in catalogue()["partners"]]
    return make_site(partners=partners)


def received(browser: Browser, language: str = "en") -> list[str]:
    html = browser.open(f"{PAGE}?lang={language}").html
    if 'id="received-title"' not in html:
        return []
    part = html.split('id="received-title"')[1].split("</ol>")[0]
    return [
        re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", entry)).strip()
        for entry in part.split("<li>")[1:]
    ]


def test_before_a_grant_nothing_is_said(notice: Notice) -> None:
    browser = Browser().open(PAGE)
    assert received(browser) == []
    browser.press("refuse")
    assert received(browser) == []


def test_a_grant_says_who_can_receive_what_since_when(notice: Notice) -> None:
    browser = Browser().open(PAGE)
    browser.press("allow")

    entries = received(browser)

    assert len(entries) == 3
    [adco] = [entry for entry in entries if entry.startswith("Adco Inc.")]
    assert re.match(r"Adco Inc\. since \w{3} \d+ \w{3} \d{4}, \d\d:\d\d \(Japan time\) ", adco)
    assert "Information id.cookie" in adco
    assert "Address 1 Ad Street (representative: A. Director)" in adco


def test_a_withdrawal_says_until_when(notice: Notice) -> None:
    browser = Browser().open(PAGE)
    browser.press("allow").open(PAGE).press("refuse")

    [adco] = [entry for entry in received(browser) if entry.startswith("Adco Inc.")]
    assert " to " in adco
    [adco] = [entry for entry in received(browser, "ja") if entry.startswith("Adco Inc.")]
    assert re.search(r"年\d+月\d+日（.）\d\d:\d\d（日本時間）から.*まで", adco)


def test_the_number_of_a_receipt_can_be_read(notice: Notice) -> None:
    browser = Browser().open(PAGE)
    browser.press("allow")

    html = browser.open(PAGE).html

    assert f"<code>{ConsentRecord.objects.get().key}</code>" in html
