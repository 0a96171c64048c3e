"""Rows to claim."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_hints(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker listens here."""
    monkeypatch.setattr("tracking.outbox.hints.hint", lambda: None)
