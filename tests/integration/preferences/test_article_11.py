"""
Article 11 of the policy, contact: company, address, e-mail and representative are on every notice,
and a page is not built if any of them is empty.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from tests.factories.registry import catalogue, make_site
from tests.integration.preferences.declared import declare
from tests.integration.preferences.policy_pages import PAGES, PARTS, read
from tracking.notices.operations import NoticeIncomplete
from tracking.notices.types import Notice
from tracking.preferences.page import make_frame

pytestmark = pytest.mark.django_db

FIELDS = ("name", "address", "representative", "email")


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("address", [*PAGES, *PARTS])
def test_every_page_says_who_answers_for_it(db: None, address: str, language: str) -> None:
    notice = declare()
    html = read(address, language)

    company = notice.content["company"]
    contact = html.partition("<address>")[2].partition("</address>")[0]
    for field in ("name", "address", "representative"):
        assert company[field][language] in contact, field
    assert f'href="mailto:{company["email"]}"' in contact


@pytest.mark.parametrize("field", FIELDS)
def test_no_page_is_built_if_any_of_it_is_empty(notice: Notice, field: str) -> None:
    content: dict[str, Any] = copy.deepcopy(dict(notice.content))
    content["company"][field] = "" if field == "email" else {"ja": "", "en": ""}

    with pytest.raises(ValueError, match=f"names no {field} of the company"):
        make_frame(notice=replace(notice, content=content), site_name={}, language="ja")
    assert make_frame(notice=notice, site_name={}, language="ja").company[field]


@pytest.mark.parametrize("field", FIELDS)
def test_nothing_is_published_without_it(db: None, field: str) -> None:
    site = catalogue()["site"]
    site["company"][field] = "" if field == "email" else {"en": "Only in English"}

    with pytest.raises(NoticeIncomplete):
        make_site(site=site)
