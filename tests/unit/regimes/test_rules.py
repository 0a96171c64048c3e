from __future__ import annotations

from datetime import date

import pytest

from tracking.regimes.rules import find_jurisdiction, get_regime, load_regimes, resolve
from tracking.regimes.types import CountryMethod, Jurisdiction

TODAY = date(2026, 11, 22)


def regime_of(country: str) -> str:
    place = Jurisdiction(country=country, method=CountryMethod.HEADER)
    return resolve(jurisdiction=place, profile="jp-a", on=TODAY).code


@pytest.mark.parametrize(
    ("country", "code"),
    [("JP", "jp-a"), ("FR", "eu"), ("NO", "eu"), ("US", "unknown"), ("ZZ", "unknown")],
)
def test_the_place_decides(country: str, code: str) -> None:
    assert regime_of(country) == code


def test_an_unknown_place_is_as_strict_as_the_strictest() -> None:
    unknown = get_regime(code="unknown")

    for regime in load_regimes().values():
        for transport, natures in unknown.notice_natures.items():
            assert natures <= regime.notice_natures[transport]
        assert unknown.notice_roles <= regime.notice_roles
        assert unknown.signal_natures >= regime.signal_natures


def test_a_regime_that_is_not_in_force_yet_is_not_applied() -> None:
    place = Jurisdiction(country="JP", method=CountryMethod.HEADER)

    assert resolve(jurisdiction=place, profile="jp-a", on=date(2023, 6, 15)).code == "unknown"


def test_a_profile_that_is_not_there_is_the_strictest() -> None:
    place = Jurisdiction(country="JP", method=CountryMethod.HEADER)

    assert resolve(jurisdiction=place, profile="jp-z", on=TODAY).code == "unknown"


@pytest.mark.parametrize("header", ["", "XX", "T1", "Japan", "J", "1P", "j\x00"])
def test_a_header_that_says_nothing_leaves_the_sites_own_country(header: str) -> None:
    place = find_jurisdiction(country_header=header, default_country="JP")

    assert place == Jurisdiction(country="JP", method=CountryMethod.SITE_DEFAULT)


def test_a_trusted_header_is_believed() -> None:
    place = find_jurisdiction(country_header=" fr ", default_country="JP")

    assert place == Jurisdiction(country="FR", method=CountryMethod.HEADER)
