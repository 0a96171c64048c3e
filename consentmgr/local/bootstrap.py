"""
Bring a bare Python to the locked packages, then hand over to the command.

Standard library only, and importable without Django: this runs before anything is installed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from consentmgr.local.report import Progress, say

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ROOT / "requirements"
STAMP_NAME = ".locks.json"
# Not `.lock`: uv locks that one, and would wait for us for ever.
SETUP_LOCK = ".setup.lock"

# A wider lock holds the same versions of everything in the narrower ones.
INCLUDES: Mapping[str, tuple[str, ...]] = {
    "runtime": ("runtime",),
    "test": ("runtime", "test"),
    "e2e": ("runtime", "test", "e2e"),
    "node": ("node",),
}
# pip learned `--python` in 22.3.
OLDEST_PIP = (22, 3)
NETWORK_SIGNS = re.compile(
    r"name resolution|getaddrinfo|establish a new connection|error sending request|dns error"
    r"|connection broken|connection refused|network is unreachable|timed out|failed to fetch",
    re.IGNORECASE,
)


class SetupFailed(Exception):
    """The environment could not be made; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installer:
    """
    One way to put packages into the environment.

    `name` is for people; `command` takes `-r <lock>` at its end.
    """

    name: str
    command: tuple[str, ...]


def run(argv: Sequence[str]) -> None:
    """
    Carry out a command line, inside the environment where it needs one.

    :param argv: program name, command, arguments
    """
    command = argv[1] if len(argv) > 1 else "help"
    venv = venv_folder(os.environ)
    try:
        if command == "up":
            ensure(venv=venv, lock="runtime")
        elif command == "test":
            ensure(venv=venv, lock=test_lock(argv[2:]))
        elif command == "faults":
            ensure(venv=venv, lock="test")
        elif not is_inside(venv) and importlib.util.find_spec("django") is None:
            # A container image has its packages installed already and needs no environment.
            ensure(venv=venv, lock="runtime")
        else:
            hand_over(argv)
            return
        if not is_inside(venv):
            enter(venv=venv, argv=argv)
    except SetupFailed as error:
        sys.exit(f"\n{error}")
    hand_over(argv)


def hand_over(argv: Sequence[str]) -> None:
    """Run the command with the packages that are installed now."""
    command = argv[1] if len(argv) > 1 else "help"
    if command == "up":
        from consentmgr.local import supervisor

        sys.exit(supervisor.up())
    if command == "test":
        from consentmgr.local import checks

        sys.exit(checks.run(argv[2:]))
    if command == "faults":
        # A program of its own, outside the product, as the tests are.
        os.chdir(ROOT)
        os.execv(sys.executable, [sys.executable, "-m", "tests.faults", *argv[2:]])
    from consentmgr.local import environment

    environment.apply_local_defaults(os.environ)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consentmgr.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(list(argv))


def venv_folder(environ: Mapping[str, str]) -> Path:
    """Return the environment's folder: CONSENT_VENV, or `.venv` beside manage.py."""
    return Path(environ.get("CONSENT_VENV") or ROOT / ".venv").absolute()


def python_of(venv: Path) -> Path:
    """Return the environment's interpreter."""
    return venv / "bin" / "python"


def is_inside(venv: Path) -> bool:
    """Tell whether this interpreter is the environment's."""
    return Path(sys.prefix).resolve() == venv.resolve()


def enter(*, venv: Path, argv: Sequence[str]) -> NoReturn:
    """Replace this process by the environment's interpreter on the same command line."""
    python = str(python_of(venv))
    os.execv(python, [python, str(ROOT / "manage.py"), *argv[1:]])


def test_lock(arguments: Sequence[str]) -> str:
    """
    Return the lock that a test command needs: the browser's driver only where e2e tests may run.

    :param arguments: what follows `manage.py test`
    """
    paths = [
        path
        for argument in arguments
        if not argument.startswith("-") and (path := ROOT / argument.partition("::")[0]).exists()
    ]
    if not paths:
        return "e2e"
    tests = ROOT / "tests"
    reaches_browser = any(
        path in (ROOT, tests) or tests / "e2e" in (path, *path.parents) for path in paths
    )
    return "e2e" if reaches_browser else "test"


