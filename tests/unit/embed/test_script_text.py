"""The script's text in the page: zero requests before the banner, and no page that waits."""

from __future__ import annotations

import threading
import time

import pytest
from django.template import Context, Template
from pytest_django.fixtures import Settings

from consentmgr.embed import script_text
from tests.unit.embed.conftest import Service

INLINE = "<script data-cm-inline>start();</script>"


def render() -> str:
    return Template("{% load consent %}{% consent_head inline=True %}").render(Context())


def grow_old(seconds: float) -> None:
    for known in script_text._known.values():
        known.until -= seconds


def test_the_text_is_asked_for_once_a_minute(service: Service) -> None:
    assert render() == INLINE
    assert render() == INLINE
    assert [path for path, _ in service.asked] == ["/b/shop.js?inline=1&lang=ja"]

    grow_old(61)
    assert render() == INLINE
    (_, first), (_, second) = service.asked
    assert (first, bool(second)) == ("", True)

    service.text = "start(2);"
    assert render() == INLINE
    grow_old(61)
    assert render() == INLINE.replace("()", "(2)")


def test_the_text_carries_the_nonce(service: Service) -> None:
    page = Template("{% load consent %}{% consent_head inline=True %}").render(
        Context({"csp_nonce": "n1"})
    )

    assert page == INLINE.replace(">start", ' nonce="n1">start')


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (404, "start();"),
        (500, "start();"),
        (200, ""),
        (200, "a='</ScRipt>'"),
        (200, "a='<!--'"),
        (200, "x" * 600_000),
    ],
)
def test_what_cannot_stand_in_a_page_gives_way_to_the_ordinary_line(
    service: Service, status: int, text: str
) -> None:
    service.status, service.text = status, text

    ordinary = f'<script src="{service.address}/b/shop.js?lang=ja"></script>'
    assert render() == ordinary
    # Not every page asks again.
    assert render() == ordinary
    assert len(service.asked) == 1


def test_a_service_that_goes_away_gives_way_to_the_ordinary_line(service: Service) -> None:
    assert render() == INLINE
    service.status, service.text = 500, "oops"
    grow_old(61)

    assert "/b/shop.js?lang=ja" in render()


def test_with_nobody_there_the_ordinary_line_is_written(settings: Settings) -> None:
    settings.CONSENT_MANAGER = {"url": "http://127.0.0.1:9", "site": "shop"}

    assert render() == '<script src="http://127.0.0.1:9/b/shop.js?lang=ja"></script>'


def test_no_page_waits_for_a_slow_service(service: Service) -> None:
    service.is_slow = threading.Event()
    began = time.monotonic()

    assert "/b/shop.js?lang=ja" in render()
    assert "/b/shop.js?lang=ja" in render()

    # One page waited its second; the other did not ask, and the answer may take twenty.
    assert 1 <= time.monotonic() - began < 8
    assert len(service.asked) == 1
    service.is_slow.set()
    deadline = time.monotonic() + 30
    while render() != INLINE and time.monotonic() < deadline:
        time.sleep(0.05)
    assert render() == INLINE
