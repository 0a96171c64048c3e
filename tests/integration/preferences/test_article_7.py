"""
Article 7 of the policy, disclaimer: links that leave the site carry a mark, and no page collects
free text.
"""

from __future__ import annotations

import re

import pytest

from tests.integration.preferences.declared import declare
from tests.integration.preferences.policy_pages import PAGES, PARTS, read

pytestmark = pytest.mark.django_db

MARK = {"ja": "（外部サイト）", "en": "(external site)"}


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("address", [*PAGES, *PARTS])
def test_links_that_leave_the_site_carry_a_mark(db: None, address: str, language: str) -> None:
    declare()
    html = read(address, language)

    for way, inside in re.findall(r'<a[^>]* href="(https?:[^"]+)"[^>]*>(.*?)</a>', html):
        is_ours = way.startswith("http://testserver/")
        assert (MARK[language] in inside) != is_ours, way


@pytest.mark.parametrize(
    "address",
    [
        place
        for place in (*PAGES, *PARTS)
        if re.search("preferences/shop/$|partners|external", place)
    ],
)
def test_there_are_such_links_where_partners_are_shown(db: None, address: str) -> None:
    declare()

    assert "https://adco.example/privacy" in read(address)


@pytest.mark.parametrize("address", [*PAGES, *PARTS])
def test_no_page_asks_for_free_text(db: None, address: str) -> None:
    declare()
    html = read(address)

    assert "<textarea" not in html
    assert "contenteditable" not in html
    kinds = {
        (re.search(r'type="(\w+)"', field) or [None, "text"])[1]
        for field in re.findall(r"<input[^>]*>", html)
    }
    assert kinds <= {"hidden", "checkbox", "radio"}
