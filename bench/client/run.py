"""
Measure the script, banner and dialog in a real browser beside its peers, in one run.

    python3 bench/client/run.py [--runs 9] [--profiles 1x,4x,4x-4g] [--pages a,b]
                                [--only bytes,checks,timing,cost] [--out DIR] [--no-namespace]

Starts the product on throwaway servers, publishes bench.yaml, runs bench.mjs against it and stops
all of it at the end, also after a failure. Prints the tables and leaves them with the raw figures
in DIR (bench/client/out). As root on Linux, everything runs in a network namespace of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from consentmgr.local import bootstrap

CATALOGUE = HERE / "bench.yaml"
SITE_SCRIPT = "/b/bench.js"
PASSED_ON = ("runs", "profiles", "pages", "only")


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in PASSED_ON:
        options.add_argument(f"--{name}")
    options.add_argument("--out", type=Path, default=HERE / "out")
    options.add_argument("--no-namespace", action="store_true")
    chosen = options.parse_args()
    # So that a stop from outside ends what was started here, like Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    enter_environment()
    path = install_peers()
    if not chosen.no_namespace:
        enter_namespace()
    with served(path) as service:
        command = ["node", "bench.mjs", "--service", service, "--origin", page_origin()]
        command += ["--out", str(chosen.out.resolve())]
        for name in PASSED_ON:
            if value := getattr(chosen, name):
                command += [f"--{name}", value]
        status = subprocess.run(command, cwd=HERE, env={**os.environ, "PATH": path}).returncode
    sys.exit(status)


def enter_environment() -> None:
    """Make the environment that the tests use, and go on inside it."""
    venv = bootstrap.venv_folder(os.environ)
    try:
        bootstrap.ensure(venv=venv, lock="test")
    except bootstrap.SetupFailed as error:
        sys.exit(str(error))
    if not bootstrap.is_inside(venv):
        python = str(bootstrap.python_of(venv))
        os.execv(python, [python, *sys.argv])


def install_peers() -> str:
    """Install what package-lock.json names, unless exactly that is there; return Node's PATH."""
    from consentmgr.local import toolchain

    node = toolchain.node(os.environ, venv=bootstrap.venv_folder(os.environ))
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    stamp = HERE / "node_modules" / ".package-lock.sha256"
    if not stamp.exists() or stamp.read_text("ascii") != wanted:
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=HERE,
            env={**os.environ, "PATH": node.path},
            # Standard output is for the tables.
            stdout=sys.stderr,
            check=True,
        )
        stamp.write_text(wanted, "ascii")
    return node.path


def enter_namespace() -> None:
    """Go on in a network of our own where that is allowed; other traffic would be measured, too."""
    up = "ip link set lo up"
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"):
        return
    if subprocess.run(["unshare", "-n", "sh", "-c", up], capture_output=True).returncode:
        return
    again = [sys.executable, *sys.argv, "--no-namespace"]
    os.execvp("unshare", ["unshare", "-n", "sh", "-c", f'{up}; exec "$@"', "sh", *again])


def page_origin() -> str:
    """Return where the catalogue expects the pages."""
    from tracking.lib import strict_yaml

    content = strict_yaml.read(CATALOGUE.read_text("utf-8")).value
    return str(content["site"]["origins"][0])


@contextmanager
def served(path: str) -> Iterator[str]:
    """
    Serve the product with the benchmark's site and yield its address.

    As `manage.py up` does, but on throwaway servers and without Celery: nothing that a page sees
    waits for a worker.
    """
    from consentmgr.local import processes, servers
    from consentmgr.local.testing import throwaway_servers

    port = free_port()
    with throwaway_servers({}) as variables:
        environ = os.environ | variables | {"DEMO": "0", "PATH": path, "CONSENT_VENV": sys.prefix}
        for command in (["migrate", "-v0"], ["catalogue", "apply", str(CATALOGUE), "--publish"]):
            subprocess.run(
                [sys.executable, "manage.py", *command],
                cwd=ROOT,
                env=environ,
                stdout=sys.stderr,
                check=True,
            )
        web = processes.start(
            processes.Program(
                name="web",
                command=(
                    str(Path(sys.executable).with_name("granian")),
                    *("--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)),
                    *("--workers", "2", "--blocking-threads", "4", "--no-ws"),
                    *("--log-level", "warning", "consentmgr.wsgi:application"),
                ),
                log=Path(variables["DATA_DIR"]) / "logs" / "web.log",
                folder=ROOT,
                environ=environ,
            )
        )
        try:
            address = f"http://127.0.0.1:{port}"
            servers.wait_until(lambda: answers(address + SITE_SCRIPT), running=web)
            yield address
        finally:
            processes.stop([web])


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def answers(address: str) -> bool:
    """Tell whether a GET succeeds."""
    with suppress(OSError), urlopen(address, timeout=5):
        return True
    return False


if __name__ == "__main__":
    main()
