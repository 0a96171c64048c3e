"""The lock files: complete, in step with each other, and free of this machine's traces."""

from __future__ import annotations

import re
import tomllib

import pytest

from consentmgr.local.bootstrap import LOCKS, ROOT

PINNED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", flags=re.MULTILINE)


def _versions(lock: str) -> set[tuple[str, str]]:
    return set(PINNED.findall((LOCKS / f"{lock}.txt").read_text("utf-8")))


@pytest.mark.parametrize(
    ("narrow", "wide"), [("production", "runtime"), ("runtime", "test"), ("test", "e2e")]
)
def test_a_wider_lock_holds_the_same_versions(narrow: str, wide: str) -> None:
    assert _versions(narrow) <= _versions(wide)


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        ("production", ["files"]),
        ("runtime", ["embedded", "files"]),
        ("test", ["embedded", "files", "test"]),
        ("e2e", ["embedded", "files", "test", "e2e"]),
    ],
)
def test_every_declared_package_is_locked(lock: str, extras: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = [*project["dependencies"]]
    for extra in extras:
        declared += project["optional-dependencies"][extra]
    names = {
        re.split(r"[\[<>=!~;, ]", text, maxsplit=1)[0].lower().replace("_", "-").replace(".", "-")
        for text in declared
    }
    missing = names - {name for name, _ in _versions(lock)}
    assert not missing, f"run requirements/renew: {sorted(missing)} are not in {lock}.txt"


@pytest.mark.parametrize("lock", ["production", "runtime", "test", "e2e", "node"])
def test_locks_hold_hashes_and_nothing_local(lock: str) -> None:
    text = (LOCKS / f"{lock}.txt").read_text("utf-8")
    assert not re.search(r"://|^-|file:|find-links", text, flags=re.MULTILINE)
    assert "requirements/renew" in text.splitlines()[1]
    for requirement in re.split(r"\n(?=[A-Za-z])", text)[1:]:
        assert "--hash=sha256:" in requirement


@pytest.mark.parametrize("lock", ["production", "runtime"])
def test_what_celerys_redis_transport_imports_is_locked(lock: str) -> None:
    # kombu declares it only for an extra that we do not take; without it no worker starts.
    assert "packaging" in {name for name, _ in _versions(lock)}
