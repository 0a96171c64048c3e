"""An experiment from draft to promotion: what is kept, what is refused, what PostgreSQL holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from tests.factories.clock import NOW
from tests.factories.registry import SITE, catalogue
from tracking.audit.models import Entry
from tracking.experiments import models, operations, queries
from tracking.experiments.types import Arm, Ending, Experiment, Stage
from tracking.lib.short_memory import forget_everything
from tracking.notices import operations as notice_operations
from tracking.notices import queries as notices
from tracking.notices.types import Notice
from tracking.registry import operations as registry
from tracking.registry.types import Presentation

pytestmark = pytest.mark.django_db

CODE = "title"
B = Arm(code="b", share=50, wording={"ja": {"banner_title": "外部の会社に送ってよいですか"}})
A_DAY = timedelta(days=1)


@pytest.fixture
def draft(notice: Notice) -> Experiment:
    return begin()


def begin(code: str = CODE, now: Any = NOW) -> Experiment:
    return operations.create_experiment(
        site_code=SITE, code=code, name="Shorter title", author="mina", now=now
    )


def save(draft: Experiment, *arms: Arm, **plan: Any) -> Experiment:
    return operations.save_draft(
        site_code=SITE,
        code=draft.code,
        plan=replace(draft.plan, **plan),
        arms=arms or (Arm(code="a", share=50, wording={}), B),
        revision=draft.revision,
        author="mina",
        now=NOW,
    )


def start(draft: Experiment, now: Any = NOW) -> Experiment:
    return operations.start(
        site_code=SITE, code=draft.code, revision=draft.revision, author="pia", now=now
    )


def read(code: str = CODE, now: Any = NOW) -> Experiment:
    return queries.get_experiment(site_code=SITE, code=code, now=now)


def reasons(draft: Experiment) -> list[tuple[str, str]]:
    """Return why it is refused, and check that it is."""
    found = queries.list_objections(draft, now=NOW)
    with pytest.raises(operations.ExperimentUnfit) as refused:
        start(draft)
    assert refused.value.fields["objections"] == [one.code for one in found]
    assert read(draft.code).stage is Stage.DRAFT
    return [(one.arm, one.finding.rule if one.finding else one.code) for one in found]


def test_a_draft_begins_with_the_published_notice_twice(draft: Experiment) -> None:
    assert [(arm.code, arm.share, arm.wording) for arm in draft.arms] == [
        ("a", 50, {}),
        ("b", 50, {}),
    ]
    assert draft.plan.purpose == "analytics"
    assert reasons(draft) == [("b", "arm_alike")]


@pytest.mark.parametrize("code", ["", "Title", "a b", "a:b", "-a", "a-", "x" * 41, "ä"])
def test_a_code_is_what_a_record_can_hold(notice: Notice, code: str) -> None:
    with pytest.raises(operations.ExperimentInvalid):
        begin(code)


def test_a_code_is_given_once(draft: Experiment) -> None:
    with pytest.raises(operations.ExperimentInvalid):
        begin()


def test_words_that_are_the_published_ones_are_no_difference(draft: Experiment) -> None:
    same = notices.get_current(site_code=SITE).content["wording"]["ja"]["allow"]
    saved = save(
        draft,
        Arm(code="a", share=50, wording={}),
        replace(B, wording={"ja": {**B.wording["ja"], "allow": same, "choose": ""}, "en": {}}),
    )
    assert saved.arms[1].wording == B.wording


@pytest.mark.parametrize(
    ("arm", "field"),
    [
        # What is asked, of whom and for what, is in no line; nor are the preferences, and a link
        # shows no refusal.
        (replace(B, wording={"ja": {"prefs_title": "x"}}), "b.ja.prefs_title"),
        (replace(B, wording={"ja": {"purposes": "x"}}), "b.ja.purposes"),
        (replace(B, wording={"fr": {"allow": "x"}}), "b.fr.allow"),
        (replace(B, wording={"ja": {"allow": "x" * 2001}}), "b.ja.allow"),
        (replace(B, presentation="link"), "b.presentation"),
        (replace(B, presentation="none"), "b.presentation"),
        (replace(B, share=101), "b.share"),
        (replace(B, code="e"), "arms"),
    ],
)
def test_an_arm_can_say_nothing_but_words_of_the_first_layer(
    draft: Experiment, arm: Arm, field: str
) -> None:
    with pytest.raises(operations.ExperimentInvalid) as refused:
        save(draft, Arm(code="a", share=50, wording={}), arm)
    assert field in refused.value.fields
    assert read() == draft


def test_the_first_arm_is_what_is_published(draft: Experiment) -> None:
    with pytest.raises(operations.ExperimentInvalid):
        save(draft, replace(B, code="a"), B)


@pytest.mark.parametrize("days", [6, 0, 92])
def test_it_takes_whole_weeks_days_at_least(draft: Experiment, days: int) -> None:
    with pytest.raises(operations.ExperimentInvalid):
        save(draft, days=days)


def test_nobody_overwrites_what_they_have_not_seen(draft: Experiment) -> None:
    save(draft)
    with pytest.raises(operations.ExperimentChanged):
        save(draft)
    with pytest.raises(operations.ExperimentChanged):
        start(draft)


# --- what keeps it from starting


@pytest.mark.parametrize(
    ("wording", "rule"),
    [
        # Attacks on the refusal: vague, a detour, guilt, the same word, a whisper beside a shout.
        ({"ja": {"refuse": "あとで"}}, "refuse_unclear"),
        ({"ja": {"refuse": "詳しく見る"}}, "refuse_unclear"),
        ({"ja": {"refuse": "許可する"}}, "buttons_alike"),
        ({"ja": {"choose": "必須のみ許可する"}}, "choose_alike"),
        ({"en": {"refuse": "Maybe later"}}, "refuse_unclear"),
        ({"en": {"refuse": "More options"}}, "refuse_unclear"),
        ({"en": {"allow": "Continue"}}, "allow_unclear"),
        ({"ja": {"allow": "許可", "refuse": "必要なものに限って許可する"}}, "buttons_unequal"),
        ({"ja": {"refuse": "<small>許可しない</small>"}}, "markup"),
        ({"ja": {"banner_body": "お買い物をお楽しみください。"}}, "body_says_what"),
        ({"en": {"banner_title": "Last chance: accept now"}}, "pressure"),
        ({"ja": {"banner_body": "{partner}に送ります。"}}, "placeholders"),
    ],
)  # fmt: skip
def test_an_arm_can_neither_hide_the_refusal_nor_press_anybody(
    draft: Experiment, wording: dict[str, dict[str, str]], rule: str
) -> None:
    saved = save(draft, Arm(code="a", share=50, wording={}), replace(B, wording=wording))
    assert ("b", rule) in reasons(saved)


def test_an_arm_without_a_refusal_has_the_published_one(draft: Experiment) -> None:
    saved = save(
        draft,
        Arm(code="a", share=50, wording={}),
        replace(B, wording={"ja": {**B.wording["ja"], "refuse": "  ", "allow": ""}}),
    )
    arm = queries.read_arm(notices.get_current(site_code=SITE), saved.arms[1])
    published = notices.get_current(site_code=SITE).content["wording"]["ja"]
    assert arm.content["wording"]["ja"]["refuse"] == published["refuse"]


def test_every_arm_is_held_to_it(draft: Experiment) -> None:
    saved = save(
        draft,
        Arm(code="a", share=34, wording={}),
        replace(B, share=33),
        Arm(code="c", share=33, wording={"en": {"refuse": "Maybe later"}}),
    )
    assert reasons(saved) == [("c", "refuse_unclear")]


@pytest.mark.parametrize(
    ("arms", "wanted"),
    [
        ([(50, B), (40, None)], [("", "shares_not_100")]),
        ([(95, B), (5, None)], [("a", "share_small")]),
    ],
)
def test_shares_are_whole_and_none_is_tiny(
    draft: Experiment, arms: Sequence[Any], wanted: list[tuple[str, str]]
) -> None:
    saved = save(
        draft,
        Arm(code="a", share=arms[1][0], wording={}),
        replace(B, share=arms[0][0]),
    )
    assert reasons(saved) == wanted


def test_what_is_not_asked_cannot_judge(draft: Experiment) -> None:
    assert reasons(save(draft, purpose="necessary")) == [("", "purpose_not_asked")]


def test_a_site_that_only_shows_a_link_has_nothing_to_compare(db: None) -> None:
    tables = catalogue()
    tables["site"]["presentation"] = "link"
    registry.apply_catalogue(catalogue=tables)
    notice_operations.publish_notice_version(site_code=SITE, wording={}, author="x", now=NOW)
    assert ("", "nothing_is_asked") in reasons(save(begin()))


def test_one_at_a_time(draft: Experiment) -> None:
    start(save(draft))
    forget_everything()
    assert reasons(save(begin("size"))) == [("", "another_runs")]


# --- running


def test_a_start_fixes_arms_notice_and_end(draft: Experiment) -> None:
    running = start(save(draft))
    assert (running.stage, running.notice, running.started_by) == (Stage.RUNNING, 1, "pia")
    assert running.ends_at == NOW + 14 * A_DAY
    assert [(arm.code, arm.share, arm.wording) for arm in running.arms] == [
        ("a", 50, {}),
        ("b", 50, B.wording),
    ]
    forget_everything()
    found = queries.find_running(site_code=SITE, now=NOW)
    assert found is not None
    assert found.variant("b") == "title:b"
    entry = Entry.objects.get(action="experiment.started")
    assert (entry.actor, entry.object, entry.details["arms"]) == ("pia", CODE, {"a": 50, "b": 50})


def test_it_ends_by_itself_after_its_days_and_makes_room(draft: Experiment) -> None:
    running = start(save(draft))
    forget_everything()
    later = NOW + 14 * A_DAY
    assert queries.find_running(site_code=SITE, now=later - A_DAY / 1000) is not None
    assert queries.find_running(site_code=SITE, now=later) is None
    ended = read(now=later)
    assert (ended.stage, ended.ending, ended.stopped_at) == (
        Stage.STOPPED, Ending.DAYS_OVER, running.ends_at,
    )  # fmt: skip
    assert [one.stage for one in queries.list_experiments(site_code=SITE, now=later)] == [
        Stage.STOPPED
    ]
    start(save(begin("size")), now=later)
    assert models.Experiment.objects.get(code=CODE).ending == Ending.DAYS_OVER


def test_another_notice_ends_it(draft: Experiment) -> None:
    start(save(draft))
    at = NOW + 2 * A_DAY
    notice_operations.publish_notice_version(
        site_code=SITE,
        wording={"ja": {"banner_title": "情報を送ってもよいですか"}},
        author="x",
        effective_at=at,
        now=NOW + A_DAY,
    )
    forget_everything()
    assert queries.find_running(site_code=SITE, now=at - A_DAY / 1000) is not None
    forget_everything()
    assert queries.find_running(site_code=SITE, now=at) is None
    assert (read(now=at).ending, read(now=at).stopped_at) == (Ending.REPUBLISHED, at)
    # A press on a page that was opened before changes nothing of that.
    stopped = operations.stop(site_code=SITE, code=CODE, author="pia", now=at + A_DAY)
    assert (stopped.ending, stopped.stopped_at) == (Ending.REPUBLISHED, at)
    assert not Entry.objects.filter(action="experiment.stopped").exists()


def test_somebody_stops_it(draft: Experiment) -> None:
    start(save(draft))
    stopped = operations.stop(site_code=SITE, code=CODE, author="pia", now=NOW + A_DAY)
    assert (stopped.stage, stopped.ending, stopped.stopped_by, stopped.stopped_at) == (
        Stage.STOPPED, Ending.STOPPED, "pia", NOW + A_DAY,
    )  # fmt: skip
    forget_everything()
    assert queries.find_running(site_code=SITE, now=NOW + A_DAY) is None
    assert Entry.objects.filter(action="experiment.stopped", object=CODE).count() == 1


def test_a_draft_cannot_be_stopped_but_thrown_away(draft: Experiment) -> None:
    with pytest.raises(operations.ExperimentChanged):
        operations.stop(site_code=SITE, code=CODE, author="pia", now=NOW)
    operations.discard_draft(
        site_code=SITE, code=CODE, revision=draft.revision, author="mina", now=NOW
    )
    with pytest.raises(queries.UnknownExperiment):
        read()
    assert Entry.objects.get(action="experiment.discarded").details["name"] == "Shorter title"


@pytest.mark.parametrize(
    ("variant", "wanted"),
    [
        ("title:c", Presentation.DIALOG), ("title:b", None), ("title:d", None), ("size:c", None),
        ("title", None), ("", None), ("title:c:c", None),
    ],
)  # fmt: skip
def test_a_variant_tells_how_its_arm_asks(
    draft: Experiment, variant: str, wanted: Presentation | None
) -> None:
    start(
        save(
            draft,
            Arm(code="a", share=34, wording={}),
            replace(B, share=33),
            Arm(code="c", share=33, wording={}, presentation="dialog"),
        )
    )
    forget_everything()
    assert queries.find_presentation(site_code=SITE, variant=variant) == wanted


# --- promoting


def promote(arm: str = "b", days: int = 7) -> Experiment:
    return operations.promote(
        site_code=SITE, code=CODE, arm=arm, author="pia", now=NOW + days * A_DAY
    )


def test_a_promoted_arms_words_are_the_next_notices_draft_and_published_by_nobody(
    draft: Experiment,
) -> None:
    notice_operations.save_draft(
        site_code=SITE, lines={"en": {"save": "Keep my choices"}}, note="", effective_at=None,
        revision=0, author="x", now=NOW,
    )  # fmt: skip
    start(save(draft))
    promoted = promote()
    assert (promoted.stage, promoted.promoted_arm, promoted.ending) == (
        Stage.PROMOTED, "b", Ending.STOPPED,
    )  # fmt: skip
    next_one = notices.get_draft(site_code=SITE)
    assert next_one.wording == {"en": {"save": "Keep my choices"}, **B.wording}
    assert next_one.note == "Shorter title"
    assert notices.get_current(site_code=SITE).number == 1
    assert Entry.objects.get(action="experiment.promoted").details == {"arm": "b"}
    with pytest.raises(operations.ExperimentChanged):
        promote()


def test_before_seven_days_nothing_is_promoted_and_nothing_stopped(draft: Experiment) -> None:
    start(save(draft))
    with pytest.raises(operations.PromotionEarly):
        promote(days=6)
    assert read().stage is Stage.RUNNING


@pytest.mark.parametrize("arm", ["a", "c", ""])
def test_only_an_arm_that_is_not_published_already_is_promoted(draft: Experiment, arm: str) -> None:
    start(save(draft))
    with pytest.raises(queries.UnknownExperiment):
        promote(arm)


# --- what PostgreSQL holds


GOES_ON = "a started experiment only goes on"
IS_FIXED = "what visitors are shown is fixed at the start"


def refused(work: Any, by: str) -> None:
    """Do what the database refuses; `by`: the constraint's name, or what the trigger says."""
    with pytest.raises(DatabaseError, match=by), transaction.atomic():
        work()


