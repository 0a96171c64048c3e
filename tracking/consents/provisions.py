"""
What recipients could receive of a device, from its records alone (APPI Art. 28, 29, 31). Pure.

Nothing is kept twice: the records say what was decided, the notices what that meant at every
moment. Between two moments at which something can change, everything stays as it is; so the ledger
looks once after each of them, as the gate would, and joins what is the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tracking.consents import rules
from tracking.consents.types import (
    Choices,
    PastDecision,
    ProvidedTag,
    Provision,
    ProvisionDays,
    Recipient,
)
from tracking.notices.types import Notice, TagTerms
from tracking.regimes import rules as regimes

_HOME = "JP"
# Whoever uses what it receives for itself; whoever works for the site, where that is abroad: there
# APPI Art. 28 makes no exception for entrustment.
_ALWAYS_KEPT = frozenset({"third_party", "joint_user"})
_KEPT_ABROAD = frozenset({"processor"})
# Records of a provision are kept so long after its last day (APPI Rules 21, 29).
KEPT_YEARS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """A device's choices from a moment on."""

    since: datetime
    choices: Choices
    regime: str


def list_provisions(
    *, decisions: Sequence[PastDecision], notices: Sequence[Notice], now: datetime
) -> list[Provision]:
    """
    Return what a device's grants opened until now, by when it opened.

    A provision ends with what shut the tag: a withdrawal, the end of the grant's life under the
    regime of the decision, a notice that means something else to it, or that has the tag no more.
    What changes in between (items, tags, the recipient's name or address, the version that was
    agreed to) ends one and begins the next. Two reasons that shut the gate for a while are not
    looked at, so that the ledger rather says too much: a browser's privacy signal that comes after
    the grant, and a partner's quarantine. What notice alone opened is no consent, and not here.

    :param decisions: one device's, in the order in which they took effect
    :param notices: every version of the site
    """
    states = _replay(decisions, {notice.number: notice for notice in notices})
    if not states:
        return []
    moments = [m for m in _moments(states, notices) if states[0].since <= m <= now]
    found: list[Provision] = []
    running: dict[str, Provision] = {}
    for moment in moments:
        state = [state for state in states if state.since <= moment][-1]
        opened = _open_at(moment, state, _in_effect(notices, moment))
        for partner, provision in list(running.items()):
            goes_on = opened.get(partner)
            if goes_on is None or not _is_same(provision, goes_on):
                found.append(replace(running.pop(partner), closed_at=moment))
        for partner, provision in opened.items():
            running.setdefault(partner, provision)
    found.extend(running.values())
    return sorted(found, key=lambda one: (one.opened_at, one.recipient.code))


def in_days(*, provision: Provision, zone: str) -> ProvisionDays:
    """Return a provision by its first and last day (APPI Rule 28(1)(ii), recorded together)."""
    here = ZoneInfo(zone)
    return ProvisionDays(
        recipient=provision.recipient,
        items=provision.items,
        tags=provision.tags,
        agreed_on=provision.agreed_on,
        notice=provision.notice,
        first_day=provision.opened_at.astimezone(here).date(),
        last_day=None
        if provision.closed_at is None
        else provision.closed_at.astimezone(here).date(),
    )


def overlaps(*, days: ProvisionDays, since: date | None, until: date | None) -> bool:
    """Say whether a provision has a day in a period, both ends included; None = open."""
    return (until is None or days.first_day <= until) and (
        since is None or days.last_day is None or days.last_day >= since
    )


def is_kept(*, role: str, country: str) -> bool:
    """Say whether what a partner of this kind receives belongs into the ledger."""
    return role in _ALWAYS_KEPT or (role in _KEPT_ABROAD and country != _HOME)


def read_recipient(*, notice: Notice, partner: str) -> Recipient:
    """Return a partner as a notice froze it; what an old notice did not say is empty."""
    entry = next(one for one in notice.content["partners"] if one["code"] == partner)
    return Recipient(
        code=entry["code"],
        role=entry["role"],
        country=entry["country"],
        legal_name=entry["legal_name"],
        address=entry.get("address", {}),
        representative=entry.get("representative", {}),
        confirmation=entry.get("confirmation", {}),
        foreign_basis=entry.get("foreign_basis", ""),
        foreign_system=entry.get("foreign_system", {}),
        foreign_measures=entry.get("foreign_measures", {}),
    )


def read_items(*, notice: Notice, codes: Sequence[str]) -> dict[str, Mapping[str, str]]:
    """Return the names of data items as a notice froze them."""
    names = {item["code"]: item["name"] for item in notice.content["data_items"]}
    return {code: names[code] for code in codes}


def read_tags(*, notice: Notice, codes: Sequence[str]) -> tuple[ProvidedTag, ...]:
    """Return tags as a notice froze them, in its order."""
    return tuple(
        ProvidedTag(
            code=tag["code"],
            transport=tag["transport"],
            is_linkable=tag.get("is_linkable", False),
        )
        for tag in notice.content["tags"]
        if tag["code"] in codes
    )


def as_json(provision: Provision) -> dict[str, Any]:
    """Return a provision for whom it is about: Rule 28(1)'s items in their order."""
    return {**_facts(provision), "opened_at": _iso(provision.opened_at)} | {
        "closed_at": None if provision.closed_at is None else _iso(provision.closed_at)
    }