def lock_hash(lock: str) -> str:
    """Return the SHA-256 of a lock file's bytes, in hex."""
    return hashlib.sha256((LOCKS / f"{lock}.txt").read_bytes()).hexdigest()


def package_count(lock: str) -> int:
    """Return how many packages a lock names; markers may leave some out on this machine."""
    lines = (LOCKS / f"{lock}.txt").read_text(encoding="utf-8").splitlines()
    return sum("==" in line and not line.startswith((" ", "#")) for line in lines)


def is_installed(*, venv: Path, lock: str) -> bool:
    """Tell whether the environment holds this lock; its content is compared, not its time."""
    return _stamps(venv).get(lock) == lock_hash(lock)


def ensure(*, venv: Path, lock: str) -> None:
    """
    Make the environment if it is missing and install a lock if it is not there yet.

    :raises SetupFailed: without a usable installer or network
    """
    if python_of(venv).exists() and is_installed(venv=venv, lock=lock):
        return
    with _only_one(venv):
        if not python_of(venv).exists():
            _make(venv)
        if is_installed(venv=venv, lock=lock):
            return
        failures = []
        for installer in installers(venv=venv, environ=os.environ):
            error = _install(installer, venv=venv, lock=lock)
            if error is None:
                _stamp(venv, lock)
                return
            failures.append(f"{installer.name}: {error}")
        raise SetupFailed(_explain(failures))


def installers(*, venv: Path, environ: Mapping[str, str]) -> list[Installer]:
    """
    Return the ways to install here, the best first: uv, this Python's pip, the environment's pip.

    Debian splits ensurepip off Python, so that an environment may have no pip of its own.

    :raises SetupFailed: if there is none
    """
    python = str(python_of(venv))
    found = []
    if uv := shutil.which("uv", path=environ.get("PATH")):
        command = (uv, "pip", "install", "--python", python, "--require-hashes")
        # As pip does: else every start compiles again where nothing may be written (or is told not
        # to be, by PYTHONDONTWRITEBYTECODE).
        found.append(Installer(name="uv", command=(*command, "--compile-bytecode")))
    options = ("install", "--require-hashes", "--no-input", "--progress-bar", "off")
    base = base_python()
    if (version := pip_version(base)) is not None and version >= OLDEST_PIP:
        outer = (base, "-m", "pip", "--python", python)
        found.append(Installer(name="pip", command=(*outer, *options)))
    elif pip_version(python) is not None:
        found.append(Installer(name="pip", command=(python, "-m", "pip", *options)))
    if not found:
        raise SetupFailed(
            f"{base} has no pip of version 22.3 or newer and there is no uv on PATH.\n"
            "Install one of them (Debian and Ubuntu: apt install python3-pip) and run this again."
        )
    return found


def base_python() -> str:
    """Return the interpreter that environments are made from, also when called inside one."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def pip_version(python: str) -> tuple[int, int] | None:
    """Return an interpreter's pip version, or None without pip."""
    answer = subprocess.run([python, "-m", "pip", "--version"], capture_output=True, text=True)
    found = re.match(r"pip (\d+)\.(\d+)", answer.stdout)
    return (int(found[1]), int(found[2])) if answer.returncode == 0 and found else None


def count_packages(line: str, *, seen: set[str]) -> str:
    """
    Note the package that an installer's output line is about and return its name ("" if none).

    :param seen: names met so far, extended here; pip downloads each package once
    """
    found = re.match(r"(?:Collecting|Processing|Requirement already satisfied:) (\S+)", line)
    if found:
        # pip names a package, or the file that it took from a folder.
        name = re.split(r"[-=]\d|[=<>!~;\[]", found[1].rpartition("/")[2], maxsplit=1)[0]
        seen.add(name)
        return name
    if line.startswith("Installing collected packages"):
        return "unpacking"
    return ""