def test_what_an_arm_shows_never_changes(draft: Experiment) -> None:
    start(save(draft))
    arms = models.Arm.objects.all()
    row = models.Experiment.objects.get()
    assert arms.count() == 2
    refused(lambda: arms.update(share=40), by=IS_FIXED)
    refused(lambda: arms.update(wording={}), by=IS_FIXED)
    refused(arms.delete, by=IS_FIXED)
    refused(lambda: models.Arm.objects.create(experiment=row, code="c", share=50), by=IS_FIXED)


@pytest.mark.parametrize(
    "change",
    [
        {"code": "other"}, {"purpose": "advertising"}, {"days": 30}, {"difference": 1.0},
        {"ends_at": NOW + 90 * A_DAY}, {"started_at": NOW - A_DAY}, {"started_by": "x"},
        {"name": "x"}, {"hypothesis": "x"}, {"stage": Stage.DRAFT},
    ],
)  # fmt: skip
def test_what_a_started_experiment_asked_never_changes(
    draft: Experiment, change: dict[str, Any]
) -> None:
    start(save(draft))
    rows = models.Experiment.objects.all()
    refused(lambda: rows.update(**change), by=GOES_ON)
    # Django's own `delete` would not get as far as the database: the arms are in its way.
    refused(lambda: rows._raw_delete(rows.db), by=GOES_ON)


