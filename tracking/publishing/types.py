"""What the console knows of a site's next notice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from tracking.notices.types import DraftInfo, Notice, Proposal, Publication
from tracking.registry.types import SiteInfo

# Who may look, write and submit, publish and bring back.
PERMISSION = "notices.view_noticeversion"
CHANGE_PERMISSION = "notices.change_draft"
PUBLISH_PERMISSION = "notices.add_noticeversion"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedAgain:
    """How many devices are asked again: in all, and by choice id."""

    devices: int
    by_choice: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where a site's notice stands; `review_on` is when the one in effect is looked at again."""

    site: SiteInfo
    current: Notice | None
    publications: tuple[Publication, ...]
    draft: DraftInfo
    proposal: Proposal
    asked_again: AskedAgain
    review_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """What bringing a version back would do."""

    site: SiteInfo
    number: int
    proposal: Proposal
    asked_again: AskedAgain
