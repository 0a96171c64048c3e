"""
What visitors who never were did, day by day, for demos and measurements. Pure.

The same seed gives the same numbers. From one known day on, phones in Japanese allow less: so that
whoever asks why the rate fell has something to find.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import accumulate
from random import Random

from tracking.consents.types import DecisionCount, DeviceClass, Method, ReferrerClass, Surface
from tracking.insights.types import Cell, Kind
from tracking.lib import bits

# Shares of a day's hours and of a week's days, Monday first.
HOURS = tuple(
    share / 1000
    for share in (
        28, 16, 9, 6, 5, 7, 14, 31, 43, 41, 42, 45, 64, 50, 44, 45, 46, 48, 54, 61, 76, 85, 80, 60,
    )
)  # fmt: skip
_WEEKDAYS = (0.95, 0.93, 0.94, 0.95, 1.02, 1.18, 1.24)
# A site's visitors by country, and within a country by language ("" = the site's others).
_COUNTRIES = {
    "JP": 0.9, "US": 0.025, "US-CA": 0.01, "KR": 0.018, "CN": 0.012, "FR": 0.012, "GB": 0.012,
    "BR": 0.005, "AU": 0.006,
}  # fmt: skip
_LANGUAGES = {"JP": {"ja": 0.95, "": 0.05}}
_ELSEWHERE = {"ja": 0.2, "": 0.8}
_DEVICES = {
    DeviceClass.PHONE: 0.66,
    DeviceClass.DESKTOP: 0.26,
    DeviceClass.TABLET: 0.05,
    DeviceClass.UNKNOWN: 0.03,
}
_REFERRERS = {
    ReferrerClass.SEARCH: 0.38,
    ReferrerClass.DIRECT: 0.29,
    ReferrerClass.SOCIAL: 0.15,
    ReferrerClass.SAME_SITE: 0.1,
    ReferrerClass.OTHER: 0.05,
    ReferrerClass.UNKNOWN: 0.03,
}
# Of all shown the notice: those who allow, choose, refuse, and ignore it.
_OUTCOMES = {
    DeviceClass.PHONE: (0.41, 0.03, 0.15, 0.41),
    DeviceClass.DESKTOP: (0.34, 0.06, 0.23, 0.37),
    DeviceClass.TABLET: (0.4, 0.04, 0.16, 0.4),
    DeviceClass.UNKNOWN: (0.3, 0.03, 0.27, 0.4),
}
_FELL = (0.68, 1.0, 1.45, 1.15)
_STRICTER = {"EU": 0.8, "GB": 0.85}
_WARMER = {ReferrerClass.SOCIAL: 0.9, ReferrerClass.DIRECT: 1.06, ReferrerClass.SAME_SITE: 1.1}
_PATTERNS = 60
_SUSPECT = 0.04
_LATER = 0.05
_SHOWN_AGAIN = 0.55


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of the notice: the choice numbers that it asks about, `purposes` among them."""

    number: str
    first: date
    asked: frozenset[int]
    purposes: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What visitors from one country are counted by."""

    regime: str
    country_group: str
    presentation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What one day's visitors did."""

    day: date
    decisions: Sequence[DecisionCount]
    showings: Mapping[Cell, int]


