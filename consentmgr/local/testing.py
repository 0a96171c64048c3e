"""
Throwaway servers for tests, and the pytest plugin that starts them before Django is set up.

Loaded with `-p consentmgr.local.testing`. Servers that DATABASE_URL and REDIS_URL name are used
instead, also by plugins in further processes of the same run.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path

import pytest

from consentmgr.local import environment, processes, servers

PREFIX = "consentmgr-test-"


@contextlib.contextmanager
def throwaway_servers(environ: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """
    Start the servers that the environment does not name and yield the variables for Django.

    Data lies in a temporary folder without fsync and goes at the end, also after a failure.

    :raises ServerFailed: if a server does not start
    """
    _remove_orphans()
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    place = servers.Place(data=folder, run=folder, is_durable=False)
    variables = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "CONSENT_KEYS": "test1:" + base64.b64encode(secrets.token_bytes(32)).decode("ascii"),
        "DATA_DIR": str(folder),
        "DEMO": "1",
        "COOKIE_SECURE": "0",
        "ALLOW_LOOPBACK_PARTNERS": "1",
        # The browser's driver keeps an event loop in the thread of the tests.
        "DJANGO_ALLOW_ASYNC_UNSAFE": "1",
    }
    running = []
    try:
        if not environ.get("REDIS_URL"):
            # Started, but waited for later: PostgreSQL takes longer.
            valkey = processes.start(servers.valkey_program(place, environ))
            running.append(valkey)
            variables["REDIS_URL"] = environment.redis_url(place.run)
        if not environ.get("DATABASE_URL"):
            identity = processes.postgres_identity()
            servers.prepare_postgres(place, environ, identity=identity)
            running.append(servers.start_postgres(place, environ, identity=identity))
            servers.make_roles(place.run, owner_makes_databases=True)
            url = environment.database_url(environment.OWNER_ROLE, run=place.run)
            variables |= {"DATABASE_URL": url, "DATABASE_OWNER_URL": url}
        if not environ.get("REDIS_URL"):
            servers.wait_until(lambda: servers.answers_valkey(place.run), running=valkey)
        yield variables
    finally:
        processes.stop(running)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config,
) -> Generator[None, object, object]:
    """Start the servers before pytest-django loads the settings."""
    if not early_config.known_args_namespace.help:
        stack = contextlib.ExitStack()
        variables = stack.enter_context(throwaway_servers(os.environ))
        early_config.add_cleanup(stack.close)
        os.environ.update(variables)
    return (yield)


def _remove_orphans() -> None:
    """Remove the folders of runs that were killed; their servers ended with them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            if (
                folder.stat().st_uid == os.geteuid()
                and pid.isdigit()
                and not servers.is_alive(int(pid))
            ):
                shutil.rmtree(folder, ignore_errors=True)
