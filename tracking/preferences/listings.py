"""The reads of the pages that are the same for everybody: no device is looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from tracking.lib.languages import negotiate
from tracking.notices import history
from tracking.notices import queries as notices
from tracking.notices.types import Notice
from tracking.preferences import listing_copy, listing_page, page, transmission_page
from tracking.preferences.types import Frame, Listing, ListingPage, TransmissionPage
from tracking.registry import queries as registry
from tracking.registry.types import SiteInfo
from tracking.scans import queries as scans


def get_listing(*, site_code: str, listing: Listing, languages: str, now: datetime) -> ListingPage:
    """
    Return one of the pages. `languages`: best first, by commas; "" = the site's first.

    :raises UnknownSite:
    :raises NoNotice:
    """
    site = registry.get_site(code=site_code)
    notice = notices.get_current(site_code=site.code)
    return listing_page.build_listing(
        listing=listing,
        frame=_frame(site, notice, languages),
        notice=notice,
        coming=_list_coming(notice) if listing is Listing.JOINT_USE else (),
        zone=site.zone,
        now=now,
    )


def get_transmission_text(*, site_code: str, languages: str, now: datetime) -> TransmissionPage:
    """
    Return the external-transmission page without any device's state.

    :raises UnknownSite:
    :raises NoNotice:
    """
    site = registry.get_site(code=site_code)
    notice = notices.get_current(site_code=site.code)
    return transmission_page.build_transmission_page(
        frame=_frame(site, notice, languages),
        notice=notice,
        choices_granted=frozenset(),
        decisions={},
        revisions=history.list_revisions(site_code=site.code),
        origins=site.origins,
        checked_on=scans.last_checked_on(site.code),
        zone=site.zone,
        now=now,
        saved="",
        saved_tag="",
        signal_note="",
    )


def get_listing_copy(
    *, site_code: str, listing: Listing, address: Callable[[str], str]
) -> Mapping[str, Any]:
    """
    Return one of the pages for machines; `address` is that of a site's page.

    :raises UnknownSite:
    :raises NoNotice:
    """
    site = registry.get_site(code=site_code)
    notice = notices.get_current(site_code=site.code)
    return listing_copy.build_copy(
        listing=listing,
        notice=notice,
        coming=_list_coming(notice) if listing is Listing.JOINT_USE else (),
        page_url=address(site.code),
    )


def _frame(site: SiteInfo, notice: Notice, languages: str) -> Frame:
    offered = notice.content["languages"]
    return page.make_frame(
        notice=notice,
        site_name=site.name,
        language=negotiate(languages, offered) if languages else offered[0],
    )


def _list_coming(notice: Notice) -> Sequence[Notice]:
    """Return the published versions whose day has not come, as they will follow one another."""
    coming = [
        revision.publication
        for revision in history.list_revisions(site_code=notice.site_code)
        # The one in effect is the newest whose day has come.
        if revision.publication.number > notice.number
    ]
    found = (
        notices.find_version(site_code=notice.site_code, number=publication.number)
        for publication in sorted(coming, key=lambda one: (one.effective_at, one.number))
    )
    return [version for version in found if version is not None]
