"""What a visitor's regime changes on the pages without a script, and in the page's own script."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from tests.factories.registry import SITE, catalogue, make_site
from tests.integration.preferences.pages import PAGE, TRANSMISSION, Browser
from tests.integration.preferences.test_first_layer import FRAME, STYLES, Framed
from tests.served_script import config_in
from tracking.consents.types import Choices
from tracking.notices.types import Notice
from tracking.preferences import rules
from tracking.regimes import rules as regimes

pytestmark = pytest.mark.django_db

CALIFORNIA = {"CF-IPCountry": "US", "CF-Region-Code": "CA"}
FRANCE = {"CF-IPCountry": "FR"}
SIGNAL = {"Sec-GPC": "1"}
CONFIRMED = "Opt-Out Request Honored"


@pytest.fixture(autouse=True)
def places(settings: Any) -> None:
    settings.TRUSTED_COUNTRY_HEADER = "CF-IPCountry"
    settings.TRUSTED_REGION_HEADER = "CF-Region-Code"


def make_link_site(profile: str) -> Notice:
    site = {**catalogue()["site"], "presentation": "link", "profile": profile}
    return make_site(site=site)


# --- A link instead of a question ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "place", "presentation"),
    [
        ("jp-b", {}, "link"),
        ("jp-a", {}, "bar"),
        ("jp-b", FRANCE, "bar"),
        ("jp-a", CALIFORNIA, "link"),
        ("jp-a", {"CF-IPCountry": "CH"}, "bar"),
    ],
)
def test_everything_agrees_where_a_link_is_enough(
    profile: str, place: dict[str, str], presentation: str
) -> None:
    make_link_site(profile)
    client = Client()

    script = config_in(client.get(f"/b/{SITE}.js", headers=place).content)
    assert script["presentation"] == presentation
    # Styles that a bar does not need come with the layout that does.
    assert (".cm-modal" in script["styles"]) is (presentation == "link")
    bootstrap = client.get(f"/v1/bootstrap?site={SITE}", headers=place).json()
    assert bootstrap["presentation"] == presentation
    assert bootstrap["regime"]["link_suffices"] is (presentation == "link")
    frame = Framed(**place)
    assert frame.is_asked is (presentation == "bar")
    assert ("156px" in frame.open(STYLES).html) is (presentation == "link")


def test_another_presentation_is_the_same_everywhere(notice: Notice) -> None:
    for place in ({}, FRANCE, CALIFORNIA):
        script = config_in(Client().get(f"/b/{SITE}.js", headers=place).content)
        assert script["presentation"] == "bar"


# --- The browser's signal -----------------------------------------------------------------------


def text_of_the_signal(**headers: str) -> str:
    script = config_in(Client().get(f"/b/{SITE}.js", headers=headers).content)
    words: str = script["wording"]["en"]["gpc_honoured"]
    return words


def test_california_confirms_the_signal_in_every_layer(notice: Notice) -> None:
    for address in (FRAME, PAGE, TRANSMISSION):
        browser = Framed("en", **CALIFORNIA, **SIGNAL).open(address)
        assert CONFIRMED in browser.html
        assert "is off" in browser.html
        assert CONFIRMED not in Framed("en", **CALIFORNIA).open(address).html
        elsewhere = Framed("en", **FRANCE, **SIGNAL).open(address).html
        assert CONFIRMED not in elsewhere
        assert "privacy signal (GPC) was honoured" in elsewhere

    assert CONFIRMED in text_of_the_signal(**CALIFORNIA)
    assert CONFIRMED not in text_of_the_signal(**FRANCE)
    for language in ("en", "ko"):
        address = f"/v1/bootstrap?site={SITE}&language={language}"
        said = [
            Client().get(address, headers=place).json()["wording"]["gpc_honoured"]
            for place in (CALIFORNIA, FRANCE)
        ]
        assert said[0] != said[1]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_link_confirms_it_while_it_stands_for_the_question(language: str) -> None:
    notice = make_link_site("jp-a")
    said = notice.content["wording"][language]["gpc_confirmed"]
    browser = Framed(language, **CALIFORNIA, **SIGNAL).open(FRAME)

    assert "<form" not in browser.html
    assert said in browser.html
    assert "340px" in browser.open(STYLES).html

    browser.open(PAGE).press("refuse")
    assert said not in browser.open(FRAME).html
    assert "156px" in browser.open(STYLES).html
    # For whoever comes back it is in the settings.
    assert said in browser.open(PAGE).html
    # A frame that gets no cookies does not know what was decided.
    elsewhere = Framed(language, **CALIFORNIA, **SIGNAL, **{"Sec-Fetch-Site": "cross-site"})
    assert said not in elsewhere.open(FRAME).html


def test_switches_show_what_the_signal_holds_and_saving_them_keeps_it(notice: Notice) -> None:
    browser = Browser("en", **CALIFORNIA).open(PAGE).press("allow")
    assert browser.open(PAGE).form("save").boxes["purpose:advertising"]

    browser.headers |= SIGNAL
    boxes = browser.open(PAGE).form("save").boxes
    assert CONFIRMED in browser.html
    assert {box for box, is_on in boxes.items() if not is_on} == {
        "purpose:advertising", "purpose:personalisation",
    }  # fmt: skip
    # What nobody has switched on under the signal is not granted by saving the rest.
    browser.press("save")
    del browser.headers["Sec-GPC"]
    assert not browser.open(PAGE).form("save").boxes["purpose:advertising"]


def test_a_yes_under_the_signal_is_not_called_an_opt_out(notice: Notice) -> None:
    browser = Browser("en", **CALIFORNIA, **SIGNAL).open(PAGE).press("allow")

    for address in (PAGE, TRANSMISSION):
        assert "(GPC)" not in browser.open(address).html
    assert browser.open(PAGE).form("save").boxes["purpose:advertising"]


# --- Not asked again too early ------------------------------------------------------------------

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize(("days", "asks"), [(1, False), (364, False), (365, True)])
def test_after_an_opt_out_california_is_not_asked_for_twelve_months(
    notice: Notice, days: int, asks: bool
) -> None:
    refused = Choices(
        granted=frozenset(),
        refused=notice.asked_ids,
        decided_at=int((NOW - timedelta(days=days)).timestamp()),
        notice=notice.number,
        with_signal=False,
        seq=1,
    )

    assert asks is rules.has_question(
        notice=notice,
        regime=regimes.get_regime(code="us-ca", on=date(2026, 11, 24)),
        choices=refused,
        overdue=(),
        now=NOW,
    )


def test_nothing_is_said_to_wait_where_something_runs_after_notice(notice: Notice) -> None:
    browser = Browser("en").open(PAGE)
    assert "only what is necessary is sent" in browser.html

    browser.client.cookies["cm_shown"] = "1"
    browser.open(PAGE)
    assert "only what is necessary is sent" not in browser.html
    assert re.search(r"not chosen yet. Some things are sent after notice", browser.html)
