"""What a decision does to a device's choices, and who must be told. Pure."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tracking.consents.types import (
    AgeBand,
    Choices,
    DeliveryStatus,
    DeviceClass,
    Doubt,
    Method,
    Outgoing,
    Stage,
    Submission,
)
from tracking.lib import bits, canonical_json
from tracking.lib.impression import Impression
from tracking.notices.types import Notice, TagTerms, Terms
from tracking.outbox.types import EventState, EventStatus, Outcome
from tracking.regimes.types import Regime

# Later than any notice: what a notice does not speak of was never agreed to.
NEVER = 2**31

MOST_CHARACTERS = 256

# Pauses between tries grow to a quarter of an hour: by then several have failed in a row.
UNREACHABLE_AFTER = timedelta(hours=1)

# A partner's last words that are no success.
_NOTHING_THERE = {
    Outcome.IDENTIFIER_NOT_HELD: Stage.IDENTIFIER_NOT_HELD,
    Outcome.NOT_NEEDED: Stage.NOT_NEEDED,
}
# All its last words.
LAST_WORDS = frozenset({Stage.CONFIRMED, *_NOTHING_THERE.values()})

# How long a proof of being shown is good: a page that is left open for longer is asked again.
IMPRESSION_LASTS = timedelta(hours=24)
# Clocks of two of our processes may differ.
_CLOCKS_DIFFER = timedelta(minutes=5)

# Pressed sooner than this after it was painted, the notice was answered by no person. Who only has
# to press when a light comes on needs 213 ms on average, of which 131 ms to see it (Woods et al.
# 2015, Frontiers in Human Neuroscience 9:131); here words have to be read and a button aimed at.
FASTEST_PRESS_MS = 150

# What calls itself a program. CUBOT makes phones.
_BOT = re.compile(
    r"(?<!cu)bot|crawl|spider|slurp|scrap|headless|lighthouse|pagespeed|inspectiontool|gtmetrix"
    r"|pingdom|ptst|externalhit|phantomjs|curl/|wget/|python|aiohttp|httpx|libwww|go-http-client",
    re.IGNORECASE,
)
_TABLET = re.compile(r"iPad|Tablet|Android(?!.*Mobile)", re.IGNORECASE)
_PHONE = re.compile(r"Mobi|iPhone|Android", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """
    `withdrawn`: granted before (or allowed by notice), refused now. A superseded decision is kept
    as a record and changes nothing: the device decided again later.
    """

    granted: frozenset[str]
    refused: frozenset[str]
    withdrawn: frozenset[str]
    # Older grants go on: they expire when they would have, and no newer signal covers them.
    has_carried: bool
    is_superseded: bool


def merge(
    *,
    before: Choices | None,
    submission: Submission,
    asked: frozenset[str],
    held: frozenset[str],
    meanings: Mapping[str, int],
) -> Merge:
    """
    Return a device's choices after a decision.

    `asked`: all ids that can be answered; `held`: ids granted before, or, before any choice, those
    that a notice regime allowed; `meanings`: the version since which each id means what it does.

    The browser's counter orders decisions of one device. A late one grants nothing, and refuses
    unless its sender calls it history; at a tie the more restrictive answer wins: a refusal is
    never lost and a grant never assumed. History of a device that is not there grants nothing
    either: what came after it may have been the wish to be forgotten.
    """
    granted_before = before.granted if before else frozenset()
    refused_before = before.refused if before else frozenset()
    if submission.method is Method.REFUSE:
        granted: frozenset[str] = frozenset()
        refused = asked | granted_before | submission.refused
    else:
        granted, refused = submission.granted, submission.refused
    if before is None and submission.is_history:
        return Merge(
            granted=frozenset(),
            refused=refused,
            withdrawn=frozenset(),
            has_carried=False,
            is_superseded=True,
        )
    if before is not None and submission.client_seq < before.seq:
        # A clock that went back, or a decision that was long on its way: only its refusals count.
        granted = frozenset()
        if submission.is_history or not refused:
            return Merge(
                granted=granted_before,
                refused=refused_before,
                withdrawn=frozenset(),
                has_carried=True,
                is_superseded=True,
            )
    elif before is not None and submission.client_seq == before.seq:
        granted -= refused_before
    # What was granted before and is not mentioned now keeps its own age and meaning.
    carried = frozenset(
        choice
        for choice in granted_before - refused - granted
        if before is not None and meanings.get(choice, NEVER) <= before.notice
    )
    granted_now = carried | granted
    refused_now = (refused_before - granted) | refused
    return Merge(
        granted=granted_now,
        refused=refused_now,
        withdrawn=held & refused_now,
        has_carried=bool(carried),
        is_superseded=False,
    )


def lacks_guardian(*, submission: Submission, age_band: AgeBand | None, regime: Regime) -> bool:
    """Say whether a decision says a yes that a child may not say without its guardian."""
    return (
        bool(submission.granted)
        and not submission.guardian_consent
        and _is_below(age_band, regime.guardian_below)
    )


def shut_unanswered(
    *,
    merged: Merge,
    age_band: AgeBand | None,
    regime: Regime,
    asked: frozenset[str],
    held: frozenset[str],
) -> Merge:
    """Return `merged`, with a no to what a child left unanswered where only its yes opens."""
    if merged.is_superseded or not _is_below(age_band, regime.opt_in_below):
        return merged
    refused = merged.refused | (asked - merged.granted)
    return replace(merged, refused=refused, withdrawn=held & refused)


def _is_below(age_band: AgeBand | None, years: int) -> bool:
    """A band that the line runs through counts as below it: the child may be."""
    return age_band is not None and age_band.youngest < years


def choices_after(
    *, before: Choices | None, merged: Merge, submission: Submission, now: datetime
) -> Choices:
    """Return a device's choices once a decision was merged into them."""
    if merged.is_superseded and before is not None:
        return before
    carries = before is not None and merged.has_carried
    return Choices(
        granted=merged.granted,
        refused=merged.refused,
        decided_at=before.decided_at if before is not None and carries else int(now.timestamp()),
        notice=submission.notice if before is None else max(submission.notice, before.notice),
        with_signal=submission.gpc
        and not (before is not None and carries and not before.with_signal),
        seq=submission.client_seq if before is None else max(submission.client_seq, before.seq),
    )


