"""A site's script as the service serves it: what it says of the site, in the words of JSON."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

_CONFIG = re.compile(r"const CM_CONFIG=JSON\.parse\('(.*)'\);\n")


def config_in(script: str | bytes) -> dict[str, Any]:
    """Return what static/src/core/types.ts calls Config."""
    text = script.decode() if isinstance(script, bytes) else script
    found = _CONFIG.search(text)
    assert found is not None, text[:200]
    # Written as a string of JavaScript, whose escapes Python's strings have as well.
    config: dict[str, Any] = json.loads(ast.literal_eval(f"'{found[1]}'"))
    return config


def with_config(script: str, config: dict[str, Any], more: str = "") -> str:
    """Put another configuration into a script; `more`: code that runs before the loader."""
    text = f"const CM_CONFIG={json.dumps(config)};\n{more}"
    return _CONFIG.sub(lambda _: text, script, count=1)
