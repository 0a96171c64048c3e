"""Without JavaScript, declared cookies that reach the service go along with a refusal."""

from __future__ import annotations

import pytest

from tests.factories.identifiers import make_identifying_site, told
from tests.integration.preferences.pages import PAGE, Browser
from tracking.consents.models import ConsentRecord, Identifier
from tracking.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db

GA = "GA1.1.1000000000.1700000000"


@pytest.fixture
def browser(db: None) -> Browser:
    make_identifying_site()
    return Browser()


def hold(browser: Browser, **cookies: str) -> None:
    for name, value in cookies.items():
        browser.client.cookies[name] = value


def test_a_refusal_brings_along_declared_cookies_and_no_others(browser: Browser) -> None:
    browser.open(PAGE).press("allow")
    hold(browser, _ga=GA, _ad="ad-8", other="7")

    browser.open(PAGE).press("refuse")

    assert told("statco") == {"ga_client_id": GA}
    assert told("adco") == {"cookie_id": "ad-8"}
    assert not Identifier.objects.exists()


def test_what_is_ticked_off_is_told_alone(browser: Browser) -> None:
    browser.open(PAGE).press("allow")
    hold(browser, _ga=GA, _ad="ad-8")

    boxes = set(browser.open(PAGE).form("save").boxes)
    assert "partner:adco" in boxes
    browser.press("save", ticks=boxes - {"partner:adco"})

    assert told("adco") == {"cookie_id": "ad-8"}
    assert not OutboxEvent.objects.filter(addressee="statco").exists()


@pytest.mark.parametrize("act", ["allow", "refuse"])
def test_a_cookie_that_cannot_be_kept_costs_no_answer(browser: Browser, act: str) -> None:
    browser.open(PAGE).press("allow")
    hold(browser, _ga="a" * 257, _ad="ad-8")

    browser.open(PAGE).press(act)

    assert [record.method for record in ConsentRecord.objects.order_by("recorded_at")] == [
        "allow",
        act,
    ]
    if act == "refuse":
        assert told("statco") == {}
        assert told("adco") == {"cookie_id": "ad-8"}
