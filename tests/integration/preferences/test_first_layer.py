"""The first layer in a frame, for browsers without scripts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError

from tests.factories.registry import ORIGIN, catalogue, make_site, publish
from tests.integration.preferences.pages import PAGE, Browser
from tracking.consents.models import ConsentRecord, Device
from tracking.consents.types import Choices, Surface
from tracking.lib.short_memory import forget_everything
from tracking.notices.types import Notice
from tracking.preferences import rules
from tracking.regimes import rules as regimes
from tracking.registry import operations as registry
from tracking.registry.types import Presentation

pytestmark = pytest.mark.django_db

FRAME = "/first-layer/shop/"
STYLES = "/first-layer/shop.css"
BACK = f"{ORIGIN}/items/1?size=m&color=red"
OWN = "http://testserver"


class Framed(Browser):
    """A browser on a page of the shop: it says where it is, and does not run the shop itself."""

    def __init__(self, language: str = "ja", **headers: str) -> None:
        super().__init__(
            language,
            **{"Sec-Fetch-Site": "same-site", "Referer": BACK, "Origin": OWN, **headers},
        )

    def send(self, address: str, data: dict[str, Any]) -> Framed:
        self.response = self.client.post(address, data, headers=self.headers)
        return self

    @property
    def is_asked(self) -> bool:
        """What the frame holds; its layout must say the same."""
        asks = 'value="refuse"' in self.open(FRAME).html
        assert ("box-shadow" in self.open(STYLES).html) is asks
        return asks


def granted(notice: Notice) -> set[str]:
    return {notice.ids[number] for number in Device.objects.get().granted}


@pytest.mark.parametrize("act", ["allow", "refuse"])
def test_an_answer_is_recorded_and_leads_back_to_the_page(notice: Notice, act: str) -> None:
    browser = Framed()
    assert browser.is_asked
    assert not browser.client.cookies

    browser.open(FRAME).press(act)

    assert browser.response.status_code == 303
    assert browser.response["Location"] == BACK
    assert browser.client.cookies["cm_device"]["httponly"]
    assert browser.client.cookies["cm_choices"].value.startswith("1.1.")
    assert granted(notice) == (notice.asked_ids if act == "allow" else set())
    record = ConsentRecord.objects.get()
    assert (record.method, record.surface, record.language) == (act, "bar", "ja")
    assert not browser.is_asked


def test_the_decided_frame_is_the_link_to_the_settings(notice: Notice) -> None:
    browser = Framed("en").open(FRAME).press("refuse").open(FRAME)

    assert "<form" not in browser.html
    assert (
        '<a class="settings" href="/preferences/shop/?lang=en" target="_top">Privacy choices</a>'
    ) in browser.html


def test_the_frame_says_what_the_notice_says_and_leaves_itself(notice: Notice) -> None:
    html = Framed().open(FRAME).html
    wording = notice.content["wording"]["ja"]

    for key in ("banner_title", "banner_link", "allow", "refuse", "choose"):
        assert wording[key] in html
    assert "4社に送ることがあります" in html
    assert html.count('target="_top"') == html.count("<form") + html.count("<a ") == 3
    assert "<script" not in html
    assert "style=" not in html


@pytest.mark.parametrize(
    ("accepts", "query", "language"),
    [("en-GB,ja;q=0.5", "", "en"), ("fr", "", "ja"), ("ja", "?lang=en", "en")],
)
def test_the_language_is_the_visitors(
    notice: Notice, accepts: str, query: str, language: str
) -> None:
    browser = Framed(accepts).open(FRAME + query)

    assert f'<html lang="{language}">' in browser.html
    browser.press("refuse")
    assert ConsentRecord.objects.get().language == language


def test_only_the_sites_pages_may_frame_it(notice: Notice) -> None:
    response = Framed().open(FRAME).response

    policy = response["Content-Security-Policy"]
    assert f"frame-ancestors {ORIGIN}" in policy
    # Browsers hold the policy of the form against the redirect that answers it.
    assert f"form-action 'self' {ORIGIN};" in policy
    assert "unsafe" not in policy
    assert "X-Frame-Options" not in response
    assert response["Cache-Control"] == "private, no-store"
    assert Framed().open(PAGE).response["X-Frame-Options"] == "DENY"


def test_the_layout_is_each_visitors_own(notice: Notice) -> None:
    response = Framed().open(STYLES).response

    assert response["Content-Type"] == "text/css"
    assert response["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("origin", ["https://evil.example", ORIGIN, "null", ""])
def test_a_form_from_elsewhere_records_nothing(notice: Notice, origin: str) -> None:
    """The site's own pages send forged forms no better than anybody else's."""
    browser = Framed(Origin=origin).open(FRAME).press("allow")

    assert browser.response.status_code == 403
    assert not browser.client.cookies
    assert not Device.objects.exists()


@pytest.mark.parametrize(
    "back",
    [
        "",
        "https://evil.example/",
        f"{ORIGIN}.evil.example/",
        f"{ORIGIN}@evil.example/",
        f"{ORIGIN}\\@evil.example/",
        f"{ORIGIN}:8443/",
        "http://shop.example/",
        "//shop.example/",
        "javascript:alert(1)",
        f"{ORIGIN}/\r\nSet-Cookie: a=b",
        f"{ORIGIN}/{'a' * 3000}",
        "https://[/",
    ],
)
def test_it_leads_back_to_pages_of_the_site_alone(notice: Notice, back: str) -> None:
    browser = Framed().open(FRAME).press("refuse", back=back)

    record = ConsentRecord.objects.get()
    assert browser.response["Location"] == f"{PAGE}?saved={record.key}&lang=ja"
    assert '<p class="message ok" role="status">' in browser.open(browser.response["Location"]).html


@pytest.mark.parametrize("where", ["cross-site", ""])
def test_in_a_page_of_another_site_it_asks_in_a_page_of_its_own(notice: Notice, where: str) -> None:
    """
    There the frame gets no cookies: it cannot know what was decided, and its form would record a
    new device and drop the token of the one that may have granted. So it only leads to the
    preference centre, a top-level page that has the cookies.
    """
    settled = Browser().open(PAGE).press("allow")
    framed = Framed(**{"Sec-Fetch-Site": where})

    assert not framed.is_asked
    assert 'href="/preferences/shop/?lang=ja" target="_top"' in framed.open(FRAME).html

    settled.open(PAGE).press("refuse")
    assert Device.objects.count() == 1
    assert granted(notice) == set()


def test_the_privacy_signal_is_said_to_be_honoured_and_kept(notice: Notice) -> None:
    browser = Framed("en", **{"Sec-GPC": "1"}).open(FRAME)
    assert "privacy signal (GPC) was honoured" in browser.html
    assert "privacy signal" not in Framed("en").open(FRAME).html

    browser.press("allow")
    assert Device.objects.get().with_signal


def test_pressed_twice_it_is_one_record(notice: Notice) -> None:
    browser = Framed().open(FRAME)
    form = browser.form("allow")
    for _ in range(2):
        browser.send(form.action, {**dict(form.fields), "act": "allow"})
        assert browser.response["Location"] == BACK

    assert ConsentRecord.objects.count() == 1


def test_a_new_question_is_asked(notice: Notice) -> None:
    browser = Framed().open(FRAME).press("allow")
    changed = catalogue()
    changed["tags"][2]["required_items"] += ["activity.url"]
    registry.apply_catalogue(catalogue=changed)
    publish()
    forget_everything()

    assert browser.is_asked


def test_on_a_retired_notice_allowing_is_asked_again_on_our_page(notice: Notice) -> None:
    browser = Framed("en").open(FRAME)
    changed = catalogue()
    changed["partners"][2]["legal_name"] = {"ja": "アドコ", "en": "Adco Global"}
    registry.apply_catalogue(catalogue=changed)
    publish()
    forget_everything()
    browser.press("allow")

    assert browser.response.status_code == 409
    assert "Your earlier settings are as they were." in browser.html
    assert browser.form("save").buttons == ["refuse", "save", "allow"]


@pytest.mark.parametrize(
    ("presentation", "width"), [("bar", "1040px"), ("card", "400px"), ("dialog", "1040px")]
)
def test_the_sites_presentation_is_kept(db: None, presentation: str, width: str) -> None:
    site = {**catalogue()["site"], "presentation": presentation}
    make_site(site=site)
    browser = Framed()

    assert browser.is_asked
    assert width in browser.open(STYLES).html
    browser.open(FRAME).press("refuse")
    surface = "card" if presentation == "card" else "bar"
    assert ConsentRecord.objects.get().surface == surface


def test_an_unreadable_answer_is_asked_again_on_our_page(notice: Notice) -> None:
    browser = Framed("en").open(FRAME).press("allow", notice="77")

    assert browser.response.status_code == 400
    assert "could not be read" in browser.html
    assert not Device.objects.exists()


def test_while_the_database_is_away_the_frame_hides_and_the_answer_is_kept(
    notice: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Framed("en").open(FRAME)
    form = browser.form("refuse")

    def away(**kwargs: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr("tracking.preferences.queries.get_first_layer", away)
    monkeypatch.setattr("tracking.preferences.queries.get_form_basis", away)
    styles = browser.open(STYLES).response
    assert (styles.status_code, browser.html) == (200, "iframe.cm-first-layer{display:none}\n")

    browser.send(form.action, {**dict(form.fields), "act": "refuse"})
    assert browser.response.status_code == 503
    kept = dict(browser.form("").fields)
    monkeypatch.undo()
    browser.send(FRAME, kept)
    assert browser.response["Location"] == BACK
    assert granted(notice) == set()


def test_an_unknown_site_has_no_first_layer(notice: Notice) -> None:
    assert Framed().open("/first-layer/nowhere/").response.status_code == 404
    assert Framed().open("/first-layer/nowhere.css").response.status_code == 404


def test_its_reads_are_few(notice: Notice, django_assert_num_queries: Any) -> None:
    browser = Framed().open(FRAME).press("refuse")
    for address in (FRAME, STYLES):
        forget_everything()
        with django_assert_num_queries(5):
            browser.open(address)


NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("granting", "days", "asks"),
    [(True, 364, False), (True, 366, True), (False, 179, False), (False, 181, True)],
)
def test_an_answer_is_asked_again_when_it_is_old(
    notice: Notice, granting: bool, days: int, asks: bool
) -> None:
    nothing: frozenset[str] = frozenset()
    choices = Choices(
        granted=notice.asked_ids if granting else nothing,
        refused=nothing if granting else notice.asked_ids,
        decided_at=int((NOW - timedelta(days=days)).timestamp()),
        notice=notice.number,
        with_signal=False,
        seq=1,
    )

    assert asks is rules.has_question(
        notice=notice,
        regime=regimes.get_regime(code="jp-a", on=date.max),
        choices=choices,
        overdue=(),
        now=NOW,
    )


def test_a_frame_asks_as_a_bar_or_as_a_card() -> None:
    surfaces = {one: rules.frame_surface(one) for one in Presentation}

    assert surfaces == {
        Presentation.BAR: Surface.BAR,
        Presentation.CARD: Surface.CARD,
        Presentation.DIALOG: Surface.BAR,
        Presentation.LINK: None,
    }
