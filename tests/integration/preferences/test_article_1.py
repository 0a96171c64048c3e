"""
Article 1 of the policy, purposes: a tag with no purpose cannot go live; a consent record stores the
purposes and leads to the text that was seen; a tag is used for no other purpose than its own.
"""

from __future__ import annotations

from typing import Any

import pytest

from consentmgr.demo.catalogue import read_catalogue
from consentmgr.demo.places import get_places
from tests.factories.clock import NOW
from tests.factories.registry import catalogue, make_site
from tests.integration.preferences.declared import declaration, declare
from tests.integration.preferences.policy_pages import read
from tests.visitors import Visitor
from tracking.consents.models import ConsentRecord
from tracking.notices.operations import NoticeIncomplete, publish_notice_version
from tracking.registry.operations import apply_catalogue

pytestmark = pytest.mark.django_db


def test_a_tag_with_no_purpose_cannot_go_live(db: None) -> None:
    tags = catalogue()["tags"]
    tags[2]["purposes"] = []

    with pytest.raises(NoticeIncomplete):
        make_site(tags=tags)


def test_a_record_stores_the_purposes_and_leads_to_the_text_that_was_seen(
    visitor: Visitor,
) -> None:
    visitor.choose(
        granted={"partner:adco", "purpose:advertising", "item:id.cookie"},
        refused={"purpose:analytics"},
    )
    record = ConsentRecord.objects.select_related("notice").get()

    ids = visitor.notice.ids
    assert "purpose:advertising" in {ids[number] for number in record.granted}
    assert "purpose:analytics" in {ids[number] for number in record.refused}
    assert record.notice.content_hash == visitor.notice.hash
    assert len(record.notice.content_hash) == 64


def test_a_tag_waits_for_each_of_its_own_purposes(visitor: Visitor) -> None:
    """`retarget` serves advertising and personalisation; a yes to one of them is no yes to it."""
    everything = {"partner:retargeter", "item:id.cookie", "item:activity.sequence"}
    visitor.choose(granted={*everything, "purpose:advertising"}, refused=set())
    assert not visitor.gate("retarget")["retarget"]["allowed"]

    visitor.choose(granted={*everything, "purpose:personalisation"}, refused=set())
    assert visitor.gate("retarget")["retarget"]["allowed"]


def test_a_yes_to_another_purpose_opens_nothing(visitor: Visitor) -> None:
    visitor.choose(
        granted={"partner:adco", "item:id.cookie", "purpose:analytics", "purpose:personalisation"},
        refused={"purpose:advertising"},
    )

    assert visitor.gate("ads")["ads"] == {
        "allowed": False,
        "reason": "purpose_refused",
        "withheld_data_items": [],
    }


@pytest.mark.parametrize("language", ["ja", "en"])
def test_each_tag_is_shown_with_the_purposes_of_the_policy(db: None, language: str) -> None:
    tables = declaration()
    tables["purposes"][2]["policy_codes"] = ["P10", "P13"]
    declare(tables=tables)
    html = read("/external-transmission/shop/", language)

    ads = html.partition('id="tag-ads"')[2].partition("</article>")[0]
    assert ("（P10、P13）" if language == "ja" else "(P10, P13)") in ads


def test_the_demos_tags_name_the_purposes_of_its_policy(db: None) -> None:
    apply_catalogue(catalogue=read_catalogue(places=get_places()).declaration)
    content = publish_notice_version(
        site_code="kloset", wording={}, author="tests", now=NOW
    ).content

    codes: dict[str, Any] = {one["code"]: one["policy_codes"] for one in content["purposes"]}
    known = {f"P{number:02}" for number in range(1, 14)}
    for tag in content["tags"]:
        named = {code for purpose in tag["purposes"] for code in codes[purpose]}
        assert named, tag["code"]
        assert named <= known
    assert "P10" in codes["advertising"]
    assert set(codes["analytics"]) & {"P04", "P06", "P11"}
    assert "P12" in codes["necessary"]
