"""
Article 5 of the policy, joint use: a versioned notice of it with all that the law names, in effect
no earlier than it is published; a joint user's tag is shut until then.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from tests.factories.clock import NOW
from tests.factories.registry import tag, text
from tests.integration.preferences.declared import JOINT_USE, declaration, declare
from tests.integration.preferences.policy_pages import read
from tests.visitors import Visitor
from tracking.lib.short_memory import forget_everything
from tracking.notices.models import NoticeVersion
from tracking.notices.operations import NoticeIncomplete

pytestmark = pytest.mark.django_db


def with_tag_of_joint_user(effective_at: Any) -> dict[str, Any]:
    tables = declaration()
    tables["partners"][-1]["effective_at"] = effective_at
    tables["tags"].append(tag("members", "outlet", ["advertising"]))
    return tables


def test_the_tag_of_a_joint_user_is_shut_until_its_day(db: None) -> None:
    visitor = Visitor(declare(tables=with_tag_of_joint_user(NOW + timedelta(days=3))))
    visitor.allow()

    assert visitor.gate("members")["members"] == {
        "allowed": False,
        "reason": "not_yet_effective",
        "withheld_data_items": [],
    }
    assert visitor.gate("ads")["ads"]["allowed"]


def test_from_its_day_on_it_opens_with_a_yes(db: None) -> None:
    visitor = Visitor(declare(tables=with_tag_of_joint_user(NOW - timedelta(seconds=1))))

    assert not visitor.gate("members")["members"]["allowed"]
    visitor.allow()
    assert visitor.gate("members")["members"]["allowed"]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_notice_has_fact_items_scope_purpose_and_who_answers(db: None, language: str) -> None:
    declare()
    html = read("/joint-use/shop/", language)

    told = html.partition('id="joint-members"')[2].partition("</article>")[0]
    fact = {
        "ja": "次の情報を、下の会社と共同で使います。",
        "en": "We use the information below jointly with the companies below.",
    }
    assert fact[language] in told
    for name in ("scope", "purpose", "responsible_name", "responsible_address",
                 "responsible_representative"):  # fmt: skip
        assert JOINT_USE[name][language] in told, name
    assert text("attr.gender")[language] in told
    assert text("Outlet Inc.")[language] in told


def test_each_version_keeps_the_notice_as_it_was(db: None) -> None:
    first = declare()
    second = declare(
        tables=declaration(joint_uses=[{**JOINT_USE, "purpose": text("To sell")}]),
        effective_at=NOW + timedelta(days=30),
    )

    assert second.number == first.number + 1
    kept = NoticeVersion.objects.get(pk=first.id)
    assert kept.content["joint_uses"][0]["purpose"] == JOINT_USE["purpose"]
    assert second.content["joint_uses"][0]["purpose"] == text("To sell")


def test_no_notice_takes_effect_before_it_is_published(db: None) -> None:
    with pytest.raises(NoticeIncomplete), transaction.atomic():
        declare(effective_at=NOW - timedelta(days=1))
    forget_everything()
    notice = declare()
    with pytest.raises(IntegrityError, match="notice_effective"), transaction.atomic():
        NoticeVersion.objects.create(
            site_id=notice.site_id, number=2, content=dict(notice.content), content_hash="0" * 64,
            author="tests", published_at=NOW, effective_at=NOW - timedelta(days=1),
        )  # fmt: skip


def test_what_is_announced_is_shown_and_is_not_in_effect(db: None) -> None:
    declare()
    declare(
        tables=declaration(joint_uses=[{**JOINT_USE, "purpose": text("To sell")}]),
        effective_at=NOW + timedelta(days=30),
    )
    forget_everything()
    html = read("/joint-use/shop/", "en")

    today, _, coming = html.partition("What is going to change")
    assert "To serve members alike" in today
    assert "To sell" not in today
    assert "To sell" in coming
