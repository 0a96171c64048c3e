"""Which regime applies, and what it says. Pure: data files in, values out."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path

from tracking.regimes.types import Applied, CountryMethod, Jurisdiction, Regime, SignalStatement
from tracking.registry.types import Presentation, SiteInfo

UNKNOWN = "unknown"
# What GPC objects to: that data is sold, shared, or used for advertising across contexts.
_SOLD = frozenset({"advertising"})
_DATA = Path(__file__).parent / "data"

# What proxies say of a visitor whose country they do not know (Cloudflare).
_NOWHERE = frozenset({"XX", "T1"})
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_REGION = re.compile(r"[A-Z0-9]{1,3}", re.ASCII)


@cache
def load_regimes() -> Sequence[Regime]:
    """Return every regime in all its versions, the newest first; read once per process."""
    found = [_read(path) for path in sorted(_DATA.glob("*.toml"))]
    return sorted(found, key=lambda regime: regime.effective_from, reverse=True)


def get_regime(*, code: str, on: date) -> Regime:
    """Return a regime as it is on a day, or the strictest one if it is not there or not yet."""
    for regime in load_regimes():
        if regime.code == code and regime.effective_from <= on:
            return regime
    return next(regime for regime in load_regimes() if regime.code == UNKNOWN)


def read_place(text: str, *, method: CountryMethod) -> Jurisdiction | None:
    """
    Return the place that a text names, or None if it names none.

    It is a country, or one of its regions as in ISO 3166-2 (`US-CA`); `method`: who said it.
    """
    country, _, region = text.strip().upper().partition("-")
    if not _COUNTRY.fullmatch(country) or country in _NOWHERE:
        return None
    return Jurisdiction(
        country=country,
        region=region if _REGION.fullmatch(region) else "",
        method=method,
    )


def resolve(*, place: Jurisdiction | None, site: SiteInfo, on: date) -> Applied:
    """
    Return the regime for a visitor; one that is not in force yet is not applied.

    A visitor of whose `place` nothing is known is where the site is. A region's own regime comes
    before that for all regions of its country (`US-*`), and that before the country's, which also
    stands for a country whose region is not known. Where sites choose among profiles, the site's
    is taken.
    """
    jurisdiction = place or Jurisdiction(
        country=site.default_country, method=CountryMethod.SITE_DEFAULT
    )
    return Applied(
        jurisdiction=jurisdiction,
        regime=_regime_at(jurisdiction, profile=site.profile, on=on),
    )


def _regime_at(jurisdiction: Jurisdiction, *, profile: str, on: date) -> Regime:
    country, region = jurisdiction.country, jurisdiction.region
    places = (f"{country}-{region}", f"{country}-*", country) if region else (country,)
    for place in places:
        for regime in load_regimes():
            if place in regime.places:
                return get_regime(code=profile if regime.is_profile else regime.code, on=on)
    return get_regime(code=UNKNOWN, on=on)


def presentation_in(*, regime: Regime, wanted: Presentation) -> Presentation:
    """Return how a visitor is asked: where a mere link does not suffice, a bar takes its place."""
    if wanted is Presentation.LINK and not regime.link_suffices:
        return Presentation.BAR
    return wanted


def signal_statement(*, on: date) -> SignalStatement:
    """Return what a site may say of browsers' privacy signals on a day."""
    in_force = [regime for regime in load_regimes() if regime.effective_from <= on]
    return SignalStatement(
        is_honoured=all(regime.signal_natures >= _SOLD for regime in in_force),
        since=max(regime.effective_from for regime in in_force),
    )


def _read(path: Path) -> Regime:
    data = tomllib.loads(path.read_text("utf-8"))
    children = data.get("children", {})
    return Regime(
        code=data["code"],
        effective_from=data["effective_from"],
        source=data["source"],
        reviewer=data["reviewer"],
        country_group=data["country_group"],
        places=frozenset(data["places"]),
        is_profile=data.get("is_profile", False),
        notice_natures={
            transport: frozenset(natures) for transport, natures in data["notice_natures"].items()
        },
        notice_roles=frozenset(data["notice_roles"]),
        notice_linkable=data["notice_linkable"],
        link_suffices=data["link_suffices"],
        signal_natures=frozenset(data["signal"]["natures"]),
        signal_grant_outlives=data["signal"]["grant_outlives"],
        confirms_signal=data["signal"]["confirms"],
        renew_days_granted=data["renew_days"]["granted"],
        renew_days_refused=data["renew_days"]["refused"],
        guardian_below=children.get("guardian_below", 0),
        opt_in_below=children.get("opt_in_below", 0),
        children_source=children.get("source", ""),
    )
