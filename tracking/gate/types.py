"""The gate's answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Reason(StrEnum):
    """Why a tag may fire or not; each has a sentence in docs/api.md."""

    UNKNOWN_TAG = "unknown_tag"
    EXEMPT = "exempt"
    PARTNER_OVERDUE = "partner_overdue"
    NOT_YET_EFFECTIVE = "not_yet_effective"
    PARTNER_REFUSED = "partner_refused"
    PURPOSE_REFUSED = "purpose_refused"
    DATA_ITEM_REFUSED = "data_item_refused"
    BROWSER_SIGNAL = "browser_signal"
    NEEDS_RENEWAL = "needs_renewal"
    NO_CHOICE = "no_choice"
    NOTICE_GIVEN = "notice_given"
    GRANTED = "granted"
    # Without consent, on an approved basis of the law; only what sends from the server.
    LAWFUL_EXCEPTION = "lawful_exception"
    # Something we rely on did not answer: closed.
    DOUBT = "doubt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`withheld`: optional data items that must not be sent although the tag may fire."""

    allowed: bool
    reason: Reason
    withheld: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        return {
            "allowed": self.allowed,
            "reason": self.reason.value,
            "withheld_data_items": list(self.withheld),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PageTag:
    """
    What is left to decide about a tag in the page, once notice, regime and quarantine are known.

    `needed`: choice ids that must all be granted, the partner first, then purposes, then items;
    `shut`: reason why it is shut for everybody, or ""; `effective_from`: epoch seconds;
    `is_signalled`: a browser signal shuts it; `follows_notice`: having been shown the notice is
    enough before a choice; `since`: number of the notice version since which all of `needed` means
    what it means.
    """

    needed: tuple[str, ...]
    optional: tuple[str, ...]
    is_exempt: bool
    shut: str
    effective_from: int
    is_signalled: bool
    follows_notice: bool
    since: int

    def as_json(self) -> dict[str, object]:
        """Return it as static/src/core/types.ts reads it; what says nothing is left out."""
        fields: Mapping[str, object] = {
            "needed": list(self.needed),
            "optional": list(self.optional),
            "exempt": self.is_exempt,
            "shut": self.shut,
            "from": self.effective_from,
            "signal": self.is_signalled,
            "notice": self.follows_notice,
        }
        return {key: value for key, value in fields.items() if value} | {"since": self.since}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionUses:
    """How often one exception opened the gate, and when it last did."""

    exception: int
    count: int
    last_at: datetime
