"""
The bundled PostgreSQL and Valkey: data in one folder, sockets in another, no network at all.

Both speak through sockets in a folder that only its owner may enter; that is what lets in, so the
roles need no passwords.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from consentmgr.local import binaries, environment, processes
from consentmgr.local.launch import NOBODY
from consentmgr.local.processes import Identity, Program, Running

START_LIMIT_S = 30.0
ORPHAN_LIMIT_S = 15.0
NO_SUCH_PROCESS = 2**31 - 1


class ServerFailed(Exception):
    """A server did not start; the text holds the end of its log and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    Where servers live.

    `is_durable` off trades the safety of the data for speed: for tests only.
    """

    data: Path
    run: Path
    is_durable: bool = True

    @property
    def cluster(self) -> Path:
        """PostgreSQL's data folder."""
        return self.data / "postgres"

    @property
    def logs(self) -> Path:
        """The folder of all logs."""
        return self.data / "logs"


def postgres_program(place: Place, environ: Mapping[str, str], *, identity: Identity) -> Program:
    """Return how PostgreSQL runs on a prepared data folder."""
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(place.run),
        "unix_socket_permissions": "0700",
        # initdb writes the zone that it believes the machine has; ours is always UTC.
        "timezone": "UTC",
        "log_timezone": "UTC",
        "max_connections": "200",
    }
    if not place.is_durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return Program(
        name="postgres",
        command=(
            str(binaries.postgres_folder(environ) / "postgres"),
            "-D",
            str(place.cluster),
            *options,
        ),
        log=place.logs / "postgres.log",
        # SIGTERM would wait for every client to leave.
        stop=((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0)),
        death_signal=signal.SIGINT,
        identity=identity,
        environ=environ,
    )


def valkey_program(place: Place, environ: Mapping[str, str]) -> Program:
    """Return how Valkey runs; makes its folder, also where somebody removed it."""
    folder = place.data / "valkey"
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "port": "0",
        "unixsocket": str(environment.valkey_socket(place.run)),
        "unixsocketperm": "700",
        "dir": str(folder),
        "save": "",
        "appendonly": "yes" if place.is_durable else "no",
        # A full broker must say so: silently evicted messages would be lost hints.
        "maxmemory-policy": "noeviction",
    }
    options = [part for name, value in settings.items() for part in (f"--{name}", value)]
    return Program(
        name="valkey",
        command=(str(binaries.valkey_program(environ)), *options),
        log=place.logs / "valkey.log",
        stop=((signal.SIGTERM, 5.0),),
        environ=environ,
    )


def prepare_postgres(place: Place, environ: Mapping[str, str], *, identity: Identity) -> None:
    """
    Make a data folder ready for a start: new, or checked and free of an earlier server.

    :raises ServerFailed: if it was made by another major version or cannot be made
    """
    folder = binaries.postgres_folder(environ)
    major = binaries.postgres_major(folder)
    version_file = place.cluster / "PG_VERSION"
    if not version_file.exists():
        _make_cluster(place, folder=folder, major=major, identity=identity)
        return
    kept = version_file.read_text(encoding="ascii").strip()
    if kept != str(major):
        raise ServerFailed(
            f"{place.cluster} was made by PostgreSQL {kept}, but the programs here are version"
            f" {major}.\nLet CONSENT_PG_BIN name the old programs and move the data with pg_dump,"
            " or move the folder away to start with an empty database."
        )
    _end_orphan(place)


def start_postgres(place: Place, environ: Mapping[str, str], *, identity: Identity) -> Running:
    """
    Start PostgreSQL on a prepared folder and wait until it answers.

    :raises ServerFailed: if it ends or stays silent for 30 s
    """
    running = processes.start(postgres_program(place, environ, identity=identity))
    wait_until(lambda: answers_postgres(place.run), running=running)
    return running


def start_valkey(place: Place, environ: Mapping[str, str]) -> Running:
    """
    Start Valkey and wait until it answers.

    :raises ServerFailed: if it ends or stays silent for 30 s
    """
    running = processes.start(valkey_program(place, environ))
    wait_until(lambda: answers_valkey(place.run), running=running)
    return running


def wait_until(is_ready: Callable[[], bool], *, running: Running) -> None:
    """
    Wait until a started server is ready.

    :raises ServerFailed: if it ends or is not ready after 30 s; it is stopped then
    """
    end = time.monotonic() + START_LIMIT_S
    name = running.program.name
    while time.monotonic() < end:
        if (status := running.process.poll()) is not None:
            raise ServerFailed(f"{name} ended with status {status}.\n{_log_end(running.program)}")
        if is_ready():
            return
        time.sleep(0.02)
    processes.stop([running])
    raise ServerFailed(f"{name} gave no answer in 30 s.\n{_log_end(running.program)}")


