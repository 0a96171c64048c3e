"""The mails with the numbers, ready to print in one language. Pure."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from tracking.insights import phrases, rules
from tracking.insights.alerts_page import AlertLine, AlertPanel
from tracking.insights.subscriptions import Period, Subscription
from tracking.insights.types import Health, Number, OptInReport, PurposeReport, Rate
from tracking.lib import moments, proportions
from tracking.web.parts import pick

_STEPS = ("shown", "decided", "allowed", "chosen", "refused", "ignored")
_DEFINED = ("shown", "decided", "ignored", "rate", "withdrawn", "small", "suspects")


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
    reasons: tuple[str, ...]
    purposes: tuple[PurposeBlock, ...]
    steps: tuple[StepLine, ...]
    partial_note: str
    partners: tuple[PartnerRow, ...]
    definitions: tuple[tuple[str, str], ...]
    csv_name: str
    csv: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail: the template prints it as text and as HTML."""

    language: str
    text: Mapping[str, str]
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
    reasons: Sequence[str] = (),
    is_test: bool = False,
) -> Mail:
    """
    Return the report on a period.

    :param before: the same of the days that it is compared with
    :param reasons: sentences that explain the largest change
    """
    writer = _Writer(subscription)
    text = writer.text
    days = writer.period(period.first, period.last)
    subject = text["subject_report"].format(site=writer.site, period=days)
    return writer.mail(
        subject=text["subject_test"].format(subject=subject) if is_test else subject,
        title=text["title"],
        lead=text["lead"].format(
            period=days, before=writer.period(period.before_first, period.before_last)
        ),
        alerts=alerts.lines,
        report=writer.body(report, before, health, reasons),
        until=period.last,
        days=period.days,
    )


def build_alert_mail(
    *,
    subscription: Subscription,
    alerts: AlertPanel,
    until: date,
) -> Mail:
    """Return a mail about what cannot wait for the next report."""
    writer = _Writer(subscription)
    return writer.mail(
        subject=writer.text["subject_alert"].format(site=writer.site, title=alerts.lines[0].title),
        title=alerts.title,
        lead=writer.text["lead_alert"],
        alerts=alerts.lines,
        report=None,
        until=until,
        days=rules.PERIODS[0],
    )


def as_csv(report: OptInReport, before: OptInReport) -> str:
    """
    Return one line per day of both periods. Columns add up to the mail's numbers; an empty field is
    a number too small to tell, which is in no sum either.
    """
    text = io.StringIO()
    # Excel reads UTF-8 only behind this mark.
    text.write("\ufeff")
    writer = csv.writer(text)
    codes = [purpose.code for purpose in report.purposes]
    writer.writerow(
        ["period", "day", *_STEPS, "withdrawn"]
        + [f"{code}_{column}" for code in codes for column in ("granted", "shown", "decided")]
    )
    for name, one in (("before", before), ("now", report)):
        by_code = {purpose.code: purpose for purpose in one.purposes}
        for index, row in enumerate(one.by_day):
            numbers = [*(getattr(row.funnel, step) for step in _STEPS), row.withdrawn]
            rates = [by_code[code].by_day[index] if code in by_code else None for code in codes]
            writer.writerow(
                [name, row.day.isoformat()]
                + ["" if number.is_hidden else number.value for number in numbers]
                + [value for rate in rates for value in _three(rate)]
            )
    return text.getvalue()


