"""docs/examples/grafana.json shows metrics that are there, with the thresholds of the alerts."""

from __future__ import annotations

import json
import math
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.test_alerts import LABELS, OPERATIONS, RULES, tokens

ROOT = Path(__file__).parents[2]
BOARD = json.loads((ROOT / "docs" / "examples" / "grafana.json").read_text("utf-8"))
PANELS: list[dict[str, Any]] = BOARD["panels"]
# Rows are headings; all the others show something.
SHOWING = [panel for panel in PANELS if panel["type"] != "row"]

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
VARIABLES = {"site", "partner"}
FUNCTIONS = {"count", "max", "min", "rate", "sum"}
UNITS = {"s", "d", "short", "cpm", "percentunit"}
COLUMNS = 24


def expressions(panel: dict[str, Any]) -> list[str]:
    """Return a panel's queries; Grafana fills in how far back a rate looks."""
    return [one["expr"].replace("$__rate_interval", "5m") for one in panel["targets"]]


def named(expression: str) -> set[str]:
    return set(re.findall(r"consent_\w+", expression))


def every(panel: dict[str, Any]) -> set[str]:
    return {metric for one in expressions(panel) for metric in named(one)}


def title(panel: dict[str, Any]) -> str:
    return str(panel["title"])


def bounds(panel: dict[str, Any]) -> list[float]:
    """Return from which values on a panel changes its color."""
    field = panel["fieldConfig"]
    thresholds = [
        field["defaults"]["thresholds"],
        *(
            one["value"]
            for override in field["overrides"]
            for one in override["properties"]
            if one["id"] == "thresholds"
        ),
    ]
    for one in thresholds:
        assert one["mode"] == "absolute"
        assert one["steps"][0]["value"] is None
    return [step["value"] for one in thresholds for step in one["steps"][1:]]


def limit(rule: dict[str, Any]) -> float | None:
    """Return the value from which an alert is raised, None where it is about something missing."""
    compared = re.search(r"([<>]) ([\d* .]+)$", rule["expr"])
    if compared is None:
        return None
    value = math.prod(map(float, compared[2].split("*")))
    # A color begins with its value, and more than none of what is counted is one.
    return 1 if compared[1] == ">" and value == 0 else value


def test_it_is_a_dashboard_that_grafana_imports() -> None:
    assert "id" not in BOARD, "An id belongs to one Grafana alone."
    assert re.fullmatch(r"[a-z-]{1,40}", BOARD["uid"])
    assert BOARD["title"]
    assert BOARD["schemaVersion"] >= 36
    assert BOARD["time"].keys() == {"from", "to"}
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    for panel in PANELS:
        assert panel["type"] in {"row", "stat", "table", "timeseries", "state-timeline"}


def test_panels_lie_side_by_side_and_not_on_each_other() -> None:
    places = [panel["gridPos"] for panel in PANELS]
    for place in places:
        assert place.keys() == {"x", "y", "w", "h"}
        assert min(place["x"], place["y"]) >= 0
        assert min(place["w"], place["h"]) >= 1
        assert place["x"] + place["w"] <= COLUMNS
    for one, other in combinations(places, 2):
        assert (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        ), (one, other)


def test_whoever_imports_it_chooses_the_data_source() -> None:
    source, *others = BOARD["templating"]["list"]

    assert (source["name"], source["type"], source["query"]) == (
        "datasource", "datasource", "prometheus",
    )  # fmt: skip
    assert {one["name"] for one in others} == VARIABLES
    for one in (*others, *SHOWING, *(one for panel in SHOWING for one in panel["targets"])):
        assert one["datasource"] == SOURCE
    written = set(re.findall(r'"uid": "([^"]+)"', json.dumps(BOARD)))
    assert written == {SOURCE["uid"], BOARD["uid"]}


@pytest.mark.parametrize("panel", SHOWING, ids=title)
def test_a_panel_says_what_it_shows_and_in_which_unit(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert len(panel["description"]) > 40
    assert panel["description"].endswith(".")
    field = panel["fieldConfig"]
    assert field["defaults"]["unit"] in UNITS
    for override in field["overrides"]:
        for one in override["properties"]:
            assert one["id"] != "unit" or one["value"] in UNITS
    references = [one["refId"] for one in panel["targets"]]
    assert references
    assert len(set(references)) == len(references)
    alerts = set(re.findall(r"Consent[A-Z]\w+", panel["description"]))
    assert alerts <= {rule["alert"] for rule in RULES}


@pytest.mark.parametrize("panel", SHOWING, ids=title)
def test_a_panel_asks_for_what_is_told(panel: dict[str, Any], metrics: set[str]) -> None:
    for expression in expressions(panel):
        found = tokens(expression)
        words = {token["word"] for token in found} - {None}
        assert named(expression)
        assert named(expression) <= metrics
        assert words - named(expression) <= FUNCTIONS | LABELS.keys() | {"by"}
        assert expression.count("(") == expression.count(")")
        assert expression.count("rate(") == sum(bool(token["duration"]) for token in found)


@pytest.mark.parametrize("panel", SHOWING, ids=title)
def test_a_panel_is_about_the_sites_and_partners_that_were_chosen(panel: dict[str, Any]) -> None:
    for expression in expressions(panel):
        for series in re.findall(r"consent_\w+(?:\{[^}]*\})?", expression):
            given = dict(re.findall(r'(\w+)(?:=~|!=|=)"([^"]*)"', series))
            labels = VARIABLES
            if re.search("_pulse_|_uncounted|_numbers_", series):
                labels = set()
            elif re.search("_scan_|_notice_|_insights_", series):
                labels = {"site"}
            assert given.keys() & VARIABLES == labels, series
            for label, value in given.items():
                known = LABELS[label]
                if known is None:
                    assert value == f"${label}"
                else:
                    assert set(value.split("|")) <= known


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_what_raises_an_alarm_is_to_be_seen_with_its_threshold(rule: dict[str, Any]) -> None:
    wanted = named(rule["expr"])
    about = [panel for panel in SHOWING if wanted <= every(panel)]
    said = [panel for panel in about if rule["alert"] in panel["description"]]

    assert said
    wanted_bound = limit(rule)
    for panel in said:
        assert wanted_bound is None or wanted_bound in bounds(panel), panel["title"]


def test_no_color_changes_at_a_value_that_no_alert_knows() -> None:
    assert {bound for panel in SHOWING for bound in bounds(panel)} <= {*map(limit, RULES)}


def test_operators_are_told_of_it() -> None:
    assert "(examples/grafana.json)" in OPERATIONS
