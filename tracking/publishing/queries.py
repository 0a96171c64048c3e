"""What the console reads before something is published."""

from __future__ import annotations

from datetime import datetime

from tracking.banner import queries as banner
from tracking.consents import queries as consents
from tracking.notices import queries as notices
from tracking.notices.queries import NoNotice
from tracking.notices.types import Proposal
from tracking.publishing import rules
from tracking.publishing.types import AskedAgain, Desk, Restoration
from tracking.registry import queries as registry


def get_desk(*, site_code: str, now: datetime) -> Desk:
    """
    Return where a site's notice stands, and what publishing would do now.

    :raises UnknownSite:
    """
    site = registry.get_site(code=site_code)
    draft = notices.get_draft(site_code=site_code)
    proposal = notices.get_proposal(
        site_code=site_code, wording=draft.wording, effective_at=draft.effective_at, now=now
    )
    return Desk(
        site=site,
        current=notices.find_current(site_code=site_code),
        publications=tuple(notices.list_publications(site_code=site_code)),
        draft=draft,
        proposal=proposal,
        asked_again=_asked_again(site_code, site.id, proposal, now),
        review_on=notices.find_review(site_code=site_code),
    )


def get_restoration(*, site_code: str, number: int, now: datetime) -> Restoration:
    """
    Return what bringing a version back would do.

    :raises UnknownSite:
    :raises NoNotice: if the site has no such version
    """
    site = registry.get_site(code=site_code)
    proposal = notices.get_restoration(site_code=site_code, number=number, now=now)
    return Restoration(
        site=site,
        number=number,
        proposal=proposal,
        asked_again=_asked_again(site_code, site.id, proposal, now),
    )


def get_preview(*, site_code: str, language: str, endpoint: str, now: datetime) -> str:
    """
    Return the banner's script as it would be with the draft.

    :raises UnknownSite:
    :raises NoNotice: if the site has no such language
    """
    draft = notices.get_draft(site_code=site_code)
    proposal = notices.get_proposal(
        site_code=site_code, wording=draft.wording, effective_at=draft.effective_at, now=now
    )
    if language not in proposal.content["languages"]:
        raise NoNotice
    proposed = notices.read_proposed(proposal, site_code=site_code, now=now)
    return banner.get_preview(
        site_code=site_code, notice=proposed, language=language, endpoint=endpoint, now=now
    )


def _asked_again(site_code: str, site_id: int, proposal: Proposal, now: datetime) -> AskedAgain:
    return rules.count_asked_again(
        proposal=proposal,
        proposed=notices.read_proposed(proposal, site_code=site_code, now=now),
        refusals=consents.count_refusals(site_id=site_id) if proposal.renewals else {},
    )
