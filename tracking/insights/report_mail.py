"""The mails with the numbers, ready to print in one language. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from tracking.insights import phrases, questions, rules, tables, why, why_page
from tracking.insights.alerts_page import AlertLine, AlertPanel
from tracking.insights.filtering import View
from tracking.insights.phrases import Phrases, Words
from tracking.insights.subscriptions import Period, Subscription
from tracking.insights.types import (
    SMALLEST,
    Base,
    Filters,
    Health,
    OptInReport,
    PurposeReport,
    Rate,
)
from tracking.insights.why import Answer, Change, Question
from tracking.lib import moments, proportions

_STEPS = ("shown", "decided", "allowed", "chosen", "refused", "ignored")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row of a purpose's table; `note` and `change_note` stand small below `now` and `change`."""

    name: str
    now: str
    note: str = ""
    before: str
    change: str = ""
    change_note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PurposeBlock:
    name: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionLine:
    """A question that the period raises; `reasons` answer it, where the mail does so."""

    text: str
    facts: str
    url: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLine:
    name: str
    number: str
    share: str
    before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerRow:
    name: str
    state: str
    waiting: str
    overdue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportBody:
    """What only a report has, and a mail about alerts alone has not."""

    change: str
    questions: tuple[QuestionLine, ...]
    purposes: tuple[PurposeBlock, ...]
    steps: tuple[StepLine, ...]
    partial_note: str
    partners: tuple[PartnerRow, ...]
    definitions: tuple[tuple[str, str], ...]
    csv: tables.File | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail: the templates print it as text and as HTML."""

    language: str
    text: Words
    subject: str
    title: str
    lead: str
    alerts: tuple[AlertLine, ...]
    report: ReportBody | None
    dashboard: str
    dashboard_url: str
    why_you: str
    stop_url: str


def build_report_mail(
    *,
    subscription: Subscription,
    period: Period,
    report: OptInReport,
    before: OptInReport,
    health: Health,
    alerts: AlertPanel,
    asked: Sequence[Question] = (),
    answer: Answer | None = None,
    is_test: bool = False,
) -> Mail:
    """
    Return the report on a period.

    :param before: the same of the days that it is compared with
    :param asked: the questions that the period raises
    :param answer: to the first of them
    """
    writer = _Writer(subscription, until=period.last, days=period.days)
    days = writer.period(period.first, period.last)
    subject = writer.say("subject_report", site=writer.site, period=days)
    return writer.mail(
        subject=writer.say("subject_test", subject=subject) if is_test else subject,
        title=writer.say("title"),
        lead=writer.say(
            "lead", period=days, before=writer.period(period.before_first, period.before_last)
        ),
        alerts=alerts.lines,
        report=writer.body(report, before, health, writer.questions(asked, answer)),
    )


def build_alert_mail(*, subscription: Subscription, alerts: AlertPanel, until: date) -> Mail:
    """Return a mail about what cannot wait for the next report."""
    writer = _Writer(subscription, until=until, days=rules.PERIODS[0])
    return writer.mail(
        subject=writer.say("subject_alert", site=writer.site, title=alerts.lines[0].title),
        title=alerts.title,
        lead=writer.say("lead_alert"),
        alerts=alerts.lines,
        report=None,
    )


class _Writer:
    def __init__(self, subscription: Subscription, *, until: date, days: int) -> None:
        self.to = subscription
        self.phrases = Phrases(language=subscription.language, k=SMALLEST)
        language = subscription.language
        self.text: Words = {**phrases.texts(language=language), **_texts()[language]}
        name = self.phrases.pick(subscription.site_name, subscription.site)
        # A name with a line break would be a second header.
        self.site = " ".join(name.split())
        # What the dashboard can show that comes closest.
        shown_days = min(rules.PERIODS, key=lambda length: abs(length - days))
        self.view = View(
            filters=Filters(site=subscription.site, days=shown_days, until=until),
            base=Base.SHOWN,
            language=language,
        )

    def mail(
        self,
        *,
        subject: str,
        title: str,
        lead: str,
        alerts: tuple[AlertLine, ...],
        report: ReportBody | None,
    ) -> Mail:
        filters = self.view.filters
        return Mail(
            language=self.to.language,
            text=self.text,
            subject=subject,
            title=f"{title} · {self.site}",
            lead=lead,
            alerts=alerts,
            report=report,
            dashboard=self.say(
                "dashboard",
                days=filters.days,
                last="" if filters.until is None else self.day(filters.until),
            ),
            dashboard_url=f"{self.to.origin}/console/{self.view.address()}",
            why_you=self.say("why_you", site=self.site),
            stop_url=f"{self.to.origin}/reports/stop/{self.to.stop_key}",
        )

    def body(
        self,
        report: OptInReport,
        before: OptInReport,
        health: Health,
        asked: tuple[QuestionLine, ...],
    ) -> ReportBody:
        old = {purpose.code: purpose for purpose in before.purposes}
        pairs = [(now, old[now.code]) for now in report.purposes if now.code in old]
        changes = [_compare(now, was, comparisons=len(pairs)) for now, was in pairs]
        total = report.funnel.shown.value
        return ReportBody(
            change=self.largest_change(
                [
                    (self.name(now), change)
                    for (now, _), change in zip(pairs, changes, strict=True)
                    if change is not None
                ]
            ),
            questions=asked,
            purposes=tuple(
                self.purpose(now, was, change)
                for (now, was), change in zip(pairs, changes, strict=True)
            ),
            steps=tuple(
                StepLine(
                    name=self.say(step),
                    number=self.phrases.number(number),
                    share=self.phrases.share(
                        None if number.is_hidden or not total else number.value / total
                    ),
                    before=self.phrases.number(getattr(before.funnel, step)),
                )
                for step in _STEPS
                for number in (getattr(report.funnel, step),)
            ),
            partial_note=self.phrases.say("partial_note")
            if any(getattr(report.funnel, step).is_partial for step in _STEPS)
            else "",
            partners=tuple(
                PartnerRow(
                    name=self.phrases.pick(line.legal_name, line.code),
                    state=self.say("health_working" if line.is_working else "health_failing"),
                    waiting=f"{line.waiting:,}",
                    overdue=f"{line.overdue:,}",
                )
                for line in health.lines
            ),
            definitions=self.phrases.definitions(),
            csv=tables.build_file("by_day", "csv", report=report, view=self.view),
        )

    def questions(
        self, asked: Sequence[Question], answer: Answer | None
    ) -> tuple[QuestionLine, ...]:
        built = questions.build_questions(asked, view=self.view)
        reasons = () if answer is None else self.reasons(answer)
        return tuple(
            QuestionLine(
                text=line.text,
                facts=line.facts,
                url=f"{self.to.origin}{line.address}",
                reasons=reasons if place == 0 else (),
            )
            for place, line in enumerate(built.lines)
        )

    def reasons(self, answer: Answer) -> tuple[str, ...]:
        page = why_page.build_page(answer=answer, view=self.view, sites={})
        colon = self.say("colon")
        found = [
            *(
                f"{group.name} · {one.subject}{colon}{one.text}"
                for group in page.groups
                for one in group.sentences
            ),
            page.no_part,
            page.step,
            *(f"{event.day}{colon}{event.text}" for event in page.events),
        ]
        return tuple(sentence for sentence in found if sentence)

    def purpose(
        self, now: PurposeReport, was: PurposeReport, change: Change | None
    ) -> PurposeBlock:
        one, other = now.period, was.period
        return PurposeBlock(
            name=self.name(now),
            lines=(
                Line(
                    name=self.say("of_shown"),
                    now=self.phrases.share_of(one, Base.SHOWN),
                    note=self.phrases.interval_of(one, Base.SHOWN),
                    before=self.phrases.share_of(other, Base.SHOWN),
                    change=self.points(one, other, Base.SHOWN),
                    change_note=""
                    if change is None
                    else self.say("noise" if change.is_noise else "more_than_noise"),
                ),
                Line(
                    name=self.say("of_decided"),
                    now=self.phrases.share_of(one, Base.DECIDED),
                    note=self.phrases.interval_of(one, Base.DECIDED),
                    before=self.phrases.share_of(other, Base.DECIDED),
                    change=self.points(one, other, Base.DECIDED),
                ),
                Line(
                    name=self.say("granted"),
                    now=self.phrases.granted(one),
                    note=f"/ {one.shown:,}" if one.shown else "",
                    before=self.phrases.granted(other),
                ),
                Line(
                    name=self.say("withdrawn"),
                    now=self.phrases.number(now.withdrawn),
                    before=self.phrases.number(was.withdrawn),
                ),
            ),
        )

    def largest_change(self, changes: Sequence[tuple[str, Change]]) -> str:
        if not changes:
            return self.say("nothing_before")
        sure = [(name, change) for name, change in changes if not change.is_noise]
        if not sure:
            return self.say("no_change")
        name, change = max(sure, key=lambda one: abs(one[1].difference))
        return self.say(
            "fell" if change.difference < 0 else "rose",
            purpose=name,
            now=self.phrases.share(change.now.of_shown),
            before=self.phrases.share(change.before.of_shown),
            points=f"{abs(100 * float(change.difference)):.1f}",
        )

    # words

    def say(self, key: str, **values: object) -> str:
        return str(self.text[key]).format(**values)

    def name(self, purpose: PurposeReport) -> str:
        return self.phrases.pick(purpose.name, purpose.code)

    def points(self, now: Rate, was: Rate, base: Base) -> str:
        share, share_before = base.share(now), base.share(was)
        if share is None or share_before is None:
            return ""
        points = round(100 * (share - share_before), 1)
        return f"{'+' if points > 0 else '−' if points < 0 else '±'}{abs(points):.1f}"

    def day(self, day: date) -> str:
        midnight = datetime.combine(day, time(), tzinfo=ZoneInfo(self.to.zone))
        return moments.day_text(at=midnight, zone=self.to.zone, language=self.to.language)

    def period(self, first: date, last: date) -> str:
        key = "period_one" if first == last else "period_many"
        return self.say(key, first=self.day(first), last=self.day(last))


def _compare(now: PurposeReport, was: PurposeReport, *, comparisons: int) -> Change | None:
    """Return the change; noise is also what the days before vary by among themselves."""
    return why.compare(
        now.period,
        was.period,
        comparisons=comparisons,
        spread=proportions.dispersion([(day.granted, day.shown) for day in was.by_day]),
    )


@cache
def _texts() -> dict[str, Mapping[str, str]]:
    return tomllib.loads((Path(__file__).parent / "data" / "mail.toml").read_text("utf-8"))
