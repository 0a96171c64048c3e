"""What makes an experiment fair, and when it has ended. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from tracking.experiments.types import (
    ARMS,
    CONTROL,
    FEWEST_DAYS,
    LINES,
    MOST_DAYS,
    PRESENTATIONS,
    SMALLEST_SHARE,
    Arm,
    Ending,
    Objection,
    Plan,
)
from tracking.notices.types import Finding, Level

# What a record's variant is made of.
CODE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
LONGEST_NAME = 100
LONGEST_TEXT = 2000


def find_mistakes(*, plan: Plan, arms: Sequence[Arm], languages: Sequence[str]) -> list[str]:
    """
    Return what of a draft is no draft at all: the names of the fields.

    An arm has words for lines of the first layer and a presentation, and nothing else can be said.
    """
    found = [
        field
        for field, is_wrong in (
            ("name", not plan.name or len(plan.name) > LONGEST_NAME),
            ("hypothesis", len(plan.hypothesis) > LONGEST_TEXT),
            ("days", not FEWEST_DAYS <= plan.days <= MOST_DAYS),
            ("difference", not 0.1 <= plan.difference <= 50),
            ("arms", tuple(arm.code for arm in arms) != ARMS[: max(len(arms), 2)]),
        )
        if is_wrong
    ]
    for arm in arms:
        if not 0 <= arm.share <= 100:
            found.append(f"{arm.code}.share")
        if arm.presentation not in ("", *PRESENTATIONS):
            found.append(f"{arm.code}.presentation")
        found += [
            f"{arm.code}.{language}.{line}"
            for language, lines in arm.wording.items()
            for line, text in lines.items()
            if language not in languages or line not in LINES or len(text) > LONGEST_TEXT
        ]
    if arms and (arms[0].wording or arms[0].presentation):
        found.append(CONTROL)
    return found


def differing(wording: Mapping[str, Mapping[str, str]], published: Mapping[str, Any]) -> Any:
    """Return the lines that say something, and not what is published, by language."""
    found = {
        language: {
            line: text.strip()
            for line, text in lines.items()
            if text.strip() and text.strip() != published.get(language, {}).get(line)
        }
        for language, lines in wording.items()
    }
    return {language: lines for language, lines in found.items() if lines}


def list_objections(
    *,
    plan: Plan,
    arms: Sequence[Arm],
    asked: frozenset[str],
    presentation: str,
    findings: Mapping[str, Sequence[Finding]],
) -> tuple[Objection, ...]:
    """
    Return what keeps an experiment from starting.

    :param asked: the choice ids that the notice asks about
    :param presentation: how the notice is shown
    :param findings: by arm, what the checks of notices say of the notice with the arm's words
    """
    return tuple(_object(plan, arms, asked, presentation, findings))


def _object(
    plan: Plan,
    arms: Sequence[Arm],
    asked: frozenset[str],
    presentation: str,
    findings: Mapping[str, Sequence[Finding]],
) -> Iterator[Objection]:
    if f"purpose:{plan.purpose}" not in asked:
        yield Objection(code="purpose_not_asked")
    if presentation not in PRESENTATIONS:
        # A link asks nothing, so there is nothing to compare an arm with.
        yield Objection(code="nothing_is_asked")
    if sum(arm.share for arm in arms) != 100:
        yield Objection(code="shares_not_100")
    seen: dict[tuple[Any, str], str] = {}
    for arm in arms:
        if arm.share < SMALLEST_SHARE:
            yield Objection(code="share_small", arm=arm.code)
        asks = arm.presentation or presentation
        said = tuple(
            (language, line, text)
            for language, lines in sorted(arm.wording.items())
            for line, text in sorted(lines.items())
        )
        if seen.setdefault((said, asks), arm.code) != arm.code:
            yield Objection(code="arm_alike", arm=arm.code)
        for finding in findings.get(arm.code, ()):
            if finding.level is Level.STOP:
                yield Objection(code="finding", arm=arm.code, finding=finding)


def find_ending(
    *, ends_at: datetime, replaced_at: datetime | None, now: datetime
) -> tuple[Ending, datetime] | None:
    """
    Return why a running experiment has ended by itself, and when; None while it runs.

    :param replaced_at: when the notice after its own took, or takes, effect
    """
    ends = [(ends_at, Ending.DAYS_OVER)]
    if replaced_at is not None:
        ends.append((replaced_at, Ending.REPUBLISHED))
    at, ending = min(ends, key=lambda one: one[0])
    return (ending, at) if at <= now else None
