"""The form and the links that say which numbers are asked for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from tracking.insights import rules
from tracking.insights.phrases import Phrases
from tracking.insights.types import Base, Dimension, Filters, OptInReport
from tracking.web.parts import Select, select


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What an address asks for: numbers, in shares of whom, in which language."""

    filters: Filters
    base: Base
    language: str

    def address(self, *, fragment: str = "") -> str:
        base = {} if self.base is Base.SHOWN else {"rate": self.base.value}
        query = {**rules.as_address(self.filters), **base, "lang": self.language}
        return f"?{urlencode(query)}{fragment}"

    def where(self, dimension: Dimension, value: str) -> View:
        """Return the same for those with a dimension's value; for all of them with none."""
        where = {one: held for one, held in self.filters.where.items() if one is not dimension}
        if value:
            where[dimension] = value
        return replace(self, filters=replace(self.filters, where=where))


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A filter that holds; the address is the page's without it."""

    text: str
    address: str
    remove: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    name: str
    address: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterForm:
    """`dimensions` are folded away while none of them is chosen. `until` and `latest` are days."""

    first: tuple[Select, ...]
    dimensions: tuple[Select, ...]
    is_open: bool
    until: str
    latest: str
    base: str
    chips: tuple[Chip, ...]
    all_address: str
    tabs: tuple[Tab, ...]


def read_view(address: Mapping[str, str], *, site: str, language: str) -> View:
    """Return what an address asks for; what it cannot ask for falls back to the default."""
    return View(
        filters=rules.read_filters(address, site=site),
        base=Base.DECIDED if address.get("rate") == Base.DECIDED else Base.SHOWN,
        language=language,
    )


def build_form(
    *,
    view: View,
    report: OptInReport,
    sites: Mapping[str, Mapping[str, str]],
    latest: str,
    phrases: Phrases,
) -> FilterForm:
    """
    Return the form; its choices are the values that there are, and what is chosen.

    :param sites: names by code
    :param latest: today, in the site's zone
    """
    filters = view.filters
    return FilterForm(
        first=(
            select(
                name="site",
                label=phrases.say("filter_site"),
                current=filters.site,
                options=[(code, phrases.pick(name, code)) for code, name in sites.items()],
            ),
            select(
                name="days",
                label=phrases.say("filter_days"),
                current=str(filters.days),
                options=[(str(days), phrases.say("days", count=days)) for days in rules.PERIODS],
            ),
        ),
        dimensions=tuple(
            select(
                name=dimension.value,
                label=phrases.dimension(dimension),
                current=filters.where.get(dimension, ""),
                options=[
                    ("", phrases.say("filter_all")),
                    *((value, phrases.value(dimension, value)) for value in values),
                ],
            )
            for dimension in Dimension
            if (values := _values(report, dimension))
        ),
        is_open=bool(filters.where),
        until="" if filters.until is None else filters.until.isoformat(),
        latest=latest,
        base="" if view.base is Base.SHOWN else view.base.value,
        chips=tuple(_chips(view, phrases)),
        all_address=replace(view, filters=replace(filters, until=None, where={})).address(),
        tabs=tuple(
            Tab(
                name=phrases.say(f"of_{base.value}"),
                address=replace(view, base=base).address(fragment="#trend"),
                is_current=base is view.base,
            )
            for base in Base
        ),
    )


def _values(report: OptInReport, dimension: Dimension) -> list[str]:
    found = [row.value for row in report.breakdowns.get(dimension, ())]
    chosen = report.filters.where.get(dimension)
    return found if chosen is None or chosen in found else [*found, chosen]


def _chips(view: View, phrases: Phrases) -> Iterable[Chip]:
    def chip(text: str, without: View) -> Chip:
        return Chip(text=text, address=without.address(), remove=phrases.say("remove", what=text))

    filters = view.filters
    if filters.until is not None:
        yield chip(
            phrases.say("until_chip", day=phrases.day(filters.until)),
            replace(view, filters=replace(filters, until=None)),
        )
    for dimension, value in filters.where.items():
        yield chip(
            phrases.say(
                "chip", name=phrases.dimension(dimension), value=phrases.value(dimension, value)
            ),
            view.where(dimension, ""),
        )