def _make(venv: Path) -> None:
    """Make an empty environment; whatever a broken one left behind goes first."""
    leftovers = [path for path in venv.iterdir() if path.name != SETUP_LOCK]
    if leftovers and not (venv / "pyvenv.cfg").exists():
        raise SetupFailed(
            f"{venv} holds other things than a Python environment; name an empty one."
        )
    for leftover in leftovers:
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()
    base = base_python()
    # Copying pip takes longer than the rest of a new environment, and pip can work from outside.
    has_outer_pip = (version := pip_version(base)) is not None and version >= OLDEST_PIP
    bare = ["--without-pip"] if has_outer_pip or shutil.which("uv") else []
    answer = subprocess.run([base, "-m", "venv", *bare, str(venv)], capture_output=True, text=True)
    if answer.returncode:
        raise SetupFailed(
            f"{base} -m venv {venv} failed:\n{(answer.stdout + answer.stderr).strip()}\n"
            "Debian and Ubuntu: apt install python3-pip (or python3-venv), then run this again."
        )


def _install(installer: Installer, *, venv: Path, lock: str) -> str | None:
    """Run an installer; return None when it worked, else the end of what it said."""
    total = package_count(lock)
    seen: set[str] = set()
    tail: list[str] = []
    say(f"Installing the {lock} lock ({total} packages) into {_shown(venv)} with {installer.name}.")
    # A private certificate authority is known to the system, not to uv's own bundle; a habit of
    # installing for the user (pip's configuration) does not fit an environment.
    environ = {"UV_SYSTEM_CERTS": "1", **os.environ, "PIP_USER": "0"}
    # Else pip believes that it works on the environment that is active in the shell.
    environ.pop("VIRTUAL_ENV", None)
    with (
        Progress("  installing") as progress,
        subprocess.Popen(
            [*installer.command, "-r", str(LOCKS / f"{lock}.txt")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environ,
        ) as process,
    ):
        for line in process.stdout or ():
            name = count_packages(line, seen=seen)
            if name:
                progress.detail = f"{len(seen)} of {total} packages: {name}"
            if NETWORK_SIGNS.search(line) or not line.startswith(("WARNING", "  ", "\n")):
                if tail and tail[-1][:17] == line[:17]:
                    # Five times the same failure is told once.
                    tail.pop()
                tail = [*tail[-7:], line.rstrip()[:300]]
    if process.returncode == 0:
        say(f"  installed in {progress.elapsed_s:.0f} s")
        return None
    return "\n".join(tail)


def _explain(failures: Sequence[str]) -> str:
    text = "\n\n".join(failures)
    reason = (
        "The package index could not be reached. Check the network, the proxy (HTTPS_PROXY) and,\n"
        "with a private certificate authority, SSL_CERT_FILE and PIP_CERT."
        if NETWORK_SIGNS.search(text)
        else "The packages could not be installed."
    )
    return f"{text}\n\n{reason} Then run the same command again: it goes on where it stopped."


def _stamps(venv: Path) -> dict[str, str]:
    try:
        stamps = json.loads((venv / STAMP_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamps if isinstance(stamps, dict) else {}


def _stamp(venv: Path, lock: str) -> None:
    """Note what is installed; a wider lock makes the narrower ones true, an outdated note goes."""
    stamps = {name: lock_hash(name) for name in INCLUDES[lock]}
    kept = {
        name: value
        for name, value in _stamps(venv).items()
        if (LOCKS / f"{name}.txt").exists() and value == lock_hash(name)
    }
    draft = venv / f"{STAMP_NAME}.new"
    draft.write_text(json.dumps(kept | stamps, indent=1) + "\n", encoding="utf-8")
    draft.replace(venv / STAMP_NAME)


@contextlib.contextmanager
def _only_one(venv: Path) -> Iterator[None]:
    """Let one process at a time change the environment; the others wait."""
    venv.mkdir(parents=True, exist_ok=True)
    with (venv / SETUP_LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"Waiting for another installation into {_shown(venv)}.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
