"""Which regime applies where and from when, and what the data files must keep to."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tracking.regimes.rules import (
    get_regime,
    load_regimes,
    presentation_in,
    read_place,
    resolve,
)
from tracking.regimes.types import CountryMethod, Jurisdiction, Regime
from tracking.registry.types import HoldMode, Nature, Presentation, Role, SiteInfo, Transport

TODAY = date(2026, 11, 26)
BEFORE_ALL_LAW = date(1990, 1, 1)
LAWS = [regime for regime in load_regimes() if regime.code != "unknown"]


def name(regime: Regime) -> str:
    return f"{regime.code}-{regime.effective_from}"


def site(*, profile: str = "jp-a", default_country: str = "ZZ") -> SiteInfo:
    return SiteInfo(
        id=1,
        code="shop",
        name={},
        origins=frozenset(),
        zone="Asia/Tokyo",
        default_country=default_country,
        profile=profile,
        languages=("ja",),
        presentation=Presentation.BAR,
        quarantines_overdue_partners=False,
        hold_mode=HoldMode.OFF,
        replays_held=False,
    )


def regime_in(place: str, *, profile: str = "jp-a", on: date = TODAY) -> Regime:
    found = read_place(place, method=CountryMethod.HEADER)
    return resolve(place=found, site=site(profile=profile), on=on).regime


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("JP", "jp-a"),
        ("JP-13", "jp-a"),
        ("FR", "eu"),
        ("FR-75", "eu"),
        ("NO", "eu"),
        ("GB", "uk"),
        ("US-CA", "us-ca"),
        ("US-CO", "us-signal"),
        ("US-TX", "us-signal"),
        ("US-WY", "us-other"),
        # Somewhere in the US: no state asks for more than California.
        ("US", "us-ca"),
        ("US-", "us-ca"),
        ("US-!!", "us-ca"),
        ("KR", "kr"),
        ("BR", "br"),
        ("CN", "cn"),
        ("CH", "unknown"),
        ("ZZ", "unknown"),
    ],
)
def test_the_place_decides(place: str, code: str) -> None:
    assert regime_in(place).code == code


def test_an_unknown_place_is_as_strict_as_the_strictest() -> None:
    unknown = get_regime(code="unknown", on=TODAY)

    for regime in load_regimes():
        for transport, natures in unknown.notice_natures.items():
            assert natures <= regime.notice_natures[transport]
        assert unknown.notice_roles <= regime.notice_roles
        assert unknown.notice_linkable <= regime.notice_linkable
        assert unknown.link_suffices <= regime.link_suffices
        assert unknown.signal_natures >= regime.signal_natures
        assert unknown.renew_days_granted <= regime.renew_days_granted
        assert unknown.guardian_below >= regime.guardian_below


def test_where_the_state_is_not_known_no_state_asks_for_more() -> None:
    somewhere = regime_in("US")

    for regime in load_regimes():
        if regime.country_group == "US":
            assert somewhere.notice_natures["client"] <= regime.notice_natures["client"]
            assert somewhere.notice_natures["server"] <= regime.notice_natures["server"]
            assert somewhere.signal_natures >= regime.signal_natures
            assert somewhere.renew_days_refused >= regime.renew_days_refused
            assert somewhere.guardian_below >= regime.guardian_below
            assert somewhere.opt_in_below >= regime.opt_in_below
            assert somewhere.notice_linkable <= regime.notice_linkable
            assert somewhere.link_suffices <= regime.link_suffices
            assert somewhere.confirms_signal >= regime.confirms_signal


@pytest.mark.parametrize("regime", LAWS, ids=name)
def test_the_clock_decides_when_a_regime_begins(regime: Regime) -> None:
    first_day = regime.effective_from
    eve = first_day - timedelta(days=1)

    assert get_regime(code=regime.code, on=first_day) is regime
    assert get_regime(code=regime.code, on=eve) is not regime
    assert get_regime(code=regime.code, on=BEFORE_ALL_LAW).code == "unknown"


def test_the_united_kingdom_follows_its_new_law_from_its_day_on() -> None:
    before, after = regime_in("GB", on=date(2026, 2, 4)), regime_in("GB", on=date(2026, 2, 5))

    assert before.notice_natures["client"] == frozenset()
    assert after.notice_natures["client"] == {"analytics", "functional"}
    # Statistics that a service also uses for itself are not the site's own.
    assert "third_party" not in after.notice_roles


@pytest.mark.parametrize("profile", ["jp-a", "jp-b"])
def test_in_japan_what_the_site_provides_to_somebody_always_waits(profile: str) -> None:
    regime = regime_in("JP", profile=profile)

    assert regime.code == profile
    assert regime.notice_natures["server"] == frozenset()
    assert not regime.notice_linkable


def test_japans_profile_b_is_notice_and_opt_out_for_every_tag_in_the_browser() -> None:
    asking, telling = regime_in("JP", profile="jp-a"), regime_in("JP", profile="jp-b")

    assert telling.notice_natures["client"] == {
        "analytics", "advertising", "personalisation", "functional",
    }  # fmt: skip
    assert telling.notice_roles == {role.value for role in Role}
    assert telling.signal_natures == asking.signal_natures
    # A profile is chosen for Japan and changes nothing elsewhere.
    assert regime_in("FR", profile="jp-b").code == "eu"


def test_only_an_opt_out_regime_lets_a_known_partner_follow_a_notice() -> None:
    groups = {regime.country_group for regime in load_regimes() if regime.notice_linkable}
    assert groups == {"US"}


def test_a_link_is_enough_only_where_nobody_has_to_be_asked() -> None:
    everything = {nature.value for nature in Nature} - {Nature.NECESSARY.value}
    for regime in load_regimes():
        if regime.link_suffices:
            assert regime.notice_natures["client"] == everything
        for wanted in Presentation:
            found = presentation_in(regime=regime, wanted=wanted)
            if wanted is Presentation.LINK and not regime.link_suffices:
                assert found is Presentation.BAR
            else:
                assert found is wanted
    assert {regime.code for regime in load_regimes() if regime.link_suffices} == {
        "jp-b", "us-ca", "us-signal", "us-other",
    }  # fmt: skip


def test_california_confirms_the_signal_since_its_regulations_of_2026() -> None:
    before, after = (regime_in("US-CA", on=day) for day in (date(2025, 12, 31), date(2026, 1, 1)))

    assert not before.confirms_signal
    assert after.confirms_signal
    assert (before.signal_text, after.signal_text) == ("gpc_honoured", "gpc_confirmed")
    assert {r.code for r in load_regimes() if r.confirms_signal} == {"us-ca"}
    # After an opt-out, twelve months without a question (Civil Code 1798.135).
    assert after.renew_days_refused >= 365


def test_in_japan_the_guardians_law_waits_for_its_day() -> None:
    """Promulgated on 17 July 2026, in force on a day that is not set: no file may say it yet."""
    for regime in load_regimes():
        if "JP" in regime.places:
            assert (regime.guardian_below, regime.opt_in_below) == (0, 0)


@pytest.mark.parametrize("regime", load_regimes(), ids=name)
def test_what_is_said_of_children_has_a_source_and_is_of_one_piece(regime: Regime) -> None:
    assert bool(regime.children_source) == bool(regime.guardian_below)
    assert 0 <= regime.guardian_below <= 18
    # Whoever may not say yes alone is not open without a yes either.
    if any(regime.notice_natures.values()):
        assert regime.guardian_below <= regime.opt_in_below


@pytest.mark.parametrize("regime", load_regimes(), ids=name)
def test_the_files_speak_the_registrys_language(regime: Regime) -> None:
    natures = {nature.value for nature in Nature} - {Nature.NECESSARY.value}

    assert set(regime.notice_natures) == {transport.value for transport in Transport}
    assert all(named <= natures for named in regime.notice_natures.values())
    assert regime.signal_natures <= natures
    assert regime.notice_roles <= {role.value for role in Role}
    assert regime.source
    assert regime.reviewer
    # A no is not asked about sooner than a yes is where the law leaves the choice, and never daily.
    assert regime.renew_days_refused >= 180


def test_no_place_has_two_regimes_unless_sites_choose() -> None:
    codes: dict[str, set[str]] = {}
    for regime in load_regimes():
        for place in regime.places:
            codes.setdefault(place, set()).add("profile" if regime.is_profile else regime.code)
    assert {place: found for place, found in codes.items() if len(found) > 1} == {}


def test_a_profile_that_is_not_there_is_the_strictest() -> None:
    assert regime_in("JP", profile="jp-z").code == "unknown"


@pytest.mark.parametrize("text", ["", "-", "XX", "T1", "Japan", "J", "1P", "j\x00", "JP2-13"])
def test_a_text_that_names_no_place_leaves_the_sites_own_country(text: str) -> None:
    place = read_place(text, method=CountryMethod.HEADER)

    assert place is None
    applied = resolve(place=place, site=site(default_country="JP"), on=TODAY)
    assert applied.jurisdiction == Jurisdiction(country="JP", method=CountryMethod.SITE_DEFAULT)
    assert applied.regime.code == "jp-a"


@pytest.mark.parametrize("method", [CountryMethod.HEADER, CountryMethod.DATABASE])
def test_a_place_that_is_named_is_where_the_visitor_is(method: CountryMethod) -> None:
    assert read_place(" fr ", method=method) == Jurisdiction(country="FR", method=method)
    assert read_place("us-ca", method=method) == Jurisdiction(
        country="US", region="CA", method=method
    )
    found = read_place("us-ca", method=method)
    assert resolve(place=found, site=site(default_country="JP"), on=TODAY).jurisdiction == found


WORDING = {
    "banner_title": "May we?", "banner_body": "We may.",
    "notice_title": "We do.", "notice_body": "We do, and you can stop it.",
    "gpc_honoured": "honoured", "gpc_confirmed": "confirmed", "allow": "Allow",
}  # fmt: skip


@pytest.mark.parametrize("regime", load_regimes(), ids=name)
def test_the_first_layer_asks_only_where_advertising_waits_for_the_answer(regime: Regime) -> None:
    said = regime.word(WORDING)

    tells = "advertising" in regime.notice_natures["client"]
    assert said["banner_title"] == ("We do." if tells else "May we?")
    assert said["banner_body"] == (WORDING["notice_body"] if tells else "We may.")
    assert said["allow"] == "Allow"
    assert said["gpc_honoured"] == ("confirmed" if regime.confirms_signal else "honoured")
