"""Migrations are named by hand."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_migration_has_a_machine_made_name() -> None:
    names = [
        path.stem
        for folder in ("tracking", "consentmgr")
        for path in (ROOT / folder).glob("*/migrations/[0-9]*.py")
    ]

    assert len(names) >= 6
    for name in names:
        assert re.fullmatch(r"\d{4}_[a-z][a-z0-9_]+", name), name
        assert "auto" not in name, name
        assert not name.endswith("_initial"), name
