"""What is marked on a trend, and what is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from tracking.delivery.types import Incident
from tracking.experiments.types import Experiment, Plan, Stage
from tracking.insights import marks
from tracking.insights.marks import MarkKind
from tracking.insights.types import Publication
from tracking.scans.types import Finding, Rule, ScanInfo, Visitor

DAY = date(2026, 5, 12)
# 03:00 of the next day in Japan.
AT = datetime(2026, 5, 12, 18, 0, tzinfo=UTC)


def finding(rule: Rule, subject: str) -> Finding:
    return Finding(rule=rule, subject=subject, tags=(), visitors=(Visitor.NEWCOMER,), pages=("/",))


def scan(number: int, *findings: Finding) -> ScanInfo:
    return ScanInfo(
        id=number,
        site_code="shop",
        started_at=AT,
        finished_at=AT + timedelta(days=number),
        notice_number=1,
        pages=("/",),
        findings=findings,
        alarms=len(findings),
    )


def test_a_scan_is_marked_when_something_is_new_or_all_is_well_again() -> None:
    leak = finding(Rule.HOST_LEAK, "a.example")
    other = finding(Rule.UNKNOWN_HOST, "b.example")
    advice = finding(Rule.STALE_TAG, "c.example")
    found = marks.of_scans(
        [
            scan(0, advice), scan(1, leak), scan(2, leak), scan(3, leak, other),
            scan(4, other), scan(5, advice), scan(6),
        ],
        zone="Asia/Tokyo",
    )  # fmt: skip

    assert [(mark.day, mark.url) for mark in found] == [
        (DAY + timedelta(days=1 + number), f"/console/scans/?site=shop&scan={number}")
        for number in (1, 3, 5)
    ]
    assert "published: 1" in found[0].title["en"]
    assert "1件" in found[0].title["ja"]
    assert "as published again" in found[2].title["en"]


def test_a_publication_says_whether_anybody_is_asked_again() -> None:
    found = marks.of_publications(
        [Publication(number=n, day=DAY, at=AT) for n in (1, 2, 4)], material={1, 4}, site="shop"
    )

    assert [mark.url for mark in found] == [
        None, "/console/notices/shop/compare/1/2/", "/console/notices/shop/compare/2/4/",
    ]  # fmt: skip
    assert "the first one" in found[0].title["en"]
    assert "nobody is asked again" in found[1].title["en"]
    assert "asked about again" in found[2].title["en"]


def test_a_partner_that_was_away_and_late_has_two_marks() -> None:
    incident = Incident(
        day=DAY, partner="adco", legal_name={"ja": "アド社"}, is_away=True, is_late=True
    )
    away, late = marks.of_incidents([incident], site="shop")

    assert (away.kind, away.day) == (MarkKind.INCIDENT, DAY)
    assert away.title["ja"].startswith("アド社が応答せず")
    assert late.title["en"] == "アド社 was told past the deadline"
    assert late.url == "/console/deliveries/shop/adco/"


def test_an_experiment_is_marked_as_it_begins_and_as_it_ends() -> None:
    plan = Plan(name="Shorter words", hypothesis="", purpose="ads", days=14, difference=2.0)
    draft = Experiment(
        site="shop", code="short", plan=plan, arms=(), stage=Stage.DRAFT, revision=1, author="a",
        saved_at=AT,
    )  # fmt: skip
    over = replace(draft, stage=Stage.STOPPED, started_at=AT, stopped_at=AT + timedelta(days=14))
    began, ended = marks.of_experiments([draft, over], zone="Asia/Tokyo")

    assert (began.day, ended.day) == (DAY + timedelta(days=1), DAY + timedelta(days=15))
    assert began.title["en"] == "The experiment “Shorter words” began"
    assert ended.url == "/console/experiments/shop/short/"
    assert began.kind is MarkKind.EXPERIMENT
