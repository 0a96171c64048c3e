"""Hold what devices decided against what partners were told. Pure: ledgers in, counts out."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.faults.ledger import GATE, Receipt, Try


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What one decision means for one partner; `sent_at` is the acknowledged request's time."""

    version: int
    is_granted: bool
    sent_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """How long a partner was not yet told: from the decision's request to the partner's yes."""

    partner: str
    sent_at: float
    seconds: float
    is_revocation: bool


@dataclass(slots=True, kw_only=True)
class Verdict:
    """
    `recorded`: acknowledged decisions; `unanswered`: decisions that never were. `final_states`:
    (device, partner) pairs whose last news the partner must hold in the end, `delivered` of them do
    and `lost` do not.

    `out_of_order`: messages that arrived after a newer one about the same subject (the partner's
    rule "keep the highest version" makes them harmless); `older_last`: subjects where such a one
    was the last word. `duplicates` repeat an id, as agreed with partners; `second_ids` are another
    id for a version that had one. `contradictions` say something else than the decision of their
    version; `unexplained` belong to no decision; `unproven` are events that count as told without
    the partner's yes; `refused` were not signed well.
    """

    recorded: int = 0
    unanswered: int = 0
    final_states: int = 0
    delivered: int = 0
    out_of_order: int = 0
    older_last: int = 0
    duplicates: int = 0
    second_ids: int = 0
    contradictions: int = 0
    unexplained: int = 0
    unproven: int = 0
    refused: int = 0
    followed: int = 0
    waits: list[Wait] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)

    @property
    def lost(self) -> int:
        return self.final_states - self.delivered

    @property
    def revocation_waits(self) -> list[float]:
        """Return the seconds from each revocation to each partner's yes."""
        return [wait.seconds for wait in self.waits if wait.is_revocation]

    def summary(self) -> str:
        """Return the counts in one line."""
        return (
            f"recorded {self.recorded:,}, final states {self.final_states:,},"
            f" delivered {self.delivered:,}, lost {self.lost:,},"
            f" older-after-newer {self.out_of_order:,} (last word: {self.older_last:,}),"
            f" duplicates {self.duplicates:,} (same id)"
        )


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the smallest value that `percent` of all do not exceed; 0 of nothing."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def plan(tries: Sequence[Try], partners: Sequence[str]) -> dict[str, list[News]]:
    """
    Return the news that one device's acknowledged decisions, in order, mean for each partner.

    A partner hears of a device when it first loses something, and of every change after that.
    """
    held = dict.fromkeys(partners, False)
    news: dict[str, list[News]] = {partner: [] for partner in partners}
    for one in tries:
        word, _, only = one.what.partition(" ")
        for partner in [only] if only else partners:
            is_granted = word == "allow"
            if held[partner] != is_granted and (news[partner] or not is_granted):
                news[partner].append(
                    News(version=one.index, is_granted=is_granted, sent_at=one.sent_at)
                )
            held[partner] = is_granted
    return news


def judge(
    *,
    tries: Iterable[Try],
    receipts: Mapping[str, Sequence[Receipt]],
    subjects: Mapping[tuple[int, str], str],
    purposes: Mapping[str, tuple[str, ...]],
    told: Mapping[tuple[str, str], int],
) -> Verdict:
    """
    Count.

    :param receipts: by partner, in order of arrival
    :param subjects: the id under which a partner knows a device, by (device, partner)
    :param purposes: what a partner's message names while all is granted, by partner
    :param told: the version that the service believes told, by (partner, subject)
    """
    verdict = Verdict()
    decisions = _acknowledged(tries, verdict)
    verdict.recorded = sum(map(len, decisions.values()))
    for partner, received in receipts.items():
        by_subject: dict[str, list[Receipt]] = defaultdict(list)
        for one in received:
            by_subject[one.subject].append(one)
        verdict.refused += sum(one.answer == "refused" for one in received)
        verdict.followed += sum(one.answer == "followed" for one in received)
        by_subject.pop("", None)
        for device, acknowledged in decisions.items():
            news = plan(acknowledged, tuple(receipts))[partner]
            subject = subjects.get((device, partner), "")
            _compare(partner, subject, news, by_subject.pop(subject, []), purposes, told, verdict)
        # What is left is about devices that nobody knows.
        verdict.unexplained += sum(map(len, by_subject.values()))
    return verdict


def _acknowledged(tries: Iterable[Try], verdict: Verdict) -> dict[int, list[Try]]:
    """Return each device's acknowledged decisions in order, each once."""
    answered: dict[int, dict[int, Try]] = defaultdict(dict)
    asked: set[tuple[int, int]] = set()
    for one in tries:
        if one.what == GATE:
            continue
        asked.add((one.device, one.index))
        if one.is_acknowledged:
            answered[one.device].setdefault(one.index, one)
    verdict.unanswered = len(asked) - sum(map(len, answered.values()))
    return {device: [of[index] for index in sorted(of)] for device, of in answered.items()}


def _compare(
    partner: str,
    subject: str,
    news: Sequence[News],
    received: Sequence[Receipt],
    purposes: Mapping[str, tuple[str, ...]],
    told: Mapping[tuple[str, str], int],
    verdict: Verdict,
) -> None:
    """Compare what one partner was told about one device with what it had to be told."""
    by_version = {one.version: one for one in news}
    keys: dict[int, str] = {}
    highest = last = 0
    accepted: set[int] = set()
    for one in received:
        known = by_version.get(one.version)
        if known is None:
            verdict.unexplained += 1
            continue
        if one.granted != (purposes[partner] if known.is_granted else ()):
            verdict.contradictions += 1
        if keys.setdefault(one.version, one.key) != one.key:
            verdict.second_ids += 1
        if not one.is_taken:
            continue
        last = one.version
        if one.version < highest:
            verdict.out_of_order += 1
        highest = max(highest, one.version)
        if one.is_accepted:
            accepted.add(one.version)
    verdict.older_last += last < highest
    verdict.duplicates += _repetitions(received)
    version = told.get((partner, subject), 0)
    verdict.unproven += version > 0 and version not in accepted
    if news:
        final = news[-1].version
        verdict.final_states += 1
        verdict.delivered += final in accepted and highest == final
        if final not in accepted:
            verdict.examples.append(f"{partner} {subject}: version {final}, holds {highest}")
        verdict.waits += _waits(partner, news, received)


def _repetitions(received: Sequence[Receipt]) -> int:
    taken = [one.key for one in received if one.is_taken]
    return len(taken) - len(set(taken))


def _waits(partner: str, news: Sequence[News], received: Sequence[Receipt]) -> list[Wait]:
    """Measure to the first yes to this version or a newer one, which says at least as much."""
    found = []
    for one in news:
        yes = next((r.at for r in received if r.is_accepted and r.version >= one.version), None)
        if yes is not None:
            found.append(
                Wait(
                    partner=partner,
                    sent_at=one.sent_at,
                    seconds=max(0.0, yes - one.sent_at),
                    is_revocation=not one.is_granted,
                )
            )
    return found
