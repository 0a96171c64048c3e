"""Which rules apply, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class CountryMethod(StrEnum):
    """How the visitor's country was found; kept with the record."""

    HEADER = "header"
    DATABASE = "database"
    SITE_DEFAULT = "site_default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Jurisdiction:
    """
    Where the visitor is taken to be, and how that was found.

    `country` is ISO 3166-1 alpha-2, `region` what follows it in ISO 3166-2, "" if not known.
    """

    country: str
    method: CountryMethod
    region: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """
    What holds before a choice, what a browser signal does, how long a choice lasts.

    A code may have several versions, each from its day on. `places` are countries, regions
    (`US-CA`) or all other regions of a country (`US-*`). `is_profile`: one of several that a site
    there chooses from.
    `notice_natures[transport]`: purposes of these natures may go on once the notice was shown,
    for partners whose role is in `notice_roles`; `notice_linkable`: also where the partner can be
    expected to know whose data it is. `link_suffices`: a link on every page is notice enough.
    `confirms_signal`: a browser signal that was applied is confirmed on the page. `renew_days`:
    days until asked again.

    A child below `guardian_below` years says yes together with its guardian; for one below
    `opt_in_below`, what it leaves unanswered is a no. 0 = no such rule.
    """

    code: str
    effective_from: date
    source: str
    reviewer: str
    country_group: str
    places: frozenset[str]
    is_profile: bool
    notice_natures: Mapping[str, frozenset[str]]
    notice_roles: frozenset[str]
    notice_linkable: bool
    link_suffices: bool
    signal_natures: frozenset[str]
    signal_grant_outlives: bool
    confirms_signal: bool
    renew_days_granted: int
    renew_days_refused: int
    guardian_below: int = 0
    opt_in_below: int = 0
    children_source: str = ""

    @property
    def signal_text(self) -> str:
        """Return the key of the text that tells a visitor that the browser's signal was applied."""
        return "gpc_confirmed" if self.confirms_signal else "gpc_honoured"

    def word(self, wording: Mapping[str, str]) -> dict[str, str]:
        """
        Return a wording as this regime wants it said: how it confirms a browser's signal, and
        whether the first layer asks or, where advertising goes on with the notice alone, tells.
        """
        said = {**wording, "gpc_honoured": wording[self.signal_text]}
        if "advertising" in self.notice_natures.get("client", ()):
            said |= {
                "banner_title": wording["notice_title"],
                "banner_body": wording["notice_body"],
            }
        return said

    def as_json(self) -> dict[str, object]:
        """Return the part that the decision in the browser needs."""
        return {
            "code": self.code,
            "notice_natures": {
                transport: sorted(natures) for transport, natures in self.notice_natures.items()
            },
            "notice_roles": sorted(self.notice_roles),
            "notice_linkable": self.notice_linkable,
            "link_suffices": self.link_suffices,
            "signal": {
                "natures": sorted(self.signal_natures),
                "grant_outlives": self.signal_grant_outlives,
                "confirms": self.confirms_signal,
            },
            "renew_days": {"granted": self.renew_days_granted, "refused": self.renew_days_refused},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The rules that hold for a visitor, and the place because of which they do."""

    jurisdiction: Jurisdiction
    regime: Regime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalStatement:
    """Whether a browser's signal is honoured wherever a visitor is, and since when rules stand."""

    is_honoured: bool
    since: date