def days_as_json(days: ProvisionDays) -> dict[str, Any]:
    """Return a provision for a ledger that goes out of the house: days, never times."""
    return {
        **_facts(days),
        "first_day": days.first_day.isoformat(),
        "last_day": None if days.last_day is None else days.last_day.isoformat(),
    }


def _facts(provision: Provision | ProvisionDays) -> dict[str, Any]:
    recipient = provision.recipient
    return {
        "agreed_on_notice": provision.agreed_on,
        "notice": provision.notice,
        "confirmation": dict(recipient.confirmation),
        "foreign": None
        if recipient.country == _HOME
        else {
            "country": recipient.country,
            "basis": recipient.foreign_basis,
            "system": dict(recipient.foreign_system),
            "measures": dict(recipient.foreign_measures),
            "information_version": provision.notice,
        },
        "recipient": {
            "code": recipient.code,
            "role": recipient.role,
            "legal_name": dict(recipient.legal_name),
            "address": dict(recipient.address),
            "representative": dict(recipient.representative),
            "country": recipient.country,
        },
        "data_items": {code: dict(name) for code, name in provision.items.items()},
        "tags": [
            {"code": tag.code, "transport": tag.transport, "is_linkable": tag.is_linkable}
            for tag in provision.tags
        ],
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _replay(decisions: Sequence[PastDecision], notices: Mapping[int, Notice]) -> list[_State]:
    """Return a device's states, made of its records by the rules that made them."""
    states: list[_State] = []
    choices: Choices | None = None
    for decision in decisions:
        submission = decision.submission
        notice = notices[submission.notice]
        merged = rules.merge(
            before=choices,
            submission=submission,
            asked=notice.asked_ids,
            held=frozenset(),
            meanings=notice.terms.material_since,
        )
        choices = rules.choices_after(
            before=choices, merged=merged, submission=submission, now=decision.recorded_at
        )
        # What the newest version has no number for is not kept with the device.
        known = notices[choices.notice].numbers.keys()
        choices = replace(choices, granted=choices.granted & known, refused=choices.refused & known)
        if merged.is_superseded and states:
            continue
        states.append(_State(since=decision.recorded_at, choices=choices, regime=decision.regime))
    return states


def _moments(states: Sequence[_State], notices: Sequence[Notice]) -> list[datetime]:
    """Return every moment at which something can change, and some at which nothing does."""
    moments = {state.since for state in states} | {notice.effective_at for notice in notices}
    # Where a regime is not there (any more), the strictest one stands for it.
    codes = {regimes.UNKNOWN, *(state.regime for state in states)}
    for regime in (one for one in regimes.load_regimes() if one.code in codes):
        moments.add(datetime.combine(regime.effective_from, time(), tzinfo=UTC))
        moments.update(
            datetime.fromtimestamp(state.choices.decided_at, tz=UTC)
            + timedelta(days=regime.renew_days_granted)
            for state in states
        )
    for notice in notices:
        moments.update(
            datetime.fromtimestamp(partner.effective_at, tz=UTC)
            for partner in notice.terms.partners.values()
            if partner.effective_at is not None
        )
    return sorted(moments)


def _in_effect(notices: Sequence[Notice], moment: datetime) -> Notice | None:
    return max(
        (notice for notice in notices if notice.effective_at <= moment),
        key=lambda notice: notice.number,
        default=None,
    )


def _open_at(moment: datetime, state: _State, notice: Notice | None) -> dict[str, Provision]:
    """Return what is open from a moment on, by partner."""
    if notice is None or not state.choices.granted:
        return {}
    terms, choices = notice.terms, state.choices
    standing = rules.standing_grants(
        choices=choices,
        terms=terms,
        regime=regimes.get_regime(code=state.regime, on=moment.date()),
        now=moment,
    )
    if not standing:
        return {}
    tags: dict[str, list[TagTerms]] = {}
    for tag in terms.tags.values():
        partner = terms.partners.get(tag.partner)
        if (
            not tag.is_exempt
            and partner is not None
            and standing.issuperset(tag.needed_ids)
            and all(purpose in terms.natures for purpose in tag.purposes)
            and not (
                partner.role == "joint_user"
                and (partner.effective_at is None or partner.effective_at > moment.timestamp())
            )
        ):
            tags.setdefault(tag.partner, []).append(tag)
    opened: dict[str, Provision] = {}
    for code, open_tags in tags.items():
        recipient = read_recipient(notice=notice, partner=code)
        if not is_kept(role=recipient.role, country=recipient.country):
            continue
        items = {item for tag in open_tags for item in tag.required_items} | {
            item
            for tag in open_tags
            for item in tag.optional_items
            if f"item:{item}" in choices.granted
        }
        opened[code] = Provision(
            recipient=recipient,
            items=read_items(notice=notice, codes=sorted(items)),
            tags=read_tags(notice=notice, codes=[tag.code for tag in open_tags]),
            agreed_on=choices.notice,
            notice=notice.number,
            opened_at=moment,
            closed_at=None,
        )
    return opened


def _is_same(one: Provision, other: Provision) -> bool:
    """Say whether nothing changed but the number of a version that repeats what was said."""
    return replace(other, notice=one.notice, opened_at=one.opened_at) == one
