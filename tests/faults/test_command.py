"""What the command says and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from consentmgr.local import bootstrap
from consentmgr.local.bootstrap import ROOT
from tests.faults import scenarios
from tests.faults.__main__ import main
from tests.faults.outcome import Outcome
from tests.faults.run import Criterion, Size


def test_the_list_names_every_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(scenarios.ALL)


def test_every_scenario_is_explained() -> None:
    text = (ROOT / "docs" / "faults.md").read_text("utf-8")

    for name in scenarios.ALL:
        assert f"| {name} |" in text


@pytest.mark.parametrize("arguments", [["F99"], ["--scale", "0"], ["--scale", "2"]])
def test_what_cannot_be_read_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert "F1, F2" in capsys.readouterr().err or "scale" in arguments[0]


def test_manage_py_hands_the_command_over() -> None:
    environ = {**os.environ, "CONSENT_VENV": sys.prefix}
    answer = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "faults", "--list"],
        cwd="/",
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )

    assert answer.stdout.startswith("F1  ")


def test_the_command_brings_the_tests_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(bootstrap, "ensure", lambda *, venv, lock: asked.append(lock))
    monkeypatch.setattr(bootstrap, "is_inside", lambda venv: True)
    monkeypatch.setattr(bootstrap, "hand_over", lambda argv: None)

    bootstrap.run(["manage.py", "faults"])

    assert asked == ["test"]


def test_a_scenario_passes_only_with_every_criterion_met() -> None:
    met, missed = Criterion.at_most("lost", 0, 0), Criterion.at_most("lost", 1, 0)

    assert Outcome(name="F1", criteria=[met]).word == "passed"
    assert Outcome(name="F1", criteria=[met, missed]).word == "FAILED"
    assert Outcome(name="F1", criteria=[met], trouble="it broke").word == "FAILED"
    # Nothing was judged: that proves nothing.
    assert Outcome(name="F1").word == "FAILED"
    assert Outcome(name="F1", skipped="needs root").word == "skipped"


def test_outages_are_scaled_and_short_ones_are_not() -> None:
    assert Size(scale=0.5).outage_s(300, short=8) == 150
    assert Size(is_short=True, scale=0.5).outage_s(300, short=8) == 8
    assert Size(is_short=True).pick(short=2, whole=20) == 2
