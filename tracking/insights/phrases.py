"""Numbers, days and filters in the words of one language. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from tracking.insights.types import Base, Dimension, Number, Rate
from tracking.lib import proportions
from tracking.lib.proportions import Interval
from tracking.web.parts import pick

Words = Mapping[str, Any]

_WEEKDAYS = {"ja": "月火水木金土日", "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_DEFINED = (
    "shown", "decided", "ignored", "rate", "interval", "noise", "shown_again", "asked_again",
    "withdrawn", "small", "suspects",
)  # fmt: skip


def texts(*, language: str) -> Words:
    """Return the words of the pages about numbers."""
    return _texts()[language]


@cache
def _texts() -> dict[str, dict[str, Any]]:
    path = Path(__file__).parent / "data" / "texts.toml"
    return tomllib.loads(path.read_text("utf-8"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """How one page says numbers; fewer people than `k` are never told of."""

    language: str
    k: int
    text: Words = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", texts(language=self.language))

    def say(self, key: str, **values: object) -> str:
        """Return the words under a key, filled in."""
        return str(self.text[key]).format(k=self.k, **values)

    def pick(self, names: Mapping[str, str], code: str) -> str:
        """Return a name in this language; without any name the code."""
        return pick(names, self.language) or code

    def definitions(self) -> tuple[tuple[str, str], ...]:
        """Return what the numbers mean, `(name, meaning)`."""
        return tuple((self.say(f"def_{name}"), self.say(f"def_{name}_text")) for name in _DEFINED)

    # --- numbers

    def number(self, number: Number) -> str:
        return self.say("too_few") if number.is_hidden else f"{number.value:,}"

    def share(self, share: float | None) -> str:
        return self.say("no_number") if share is None else f"{share:.1%}"

    def share_of(self, rate: Rate, base: Base) -> str:
        """
        Return a rate's share, as a range where many people are missing; where there are some and
        nothing can be said, that.
        """
        share = base.share(rate)
        if share is None and base.is_vague(rate):
            return self.range(base.bounds(rate))
        if share is None and rate.is_partial:
            return self.say("too_few")
        return self.share(share)

    def small_share(self, number: Number, of: int) -> str:
        return self.number(number) if number.is_hidden or not of else f"{number.value / of:.1%}"

    def granted(self, rate: Rate) -> str:
        """Return how many granted; as a range where the share is one."""
        if Base.SHOWN.is_vague(rate):
            return f"{rate.granted:,}–{rate.granted + rate.may_grant:,}"
        if Base.SHOWN.share(rate) is None and rate.is_partial:
            return self.say("too_few")
        return f"{rate.granted:,}"

    def interval_of(self, rate: Rate, base: Base) -> str:
        """Return how sure a rate's share is, such as 38.1–44.3%; nothing without a share."""
        if base.share(rate) is None:
            return ""
        return self.range(proportions.wilson(part=rate.granted, whole=base.whole(rate)))

    def range(self, shares: Interval) -> str:
        return f"{100 * shares.low:.1f}–{shares.high:.1%}"

    def points(self, change: float) -> str:
        """Return a difference of shares in points, with its sign."""
        points = round(100 * change, 1)
        sign = "+" if points > 0 else "−" if points < 0 else "±"
        return self.say("points", points=f"{sign}{abs(points):.1f}")

    def points_between(self, interval: Interval) -> str:
        return self.say(
            "points_between",
            low=f"{100 * interval.low:+.1f}".replace("-", "−"),
            high=f"{100 * interval.high:+.1f}".replace("-", "−"),
        )

    def age(self, seconds: int | None) -> str:
        if seconds is None:
            return ""
        hours, rest = divmod(seconds, 3600)
        return f"{hours:02}:{rest // 60:02}:{rest % 60:02}"

    # --- days

    def day(self, day: date) -> str:
        weekday = _WEEKDAYS[self.language][day.weekday()]
        if self.language == "ja":
            return f"{day.month}月{day.day}日（{weekday}）"
        return f"{weekday} {day.day} {_MONTHS[day.month - 1]}"

    def short_day(self, day: date) -> str:
        if self.language == "ja":
            return f"{day.month}/{day.day}"
        return f"{day.day} {_MONTHS[day.month - 1]}"

    # --- what is filtered by

    def dimension(self, dimension: Dimension) -> str:
        return str(self.text["dimensions"][dimension.value])

    def value(self, dimension: Dimension, value: str) -> str:
        if dimension is Dimension.NOTICE:
            return self.say("notice_value", number=value)
        return str(self.text["values"].get(dimension.value, {}).get(value, value))
