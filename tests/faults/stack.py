"""
The whole service with its partners as processes that can be killed, frozen and started again.

Nothing here looks inside the product: the programs are those that `manage.py up` starts, on the
bundled servers, with data that is kept as safely as in production.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self
from urllib.request import Request, urlopen

import psycopg

from consentmgr.local import environment, processes, servers, supervisor, testing
from consentmgr.local.bootstrap import ROOT
from consentmgr.local.processes import Program, Running
from tests.fakes import SECRET
from tests.faults import ledger, machine
from tests.faults.load import HEADER, SITE

PARTNERS = ("p1", "p2", "p3", "p4")
POSTGRES, VALKEY, LOOP = "postgres", "valkey", "loop"
READY_LIMIT_S = 60.0
RESTART_PAUSE_S = 0.5


class Broken(Exception):
    """The stack itself cannot work; nothing is said about the product."""


class Stack:
    """
    Two servers, any number of hosts (each with `web-N`, `worker-N`, `beat-N`), four partners.

    Use it as `with Stack() as stack`; nothing survives the block. `kills` counts SIGKILLs of parts,
    `deaths` names those that ended by themselves, with their last words.
    """

    def __init__(self) -> None:
        # Named like the tests' folders: a later run removes what a killed one left.
        self.folder = Path(tempfile.mkdtemp(prefix=f"{testing.PREFIX}{os.getpid()}-"))
        self.place = servers.Place(data=self.folder, run=self.folder)
        self.kills = 0
        self.deaths: list[tuple[str, str]] = []
        self.ports = {name: machine.free_port() for name in ("web-1", "web-2", *PARTNERS)}
        self.site: dict[str, Any] = {}
        self._launches: dict[str, Callable[[], Running]] = {}
        self._running: dict[str, Running] = {}
        self._due_at: dict[str, float] = {}
        self._mounts: list[Path] = []
        self._lock = os.open(self.folder / "lock", os.O_CREAT | os.O_RDWR)
        self.environ = {
            **os.environ,
            **environment.generated_keys(self.folder),
            "DATA_DIR": str(self.folder),
            "DATABASE_URL": environment.database_url(environment.APP_ROLE, run=self.folder),
            "DATABASE_OWNER_URL": environment.database_url(environment.OWNER_ROLE, run=self.folder),
            "REDIS_URL": environment.redis_url(self.folder),
            "DEMO": "0",
            "DEMO_PARTNER_PORT": "9000",
            "COOKIE_SECURE": "0",
            "ALLOW_LOOPBACK_PARTNERS": "1",
            "ALLOWED_HOSTS": "127.0.0.1",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "PARTNER_SECRET": SECRET,
        }

    def __enter__(self) -> Self:
        try:
            self._declare()
            self.start(VALKEY)
            self._make_database()
            self.start(*PARTNERS)
            endpoints = {
                name: {"url": f"{self.url(name)}/consent", "secret": SECRET} for name in PARTNERS
            }
            self.site = self.operator("prepare", json.dumps(endpoints))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End everything at once and remove its folder."""
        for one in self._running.values():
            machine.send(one, signal.SIGKILL)
        for one in self._running.values():
            one.process.wait()
        os.close(self._lock)
        for path in self._mounts:
            subprocess.run(["umount", "--lazy", str(path)], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- parts

    def start(self, *names: str) -> None:
        """
        Start parts and wait until each is ready.

        :raises Broken: if one ends or is not ready in time
        """
        for name in names:
            self._running[name] = self._launches[name]()
        for name in names:
            self._wait_ready(name)

    def kill(self, name: str) -> None:
        """End a part with all its processes at once, as a power cut would."""
        machine.send(self._running[name], signal.SIGKILL)
        self._running.pop(name).process.wait()
        self.kills += 1

    def end(self, name: str) -> None:
        """Ask a part to end (SIGTERM) and wait until it has."""
        processes.stop([self._running.pop(name)])

    def freeze(self, name: str) -> None:
        """Stop a part's clock (SIGSTOP): it keeps all it has and does nothing."""
        machine.send(self._running[name], signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let a frozen part go on."""
        machine.send(self._running[name], signal.SIGCONT)

    def tend(self) -> None:
        """Start again what ended by itself, as every operator's supervisor does, and note it."""
        for name, one in list(self._running.items()):
            if name not in self._launches or one.process.poll() is None:
                continue
            now = time.monotonic()
            if name not in self._due_at:
                processes.kill_group(one)
                self.deaths.append((name, machine.last_words(one.program.log)))
                self._due_at[name] = now + RESTART_PAUSE_S
            elif now >= self._due_at[name]:
                del self._due_at[name]
                self._running[name] = self._launches[name]()

    @property
    def running(self) -> list[Running]:
        """Return what was started and neither killed nor ended."""
        return list(self._running.values())

    def count_threads(self, name: str) -> int:
        """Return how many threads all processes of a part have together."""
        total = 0
        for pid in machine.family(self._running[name].process.pid):
            with contextlib.suppress(OSError):
                total += len(list(Path(f"/proc/{pid}/task").iterdir()))
        return total

    def log(self, name: str) -> str:
        """Return all that a part has said."""
        path = self._log(name)
        return path.read_text("utf-8", "replace") if path.exists() else ""

    # --- partners, operator, database

    def url(self, name: str) -> str:
        """Return where a web process or a partner listens."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def answer(
        self, partner: str, shares: Mapping[str, float] | None = None, *, delay_s: float = 0.0
    ) -> None:
        """Tell a partner how to answer from now on (see `partner`)."""
        body = json.dumps({"shares": dict(shares or {}), "delay_s": delay_s}).encode()
        with urlopen(Request(f"{self.url(partner)}/answering", body, method="PUT"), timeout=5):
            pass

    def receipts(self, partner: str) -> list[ledger.Receipt]:
        """Return what a partner has been told so far."""
        return ledger.read(self.folder / f"{partner}.jsonl", ledger.Receipt)

    def operator(self, *arguments: str) -> dict[str, Any]:
        """Do what an operator does by hand (see `site`) and return the answer."""
        answer: dict[str, Any] = json.loads(self._run("-m", "tests.faults.site", *arguments))
        return answer

    def history(self, token: str) -> list[str]:
        """Return the keys of a device's records, as the service tells the device itself."""
        request = Request(f"{self.url('web-1')}/v1/consents?site={SITE}", headers={HEADER: token})
        with urlopen(request, timeout=10) as answer:
            return [record["key"] for record in json.load(answer)["records"]]

    def ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query, asked as the database's administrator."""
        url = environment.database_url(environment.ADMIN_ROLE, run=self.folder)
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def program(self, name: str, *arguments: str, stop_s: float = 5.0) -> Program:
        """Return a Python program of the service's as a part would run it."""
        return Program(
            name=name,
            command=(sys.executable, *arguments),
            log=self._log(name),
            stop=((signal.SIGTERM, stop_s),),
            folder=ROOT,
            keep_open=(self._lock,),
            is_guarded=True,
            environ=self.environ,
        )

    def launch(self, program: Program) -> Running:
        """Start a program that is not there to be broken; it ends with the stack."""
        running = processes.start(program)
        self._running[program.name] = running
        return running

    def put_on_small_disk(self, folder: Path, *, megabytes: int) -> None:
        """Move a folder to a disk of its own that is gone with the stack; needs root."""
        aside = folder.with_name(f"{folder.name}.aside")
        folder.rename(aside)
        folder.mkdir()
        size = f"size={megabytes}m"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], check=True)
        self._mounts.append(folder)
        _copy(aside, folder)
        shutil.rmtree(aside)

    # --- inside

    def _make_database(self) -> None:
        """Start PostgreSQL with all tables, made by the first stack of a run for all of them."""
        kept = _kept_for_the_run() / "postgres"
        if kept.exists():
            _copy(kept, self.place.cluster)
            self.start(POSTGRES)
            return
        self.start(POSTGRES)
        servers.make_roles(self.folder)
        self._run("manage.py", "migrate", "-v0")
        self.end(POSTGRES)
        _copy(self.place.cluster, kept)
        self.start(POSTGRES)

    def _declare(self) -> None:
        """Say how each part is started."""
        identity = processes.postgres_identity()

        def launch_postgres() -> Running:
            servers.prepare_postgres(self.place, self.environ, identity=identity)
            return processes.start(
                servers.postgres_program(self.place, self.environ, identity=identity)
            )

        self._launches[POSTGRES] = launch_postgres
        self.use_valkey(is_durable=True)
        for number in range(1, 5):
            for name, program in self._host(number).items():
                self._launches[f"{name}-{number}"] = functools.partial(processes.start, program)
        loop = self.program(LOOP, str(ROOT / "manage.py"), "deliver", "--loop")
        self._launches[LOOP] = functools.partial(processes.start, loop)
        for name in PARTNERS:
            program = self.program(
                name, "-m", "tests.faults.partner",
                str(self.ports[name]), str(self.folder / f"{name}.jsonl"),
            )  # fmt: skip
            self._launches[name] = functools.partial(processes.start, program)

    def use_valkey(self, *, is_durable: bool) -> None:
        """Say whether Valkey keeps its data over a restart; holds from its next start."""
        place = replace(self.place, is_durable=is_durable)
        program = servers.valkey_program(place, self.environ)
        self._launches[VALKEY] = functools.partial(processes.start, program)

    def _host(self, number: int) -> Mapping[str, Program]:
        """Return the programs of one machine, exactly as `manage.py up` runs them."""
        folder = self.folder / f"host-{number}"
        folder.mkdir()
        port = self.ports.get(f"web-{number}", environment.DEFAULT_PORT)
        host = supervisor.Service(data=folder, environ=self.environ, port=port, lock=self._lock)
        return {
            name: replace(program, name=f"{name}-{number}", log=self._log(f"{name}-{number}"))
            for name, program in host.programs().items()
        }

    def _wait_ready(self, name: str) -> None:
        running = self._running[name]
        end = time.monotonic() + READY_LIMIT_S
        while not self._answers(name):
            if running.process.poll() is not None or time.monotonic() > end:
                raise Broken(f"{name} did not start.\n{processes.tail(running.program.log)}")
            time.sleep(0.02)

    def _answers(self, name: str) -> bool:
        if name == POSTGRES:
            return servers.answers_postgres(self.folder)
        if name == VALKEY:
            return servers.answers_valkey(self.folder)
        if name.startswith("web"):
            return supervisor.answers_ready(self.ports[name], host="127.0.0.1")
        return name not in self.ports or not supervisor.is_free(self.ports[name])

    def _log(self, name: str) -> Path:
        return self.place.logs / f"{name}.log"

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=self.environ, capture_output=True, text=True
        )
        if done.returncode:
            raise Broken(f"{' '.join(arguments[:3])} failed:\n{done.stderr}")
        return done.stdout


@functools.cache
def _kept_for_the_run() -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"{testing.PREFIX}{os.getpid()}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _copy(source: Path, target: Path) -> None:
    """Copy what is in a folder, owners and modes too, the folder's own included."""
    target.mkdir(exist_ok=True)
    subprocess.run(["cp", "-a", f"{source}/.", str(target)], check=True)
