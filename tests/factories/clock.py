"""One moment that tests share; it lies in a month whose table exists."""

from __future__ import annotations

from datetime import UTC, datetime

_TODAY = datetime.now(tz=UTC)
# Whole seconds, a few minutes ago: notices published at NOW are in effect for the database too.
NOW = datetime.fromtimestamp(int(_TODAY.timestamp()) - 300, tz=UTC)
