"""A site's brand on the pages that are served for it, and in the script on its own pages."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from tests.factories.registry import SITE, catalogue, make_site
from tests.integration.preferences.pages import PAGE, TRANSMISSION, Browser
from tests.served_script import config_in
from tracking.notices import operations
from tracking.notices.types import Notice
from tracking.preferences import queries

pytestmark = pytest.mark.django_db

ADDRESS = f"/look/{SITE}/1.css"
FRAME = f"/first-layer/{SITE}/"
DECLARED = "--cm-accent:#1a5fb4;--cm-on-accent:#ffffff;--cm-radius:8px;"


def branded(**look: str) -> Notice:
    site: dict[str, Any] = catalogue()["site"]
    return make_site(site={**site, "look": look})


@pytest.mark.parametrize("address", [PAGE, TRANSMISSION, FRAME])
def test_pages_of_a_site_wear_its_look(address: str) -> None:
    branded(accent="#1a5fb4", radius="8px")

    html = Browser().open(address).html
    # After our own, so that it counts.
    assert html.index(".css") < html.index(f'<link rel="stylesheet" href="{ADDRESS}">')
    sheet = Client().get(ADDRESS)
    assert sheet["Content-Type"] == "text/css"
    assert sheet["Cache-Control"] == "public, max-age=86400"
    assert sheet.content.decode().startswith(
        f":root{{{DECLARED}}}@media(prefers-color-scheme:dark)"
    )
    assert not sheet.cookies


@pytest.mark.parametrize("address", [PAGE, TRANSMISSION, FRAME])
def test_a_site_without_a_look_asks_for_none(notice: Notice, address: str) -> None:
    assert "/look/" not in Browser().open(address).html
    assert Client().get(ADDRESS).content == b""


def test_the_script_brings_the_look_for_the_first_layer(client: Client) -> None:
    branded(accent="#1a5fb4", radius="8px")

    styles = config_in(client.get(f"/b/{SITE}.js").content)["styles"]
    assert f":host{{{DECLARED}}}@media" in styles


def test_a_look_that_cannot_be_read_by_everybody_is_not_published() -> None:
    with pytest.raises(operations.NoticeIncomplete) as refused:
        branded(accent="#ffff00")

    assert (
        "Look: In light mode, the contrast of the accent colour with the surface is 1.07:1. "
        "It must be 3:1 or more."
    ) in refused.value.fields["gaps"]


@pytest.mark.parametrize("number", ["2", "0", "9" * 30])
def test_a_version_that_is_not_there_has_no_look(notice: Notice, number: str) -> None:
    assert Client().get(f"/look/{SITE}/{number}.css").status_code == 404


def test_a_page_goes_without_while_the_database_is_away(
    notice: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: object) -> str:
        raise OperationalError

    monkeypatch.setattr(queries, "get_look", away)

    assert Client().get(ADDRESS).status_code == 503
