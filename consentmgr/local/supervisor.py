"""
`manage.py up`: every process of the service on one machine, started, watched and stopped.

Order: servers → roles → migrate → web, worker, beat → demo data → partner receivers → the demo's
past, which fills up while the service answers. What dies is started again, and so is what is up and
does no work; what starts here ends here, whatever happens to this process.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import functools
import hashlib
import http.client
import json
import os
import signal
import socket
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from consentmgr.local import binaries, environment, processes, servers
from consentmgr.local.bootstrap import ROOT
from consentmgr.local.processes import Program, Running
from consentmgr.local.report import Progress, say

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_LIMIT_S = 60.0
# A killed run's processes end within this time; longer means that one of them hangs.
LEFTOVER_LIMIT_S = 20.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
# So often /workz is asked, and so long it may say no before those who should work are replaced.
ASK_FOR_WORK_S, NO_WORK_LIMIT_S = 5.0, 60.0
WORKING = ("worker", "beat")
# Having run this long, a process counts as healthy: its next failure starts with a short pause.
HEALTHY_AFTER_S = 60.0


class UpFailed(Exception):
    """The service could not be started; the text says why and what to do."""


@dataclass(slots=True, kw_only=True)
class Watched:
    """A process that is kept alive: how to start it, and what became of it."""

    launch: Callable[[], Running]
    running: Running | None = None
    started_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    due_at: float = 0.0


def up() -> int:
    """Run the service until Ctrl-C or SIGTERM; return the exit status."""
    # SIGINT too: a shell starts background jobs with it ignored.
    for number in STOP_SIGNALS:
        signal.signal(number, _interrupt)
    began = time.monotonic()
    data = environment.data_folder(os.environ)
    try:
        environment.make_data_folder(data)
        port = port_number(os.environ)
        with only_one(data, port=port) as lock:
            variables = environment.local_variables(data, os.environ)
            service = Service(data=data, environ={**os.environ, **variables}, port=port, lock=lock)
            try:
                service.start()
                say(f"Ready after {time.monotonic() - began:.1f} s. Ctrl-C stops everything.\n")
                say(service.addresses())
                service.watch()
            except KeyboardInterrupt:
                say("\nStopping.")
            finally:
                service.stop()
    except KeyboardInterrupt:
        return 130
    except (
        UpFailed,
        servers.ServerFailed,
        binaries.BinaryMissing,
        processes.UserNotPossible,
        environment.FolderNotUsable,
    ) as error:
        say(f"\n{error}")
        return 1
    say("Stopped.")
    return 0


class Service:
    """The processes of one data folder."""

    def __init__(self, *, data: Path, environ: Mapping[str, str], port: int, lock: int) -> None:
        self.data = data
        self.environ = {**environ, "PYTHONUNBUFFERED": "1"}
        self.port = port
        self.partner_port = port_number(environ, name="DEMO_PARTNER_PORT")
        self.has_demo = environ["DEMO"].lower() in {"1", "true", "yes", "on"}
        # The service answers only to the names it was given.
        names = [name.strip().lstrip(".") for name in environ["ALLOWED_HOSTS"].split(",")]
        self.host = "localhost" if {"*", "localhost"} & set(names) else names[0]
        self.place = servers.Place(data=data, run=environment.run_folder(data, os.environ))
        self._own_database = not os.environ.get("DATABASE_URL")
        self._lock = lock
        self._servers: dict[str, Watched] = {}
        self._apps: dict[str, Watched] = {}
        self._past: Running | None = None
        self._ask_for_work_at = 0.0
        self._no_work_since: float | None = None

    def start(self) -> None:
        """
        Start everything and return when the service answers.

        :raises UpFailed: if a step fails; the text holds the end of the right log
        """
        self._check_ports()
        say(f"Starting; data, keys and logs are in {_shown(self.data)}.")
        with Progress("  starting") as progress:
            progress.detail = "database and broker"
            self._start_servers()
            state = self._prepared_state()
            is_prepared = self._own_database and servers.get_mark(self.place.run) == state
            if not is_prepared:
                progress.detail = "tables"
                self._run_once("migrate", "migrate", "--no-input")
            programs = self.programs()
            partners = programs.pop("partners", None)
            self._launch_apps(programs)
            if partners is not None:
                if not is_prepared:
                    progress.detail = "demo data"
                    self._run_once("demo_seed", "demo_seed")
                self._launch_apps({"partners": partners})
            progress.detail = "waiting for " + ", ".join(self._apps)
            self._wait_until_ready()
            if self._own_database and not is_prepared:
                servers.set_mark(self.place.run, state)
            if partners is not None and not is_prepared:
                # The demo's past fills up beside the first pages.
                past = self._program("past", "nice", "-n", "10", *self._manage("demo_past"))
                self._past = processes.start(past)

    def programs(self) -> dict[str, Program]:
        """Return the application's long-running programs by name."""
        bin_folder = Path(sys.executable).parent
        # Background work steps back a little where pages and messages want the processor at once.
        # Django's checks are for those who change code; here they would only slow the start.
        options = ("--skip-checks", "-A", "consentmgr")
        celery = ("nice", "-n", "5", str(bin_folder / "celery"), *options)
        schedule = self.data / "beat" / "schedule"
        schedule.parent.mkdir(exist_ok=True)
        programs = [
            self._program(
                "web",
                str(bin_folder / "granian"),
                *("--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.port)),
                *("--workers", "2", "--blocking-threads", "4"),
                *("--no-ws", "--respawn-failed-workers", "--workers-kill-timeout", "3"),
                *("--log-level", "warning", "consentmgr.wsgi:application"),
                stop=((signal.SIGTERM, 6.0),),
            ),
            self._program(
                "worker",
                *(*celery, "worker", "--pool", worker_pool(), "--concurrency", "2"),
                *("--without-gossip", "--without-mingle", "--loglevel", "INFO"),
                # SIGTERM waits for running tasks; SIGQUIT hands them back to the queue.
                stop=((signal.SIGTERM, 3.0), (signal.SIGQUIT, 4.0)),
                death_signal=signal.SIGQUIT,
            ),
            self._program(
                "beat",
                *(*celery, "beat", "--schedule", str(schedule), "--pidfile="),
                *("--loglevel", "INFO"),
            ),
        ]
        if self.has_demo:
            programs.append(self._program("partners", *self._manage("demo_partners")))
        return {program.name: program for program in programs}

    def addresses(self) -> str:
        """Return what to open in a browser, one line each."""
        base = f"http://{self.host}:{self.port}"
        lines = []
        if self.has_demo:
            lines += [
                ("Demo shop", f"{base}/demo/"),
                ("Preference centre", f"{base}/preferences/kloset/"),
                ("External transmission", f"{base}/external-transmission/kloset/"),
                ("Partner receivers", f"http://127.0.0.1:{self.partner_port}/"),
            ]
        lines += [
            ("Console", f"{base}/console/"),
            ("API", f"{base}/v1/docs/"),
            ("Metrics", f"{base}/metrics (token in {_shown(self.data / 'metrics-token')})"),
        ]
        if self.has_demo:
            password = environment.console_password(self.data)
            lines.append(("Console account", f"admin, password {password}"))
        return "\n".join(f"  {label:<22} {value}" for label, value in lines)

    def watch(self) -> None:
        """Keep everything alive until a signal raises KeyboardInterrupt."""
        while True:
            for name, one in (self._servers | self._apps).items():
                self._tend(name, one)
            self._tend_work()
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop the applications at the same time, then the broker, the database last."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._hurry)
        if self._past is not None:
            processes.kill_group(self._past)
        for group in (
            list(self._apps.values()),
            [self._servers[name] for name in ("valkey",) if name in self._servers],
            [self._servers[name] for name in ("postgres",) if name in self._servers],
        ):
            killed = processes.stop([one.running for one in group if one.running is not None])
            if killed:
                say(f"Had to kill: {', '.join(killed)}.")
        with contextlib.suppress(OSError):
            for left in self.place.run.iterdir():
                left.unlink()
            self.place.run.rmdir()

    def _hurry(self, _number: int, _frame: FrameType | None) -> None:
        """Kill the applications at the second Ctrl-C; the servers still end in order."""
        for one in self._apps.values():
            if one.running is not None:
                processes.kill_group(one.running)

    def _check_ports(self) -> None:
        wanted = [("PORT", self.port, 1)]
        if self.has_demo:
            wanted.append(("DEMO_PARTNER_PORT", self.partner_port, demo_ports()))
        for name, first, count in wanted:
            for port in range(first, first + count):
                if not is_free(port):
                    raise UpFailed(
                        f"Port {port} is in use by another program. Choose with {name}=…, such as\n"
                        f"  {name}={port + 1} python3 manage.py up"
                    )

    def _launch_apps(self, programs: Mapping[str, Program]) -> None:
        for name, program in programs.items():
            self._apps[name] = Watched(launch=functools.partial(processes.start, program))
            self._launch(self._apps[name])

    def _prepared_state(self) -> str:
        """
        Return a hash of all that tables and demo data are made from.

        A database that carries it needs neither `migrate` nor `demo_seed`, which would take longer
        than the rest of a start.
        """
        seen = hashlib.sha256()
        for folder in ("consentmgr", "tracking", "requirements"):
            for file in sorted((ROOT / folder).rglob("*")):
                if file.is_file() and file.suffix not in {".pyc", ".pyo"}:
                    seen.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
        for name in ("PORT", "DEMO", "DEMO_PARTNER_PORT", "CONSENT_KEYS"):
            seen.update(f"{name}={self.environ[name]}\0".encode())
        seen.update(environment.console_password(self.data).encode())
        return seen.hexdigest()

    def _start_servers(self) -> None:
        """Start the servers that the environment does not name, and make the roles."""
        own_broker = not os.environ.get("REDIS_URL")
        if self._own_database or own_broker:
            environment.make_run_folder(self.place.run)
        if own_broker:
            self._servers["valkey"] = Watched(launch=self._launch_valkey)
            # Started now and waited for later: PostgreSQL takes longer.
            self._launch(self._servers["valkey"])
        if self._own_database:
            identity = processes.postgres_identity()

            def launch_postgres() -> Running:
                servers.prepare_postgres(self.place, self.environ, identity=identity)
                program = servers.postgres_program(self.place, self.environ, identity=identity)
                return processes.start(self._inheriting(program))

            self._servers["postgres"] = Watched(launch=launch_postgres)
            running = self._launch(self._servers["postgres"])
            servers.wait_until(lambda: servers.answers_postgres(self.place.run), running=running)
            servers.make_roles(self.place.run)
        if own_broker and (valkey := self._servers["valkey"].running) is not None:
            servers.wait_until(lambda: servers.answers_valkey(self.place.run), running=valkey)

    def _launch_valkey(self) -> Running:
        return processes.start(self._inheriting(servers.valkey_program(self.place, self.environ)))

    def _inheriting(self, program: Program) -> Program:
        """Return the program with our lock in its hands: the folder is taken until it ends."""
        return dataclasses.replace(program, keep_open=(self._lock,))

    def _program(self, name: str, *command: str, **how: Any) -> Program:
        return Program(
            name=name,
            command=command,
            log=self.place.logs / f"{name}.log",
            folder=ROOT,
            keep_open=(self._lock,),
            is_guarded=True,
            environ=self.environ,
            **how,
        )

    def _manage(self, *arguments: str) -> tuple[str, ...]:
        return (sys.executable, str(ROOT / "manage.py"), *arguments)

    def _run_once(self, name: str, *arguments: str) -> None:
        """Run one of Django's commands to its end."""
        program = self._program(name, *self._manage(*arguments))
        environ = dict(self.environ)
        if name == "demo_seed":
            # Handed to this one command only: nothing else has a use for it.
            environ["CONSOLE_PASSWORD"] = environment.console_password(self.data)
        running = processes.start(dataclasses.replace(program, environ=environ))
        status = running.process.wait()
        if status != 0:
            raise UpFailed(
                f"`manage.py {name}` ended with status {status}."
                f" The end of {_shown(program.log)}:\n{processes.tail(program.log)}"
            )

    def _launch(self, one: Watched) -> Running:
        one.running = one.launch()
        one.started_at = time.monotonic()
        return one.running

    def _tend(self, name: str, one: Watched) -> None:
        """Notice that a process died, and start it again when its pause is over."""
        now = time.monotonic()
        if one.running is not None:
            status = one.running.process.poll()
            if status is None:
                return
            # Its children must not hold the port or the queue while the next one starts.
            processes.kill_group(one.running)
            if now - one.started_at > HEALTHY_AFTER_S:
                one.pause_s = FIRST_PAUSE_S
            one.due_at = now + one.pause_s
            say(
                f"{name} {_ending(status)}; starting it again in {one.pause_s:g} s"
                f" (log: {_shown(one.running.program.log)})"
            )
            one.pause_s = min(one.pause_s * 2, LONGEST_PAUSE_S)
            one.running = None
        if now >= one.due_at:
            try:
                self._launch(one)
            except (servers.ServerFailed, OSError) as error:
                one.due_at = now + one.pause_s
                say(f"{name} could not be started: {error}")

    def _tend_work(self) -> None:
        """Notice that nobody tells partners any more, and replace those who should."""
        now = time.monotonic()
        if now < self._ask_for_work_at:
            return
        self._ask_for_work_at = now + ASK_FOR_WORK_S
        if not says_no_work(self.port, host=self.host):
            self._no_work_since = None
            return
        if self._no_work_since is None:
            self._no_work_since = now
        if now - self._no_work_since >= NO_WORK_LIMIT_S:
            say(f"{' and '.join(WORKING)} are up and do no work; ending them.")
            for name in WORKING:
                if (running := self._apps[name].running) is not None:
                    processes.kill_group(running)
            self._no_work_since = None

    def _wait_until_ready(self) -> None:
        """
        Wait for /readyz and the partner receivers.

        :raises UpFailed: if a process ends meanwhile or 60 s pass
        """
        end = time.monotonic() + READY_LIMIT_S
        while time.monotonic() < end:
            for name, one in (self._servers | self._apps).items():
                if one.running is not None and (status := one.running.process.poll()) is not None:
                    log = one.running.program.log
                    raise UpFailed(
                        f"{name} {_ending(status)} while starting. The end of {_shown(log)}:\n"
                        f"{processes.tail(log)}"
                    )
            if answers_ready(self.port, host=self.host) and not (
                self.has_demo and is_free(self.partner_port)
            ):
                return
            time.sleep(0.1)
        log = self.place.logs / "web.log"
        raise UpFailed(
            f"http://localhost:{self.port}/readyz did not answer 200 within {READY_LIMIT_S:.0f} s."
            f" The end of {_shown(log)}:\n{processes.tail(log)}"
        )


@contextlib.contextmanager
def only_one(data: Path, *, port: int) -> Iterator[int]:
    """
    Hold the data folder for one run and yield the descriptor that holds it.

    Children inherit the descriptor, so that after a kill of this process the folder is free only
    when the last of them is gone.

    :raises UpFailed: if another run has it
    """
    with (data / "up.lock").open("a+", encoding="utf-8") as file:
        end = time.monotonic() + LEFTOVER_LIMIT_S
        told = False
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            holder = _holder(data)
            if holder is not None and servers.is_alive(holder["pid"]):
                raise UpFailed(
                    f"Already running here (process {holder['pid']}):"
                    f" http://localhost:{holder['port']}/\n"
                    "Another one needs a DATA_DIR and a PORT of its own."
                )
            if time.monotonic() > end:
                raise UpFailed(
                    f"Processes of an earlier run still use {_shown(data)} and do not end.\n"
                    "`ps -ef` shows them; end them and start again."
                )
            if not told:
                say("Waiting for the last processes of an earlier run to end.")
                told = True
            time.sleep(0.1)
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "port": port}))
        file.flush()
        yield file.fileno()


