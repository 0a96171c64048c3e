"""Patterns that lose work or open doors do not come back."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for folder in ("tracking", "consentmgr")
    for path in (ROOT / folder).rglob("*.py")
    if "migrations" not in path.parts
)


def calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            yield node


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def test_work_is_handed_over_in_one_place_only() -> None:
    """A task message may be lost; only the outbox's hint may be sent."""
    senders = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        for call in calls(path)
        if name_of(call) in {"delay", "apply_async", "send_task", "delay_on_commit"}
    }

    assert senders == {"tracking/outbox/hints.py"}


def test_no_task_waits_or_retries_by_itself() -> None:
    """Redis forgets what waits in it; the schedule of retries is rows in PostgreSQL."""
    for path in SOURCES:
        for call in calls(path):
            assert not {keyword.arg for keyword in call.keywords} & {"countdown", "eta"}, path
            assert name_of(call) != "retry", path


def test_only_the_outbound_client_speaks_http() -> None:
    speakers = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
        )
        if name.split(".")[0] in {"aiohttp", "requests", "httpx", "urllib3", "http"}
        or name == "urllib.request"
    }

    assert {path for path in speakers if path.startswith("tracking/")} == {
        "tracking/lib/outbound_http.py"
    }


def test_operations_and_rules_do_not_read_the_clock() -> None:
    for path in SOURCES:
        if path.name in {"operations.py", "rules.py"}:
            for call in calls(path):
                assert name_of(call) not in {"now", "today", "utcnow", "monotonic"}, path


def test_signatures_are_compared_in_constant_time() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Compare) and any(
                isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops
            ):
                words = ast.unparse(node).lower()
                assert "signature" not in words, f"{path}: {words}"
                assert "mac ==" not in words, f"{path}: {words}"


def test_the_repository_speaks_of_the_product_alone() -> None:
    machine = ("/wo" + "rk/", "/ro" + "ot/", "py" + "pi.org", "pythonh" + "osted", "npm" + "js.org")
    for path in (
        *SOURCES,
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("requirements/*.txt"),
        ROOT / "package-lock.json",
    ):
        text = path.read_text("utf-8")
        for word in machine:
            assert word not in text, f"{path.name} names {word}"
