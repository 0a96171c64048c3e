"""What a visitor from some place would get, ready to print in one language. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tracking.preferences import wording
from tracking.preferences.types import Imagined, Simulation, Visit
from tracking.regimes.types import Jurisdiction, Regime
from tracking.registry.types import SiteInfo
from tracking.web.parts import Select, pick, select

Words = Mapping[str, str]

# A country's regions are named by codes of one to three signs; this one is nowhere.
_ANY_REGION = "XX"


@dataclass(frozen=True, slots=True, kw_only=True)
class TagRow:
    name: str
    partner: str
    is_allowed: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The form: a visitor to imagine."""

    selects: tuple[Select, ...]
    gpc: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """`facts` are names and what they say."""

    asked: str
    facts: tuple[tuple[str, str], ...]
    tags: tuple[TagRow, ...]


def texts(language: str) -> Words:
    """Return the page's words."""
    return _texts()[language]


@cache
def _texts() -> dict[str, dict[str, str]]:
    path = Path(__file__).parent / "data" / "simulator.toml"
    return tomllib.loads(path.read_text("utf-8"))


def build_question(
    *,
    site: SiteInfo,
    sites: Sequence[SiteInfo],
    regimes: Iterable[Regime],
    imagined: Imagined,
    language: str,
) -> Question:
    """Return the form, filled in with the visitor that it was asked for."""
    text = texts(language)
    places = sorted(_places(regimes, language=language), key=lambda place: place[1])
    return Question(
        selects=(
            select(
                name="site",
                label=text["site"],
                current=site.code,
                options=[(one.code, pick(one.name, language)) for one in sites],
            ),
            select(
                name="place",
                label=text["place"],
                current=imagined.place,
                options=[("", text["place_own"]), *places],
            ),
            select(
                name="visit",
                label=text["visit"],
                current=imagined.visit,
                options=[(visit.value, text[f"visit_{visit}"]) for visit in Visit],
            ),
        ),
        gpc=imagined.gpc,
    )


def _places(regimes: Iterable[Regime], *, language: str) -> Iterator[tuple[str, str]]:
    """Yield every country, and every region that has a regime of its own."""
    text = texts(language)
    for code in wording.country_codes():
        yield code, wording.country_name(code=code, language=language)
    for place in {place for regime in regimes for place in regime.places if "-" in place}:
        country, _, region = place.partition("-")
        name = wording.country_name(code=country, language=language)
        if region == "*":
            yield f"{country}-{_ANY_REGION}", text["place_other_states"].format(country=name)
        else:
            yield place, text["place_region"].format(country=name, region=region)


def build_result(*, found: Simulation, language: str) -> Result:
    """Return what the visitor would get, and why."""
    text, content = texts(language), found.notice.content
    reasons = wording.texts(language=language)
    partners = {partner["code"]: partner["legal_name"] for partner in content["partners"]}
    return Result(
        asked=text[_asked_key(found)],
        facts=tuple(_facts(found.regime, found.jurisdiction, language=language)),
        tags=tuple(
            TagRow(
                name=pick(tag["name"], language),
                partner=pick(partners.get(tag["partner"], {}), language),
                is_allowed=decision.allowed,
                why=reasons[wording.reason_key(decision)],
            )
            for tag in content["tags"]
            if (decision := found.decisions.get(tag["code"])) is not None
        ),
    )


def _asked_key(found: Simulation) -> str:
    if not found.is_asked:
        return "asked_no"
    if found.presentation is not found.site.presentation:
        return "asked_instead_of_link"
    return f"asked_yes_{found.presentation}"


def _facts(
    regime: Regime, jurisdiction: Jurisdiction, *, language: str
) -> Iterator[tuple[str, str]]:
    text = texts(language)
    country = wording.country_name(code=jurisdiction.country, language=language)
    if jurisdiction.region == _ANY_REGION:
        country = text["place_other_states"].format(country=country)
    elif jurisdiction.region:
        country = text["place_region"].format(country=country, region=jurisdiction.region)
    yield text["where"], text[f"where_{jurisdiction.method}"].format(country=country)
    yield text["regime"], regime.code
    yield text["since"], regime.effective_from.isoformat()
    before = [
        text[f"before_{transport}"].format(natures=_list(natures, "nature", language))
        for transport, natures in regime.notice_natures.items()
        if natures
    ]
    yield (
        text["before"],
        ("" if language == "ja" else " ").join(
            f"{line}{'。' if language == 'ja' else '.'}" for line in before
        )
        or text["before_none"],
    )
    if before:
        yield text["roles"], _list(regime.notice_roles, "role", language)
        yield text["linkable"], text["linkable_yes" if regime.notice_linkable else "linkable_no"]
    yield text["link"], text["link_yes" if regime.link_suffices else "link_no"]
    yield text["signal"], _list(regime.signal_natures, "nature", language)
    if regime.confirms_signal:
        yield text["confirm"], text["confirm_yes"]
    yield (
        text["renew"],
        text["renew_days"].format(
            granted=regime.renew_days_granted, refused=regime.renew_days_refused
        ),
    )
    yield text["source"], regime.source
    yield text["reviewer"], regime.reviewer


def _list(codes: Iterable[str], kind: str, language: str) -> str:
    """Return codes in words, in the order in which the words stand in their file."""
    text = texts(language)
    keys = [f"{kind}_{code}" for code in codes]
    return ("、" if language == "ja" else ", ").join(text[key] for key in text if key in keys)
