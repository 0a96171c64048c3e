"""The gate's answer."""

from __future__ import annotations

from dataclasses import dataclass
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
