"""
Article 3: entrustment.

Its checks, word by word: a processor tag whose declared purposes include its own is published as a
third party's; an overdue review is shown.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.factories.registry import SITE, catalogue, make_site, partner, text
from tests.integration.ledgers.people import signed_in
from tracking.notices.types import Notice

pytestmark = pytest.mark.django_db

TODAY = timezone.now().date()
CONTRACT = {
    "contract_ref": "KL-2026-014",
    "contract_scope": text("Counting"),
    "contract_review_on": TODAY + timedelta(days=40),
    "sub_processors": ["Sub One", "Sub Two"],
}


def processor(code: str, **fields: Any) -> dict[str, Any]:
    return partner(code, role="processor", country="JP", **fields)


def make(*partners: dict[str, Any], **tags: dict[str, Any]) -> Notice:
    others = [one for one in catalogue()["partners"] if one["code"] != "statco"]
    return make_site(
        partners=[*others, *partners],
        tags=[{**one, **tags.get(one["code"], {})} for one in catalogue()["tags"]],
    )


def rows(role: str = "privacy", language: str = "en") -> list[str]:
    html = signed_in(role).get(f"/console/ledgers/?lang={language}&site={SITE}").content.decode()
    table = html.split('id="entrust-title"')[1].split("</section>")[0]
    found = re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", table, flags=re.DOTALL)
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)).strip() for row in found]


def test_a_processor_s_tag_for_its_own_purposes_is_published_as_a_third_party_s() -> None:
    notice = make(processor("statco", **CONTRACT), stats={"is_own_use": True})

    assert notice.terms.partners["statco"].role == "third_party"
    [row] = rows()
    assert "notices publish it as a third party" in row


def test_a_processor_that_works_for_the_site_alone_stays_one() -> None:
    notice = make(processor("statco", **CONTRACT))

    assert notice.terms.partners["statco"].role == "processor"
    assert rows() == [
        "Statco Inc. JP In order KL-2026-014 Counting Sub One, Sub Two "
        + (TODAY + timedelta(days=40)).isoformat()
    ]


@pytest.mark.parametrize(
    ("days", "words"), [(-1, "Review overdue"), (2, "In order"), (None, "No review date")]
)
def test_an_overdue_review_is_shown(days: int | None, words: str) -> None:
    review = None if days is None else TODAY + timedelta(days=days)
    make(processor("statco", **{**CONTRACT, "contract_review_on": review}))

    [row] = rows()
    assert words in row


@pytest.mark.parametrize("reference", ["", "  "])
def test_a_processor_without_a_contract_is_shown_as_such(reference: str) -> None:
    make(processor("statco", **{**CONTRACT, "contract_ref": reference}))

    [row] = rows("auditor")
    assert "No contract" in row


def test_what_needs_somebody_comes_first_and_is_counted() -> None:
    make(
        processor("statco", **CONTRACT),
        processor("undated", contract_ref="A-1"),
        processor("late", **{**CONTRACT, "contract_review_on": TODAY - timedelta(days=9)}),
        processor("bare"),
    )

    assert [row.split()[0] for row in rows()] == ["Bare", "Late", "Undated", "Statco"]
    html = signed_in("auditor").get(f"/console/ledgers/?lang=ja&site={SITE}").content.decode()
    assert "2件の委託に、契約がないか、見直しの期日が過ぎています。" in html


def test_contracts_are_nobody_else_s_business() -> None:
    notice = make(processor("statco", **CONTRACT))

    assert "KL-2026-014" not in str(notice.content)