def next_seq(*, choices: Choices | None, now: datetime) -> int:
    """
    Return a decision's number: milliseconds, and above the device's last one whatever the browser's
    clock said, so that what is decided now is what holds.
    """
    milliseconds = int(now.timestamp() * 1000)
    return milliseconds if choices is None else max(milliseconds, choices.seq + 1)


def grants_anew(*, before: Choices | None, submission: Submission) -> bool:
    """Say whether `merge` could grant something: what is older than the newest decision cannot."""
    return bool(submission.granted) and (before is None or submission.client_seq >= before.seq)


def implied_grants(*, terms: Terms, regime: Regime) -> frozenset[str]:
    """Return the ids of tags that may run on notice alone, before any choice."""
    found: set[str] = set()
    for tag in terms.tags.values():
        partner = terms.partners.get(tag.partner)
        natures = regime.notice_natures.get(tag.transport, frozenset())
        if (
            not tag.is_exempt
            and partner is not None
            and partner.role in regime.notice_roles
            and all(terms.natures.get(purpose) in natures for purpose in tag.purposes)
        ):
            found.update(tag.needed_ids)
    return frozenset(found)


def ids_by_partner(terms: Terms) -> dict[str, frozenset[str]]:
    """Return, for each partner outside the site, the choice ids that concern it."""
    return {
        partner: frozenset(
            choice
            for tag in tags
            for choice in (*tag.needed_ids, *(f"item:{code}" for code in tag.optional_items))
        )
        for partner, tags in _tags_by_partner(terms).items()
    }


def list_reached(*, terms: Terms, granted: frozenset[str]) -> frozenset[str]:
    """Return the partners outside the site of which some tag had all that it needs."""
    return frozenset(
        partner
        for partner, tags in _tags_by_partner(terms).items()
        if any(granted.issuperset(tag.needed_ids) for tag in tags)
    )


def plan_news(*, terms: Terms, held: frozenset[str], merged: Merge) -> list[Outgoing]:
    """
    Return who must be told what: every partner that lost something it could receive, and, as good
    news, every partner that gained something.

    `held`: what was granted, or allowed by notice, before. The whole present state goes out each
    time, so that a message that replaces an unsent one says at least as much.
    """
    ids = ids_by_partner(terms)
    news = []
    for partner, tags in sorted(_tags_by_partner(terms).items()):
        has_lost = any(_has_lost(tag, held, merged) for tag in tags)
        if has_lost or any(_has_gained(tag, held, merged) for tag in tags):
            # A partner refused as such is refused for everything.
            is_out = f"partner:{partner}" in merged.refused
            news.append(
                Outgoing(
                    partner=partner,
                    is_revocation=has_lost,
                    granted=frozenset() if is_out else ids[partner] & merged.granted,
                    withdrawn=ids[partner] if is_out else ids[partner] & merged.refused,
                )
            )
    return news


