"""A page that the service publishes, as a part of the site's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.template import Context, Template
from django.utils import translation

from consentmgr.embed import script_text, snippets
from tests.unit.embed.conftest import Service
from tracking.preferences.types import Listing

PART = '<section class="cm-part" lang="ja">\n<h2>クッキーの一覧</h2></section>'


def render(what: str = '"cookies"') -> str:
    return Template("{% load consent %}{% consent_part " + what + " %}").render(Context())


def grow_old() -> None:
    for known in script_text._known.values():
        known.until -= 61


def test_it_stands_in_the_page_and_is_asked_for_once_a_minute(service: Service) -> None:
    service.text = PART

    assert render() == render() == PART
    assert [path for path, _ in service.asked] == ["/cookies/shop.html?heading=2&lang=ja"]


def test_its_heading_and_its_language_are_the_pages(service: Service) -> None:
    service.text = PART
    with translation.override("en"):
        render('"joint-use" heading=3')

    assert [path for path, _ in service.asked] == ["/joint-use/shop.html?heading=3&lang=en"]


def test_while_the_service_is_away_the_last_text_stands(service: Service) -> None:
    service.text = PART
    render()
    service.status, service.text = 503, "away"
    grow_old()

    assert render() == PART


@pytest.mark.parametrize(
    ("status", "text"),
    [(503, PART), (404, PART), (200, "<html>"), (200, f"{PART}<script></script>")],
)
def test_before_it_has_said_anything_there_is_a_link(
    service: Service, status: int, text: str
) -> None:
    service.status, service.text = status, text

    assert render() == f'<a href="{service.address}/cookies/shop/?lang=ja">クッキーの一覧</a>'


def test_a_page_that_is_not_published_is_named(service: Service) -> None:
    with pytest.raises(ValueError, match="'cookie' is none of external-transmission, cookies"):
        render('"cookie"')


def test_its_names_are_those_of_the_service(service: Service) -> None:
    assert set(snippets._PARTS) == {"external-transmission", *(one.value for one in Listing)}
    named = re.findall(
        r"^\| `([a-z-]+)` \|", Path("docs/pages.md").read_text("utf-8"), re.MULTILINE
    )
    assert named == list(snippets._PARTS)
