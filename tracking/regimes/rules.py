"""Which regime applies, and what it says. Pure: data files in, values out."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path

from tracking.regimes.types import CountryMethod, Jurisdiction, Regime

UNKNOWN = "unknown"
_DATA = Path(__file__).parent / "data"

# EU member states, and Iceland, Liechtenstein, Norway of the EEA (ISO 3166-1 alpha-2).
EEA = frozenset(
    {
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE",
        "IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
    }
)  # fmt: skip


@cache
def load_regimes() -> Mapping[str, Regime]:
    """Return every regime by code; read once per process."""
    return {path.stem: _read(path) for path in sorted(_DATA.glob("*.toml"))}


def get_regime(*, code: str) -> Regime:
    """Return the regime, or the strictest one for a code that is not there."""
    return load_regimes().get(code) or load_regimes()[UNKNOWN]


def find_jurisdiction(*, country_header: str, default_country: str) -> Jurisdiction:
    """Return where the visitor is: what the trusted proxy says, else the site's own country."""
    country = country_header.strip().upper()
    if len(country) == 2 and country.isalpha() and country not in {"XX", "T1"}:
        return Jurisdiction(country=country, method=CountryMethod.HEADER)
    return Jurisdiction(country=default_country, method=CountryMethod.SITE_DEFAULT)


def resolve(*, jurisdiction: Jurisdiction, profile: str, on: date) -> Regime:
    """Return the regime for a place; a regime that is not in force yet is not applied."""
    if jurisdiction.country == "JP":
        code = profile
    elif jurisdiction.country in EEA:
        code = "eu"
    else:
        code = UNKNOWN
    regime = get_regime(code=code)
    return regime if regime.effective_from <= on else get_regime(code=UNKNOWN)


def _read(path: Path) -> Regime:
    data = tomllib.loads(path.read_text("utf-8"))
    return Regime(
        code=data["code"],
        effective_from=data["effective_from"],
        country_group=data["country_group"],
        notice_natures={
            transport: frozenset(natures) for transport, natures in data["notice_natures"].items()
        },
        notice_roles=frozenset(data["notice_roles"]),
        signal_natures=frozenset(data["signal"]["natures"]),
        signal_grant_outlives=data["signal"]["grant_outlives"],
        renew_days_granted=data["renew_days"]["granted"],
        renew_days_refused=data["renew_days"]["refused"],
    )
