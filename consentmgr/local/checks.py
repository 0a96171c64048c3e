"""`manage.py test`: every check that a change must pass, or pytest with the given arguments."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from consentmgr.local import bootstrap, toolchain
from consentmgr.local.bootstrap import ROOT
from consentmgr.local.report import say

# The tests that start all of it: servers, web, worker, mostly a browser too.
WHOLE_PRODUCT = ("tests/e2e", "tests/faults", "tests/journeys", "tests/integration/local")
# What runs by itself, so that no part takes much longer than the others: some of these, and the
# numbers, of which there are many.
BROWSER_AND_NUMBERS = (
    "tests/e2e/test_accessibility.py",
    "tests/e2e/test_console.py",
    "tests/e2e/test_et_14_scan.py",
    "tests/e2e/test_external_transmission.py",
    "tests/e2e/test_look.py",
    "tests/e2e/test_privacy_owner.py",
    "tests/e2e/test_refusal_survives.py",
    "tests/integration/insights",
)
SLOWEST = ("--durations=15",)
NODE_STAMP = ROOT / "node_modules" / ".package-lock.sha256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a step went; `seconds` is wall time."""

    name: str
    is_passed: bool
    seconds: float


def run(arguments: Sequence[str]) -> int:
    """
    Run pytest with the arguments, or without any every check.

    A failing step does not keep later steps from running. Returns the exit status.
    """
    if arguments:
        environ = dict(os.environ)
        if bootstrap.test_lock(arguments) == "e2e":
            try:
                environ["CHROME_BIN"] = str(toolchain.browser(environ))
            except toolchain.ToolMissing as error:
                say(str(error))
                return 1
        return subprocess.run(_pytest(*arguments), cwd=ROOT, env=environ).returncode
    return _run_all()


def _run_all() -> int:
    # Imported here: pytest arguments alone must not wait for it.
    from consentmgr.local import testing

    began = time.monotonic()
    environ = dict(os.environ)
    outcomes: list[Outcome] = []

    def step(name: str, work: Callable[[], bool]) -> None:
        say(f"\n── {name}")
        started = time.monotonic()
        try:
            is_passed = work()
        except (toolchain.ToolMissing, bootstrap.SetupFailed) as error:
            say(str(error))
            is_passed = False
        seconds = time.monotonic() - started
        outcomes.append(Outcome(name=name, is_passed=is_passed, seconds=seconds))
        if not is_passed:
            say("   FAILED")

    with testing.throwaway_servers(environ) as variables:
        for name, command in PYTHON_STEPS.items():
            step(name, _command(command, environ | variables))
    step("browser", lambda: _use_browser(environ))
    browserless = [] if outcomes[-1].is_passed else ["-m", "not e2e"]

    # They wait for servers, workers, browsers and clocks more than they work: side by side.
    alone = [f"--ignore={path}" for path in BROWSER_AND_NUMBERS]
    others = [f"--ignore={folder}" for folder in WHOLE_PRODUCT]
    with (
        _aside(_pytest(*SLOWEST, *browserless, *alone, *WHOLE_PRODUCT), environ) as whole_product,
        _aside(_pytest(*SLOWEST, *alone, *others), environ) as all_others,
    ):
        step("node", lambda: _use_node(environ))
        step("npm packages", lambda: _install_npm_packages(environ))
        for script in ("types", "test", "build:check"):
            step(f"npm run {script}", _command(["npm", "run", "--silent", script], environ))
        third = _pytest(*SLOWEST, *browserless, *BROWSER_AND_NUMBERS)
        step("pytest, browser and numbers", _command(third, environ))
        step("pytest, the whole product", whole_product)
        say(f"\n{summary(outcomes)}")
        # Last, and nothing after it when all is well: its closing line is the result.
        step("pytest, all but these", all_others)

    failed = [outcome.name for outcome in outcomes if not outcome.is_passed]
    if failed:
        say(f"\nFAILED: {', '.join(failed)} ({time.monotonic() - began:.0f} s)")
    return 1 if failed else 0


@contextlib.contextmanager
def _aside(command: Sequence[str], environ: Mapping[str, str]) -> Iterator[Callable[[], bool]]:
    """Run a command beside others; yield the step that waits for it and prints what it said."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, cwd=ROOT, env=dict(environ), stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )

        def end() -> bool:
            status = process.wait()
            said.seek(0)
            say(said.read().decode("utf-8", "replace"))
            return status == 0

        try:
            yield end
        finally:
            process.terminate()
            process.wait()


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return one line per step."""
    return "\n".join(
        f"  {'passed' if one.is_passed else 'FAILED'}  {one.seconds:6.1f} s  {one.name}"
        for one in outcomes
    )


def _tool(name: str, *arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name(name)), *arguments]


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), *arguments]


def _pytest(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pytest", *arguments]


PYTHON_STEPS: Mapping[str, list[str]] = {
    "ruff check": _tool("ruff", "check", "."),
    "ruff format": _tool("ruff", "format", "--check", "."),
    "mypy": _tool("mypy"),
    "lint-imports": _tool("lint-imports"),
    "migrations": _manage("makemigrations", "--check", "--dry-run"),
    "API schema": _manage("spectacular", "--validate", "--fail-on-warn", "--file", os.devnull),
}


def _command(command: Sequence[str], environ: Mapping[str, str]) -> Callable[[], bool]:
    """Return a step that runs a command and passes when it exits with 0."""

    def work() -> bool:
        try:
            answer = subprocess.run(command, cwd=ROOT, env=dict(environ), stdin=subprocess.DEVNULL)
        except OSError as error:
            say(f"{command[0]}: {error.strerror}")
            return False
        return answer.returncode == 0

    return work


def _use_node(environ: dict[str, str]) -> bool:
    """Put a usable Node on the PATH of the steps that follow."""
    node = toolchain.node(environ, venv=bootstrap.venv_folder(os.environ))
    environ["PATH"] = node.path
    say(f"Node {node.version}")
    return True


def _install_npm_packages(environ: Mapping[str, str]) -> bool:
    """Install what package-lock.json names, unless exactly that is installed."""
    wanted = hashlib.sha256((ROOT / "package-lock.json").read_bytes()).hexdigest()
    if NODE_STAMP.exists() and NODE_STAMP.read_text(encoding="ascii") == wanted:
        say("up to date")
        return True
    if not _command(["npm", "ci", "--no-audit", "--no-fund"], environ)():
        return False
    NODE_STAMP.write_text(wanted, encoding="ascii")
    return True


def _use_browser(environ: dict[str, str]) -> bool:
    """Tell the tests which browser to drive."""
    environ["CHROME_BIN"] = str(toolchain.browser(environ))
    say(environ["CHROME_BIN"])
    return True
