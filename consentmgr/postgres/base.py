"""The backend that the settings name as `ENGINE`."""

from __future__ import annotations

from typing import Any

import psycopg
from django.db import connection
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool, PoolTimeout

from consentmgr.postgres.watch import WATCH, Line

# Where all connections broke, the next one is here sooner than that or not at all.
POOL_WAIT_S = 0.15


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> psycopg.Connection[Any]:
        """
        Take a connection from the pool.

        :raises StandsStill: at once, where PostgreSQL is known to be away
        """
        WATCH.check()
        try:
            taken: psycopg.Connection[Any] = super().get_new_connection(conn_params)
        except PoolTimeout:
            if WATCH.is_started:
                WATCH.doubt()
            raise
        return taken


def watch() -> None:
    """Make this process one that answers requests: it never waits long for PostgreSQL."""
    parameters = connection.get_connection_params()
    pool: ConnectionPool = connection.pool  # type: ignore[attr-defined]
    pool.timeout = POOL_WAIT_S
    WATCH.start(lambda: Line.connect(**parameters, autocommit=True))