def answers_valkey(run: Path) -> bool:
    """Tell whether Valkey answers a PING with its data loaded."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            client.connect(str(environment.valkey_socket(run)))
            client.sendall(b"PING\r\n")
            return client.recv(8).startswith(b"+PONG")
    except OSError:
        return False


def answers_postgres(run: Path) -> bool:
    """Tell whether PostgreSQL takes connections."""
    import psycopg

    try:
        with psycopg.connect(_admin(run), connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False


def make_roles(run: Path, *, owner_makes_databases: bool = False) -> None:
    """
    Make the two roles and the database where they are missing; safe to repeat.

    The owner's role makes and alters tables. The service's own role is given what it needs by
    `migrate` and can neither alter tables nor change evidence.

    :param owner_makes_databases: for tests, which make a database of their own
    """
    import psycopg

    with psycopg.connect(_admin(run), autocommit=True) as connection:
        roles = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
        if environment.OWNER_ROLE not in roles:
            createdb = "CREATEDB" if owner_makes_databases else "NOCREATEDB"
            connection.execute(f"CREATE ROLE consent_owner LOGIN NOSUPERUSER {createdb}")
        if environment.APP_ROLE not in roles:
            connection.execute("CREATE ROLE consent_app LOGIN NOSUPERUSER")
            if owner_makes_databases:
                # So that a test can look at the tables with the service's eyes.
                connection.execute("GRANT consent_app TO consent_owner")
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'consentmgr'")
        if found.fetchone() is None:
            connection.execute("CREATE DATABASE consentmgr OWNER consent_owner")


def get_mark(run: Path) -> str:
    """Return the note that a prepared database carries ("" if none)."""
    import psycopg

    with psycopg.connect(_admin(run)) as connection:
        found = connection.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database"
            " WHERE datname = 'consentmgr'"
        ).fetchone()
    return str(found[0]) if found and found[0] else ""


def set_mark(run: Path, mark: str) -> None:
    """Let the database itself carry the note: where the data goes, the note goes too."""
    import psycopg
    from psycopg import sql

    statement = sql.SQL("COMMENT ON DATABASE consentmgr IS {}").format(sql.Literal(mark))
    with psycopg.connect(_admin(run), autocommit=True) as connection:
        connection.execute(statement)


def _admin(run: Path) -> str:
    return environment.database_url(environment.ADMIN_ROLE, run=run, database="postgres")


def _make_cluster(place: Place, *, folder: Path, major: int, identity: Identity) -> None:
    """Make the data folder under another name first: half a folder must never look whole."""
    draft = place.data / "postgres.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700, parents=True)
    if identity is Identity.SETPRIV:
        os.chown(draft, NOBODY, NOBODY)
    # Built-in rules keep indexes valid when the C library's sorting changes.
    locale = (
        ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
        if major >= 17
        else ("--locale=C.UTF-8",)
    )
    answer = processes.run_as(
        identity,
        [
            str(folder / "initdb"),
            f"--pgdata={draft}",
            f"--username={environment.ADMIN_ROLE}",
            "--auth=trust",
            "--encoding=UTF8",
            *locale,
            *(() if place.is_durable else ("--no-sync",)),
        ],
    )
    if answer.returncode:
        raise ServerFailed(f"initdb failed:\n{answer.stdout}{answer.stderr}")
    (draft / "pg_hba.conf").write_text("local all all trust\n", encoding="ascii")
    draft.replace(place.cluster)


def _end_orphan(place: Place) -> None:
    """
    Wait for a server that lost its supervisor, and clear locks that name somebody else's process.

    A process id in an old lock may belong to another program by now; PostgreSQL would take it for
    a running server and refuse to start.
    """
    lock = place.cluster / "postmaster.pid"
    try:
        first, _, rest = lock.read_text(encoding="utf-8").partition("\n")
        pid = int(first)
    except (OSError, ValueError):
        return
    end = time.monotonic() + ORPHAN_LIMIT_S
    while _is_postgres_of(pid, place.cluster):
        if time.monotonic() > end:
            raise ServerFailed(
                f"Another PostgreSQL (process {pid}) uses {place.cluster}; stop it first."
            )
        time.sleep(0.05)
    if lock.exists() and is_alive(pid):
        # The file itself must stay: it names the shared memory by which PostgreSQL finds backends
        # that outlived a killed server. So it gets a process id that no system hands out.
        lock.write_text(f"{NO_SUCH_PROCESS}\n{rest}", encoding="utf-8")
        for stale in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
            (place.run / stale).unlink(missing_ok=True)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs, whoever owns it; one that only waits to be reaped does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        # The state follows the program's name, which may hold anything, also brackets.
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return not state.rpartition(")")[2].lstrip().startswith("Z")


def _is_postgres_of(pid: int, cluster: Path) -> bool:
    """Tell whether a live process is a PostgreSQL server on this data folder."""
    if Path("/proc/self/cmdline").exists():
        try:
            # Empty for a process that has ended and waits for its parent.
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
        except OSError:
            return False
    else:
        ps = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
        command = subprocess.run(ps, capture_output=True, text=True).stdout
    return "postgres" in command and str(cluster) in command


def _log_end(program: Program) -> str:
    return f"The end of {program.log}:\n{processes.tail(program.log)}"
