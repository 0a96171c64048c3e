"""Which words for vendors a page is served."""

from __future__ import annotations

import copy

import pytest

from tests.factories.registry import make_site_with
from tracking.banner import signals

pytestmark = pytest.mark.django_db


def test_tags_without_one_or_on_a_server_are_not_told() -> None:
    content = make_site_with(ads="google", events="meta").content

    assert signals.read_vendors(content) == {"ads": "google"}


def test_a_notice_from_before_names_none() -> None:
    content = copy.deepcopy(make_site_with(ads="google").content)
    for tag in content["tags"]:
        del tag["vendor"]

    assert signals.read_vendors(content) == {}


def test_the_page_gets_the_vendors_it_has_once_each() -> None:
    served = signals.script_for({"ads": "google", "stats": "google", "retarget": "meta"})

    assert served.startswith("const CM_SIGNALS=")
    assert served.count('"consent","default"') == 1
    assert '"fbq"' in served
    assert "uetq" not in served


def test_a_page_without_vendors_gets_nothing() -> None:
    assert signals.script_for({}) == ""
    # Without a call of its own a vendor brings no words, but it is still accounted for.
    assert signals.script_for({"ads": "line"}).startswith("const CM_SIGNALS=")
