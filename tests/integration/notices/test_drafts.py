"""From a draft to a notice: what is kept, who may, what is published."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from tests.factories.clock import NOW
from tests.factories.registry import SITE, catalogue, make_site
from tracking.audit.models import Entry
from tracking.lib.errors import DomainError
from tracking.notices import models, operations, queries
from tracking.notices.types import DraftInfo, Notice, Stage
from tracking.registry import operations as registry

pytestmark = pytest.mark.django_db

TITLE = "見たページの記録を、外部の会社に送ってもよいですか"


def save(**changes: Any) -> DraftInfo:
    known = queries.get_draft(site_code=SITE)
    fields: dict[str, Any] = {
        "lines": {"ja": {"banner_title": TITLE}},
        "note": "",
        "effective_at": None,
        "revision": known.revision,
        "author": "writer",
        **changes,
    }
    return operations.save_draft(site_code=SITE, now=NOW, **fields)


def submit() -> None:
    revision = queries.get_draft(site_code=SITE).revision
    operations.submit_draft(site_code=SITE, revision=revision, author="writer", now=NOW)


def publish(*, reviewer: str = "reviewer", needs_another: bool = False) -> Notice:
    return operations.publish_draft(
        site_code=SITE,
        revision=queries.get_draft(site_code=SITE).revision,
        reviewer=reviewer,
        needs_another=needs_another,
        now=NOW,
    )


def test_a_draft_begins_with_what_is_published() -> None:
    make_site()
    operations.publish_notice_version(
        site_code=SITE, wording={"en": {"allow": "Allow it"}}, author="tests", now=NOW
    )

    draft = queries.get_draft(site_code=SITE)

    assert (draft.wording, draft.revision) == ({"en": {"allow": "Allow it"}}, 0)


def test_saving_keeps_other_lines_and_an_empty_one_goes_back_to_the_built_in_text() -> None:
    make_site()
    save(lines={"ja": {"banner_title": TITLE}, "en": {"allow": "Allow it"}})

    draft = save(lines={"en": {"allow": ""}})

    assert (draft.wording, draft.revision) == ({"ja": {"banner_title": TITLE}}, 2)


def test_a_draft_changes_nothing_that_visitors_see() -> None:
    notice = make_site()
    save()

    assert queries.get_current(site_code=SITE) == notice


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        ({"ja": {"no_such_line": "x"}}, "ja.no_such_line"),
        ({"de": {"allow": "Erlauben"}}, "de.allow"),
        ({"en": {"allow": "x" * 2001}}, "en.allow"),
    ],
)
def test_a_line_that_cannot_be_is_refused_and_named(lines: Any, field: str) -> None:
    make_site()
    with pytest.raises(operations.DraftInvalid) as refused:
        save(lines=lines)

    assert list(refused.value.fields) == [field]
    assert not models.Draft.objects.exists()


def test_nobody_overwrites_what_they_have_not_seen() -> None:
    make_site()
    save()

    with pytest.raises(operations.DraftChanged):
        save(revision=0, lines={"ja": {"banner_title": "ほかの題"}})

    assert queries.get_draft(site_code=SITE).wording["ja"]["banner_title"] == TITLE


def test_what_was_reviewed_is_published_with_both_names() -> None:
    make_site()
    save(note="やさしい言葉にした")
    submit()

    notice = publish()

    assert notice.content["wording"]["ja"]["banner_title"] == TITLE
    (first, second) = queries.list_publications(site_code=SITE)
    assert (first.number, second.number) == (1, 2)
    assert (second.author, second.reviewer, second.note) == (
        "writer",
        "reviewer",
        "やさしい言葉にした",
    )
    assert not models.Draft.objects.exists()
    assert [entry.action for entry in Entry.objects.order_by("id")][-2:] == [
        "notice.submitted",
        "notice.published",
    ]


def test_only_what_is_in_review_can_be_published() -> None:
    make_site()
    save()

    with pytest.raises(operations.ReviewMissing):
        publish()


def test_where_another_person_is_needed_nobody_publishes_their_own() -> None:
    make_site()
    save()
    submit()

    with pytest.raises(operations.ReviewMissing):
        publish(reviewer="writer", needs_another=True)
    assert publish(reviewer="reviewer", needs_another=True).number == 2


def test_whoever_changes_a_draft_in_review_takes_it_back() -> None:
    make_site()
    save()
    submit()

    assert save(lines={"en": {"allow": "Allow it"}}).stage is Stage.WRITING


def test_what_the_site_declares_must_not_change_between_review_and_publication() -> None:
    make_site()
    save()
    submit()
    tables = catalogue()
    tables["partners"][2]["country"] = "FR"
    registry.apply_catalogue(catalogue=tables)

    with pytest.raises(operations.DraftChanged):
        publish()
    assert queries.get_current(site_code=SITE).number == 1


def test_a_draft_that_cannot_be_published_cannot_be_submitted() -> None:
    make_site()
    tables = catalogue()
    tables["tags"][2]["their_purpose"] = {"ja": "", "en": "x"}
    registry.apply_catalogue(catalogue=tables)

    with pytest.raises(operations.NoticeIncomplete) as refused:
        submit()

    assert refused.value.fields["gaps"]


def test_a_planned_notice_waits_for_its_moment() -> None:
    first = make_site()
    later = NOW + timedelta(days=30)
    save(effective_at=later)
    submit()

    assert publish().effective_at == later
    assert queries.get_current(site_code=SITE) == first


def test_a_draft_that_is_thrown_away_leaves_a_trace() -> None:
    make_site()
    draft = save()
    operations.discard_draft(site_code=SITE, revision=draft.revision, author="writer", now=NOW)

    assert queries.get_draft(site_code=SITE).wording == {}
    entry = Entry.objects.latest("id")
    assert (entry.action, entry.details["wording"]) == (
        "notice.discarded",
        {"ja": {"banner_title": TITLE}},
    )


def test_a_draft_is_given_back_to_be_written_on() -> None:
    make_site()
    save()
    submit()
    revision = queries.get_draft(site_code=SITE).revision
    operations.return_draft(site_code=SITE, revision=revision, author="reviewer", now=NOW)

    assert queries.get_draft(site_code=SITE).stage is Stage.WRITING


def test_an_older_version_comes_back_as_a_new_one_that_asks_nobody_again() -> None:
    first = make_site()
    tables = catalogue()
    tables["tags"][2]["required_items"] = ["id.cookie", "activity.url"]
    second = make_site(tags=tables["tags"])
    assert second.terms.material_since["partner:adco"] == 2

    third = operations.roll_back(
        site_code=SITE, number=1, newest=2, author="owner", note="too much", now=NOW
    )

    assert third.number == 3
    assert third.terms.material_since == first.terms.material_since
    assert {**third.content, "number": 1} == first.content
    assert queries.list_publications(site_code=SITE)[-1].restores == 1
    assert models.NoticeVersion.objects.count() == 3


def test_a_roll_back_that_was_decided_on_old_facts_is_refused() -> None:
    make_site()
    make_site(partners=[{**one, "country": "FR"} for one in catalogue()["partners"]])

    with pytest.raises(operations.DraftChanged):
        operations.roll_back(site_code=SITE, number=1, newest=1, author="owner", note="", now=NOW)


def test_a_version_that_never_was_cannot_come_back() -> None:
    make_site()
    with pytest.raises(DomainError) as refused:
        operations.roll_back(site_code=SITE, number=7, newest=1, author="a", note="", now=NOW)
    assert refused.value.status == 404


def test_a_notice_says_when_it_is_to_be_looked_at_again() -> None:
    make_site()
    (first,) = queries.list_publications(site_code=SITE)
    assert first.review_on is not None
    assert 364 <= (first.review_on - NOW.date()).days <= 367


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "in_review"},
        {"stage": "published"},
        {"submitted_by": "somebody"},
        {"submitted_hash": "0" * 64},
    ],
)
def test_postgres_refuses_a_review_of_nothing(change: dict[str, str]) -> None:
    make_site()
    save()
    with pytest.raises(IntegrityError, match="draft_in_review"), transaction.atomic():
        models.Draft.objects.update(**change)


def test_postgres_refuses_to_restore_what_came_later() -> None:
    make_site()
    with pytest.raises(IntegrityError, match="notice_restores"), transaction.atomic():
        models.NoticeVersion.objects.create(
            site_id=queries.get_current(site_code=SITE).site_id,
            number=2,
            content={},
            content_hash="0" * 64,
            author="x",
            published_at=NOW,
            effective_at=NOW,
            restores=2,
        )
