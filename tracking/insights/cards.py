"""The last day's opt-in rates beside those of the same weekday a week before. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tracking.insights.phrases import Phrases
from tracking.insights.types import Base, OptInReport, PurposeReport, Rate
from tracking.lib import proportions


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """
    One purpose. `of_shown_range` and `of_decided_range` say how sure the shares are; `noise` says
    it of the change, where chance alone may be behind it.
    """

    name: str
    of_shown: str
    of_shown_range: str
    of_decided: str
    of_decided_range: str
    before: str
    change: str
    direction: str
    change_range: str
    noise: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cards:
    """
    `note` says of a running day that those who still wait to be told of may bend it, or why it is
    not today that is told of.
    """

    title: str
    lead: str
    note: str
    cards: tuple[Card, ...]


def build_cards(*, report: OptInReport, running_until: str, phrases: Phrases) -> Cards:
    """
    Return the cards of the report's last day.

    :param running_until: the time, such as 14:00, up to which a day that is not over is counted
    """
    day, before = report.until, phrases.day(report.until - timedelta(days=7))
    if running_until:
        title = phrases.say("today_title")
        lead = phrases.say("today_lead", day=phrases.day(day), time=running_until, before=before)
    else:
        title = phrases.say("day_title", day=phrases.day(day))
        lead = phrases.say("day_lead", before=before)
    is_waiting = bool(running_until) and any(one.today.is_partial for one in report.purposes)
    ends_early = not running_until and report.filters.until is None
    note = "running_note" if is_waiting else "yesterday_note" if ends_early else ""
    return Cards(
        title=title,
        lead=lead,
        note=phrases.say(note) if note else "",
        cards=tuple(_card(one, phrases) for one in report.purposes),
    )


def _card(purpose: PurposeReport, phrases: Phrases) -> Card:
    day, before = purpose.today, purpose.week_before
    change, direction, change_range, noise = _change(day, before, phrases)
    return Card(
        name=phrases.pick(purpose.name, purpose.code),
        of_shown=phrases.share_of(day, Base.SHOWN),
        of_shown_range=phrases.interval_of(day, Base.SHOWN),
        of_decided=phrases.share_of(day, Base.DECIDED),
        of_decided_range=phrases.interval_of(day, Base.DECIDED),
        before=phrases.say("week_before", share=phrases.share_of(before, Base.SHOWN)),
        change=change,
        direction=direction,
        change_range=change_range,
        noise=noise,
    )


def _change(day: Rate, before: Rate, phrases: Phrases) -> tuple[str, str, str, str]:
    share, share_before = Base.SHOWN.share(day), Base.SHOWN.share(before)
    if share is not None and Base.SHOWN.is_vague(before):
        told = phrases.share_of(before, Base.SHOWN)
        return phrases.say("change_vague", share=told), "none", "", ""
    if Base.SHOWN.is_vague(day) and before.shown:
        told = phrases.share_of(before, Base.SHOWN)
        return phrases.say("change_of_range", share=told), "none", "", ""
    if share is None or share_before is None:
        return phrases.say("change_none"), "none", "", ""
    change = share - share_before
    interval = proportions.difference(
        part=day.granted,
        whole=day.shown,
        part_before=before.granted,
        whole_before=before.shown,
    )
    is_noise = 0 in interval
    return (
        phrases.points(change),
        "same" if is_noise else "up" if change > 0 else "down",
        phrases.points_between(interval),
        phrases.say("within_noise") if is_noise else "",
    )
