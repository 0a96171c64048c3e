"""
May this tag fire for this device now? First match wins; every doubt closes.

The browser decides by the same rules (static/src/core/decide.ts) on the same vectors
(tests/vectors/decide.json).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tracking.consents.types import Choices
from tracking.gate.types import Decision, PageTag, Reason
from tracking.notices.types import PartnerTerms, TagTerms, Terms
from tracking.regimes.types import Regime
from tracking.registry import rules as registry

_DAY_SECONDS = 86_400
# What a notice says nothing of was neither shown nor agreed to.
_NEVER = 2**31


def decide(
    *,
    tag_code: str,
    terms: Terms,
    regime: Regime,
    choices: Choices | None,
    gpc: bool,
    shown_notice: int | None,
    overdue: Collection[str],
    now: int,
) -> Decision:
    """
    Return the decision for one tag.

    `shown_notice`: number of the notice this device was shown; `overdue`: partners that owe a
    revocation; `now`: epoch seconds.
    """
    tag = terms.tags.get(tag_code)
    if tag is None:
        return _denied(Reason.UNKNOWN_TAG)
    partner = terms.partners.get(tag.partner)
    if partner is None or any(code not in terms.natures for code in tag.purposes):
        return _denied(Reason.UNKNOWN_TAG)
    if tag.is_exempt:
        return Decision(allowed=True, reason=Reason.EXEMPT)
    if tag.partner in overdue:
        return _denied(Reason.PARTNER_OVERDUE)
    if partner.role == "joint_user" and (
        partner.effective_at is None or partner.effective_at > now
    ):
        return _denied(Reason.NOT_YET_EFFECTIVE)

    granted = choices.granted if choices else frozenset()
    refused = choices.refused if choices else frozenset()
    refusal = _refusal(tag, refused)
    if refusal is not None:
        return _denied(refusal)

    is_granted = all(choice in granted for choice in tag.needed_ids)
    if gpc and any(terms.natures[code] in regime.signal_natures for code in tag.purposes):
        outlives = choices is not None and (choices.with_signal or regime.signal_grant_outlives)
        if not (is_granted and outlives):
            return _denied(Reason.BROWSER_SIGNAL)

    meanings = [terms.material_since.get(choice, _NEVER) for choice in tag.needed_ids]
    is_stale = choices is not None and (
        now >= choices.decided_at + regime.renew_days_granted * _DAY_SECONDS
        or max(meanings) > choices.notice
    )
    if is_granted and not is_stale:
        withheld = tuple(code for code in tag.optional_items if f"item:{code}" not in granted)
        return Decision(allowed=True, reason=Reason.GRANTED, withheld=withheld)

    may_follow_notice = (
        _follows_notice(tag, partner, terms, regime)
        and shown_notice is not None
        and shown_notice >= max(meanings)
    )
    if not may_follow_notice:
        return _denied(Reason.NEEDS_RENEWAL if is_stale else Reason.NO_CHOICE)
    return Decision(
        allowed=True,
        reason=Reason.NEEDS_RENEWAL if is_stale else Reason.NOTICE_GIVEN,
        withheld=tuple(code for code in tag.optional_items if f"item:{code}" in refused),
    )


# What a visitor decided or did not decide. An exception of the law stands above that, and above
# nothing else: an unknown tag, a partner in quarantine and every doubt stay shut.
_FOR_WANT_OF_CONSENT = frozenset(
    {
        Reason.PARTNER_REFUSED,
        Reason.PURPOSE_REFUSED,
        Reason.DATA_ITEM_REFUSED,
        Reason.BROWSER_SIGNAL,
        Reason.NEEDS_RENEWAL,
        Reason.NO_CHOICE,
    }
)


def except_tag(
    *, decision: Decision, tag_code: str, terms: Terms, choices: Choices | None
) -> Decision:
    """
    Return the decision for a tag for which an exception of the law is approved (policy Article 4).

    What the notice froze counts, so that a tag whose purposes change to what may never be excepted
    is shut with the next version. Nothing optional is sent that was not granted. Only the service
    decides this: it is no part of what the browser knows.
    """
    if decision.allowed or decision.reason not in _FOR_WANT_OF_CONSENT:
        return decision
    tag = terms.tags[tag_code]
    if not registry.may_be_excepted(
        transport=tag.transport, natures=[terms.natures[code] for code in tag.purposes]
    ):
        return decision
    granted = choices.granted if choices else frozenset()
    return Decision(
        allowed=True,
        reason=Reason.LAWFUL_EXCEPTION,
        withheld=tuple(code for code in tag.optional_items if f"item:{code}" not in granted),
    )


def reduce_tags(*, terms: Terms, regime: Regime, overdue: Collection[str]) -> dict[str, PageTag]:
    """
    Return, by code, what the browser still has to decide about each tag.

    The page knows the visitor's choices and this; static/src/core/decide.ts makes of both what
    `decide` makes of everything (tests/vectors/page_tags.json). Unknown tags are not in it.
    """
    return {
        code: _reduce(tag, partner, terms, regime, overdue)
        for code, tag in terms.tags.items()
        if (partner := terms.partners.get(tag.partner)) is not None
        and all(purpose in terms.natures for purpose in tag.purposes)
    }


def list_signalled_ids(*, natures: Mapping[str, str], regime: Regime) -> list[str]:
    """Return the ids of the purposes that a browser signal speaks of."""
    return [
        f"purpose:{code}" for code, nature in natures.items() if nature in regime.signal_natures
    ]


def _reduce(
    tag: TagTerms,
    partner: PartnerTerms,
    terms: Terms,
    regime: Regime,
    overdue: Collection[str],
) -> PageTag:
    natures = [terms.natures[code] for code in tag.purposes]
    is_joint = partner.role == "joint_user"
    shut = ""
    if tag.partner in overdue:
        shut = Reason.PARTNER_OVERDUE.value
    elif is_joint and partner.effective_at is None:
        shut = Reason.NOT_YET_EFFECTIVE.value
    return PageTag(
        needed=tag.needed_ids,
        optional=tuple(f"item:{code}" for code in tag.optional_items),
        is_exempt=tag.is_exempt,
        shut=shut,
        effective_from=(partner.effective_at or 0) if is_joint else 0,
        is_signalled=any(nature in regime.signal_natures for nature in natures),
        follows_notice=_follows_notice(tag, partner, terms, regime),
        since=max(terms.material_since.get(choice, _NEVER) for choice in tag.needed_ids),
    )


def _follows_notice(tag: TagTerms, partner: PartnerTerms, terms: Terms, regime: Regime) -> bool:
    """Say whether having been shown the notice is enough for this tag before a choice."""
    allowed = regime.notice_natures.get(tag.transport, ())
    return (
        partner.role in regime.notice_roles
        and (regime.notice_linkable or not tag.is_linkable)
        and all(terms.natures[code] in allowed for code in tag.purposes)
    )


def _refusal(tag: TagTerms, refused: Collection[str]) -> Reason | None:
    if f"partner:{tag.partner}" in refused:
        return Reason.PARTNER_REFUSED
    if any(f"purpose:{code}" in refused for code in tag.purposes):
        return Reason.PURPOSE_REFUSED
    if any(f"item:{code}" in refused for code in tag.required_items):
        return Reason.DATA_ITEM_REFUSED
    return None


def _denied(reason: Reason) -> Decision:
    return Decision(allowed=False, reason=reason)
