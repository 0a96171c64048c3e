"""Statements that run thousands of times a minute: parsed and planned once per connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg


def execute(cursor: Any, statement: str, values: Mapping[str, Any]) -> Any:
    """
    Run a statement as a prepared one and return the cursor that holds its rows.

    `cursor` wraps a psycopg cursor. Values are bound by the server, so their types follow from the
    statement: cast those that PostgreSQL cannot infer. A cursor that logs its queries is used as it
    is, so that nothing escapes a count.
    """
    if hasattr(cursor, "debug_sql"):
        cursor.execute(statement, values)
        return cursor
    return psycopg.Cursor(cursor.connection).execute(statement, values, prepare=True)