def _tags_by_partner(terms: Terms) -> dict[str, list[TagTerms]]:
    found: dict[str, list[TagTerms]] = {}
    for tag in terms.tags.values():
        partner = terms.partners.get(tag.partner)
        if not tag.is_exempt and partner is not None and partner.role != "self":
            found.setdefault(tag.partner, []).append(tag)
    return found


def _has_lost(tag: TagTerms, held: frozenset[str], merged: Merge) -> bool:
    """The tag could fire before; now it is shut, or must withhold an item."""
    if not held.issuperset(tag.needed_ids):
        return False
    withheld = any(f"item:{code}" in merged.withdrawn for code in tag.optional_items)
    return withheld or not merged.refused.isdisjoint(tag.needed_ids)


def _has_gained(tag: TagTerms, held: frozenset[str], merged: Merge) -> bool:
    return merged.granted.issuperset(tag.needed_ids) and not held.issuperset(tag.needed_ids)


def receiving(*, terms: Terms, granted: frozenset[str]) -> frozenset[str]:
    """Return the partners with a tag for which everything that it needs is granted."""
    return frozenset(
        partner
        for partner, tags in _tags_by_partner(terms).items()
        if any(granted.issuperset(tag.needed_ids) for tag in tags)
    )


def standing_grants(
    *, choices: Choices, terms: Terms, regime: Regime, now: datetime
) -> frozenset[str]:
    """Return what is granted, unless it has expired or has changed in what it means since."""
    lifetime = timedelta(days=regime.renew_days_granted)
    if now.timestamp() >= choices.decided_at + lifetime.total_seconds():
        return frozenset()
    return frozenset(
        choice
        for choice in choices.granted
        if terms.material_since.get(choice, NEVER) <= choices.notice
    )


def read_identifiers(*, sent: object, terms: Terms) -> tuple[dict[str, dict[str, str]], list[str]]:
    """
    Return, of identifiers as sent, those that the notice declares and that can be kept, and in
    words what is wrong with the others. Values are never repeated.
    """
    if sent is None:
        return {}, []
    if not isinstance(sent, dict) or not all(isinstance(one, dict) for one in sent.values()):
        return {}, ["Write a map from partner to kind to value."]
    found: dict[str, dict[str, str]] = {}
    faults: list[str] = []
    for code, values in sent.items():
        partner = terms.partners.get(code)
        for kind, value in values.items():
            if partner is None or kind not in partner.identifiers:
                faults.append(f"The notice declares no {kind[:40]} of {code[:40]}.")
            elif not _is_identifier(value):
                faults.append(f"{code}, {kind}: 1 to 256 printable characters.")
            else:
                found.setdefault(code, {})[kind] = value
    return found, faults