# Who decided, how, where, and what was granted: made into a decision only when it is drawn.
_Decided = tuple[DecisionCount, Method, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draws:
    """Everything that may happen to a first visitor, as often as the weights up to it say."""

    decided: Sequence[_Decided]
    shown: Sequence[Cell]
    decided_weights: Sequence[float]
    ignored: Sequence[Cell]
    ignored_weights: Sequence[float]
    patterns: Sequence[str]


def countries() -> Collection[str]:
    """Return where visitors come from."""
    return _COUNTRIES.keys()


def make_days(
    *,
    site_id: int,
    first: date,
    last: date,
    last_share: float,
    records: int,
    seed: int,
    versions: Sequence[Version],
    places: Mapping[str, Place],
    languages: Sequence[str],
    fell_on: date,
) -> Iterator[Day]:
    """
    Return so many decisions over these days, with the showings that they came of.

    :param last_share: how much of the last day is over
    :param versions: oldest first; the oldest stands for what was before it
    :param places: by `countries()`
    """
    rng = Random(seed)  # noqa: S311  # to look like chance, not to keep a secret
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    weights = [
        (1 + 0.5 * n / len(days)) * _WEEKDAYS[day.weekday()] * rng.uniform(0.94, 1.06)
        for n, day in enumerate(days)
    ]
    weights[-1] *= last_share
    totals = list(accumulate(weights))
    known: dict[tuple[str, bool], _Draws] = {}
    holders: list[tuple[date, _Decided]] = []
    made = 0
    for day, total in zip(days, totals, strict=True):
        number = round(records * total / totals[-1]) - made
        made += number
        version = [versions[0], *(one for one in versions if one.first <= day)][-1]
        key = version.number, day >= fell_on
        if key not in known:
            known[key] = _draws(rng, site_id, version, places, languages, has_fallen=key[1])
        yield _make_day(rng, day, number, version, known[key], holders)


def _make_day(
    rng: Random,
    day: date,
    number: int,
    version: Version,
    draws: _Draws,
    holders: list[tuple[date, _Decided]],
) -> Day:
    """`holders` are some of those who decided before, with the week; who decides again leaves."""
    week = day - timedelta(days=day.weekday())
    later = min(round(number * _LATER), len(holders) // 5)
    again: Counter[DecisionCount] = Counter()
    for _ in range(later):
        # Most who come back do so soon.
        index = len(holders) - 1 - int(len(holders) * rng.random() ** 3)
        since, before = holders[index]
        holders[index] = holders[-1]
        holders.pop()
        again[_decide_again(rng, day, version, draws, since, before)] += 1
    picked = rng.choices(
        range(len(draws.decided)), cum_weights=draws.decided_weights, k=number - later
    )
    holders.extend(
        (week, draws.decided[n])
        for n in picked[: len(picked) // 8 + 1]
        if not draws.decided[n][0].is_suspect
    )
    decisions = [
        *(_decide(day, draws.decided[n], count) for n, count in Counter(picked).items()),
        *(replace(one, count=count) for one, count in again.items()),
    ]
    share = draws.ignored_weights[-1] / (draws.decided_weights[-1] or 1)
    passed_by = Counter(
        rng.choices(
            draws.ignored,
            cum_weights=draws.ignored_weights,
            k=round(len(picked) * share * rng.uniform(0.97, 1.03)),
        )
    )
    showings = Counter(draws.shown[n] for n in picked) + passed_by
    for cell, count in passed_by.items():
        if times := int(count * _SHOWN_AGAIN + rng.random()):
            showings[replace(cell, kind=Kind.SHOWN_AGAIN)] = times
    return Day(day=day, decisions=decisions, showings=showings)


def _decide(day: date, drawn: _Decided, count: int) -> DecisionCount:
    who, method, surface, granted = drawn
    return replace(who, day=day, method=method, surface=surface, granted=granted, count=count)


def _decide_again(
    rng: Random,
    day: date,
    version: Version,
    draws: _Draws,
    since: date,
    before: _Decided,
) -> DecisionCount:
    """Half of them take something back, the others change their mind or say the same again."""
    who, _, _, held_text = before
    held = bits.unpack(held_text)
    kind = rng.random()
    if held and kind < 0.5:
        one = {rng.choice(sorted(held & version.purposes or held))}
        method, granted, gone = Method.WITHDRAW, "", held if kind < 0.35 else one
    elif kind < 0.75:
        method, granted = Method.CHOOSE, rng.choice(draws.patterns)
        gone = held - bits.unpack(granted)
    else:
        method, granted, gone = Method.ALLOW, bits.pack(version.asked), frozenset()
    return replace(
        who,
        day=day,
        notice=version.number,
        surface=Surface.PREFERENCES,
        is_first=False,
        method=method,
        granted=granted,
        withdrawn=bits.pack(gone),
        held=held_text,
        held_week=since,
        count=1,
    )


def _draws(
    rng: Random,
    site_id: int,
    version: Version,
    places: Mapping[str, Place],
    languages: Sequence[str],
    *,
    has_fallen: bool,
) -> _Draws:
    patterns = _patterns(rng, version)
    every, asked = bits.pack(version.asked), sum(1 / n for n in range(1, len(patterns) + 1))
    decided: list[tuple[_Decided, Cell, float]] = []
    ignored: list[tuple[Cell, float]] = []
    for country, language, device, referrer, weight in _profiles(languages):
        place = places[country]
        outcomes = _OUTCOMES[device]
        if has_fallen and device is DeviceClass.PHONE and language == "ja":
            outcomes = _times(outcomes, _FELL)
        warmth = _STRICTER.get(place.country_group, 1.0) * _WARMER.get(referrer, 1.0)
        allow, choose, refuse, ignore = _times(outcomes, (warmth, 1, 1 / warmth, 1))
        shown = Cell(
            kind=Kind.SHOWN,
            language=language,
            device_class=device,
            regime=place.regime,
            country_group=place.country_group,
            presentation=place.presentation,
            surface="",
            notice=version.number,
            variant="",
            referrer_class=referrer,
        )
        first = DecisionCount(
            site_id=site_id,
            day=version.first,
            language=language,
            device_class=device,
            regime=place.regime,
            country_group=place.country_group,
            presentation=place.presentation,
            surface=place.presentation,
            notice=version.number,
            variant="",
            referrer_class=referrer,
            is_first=True,
            method=Method.ALLOW,
            is_suspect=False,
            granted=every,
            withdrawn="",
            held=None,
            held_week=None,
            count=1,
        )
        robot, seen = replace(first, is_suspect=True), replace(shown, kind=Kind.SUSPECT_SHOWN)
        banner, dialog = place.presentation, Surface.DIALOG
        decided += [
            ((first, Method.ALLOW, banner, every), shown, weight * allow * 0.96),
            ((first, Method.ALLOW, dialog, every), shown, weight * allow * 0.04),
            ((first, Method.REFUSE, banner, ""), shown, weight * refuse * 0.93),
            ((first, Method.REFUSE, dialog, ""), shown, weight * refuse * 0.07),
            *(
                ((first, Method.CHOOSE, dialog, pattern), shown, weight * choose / rank / asked)
                for rank, pattern in enumerate(patterns, 1)
            ),
        ]
        ignored.append((shown, weight * ignore))
        if device in {DeviceClass.DESKTOP, DeviceClass.UNKNOWN}:
            # Three times the devices' share of all visitors, and of those who decided.
            decided.append(((robot, Method.ALLOW, banner, every), seen, weight * _SUSPECT * 2))
    return _Draws(
        decided=[one for one, _, _ in decided],
        shown=[cell for _, cell, _ in decided],
        decided_weights=list(accumulate(weight for _, _, weight in decided)),
        ignored=[cell for cell, _ in ignored],
        ignored_weights=list(accumulate(weight for _, weight in ignored)),
        patterns=patterns,
    )


def _profiles(
    languages: Sequence[str],
) -> Iterator[tuple[str, str, DeviceClass, ReferrerClass, float]]:
    others = [language for language in languages if language != "ja"] or list(languages)
    for country, of_country in _COUNTRIES.items():
        for language, of_language in _LANGUAGES.get(country, _ELSEWHERE).items():
            named = [language] if language in languages else others
            for one in named:
                for device, of_device in _DEVICES.items():
                    for referrer, of_referrer in _REFERRERS.items():
                        share = of_country * of_language / len(named) * of_device * of_referrer
                        yield country, one, device, referrer, share


def _patterns(rng: Random, version: Version) -> list[str]:
    """Return what those who choose grant, commonest first."""
    rest = sorted(version.asked - version.purposes)
    found: dict[str, None] = {}
    for _ in range(_PATTERNS):
        granted = {number for number in sorted(version.purposes) if rng.random() < 0.5}
        if granted:
            left_out = rng.sample(rest, k=min(len(rest), rng.choice((0, 0, 1, 2, 3))))
            granted |= set(rest) - set(left_out)
        found[bits.pack(granted)] = None
    return list(found)


def _times(
    values: tuple[float, float, float, float], factors: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    a, b, c, d = (value * factor for value, factor in zip(values, factors, strict=True))
    whole = a + b + c + d
    return a / whole, b / whole, c / whole, d / whole
