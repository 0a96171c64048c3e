"""Tell Docker whether a container does its work: `healthcheck.py web` or `healthcheck.py beat`."""

from __future__ import annotations

import http.client
import os
import sys
import time
from pathlib import Path

# Beat writes its schedule every three minutes.
BEAT_LIMIT_S = 600.0


def main(what: str) -> int:
    """Return 0 for healthy, 1 otherwise."""
    return 0 if (is_web_ready() if what == "web" else is_beat_alive()) else 1


def is_web_ready() -> bool:
    """Ask /readyz under a name that the service answers to."""
    name = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip().lstrip(".")
    connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=4)
    try:
        headers = {"Host": name if name not in {"", "*"} else "localhost"}
        connection.request("GET", "/readyz", headers=headers)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False


def is_beat_alive() -> bool:
    """Look whether beat has written its schedule of late."""
    files = list((Path(os.environ["DATA_DIR"]) / "beat").glob("*"))
    return any(time.time() - file.stat().st_mtime < BEAT_LIMIT_S for file in files)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
