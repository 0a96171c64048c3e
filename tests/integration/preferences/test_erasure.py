"""Erasing from the preference centre, without any script."""

from __future__ import annotations

import re

import pytest
from django.db import OperationalError
from django.utils import timezone

from tests.factories.registry import catalogue, make_site
from tests.integration.preferences.pages import PAGE, Browser
from tracking.consents import erasures
from tracking.consents.models import ConsentPrivate, Device, Erasure
from tracking.notices.types import Notice
from tracking.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db

ERASURE = f"{PAGE}erasure/"


def shown(browser: Browser) -> str:
    return browser.html.replace("<wbr>", "")


def test_the_way_there_is_shown_with_the_record_only(notice: Notice) -> None:
    browser = Browser().open(PAGE)
    assert ERASURE not in browser.html

    browser.press("refuse")
    assert f'href="{ERASURE}?lang=ja"' in browser.html
    assert "この端末の記録を消去する" in browser.open(PAGE).html


def test_it_asks_first_and_says_what_follows(notice: Notice) -> None:
    browser = Browser("en").open(PAGE).press("allow").open(ERASURE)

    for words in (
        "Erase what is kept about this device?",
        "This cannot be undone.",
        "Everything that you had allowed stops.",
        "is asked to erase what it has of this device",
        "in a form that does not tell which device it was",
        "Do not erase",
    ):
        assert words in browser.html
    assert ConsentPrivate.objects.exists()
    assert browser.response["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("language", "title", "summary"),
    [
        ("ja", "消去しました", "この端末の情報の消去を、4社に依頼しています。0社が確認しました。"),
        (
            "en",
            "Erased",
            "Companies asked to erase what they have of this device: 4. Confirmed so far: 0.",
        ),
    ],
)
def test_one_press_erases_and_shows_how_far_it_is(
    notice: Notice, language: str, title: str, summary: str
) -> None:
    browser = Browser(language).open(PAGE).press("allow").open(ERASURE).press("erase")

    assert f'<h1 class="title">{title}</h1>' in shown(browser)
    assert summary in browser.html
    assert not ConsentPrivate.objects.exists()
    assert browser.client.cookies["cm_device"].value == ""
    assert browser.client.cookies["cm_choices"].value.startswith("1.1.")
    assert '<meta http-equiv="refresh" content="5">' in browser.html
    # The other language shows the same erasure.
    key = Erasure.objects.get().key
    assert f'<a href="?done={key}&amp;lang=' in browser.html


def test_the_page_needs_the_key_alone_and_ends_with_the_last_answer(notice: Notice) -> None:
    Browser("en").open(PAGE).press("allow").open(ERASURE).press("erase")
    address = f"{ERASURE}?done={Erasure.objects.get().key}"
    stranger = Browser("en").open(address)
    assert "Adco Inc. will be told by" in stranger.html
    assert '<meta http-equiv="refresh"' not in stranger.open(f"{address}&still=1").html
    for event in OutboxEvent.objects.filter(kind="erasure"):
        event.acked_version = event.desired_version
        event.accepted_at = event.confirmed_at = timezone.now()
        event.save()

    html = stranger.open(address).html

    assert "Every partner has confirmed." in html
    assert '<meta http-equiv="refresh"' not in html


def test_afterwards_the_page_knows_nothing_of_the_device(notice: Notice) -> None:
    browser = Browser("en").open(PAGE).press("allow").open(ERASURE).press("erase")

    html = browser.open(PAGE).html

    assert not any(browser.form("save").boxes.values())
    assert "You have not chosen yet" in html
    assert ERASURE not in html
    assert "There is no record of this device" in browser.open(ERASURE).html
    assert "<form" not in browser.html


def test_pressed_twice_it_is_one_erasure(notice: Notice) -> None:
    browser = Browser("en").open(PAGE).press("allow").open(ERASURE)
    form = browser.form("erase")
    token = browser.client.cookies["cm_device"].value
    data = {**dict(form.fields), "act": "erase"}
    first = browser.send(ERASURE, data).response.wsgi_request.get_full_path()
    browser.client.cookies["cm_device"] = token

    again = browser.send(ERASURE, data).response.wsgi_request.get_full_path()

    assert again == first
    assert Erasure.objects.count() == 1


def test_a_form_that_is_gone_back_to_erases_the_new_device(notice: Notice) -> None:
    browser = Browser("en").open(PAGE).press("allow").open(ERASURE)
    form = dict(browser.form("erase").fields)
    browser.press("erase")
    browser.open(PAGE).press("allow")
    token = {"csrfmiddlewaretoken": browser.client.cookies["cm_form"].value}

    browser.send(ERASURE, {**form, **token, "act": "erase"})

    assert Erasure.objects.count() == 2
    assert not Device.objects.filter(erased_at=None).exists()


def test_without_a_record_nothing_is_erased(notice: Notice) -> None:
    Browser("en").open(PAGE).press("allow")
    stranger = Browser("en").open(PAGE)
    token = dict(stranger.form("save").fields)["csrfmiddlewaretoken"]

    stranger.send(ERASURE, {"csrfmiddlewaretoken": token, "form_key": "k", "act": "erase"})

    assert stranger.response.status_code == 404
    assert "There is no record of this device" in stranger.html
    assert ConsentPrivate.objects.count() == 1


def test_a_forged_form_erases_nothing(notice: Notice) -> None:
    browser = Browser("en").open(PAGE).press("allow")

    browser.send(ERASURE, {"form_key": "forged", "act": "erase"})

    assert browser.response.status_code == 403
    assert ConsentPrivate.objects.exists()


@pytest.mark.parametrize("key", ["00000000-0000-4000-8000-000000000000", "nonsense", "%00"])
def test_an_address_that_names_no_erasure_says_so(notice: Notice, key: str) -> None:
    browser = Browser("en").open(f"{ERASURE}?done={key}")

    assert browser.response.status_code == 404
    assert "There is no record of this erasure here." in browser.html


def test_whom_nobody_needs_to_be_told_is_said(db: None) -> None:
    make_site(site={**catalogue()["site"], "default_country": "DE"})

    browser = Browser("en").open(PAGE).press("refuse").open(ERASURE).press("erase")

    assert "No partner had been told of this device." in browser.html
    assert "refresh" not in re.sub(r"(?s)<body.*", "", browser.html)


def test_with_the_database_away_nothing_is_lost(
    notice: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser("en").open(PAGE).press("allow").open(ERASURE)

    def away(**kwargs: object) -> None:
        raise OperationalError

    with monkeypatch.context() as patch:
        patch.setattr(erasures, "erase", away)
        browser.press("erase")
    assert browser.response.status_code == 503
    assert browser.response["Retry-After"] == "5"
    assert ConsentPrivate.objects.exists()
    # What the page holds is sent again, under the same key.
    form = browser.form("")
    browser.send(ERASURE, dict(form.fields))
    assert Erasure.objects.count() == 1
