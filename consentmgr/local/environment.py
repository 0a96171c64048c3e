"""The environment of the one-machine service: folders, generated secrets, addresses."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import stat
import tempfile
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from urllib.parse import quote

from consentmgr.local.bootstrap import ROOT

OWNER_ROLE = "consent_owner"
APP_ROLE = "consent_app"
ADMIN_ROLE = "consent_admin"
DATABASE = "consentmgr"
DEFAULT_PORT = 8000
# The demo's partner receivers listen on this many ports from DEMO_PARTNER_PORT on.
PARTNER_PORT_OFFSET = 1000
# Socket paths end at 107 bytes on Linux and at 103 on macOS; the longest name is PostgreSQL's lock.
LONGEST_RUN_FOLDER = 103 - len("/.s.PGSQL.5432.lock")


class FolderNotUsable(Exception):
    """A folder cannot be used; the text says why."""


def data_folder(environ: Mapping[str, str]) -> Path:
    """Return where data, keys and logs are kept: DATA_DIR, or `.data` beside manage.py."""
    return Path(environ.get("DATA_DIR") or ROOT / ".data").absolute()


def make_data_folder(folder: Path) -> None:
    """
    Make the data folder if it is missing; only its owner may look inside.

    :raises FolderNotUsable: if it cannot be made or written to
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FolderNotUsable(f"DATA_DIR {folder} cannot be made: {error.strerror}.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FolderNotUsable(
            f"DATA_DIR {folder} belongs to another user (was it made with sudo?).\n"
            "Give it back with chown, or name another folder in DATA_DIR."
        )


def run_folder(data: Path, environ: Mapping[str, str]) -> Path:
    """
    Return the folder for the servers' sockets: one per data folder, with a short path.

    :raises FolderNotUsable: if the system's temporary folders have long paths
    """
    name = f"consentmgr-{os.geteuid()}-{hashlib.sha256(bytes(data.resolve())).hexdigest()[:12]}"
    for base in (environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir()):
        if base and Path(base).is_dir() and len(f"{base}/{name}".encode()) <= LONGEST_RUN_FOLDER:
            return Path(base) / name
    raise FolderNotUsable("The paths of XDG_RUNTIME_DIR and TMPDIR are too long for sockets.")


def make_run_folder(folder: Path) -> None:
    """
    Make the socket folder, or check that an existing one is ours and closed to everybody else.

    :raises FolderNotUsable: if somebody else made it first
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if (
        not stat.S_ISDIR(found.st_mode)
        or found.st_uid != os.geteuid()
        or stat.S_IMODE(found.st_mode) & 0o077
    ):
        raise FolderNotUsable(f"{folder} is not ours alone; remove it and start again.")


def database_url(role: str, *, run: Path, database: str = DATABASE) -> str:
    """Return the address of a database behind the socket in a run folder."""
    return f"postgresql://{role}@/{database}?host={quote(str(run), safe='/')}"


def valkey_socket(run: Path) -> Path:
    """Return Valkey's socket in a run folder."""
    return run / "valkey.sock"


def redis_url(run: Path) -> str:
    """Return the address of Valkey's first database."""
    return f"unix://{quote(str(valkey_socket(run)), safe='/')}?db=0"


def generated_keys(data: Path) -> dict[str, str]:
    """Return SECRET_KEY and CONSENT_KEYS of this data folder, made at the first call."""
    file = data / "keys.env"
    if not file.exists():
        signing = base64.b64encode(secrets.token_bytes(32)).decode("ascii")
        _write_private(
            file,
            "# Generated. Without these, visitors' device tokens and partners' secrets are void.\n"
            f"SECRET_KEY={secrets.token_urlsafe(48)}\nCONSENT_KEYS=k1:{signing}\n",
        )
    lines = file.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def console_password(data: Path) -> str:
    """Return the password of the console's `admin` account, made at the first call."""
    return _kept_secret(data / "console-password", length=12)


def metrics_token(data: Path) -> str:
    """Return the token that `/metrics` asks for, made at the first call."""
    return _kept_secret(data / "metrics-token", length=32)


def local_variables(data: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """
    Return the variables of the one-machine service; what the caller's environment sets wins.

    :param data: an existing data folder; keys are made in it where missing
    """
    run = run_folder(data, environ)
    port = environ.get("PORT") or str(DEFAULT_PORT)
    defaults = {
        "DATA_DIR": str(data),
        **generated_keys(data),
        "METRICS_TOKEN": metrics_token(data),
        "REDIS_URL": redis_url(run),
        "DEMO": "1",
        "COOKIE_SECURE": "0",
        "ALLOW_LOOPBACK_PARTNERS": "1",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "PORT": port,
        "DEMO_PARTNER_PORT": str(int(port) + PARTNER_PORT_OFFSET),
    }
    if environ.get("DATABASE_URL"):
        # An owner's address without a server of ours would point at a socket that is not there.
        defaults["DATABASE_OWNER_URL"] = environ["DATABASE_URL"]
    else:
        defaults["DATABASE_URL"] = database_url(APP_ROLE, run=run)
        defaults["DATABASE_OWNER_URL"] = database_url(OWNER_ROLE, run=run)
    given = {name: environ[name] for name in defaults if environ.get(name)}
    return defaults | given


def apply_local_defaults(environ: MutableMapping[str, str]) -> None:
    """
    Let Django's commands speak to the service of `manage.py up` where nothing else is set.

    Does nothing unless `up` has run here before: a production machine must name its own servers.
    """
    data = data_folder(environ)
    if environ.get("DATABASE_URL") or not os.access(data / "keys.env", os.R_OK):
        return
    environ.update(local_variables(data, environ))


def _kept_secret(file: Path, *, length: int) -> str:
    """Return what a file holds; where it is missing it is made of `length` random bytes."""
    if not file.exists():
        _write_private(file, secrets.token_urlsafe(length) + "\n")
    return file.read_text(encoding="utf-8").strip()


def _write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = file.with_name(f"{file.name}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)