def _is_identifier(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MOST_CHARACTERS and value.isprintable()


def message(
    *,
    outgoing: Outgoing,
    subject: str,
    version: int,
    notice_number: int,
    notice_hash: str,
    decided_at: datetime,
    due_at: datetime,
) -> dict[str, object]:
    """Return the body a partner receives (Standard Webhooks: type, timestamp, data)."""
    moment = decided_at.isoformat(timespec="seconds")
    return {
        "type": "consent.revoked" if outgoing.is_revocation else "consent.granted",
        "timestamp": moment,
        "data": {
            "subject": subject,
            "version": version,
            "decided_at": moment,
            "due_at": due_at.isoformat(timespec="seconds"),
            "notice": {"number": notice_number, "hash": notice_hash},
            "withdrawn": _by_kind(outgoing.withdrawn),
            "granted": _by_kind(outgoing.granted),
        },
    }


def erasure_message(
    *, subject: str, version: int, erased_at: datetime, due_at: datetime
) -> dict[str, object]:
    """Return the body that tells a partner to forget the device (Standard Webhooks)."""
    moment = erased_at.isoformat(timespec="seconds")
    return {
        "type": "device.erased",
        "timestamp": moment,
        "data": {
            "subject": subject,
            "version": version,
            "decided_at": moment,
            "due_at": due_at.isoformat(timespec="seconds"),
        },
    }


def _by_kind(ids: frozenset[str]) -> dict[str, list[str]]:
    return {
        "purposes": sorted(c.removeprefix("purpose:") for c in ids if c.startswith("purpose:")),
        "data_items": sorted(c.removeprefix("item:") for c in ids if c.startswith("item:")),
    }


def status_of(*, event: EventStatus, version: int, now: datetime) -> Stage:
    """
    Return what a visitor is told about one partner.

    Its last word comes first. Without one, a partner that was given up is not reachable; whoever is
    past the deadline, told or not, is overdue; and a partner is not reachable either when the last
    try found nobody and we have been trying for more than UNREACHABLE_AFTER. A shorter silence is
    what the retries are for, and one that said no (a rejection) was reached.
    """
    is_told = event.acked_version >= version
    if is_told and event.confirmed_at is not None:
        return _NOTHING_THERE.get(event.outcome, Stage.CONFIRMED)
    if not is_told and event.state is EventState.DEAD:
        return Stage.UNREACHABLE
    if event.due_at < now:
        return Stage.OVERDUE
    if is_told:
        return Stage.SENT
    has_tried_long = now - event.trying_since > UNREACHABLE_AFTER
    if event.outcome is Outcome.UNREACHABLE and has_tried_long:
        return Stage.UNREACHABLE
    return Stage.QUEUED


def delivery_status(
    *, event: EventStatus, version: int, legal_name: Mapping[str, str], now: datetime
) -> DeliveryStatus:
    """Return how far one partner is with a version."""
    stage = status_of(event=event, version=version, now=now)
    is_told = event.acked_version >= version
    # What ended with nothing may never have been sent.
    is_sent = is_told and stage not in _NOTHING_THERE.values()
    return DeliveryStatus(
        partner=event.addressee,
        legal_name=legal_name,
        status=stage,
        due_at=event.due_at,
        sent_at=event.accepted_at if is_sent else None,
        confirmed_at=event.confirmed_at if stage is Stage.CONFIRMED else None,
        is_open=stage not in LAST_WORDS and (is_told or event.state is not EventState.DEAD),
    )


def due_at(*, decided_at: datetime, sla_hours: int) -> datetime:
    return decided_at + timedelta(hours=sla_hours)


def choices_cookie(*, choices: Choices, numbers: Mapping[str, int]) -> str:
    """Return the readable cookie: version.notice.decided_at.flags.seq.granted.refused."""
    granted = bits.to_hex(numbers[choice] for choice in choices.granted if choice in numbers)
    refused = bits.to_hex(numbers[choice] for choice in choices.refused if choice in numbers)
    flags = 1 if choices.with_signal else 0
    return f"1.{choices.notice}.{choices.decided_at}.{flags}.{choices.seq}.{granted}.{refused}"


def choices_after_erasure(*, notice: Notice, erased_at: datetime, seq: int) -> Choices:
    """Return what the browser keeps of an erased device: that everything is refused."""
    return Choices(
        granted=frozenset(),
        refused=notice.asked_ids,
        decided_at=int(erased_at.timestamp()),
        notice=notice.number,
        with_signal=False,
        seq=seq,
    )


def commitment(*, salt: bytes, private: Mapping[str, object]) -> bytes:
    """Return HMAC-SHA256(salt, canonical private part): proves it later, tells nothing now."""
    return hmac.digest(salt, canonical_json.dumps(dict(private)), "sha256")


def doubt(
    *,
    impression: Impression | None,
    is_machine: bool,
    was_suspect: bool | None,
    now: datetime,
) -> Doubt:
    """
    Return whether statistics leave a decision out.

    A proof of being shown, good for one decision, takes the doubt away. Without one a device is as
    it was before, and a new one is suspect. What calls itself a bot, or comes in a flood, always
    is. The decision's effect is the same in any case.

    :param impression: what was brought along, if we signed it for this site
    :param was_suspect: what is known of the device; None = it is new, or its sender not trusted
    """
    is_good = (
        not is_machine
        and impression is not None
        and -_CLOCKS_DIFFER.total_seconds()
        <= now.timestamp() - impression.issued_at
        < IMPRESSION_LASTS.total_seconds()
        and not is_inhuman(waited_ms=impression.waited_ms)
    )
    return Doubt(
        is_suspect=is_machine or was_suspect is None or was_suspect,
        nonce=impression.nonce if is_good and impression is not None else None,
    )


def is_inhuman(*, waited_ms: int | None) -> bool:
    """Say whether a notice was answered sooner than a person can."""
    return waited_ms is not None and waited_ms < FASTEST_PRESS_MS


def is_bot(user_agent: str) -> bool:
    """Say whether a user agent says that it is a program's: a crawler's, or a driven browser's."""
    return _BOT.search(user_agent) is not None


def classify_device(user_agent: str) -> DeviceClass:
    """Return the coarse class; the user agent itself is not kept."""
    if not user_agent:
        return DeviceClass.UNKNOWN
    if _TABLET.search(user_agent):
        return DeviceClass.TABLET
    return DeviceClass.PHONE if _PHONE.search(user_agent) else DeviceClass.DESKTOP
