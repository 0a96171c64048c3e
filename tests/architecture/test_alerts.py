"""docs/examples/alerts.yml and docs/operations.md speak of metrics that are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tracking.delivery.types import AttemptOutcome, EndpointState, WorkStatus
from tracking.insights.types import AlertKind

ROOT = Path(__file__).parents[2]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text("utf-8")
FILE = yaml.safe_load((ROOT / "docs" / "examples" / "alerts.yml").read_text("utf-8"))
RULES: list[dict[str, Any]] = [rule for group in FILE["groups"] for rule in group["rules"]]

LABELS = {
    "site": None,
    "partner": None,
    "state": {*EndpointState, "none"},
    "outcome": {*AttemptOutcome},
    "kind": {*AlertKind},
}
FUNCTIONS = {"absent", "max", "min", "rate", "sum"}
# What an expression may be made of.
TOKEN = re.compile(
    r"""
    (?P<matcher>[a-z]+ (?:=~|!=|=) "[^"]*") | (?P<duration>\[\d+[smhd]\]) |
    (?P<number>\d+(?:\.\d+)?) | (?P<compare>>=|<=|==|>|<) | (?P<word>[a-z_]+) | [(){},/*\s]
    """,
    re.VERBOSE,
)


def tokens(expression: str) -> list[re.Match[str]]:
    found = list(TOKEN.finditer(expression))
    assert "".join(token[0] for token in found) == expression, "Something else is in it."
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_is_told(rule: dict[str, Any], metrics: set[str]) -> None:
    words = {token["word"] for token in tokens(rule["expr"])} - {None}
    named = {word for word in words if word.startswith("consent_")}
    assert named
    assert named <= metrics
    assert words - named <= FUNCTIONS | LABELS.keys() | {"by"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_is_written_as_prometheus_reads_it(rule: dict[str, Any]) -> None:
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    found = tokens(rule["expr"])
    depth = 0
    for token in found:
        depth += (token[0] in "({") - (token[0] in ")}")
        assert depth >= 0
    assert depth == 0
    comparisons = [token["compare"] for token in found if token["compare"]]
    assert len(comparisons) == (0 if rule["expr"].startswith("absent(") else 1)
    assert rule["expr"].count("rate(") == sum(bool(token["duration"]) for token in found)
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))
    for token in found:
        if token["matcher"]:
            label, _, values = re.split(r"(=~|!=|=)", token["matcher"], maxsplit=1)
            known = LABELS[label]
            assert known is not None
            assert set(values.strip('"').split("|")) <= known


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"] in ({"severity": "warning"}, {"severity": "critical"})
    assert rule["annotations"].keys() == {"summary", "description"}
    assert rule["annotations"]["summary"].endswith(".")
    assert len(rule["annotations"]["description"]) > 80
    aggregated = re.findall(r" by \(([^)]+)\)", rule["expr"])
    kept = set(aggregated[0].split(", ")) if aggregated else set()
    used = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    assert used == kept
    assert f"| `{rule['alert']}` |" in OPERATIONS


def test_alerts_cover_what_can_go_wrong() -> None:
    expressions = " ".join(rule["expr"] for rule in RULES)
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for metric in (
        "absent(",
        "consent_delivery_pulse_age_seconds",
        "consent_deliveries_oldest_due_age_seconds",
        "consent_deliveries_overdue",
        "consent_deliveries_dead",
        "consent_partner_breaker_state",
        "consent_insights_alerts",
    ):
        assert metric in expressions


def test_every_metric_is_explained_and_no_other(metrics: set[str]) -> None:
    assert set(re.findall(r"^\| `(consent_\w+)` \|", OPERATIONS, flags=re.MULTILINE)) == metrics


def test_every_word_of_the_addresses_is_explained() -> None:
    for address in ("/healthz", "/readyz", "/workz", "/metrics"):
        assert f"| `{address}` |" in OPERATIONS
    for status in set(WorkStatus) - {WorkStatus.OK}:
        assert f"| `{status}` |" in OPERATIONS
    for state in (*EndpointState, "none"):
        assert f"`{state}`" in OPERATIONS