def test_how_it_ended_never_changes(draft: Experiment) -> None:
    start(save(draft))
    operations.stop(site_code=SITE, code=CODE, author="pia", now=NOW + A_DAY)
    rows = models.Experiment.objects.all()
    refused(lambda: rows.update(ending=Ending.DAYS_OVER), by=GOES_ON)
    refused(lambda: rows.update(stopped_at=NOW + 2 * A_DAY), by=GOES_ON)
    refused(lambda: rows.update(stage=Stage.RUNNING, stopped_at=None, ending=""), by=GOES_ON)
    rows.update(stage=Stage.PROMOTED, promoted_arm="b")
    refused(lambda: rows.update(promoted_arm="c"), by=GOES_ON)


@pytest.mark.parametrize(
    ("change", "by"),
    [
        ({"days": 6}, "experiment_whole_weekdays"),
        ({"stage": Stage.RUNNING}, "experiment_started_has_notice"),
        ({"stage": Stage.STOPPED}, "experiment_started_has_notice"),
        ({"promoted_arm": "b"}, "experiment_promoted_an_arm"),
        ({"started_at": NOW}, "experiment_started_has_notice"),
        ({"ending": Ending.STOPPED}, "experiment_stopped_says_why"),
    ],
)
def test_a_draft_says_nothing_that_a_start_would_say(
    draft: Experiment, change: dict[str, Any], by: str
) -> None:
    refused(lambda: models.Experiment.objects.update(**change), by=by)