def port_number(environ: Mapping[str, str], *, name: str = "PORT") -> int:
    """
    Return the port that a variable names.

    :raises UpFailed: if it is not a number between 1 and 64535
    """
    given = environ.get(name) or str(environment.DEFAULT_PORT)
    if not given.isascii() or not given.isdigit() or not 0 < int(given) < 65536 - 1000:
        raise UpFailed(f"{name} is {given!r}; it must be a number from 1 to 64535.")
    return int(given)


def is_free(port: int) -> bool:
    """Tell whether nothing listens on a port of this machine's loopback address."""
    with socket.socket() as probe:
        probe.settimeout(1)
        # Binding is not asked: a server that shares its port would let us in beside it.
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def demo_ports() -> int:
    """Return how many ports the demo's receivers take, the overview's included."""
    catalogue = tomllib.loads((ROOT / "consentmgr/demo/catalogue.toml").read_text("utf-8"))
    return 1 + max(int(receiver["port"]) for receiver in catalogue["receivers"].values())


def answers_ready(port: int, *, host: str) -> bool:
    """Tell whether /readyz answers 200 under a host name."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/readyz", headers={"Host": host})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def says_no_work(port: int, *, host: str) -> bool:
    """Tell whether /workz says that no work is done; a database that is away is no such answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/workz", headers={"Host": host})
        answer = connection.getresponse()
        return answer.status == 503 and json.load(answer)["status"] != "database away"
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return False
    finally:
        connection.close()


def worker_pool() -> str:
    """Return Celery's pool: processes need named semaphores, which some sandboxes lack."""
    import multiprocessing

    try:
        multiprocessing.Semaphore(1)
    except (OSError, ImportError):
        return "threads"
    return "prefork"


def _holder(data: Path) -> dict[str, int] | None:
    try:
        holder = json.loads((data / "up.lock").read_text(encoding="utf-8"))
        return {"pid": int(holder["pid"]), "port": int(holder["port"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _ending(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
