"""What is found in a content, shortly."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tests.factories.clock import NOW
from tracking.notices import checks, lint
from tracking.notices.types import Finding, Level


def find(
    content: Mapping[str, Any],
    previous: Mapping[str, Any] | None = None,
    effective_at: datetime = NOW,
) -> tuple[Finding, ...]:
    return (
        *checks.check(
            content=content, previous=previous, effective_at=effective_at, published_at=NOW
        ),
        *lint.lint(content),
    )


def stops(*args: Any, **more: Any) -> set[tuple[str, ...]]:
    """Return rule and place of everything that keeps it from being published."""
    return {(one.rule, *one.place) for one in find(*args, **more) if one.level is Level.STOP}


def advice(*args: Any, **more: Any) -> set[tuple[str, ...]]:
    return {(one.rule, *one.place) for one in find(*args, **more) if one.level is Level.ADVICE}