@pytest.mark.parametrize(
    ("wrong", "by"),
    [
        ({"code": "e"}, "arm_code_known"),
        ({"share": 0}, "arm_share_in_percent"),
        ({"share": 100}, "arm_share_in_percent"),
        ({"presentation": "link"}, "arm_presentation_known"),
    ],
)
def test_an_arm_is_one_of_four_with_a_share_and_a_first_layer(
    draft: Experiment, wrong: dict[str, Any], by: str
) -> None:
    row = models.Experiment.objects.get()
    arm = {"experiment": row, "code": "b", "share": 50, **wrong}
    refused(lambda: models.Arm.objects.create(**arm), by=by)


def test_two_cannot_run_whoever_starts_them(draft: Experiment, notice: Notice) -> None:
    start(save(draft))
    row = models.Experiment.objects.get()
    refused(
        lambda: models.Experiment.objects.create(
            site_id=row.site_id, code="size", name="x", purpose="analytics", days=7,
            difference=3, author="x", saved_at=NOW, stage=Stage.RUNNING, notice_id=notice.id,
            started_at=NOW, ends_at=NOW + 7 * A_DAY,
        ),
        by="experiment_one_runs",
    )  # fmt: skip


def test_an_unknown_one_is_not_there(notice: Notice) -> None:
    with pytest.raises(queries.UnknownExperiment):
        read("nothing")
