"""What the database's absence looks like."""

from __future__ import annotations

from django.db import InterfaceError, OperationalError
from psycopg_pool import PoolTimeout

# Raised where PostgreSQL, or a connection to it, cannot be had; nothing was committed.
AWAY = (OperationalError, InterfaceError, PoolTimeout)