class _Writer:
    def __init__(self, subscription: Subscription) -> None:
        self.to, self.language = subscription, subscription.language
        self.text: Mapping[str, str] = {
            **phrases.texts(language=self.language),
            **_texts()[self.language],
        }
        # A name with a line break would be a second header.
        self.site = (
            " ".join(pick(subscription.site_name, self.language).split()) or subscription.site
        )

    def mail(
        self,
        *,
        subject: str,
        title: str,
        lead: str,
        alerts: tuple[AlertLine, ...],
        report: ReportBody | None,
        until: date,
        days: int,
    ) -> Mail:
        shown_days = min(rules.PERIODS, key=lambda length: abs(length - days))
        query = urlencode(
            {
                "site": self.to.site,
                "days": shown_days,
                "until": until.isoformat(),
                "lang": self.language,
            }
        )
        return Mail(
            language=self.language,
            text=self.text,
            subject=subject,
            title=f"{title} · {self.site}",
            lead=lead,
            alerts=alerts,
            report=report,
            dashboard=self.text["dashboard"].format(days=shown_days, last=self.day(until)),
            dashboard_url=f"{self.to.origin}/console/?{query}",
            why_you=self.text["why_you"].format(site=self.site),
            stop_url=f"{self.to.origin}/reports/stop/{self.to.stop_key}",
        )

    def body(
        self, report: OptInReport, before: OptInReport, health: Health, reasons: Sequence[str]
    ) -> ReportBody:
        text, k = self.text, report.smallest
        old = {purpose.code: purpose for purpose in before.purposes}
        z = proportions.z_of(comparisons=len(report.purposes))
        pairs = [(now, old[now.code]) for now in report.purposes if now.code in old]
        total = report.funnel.shown.value
        return ReportBody(
            change=self.largest_change(pairs, z),
            reasons=tuple(reasons),
            purposes=tuple(self.purpose(now, was, k=k, z=z) for now, was in pairs),
            steps=tuple(
                StepLine(
                    name=text[step],
                    number=self.number(number, k),
                    share=text["no_number"]
                    if number.is_hidden or not total
                    else f"{number.value / total:.1%}",
                    before=self.number(getattr(before.funnel, step), k),
                )
                for step in _STEPS
                for number in (getattr(report.funnel, step),)
            ),
            partial_note=text["partial_note"].format(k=k)
            if any(getattr(report.funnel, step).is_partial for step in _STEPS)
            else "",
            partners=tuple(
                PartnerRow(
                    name=pick(line.legal_name, self.language) or line.code,
                    state=text["health_working" if line.is_working else "health_failing"],
                    waiting=f"{line.waiting:,}",
                    overdue=f"{line.overdue:,}",
                )
                for line in health.lines
            ),
            definitions=(
                *((text[f"def_{name}"], text[f"def_{name}_text"].format(k=k)) for name in _DEFINED),
                (text["interval"], text["interval_text"]),
            ),
            csv_name=f"opt-in-{self.to.site}-{report.until:%Y%m%d}.csv",
            csv=as_csv(report, before),
        )

    def purpose(self, now: PurposeReport, was: PurposeReport, *, k: int, z: float) -> PurposeBlock:
        one, other = now.period, was.period
        return PurposeBlock(
            name=self.name(now),
            lines=(
                self.rate("of_shown", one, other, (one.shown, other.shown), z),
                self.rate("of_decided", one, other, (one.decided, other.decided), z),
                Line(
                    name=self.text["granted"],
                    now=f"{one.granted:,}",
                    note=f"/ {one.shown:,}",
                    before=f"{other.granted:,}",
                ),
                Line(
                    name=self.text["withdrawn"],
                    now=self.number(now.withdrawn, k),
                    before=self.number(was.withdrawn, k),
                ),
            ),
        )

    def rate(self, name: str, now: Rate, was: Rate, wholes: tuple[int, int], z: float) -> Line:
        whole, whole_before = wholes
        if not whole:
            return Line(
                name=self.text[name],
                now=self.text["no_number"],
                before=self.share(was.granted, whole_before),
            )
        around = proportions.wilson(
            part=now.granted, whole=whole, z=proportions.z_of(comparisons=1)
        )
        change, change_note = "", ""
        if whole_before:
            points = 100 * (now.granted / whole - was.granted / whole_before)
            change = f"{'+' if points >= 0 else '−'}{abs(points):.1f}"
            change_note = self.text[
                "more_than_noise" if _is_more_than_noise(now, was, wholes, z) else "noise"
            ]
        return Line(
            name=self.text[name],
            now=self.share(now.granted, whole),
            note=f"({100 * around.low:.1f}–{100 * around.high:.1f})",
            before=self.share(was.granted, whole_before),
            change=change,
            change_note=change_note,
        )

    def largest_change(self, pairs: Sequence[tuple[PurposeReport, PurposeReport]], z: float) -> str:
        both = [(now, was) for now, was in pairs if now.period.shown and was.period.shown]
        if not both:
            return self.text["nothing_before"]
        changed = [
            (now, was)
            for now, was in both
            if _is_more_than_noise(now.period, was.period, (now.period.shown, was.period.shown), z)
        ]
        if not changed:
            return self.text["no_change"]
        now, was = max(changed, key=lambda pair: abs(_change(*pair)))
        change = _change(now, was)
        return self.text["fell" if change < 0 else "rose"].format(
            purpose=self.name(now),
            now=self.share(now.period.granted, now.period.shown),
            before=self.share(was.period.granted, was.period.shown),
            points=f"{abs(100 * change):.1f}",
        )

    # words

    def name(self, purpose: PurposeReport) -> str:
        return pick(purpose.name, self.language) or purpose.code

    def number(self, number: Number, k: int) -> str:
        return self.text["too_few"].format(k=k) if number.is_hidden else f"{number.value:,}"

    def share(self, part: int, whole: int) -> str:
        return f"{part / whole:.1%}" if whole else self.text["no_number"]

    def day(self, day: date) -> str:
        midnight = datetime.combine(day, time(), tzinfo=ZoneInfo(self.to.zone))
        return moments.day_text(at=midnight, zone=self.to.zone, language=self.language)

    def period(self, first: date, last: date) -> str:
        key = "period_one" if first == last else "period_many"
        return self.text[key].format(first=self.day(first), last=self.day(last))


def _change(now: PurposeReport, was: PurposeReport) -> float:
    return now.period.granted / now.period.shown - was.period.granted / was.period.shown


def _is_more_than_noise(now: Rate, was: Rate, wholes: tuple[int, int], z: float) -> bool:
    likely = proportions.difference(
        part=now.granted,
        whole=wholes[0],
        part_before=was.granted,
        whole_before=wholes[1],
        z=z,
    )
    return not likely.low <= 0 <= likely.high


def _three(rate: Rate | None) -> tuple[object, object, object]:
    if rate is None or not rate.shown:
        return "", "", ""
    return rate.granted, rate.shown, rate.decided


@cache
def _texts() -> dict[str, dict[str, str]]:
    return tomllib.loads((Path(__file__).parent / "data" / "mail.toml").read_text("utf-8"))
