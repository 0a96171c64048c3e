"""The secrets that the service and the demo's receivers share, one per partner."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

FILE_NAME = "demo-secrets.json"
_BYTES = 32


def load_or_make(*, folder: Path, partners: Iterable[str]) -> dict[str, str]:
    """
    Return a `whsec_` secret per partner, kept in the folder for its owner alone.

    The seed and the receivers may both come first; the file that is there first counts for both.
    """
    file = folder / FILE_NAME
    known = _read(file)
    missing = [partner for partner in partners if partner not in known]
    if missing:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        wanted = {**known, **{partner: _make() for partner in missing}}
        draft = folder / f"{FILE_NAME}.{os.getpid()}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(wanted, out, indent=1)
        try:
            if known:
                draft.replace(file)
            else:
                # A link, unlike a rename, fails where the other one was faster.
                with contextlib.suppress(FileExistsError):
                    os.link(draft, file)
        finally:
            draft.unlink(missing_ok=True)
        known = _read(file)
    return known


def _read(file: Path) -> dict[str, str]:
    try:
        content: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return content


def _make() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(_BYTES)).decode("ascii")
