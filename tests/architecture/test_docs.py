"""The documents are complete: each setting, each call, each error code is explained."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from consentmgr import env
from tracking.gate.types import Reason
from tracking.lib.errors import DomainError
from tracking.regimes.rules import load_regimes

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
API = (ROOT / "docs" / "api.md").read_text("utf-8")


@pytest.mark.parametrize("name", sorted(env.DECLARED))
def test_every_setting_is_in_the_readme(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize("code", sorted({regime.code for regime in load_regimes()}))
def test_every_regime_is_in_its_document(code: str) -> None:
    assert f"| `{code}` |" in (ROOT / "docs" / "regimes.md").read_text("utf-8")


def test_no_setting_is_read_past_the_typed_readers() -> None:
    for path in (*ROOT.glob("tracking/**/*.py"), ROOT / "consentmgr" / "settings.py"):
        assert "os.environ" not in path.read_text("utf-8"), path


def _routes(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        else:
            yield route


def _public_calls() -> list[str]:
    return sorted(
        {
            "/" + re.sub(r"<\w+:(\w+)>", r"<\1>", route)
            for route in _routes(get_resolver().url_patterns)
            if route.startswith(("v1/", "b/"))
        }
    )


@pytest.mark.parametrize("path", _public_calls())
def test_every_call_is_in_the_api_document(path: str) -> None:
    assert f"`{path}`" in API.replace("GET ", "").replace("POST ", "")


def _errors(base: type[DomainError]) -> Iterator[type[DomainError]]:
    for error in base.__subclasses__():
        yield error
        yield from _errors(error)


def test_every_error_code_is_in_the_api_document() -> None:
    get_resolver().url_patterns  # noqa: B018  # imports every door, so that every error is known
    codes = {error.code for error in _errors(DomainError)}

    assert len(codes) >= 8
    for code in codes:
        assert f"`{code}`" in API, code


@pytest.mark.parametrize("reason", [reason.value for reason in Reason])
def test_every_reason_of_the_gate_is_in_the_api_document(reason: str) -> None:
    assert f"`{reason}`" in API
