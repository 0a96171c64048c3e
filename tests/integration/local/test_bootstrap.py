"""Set-up decisions: what is installed, when, and by which installer."""

from __future__ import annotations

import ast
import runpy
import sys
from pathlib import Path

import pytest

from consentmgr.local import bootstrap
from consentmgr.local.bootstrap import ROOT


@pytest.fixture
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "requirements"
    folder.mkdir()
    for name in ("runtime", "test", "e2e", "node"):
        (folder / f"{name}.txt").write_text(f"# a comment ==\npackage-of-{name}==1.0 \\\n", "utf-8")
    monkeypatch.setattr(bootstrap, "LOCKS", folder)
    return folder


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment with an interpreter that has no pip."""
    folder = tmp_path / "venv"
    _program(folder / "bin" / "python", "exit 1")
    (folder / "pyvenv.cfg").write_text("home = somewhere\n", "utf-8")
    return folder


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """Where the installers of these tests note how they were called."""
    return tmp_path / "calls"


def _program(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
    path.chmod(0o755)
    return path


def _use_base(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, calls: Path, *, pip: str | None
) -> Path:
    """Put an interpreter in the place of the one that environments are made from."""
    answer = f'echo "pip {pip} from here"' if pip else "exit 1"
    body = (
        f'echo "$@" >> {calls}\nif [ "$3" = --version ]; then {answer}; exit; fi\n'
        'echo "Collecting package==1.0 (from -r file)"'
    )
    base = _program(tmp_path / "base" / "python3", body)
    monkeypatch.setattr(bootstrap, "base_python", lambda: str(base))
    return base


def test_an_installed_lock_is_not_installed_again(
    locks: Path, venv: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, calls: Path
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    _use_base(monkeypatch, tmp_path, calls, pip="23.0.1")
    bootstrap.ensure(venv=venv, lock="runtime")
    told = calls.read_text("utf-8")
    assert f"--python {venv}/bin/python install --require-hashes" in told
    assert f"-r {locks}/runtime.txt" in told

    bootstrap.ensure(venv=venv, lock="runtime")
    assert calls.read_text("utf-8") == told


def test_another_content_of_the_lock_counts_not_its_time(
    locks: Path, venv: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, calls: Path
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    _use_base(monkeypatch, tmp_path, calls, pip="23.0.1")
    bootstrap.ensure(venv=venv, lock="runtime")
    (locks / "runtime.txt").touch()
    assert bootstrap.is_installed(venv=venv, lock="runtime")
    (locks / "runtime.txt").write_text("package==2.0\n", "utf-8")
    assert not bootstrap.is_installed(venv=venv, lock="runtime")


def test_a_wider_lock_includes_the_narrower_ones(
    locks: Path, venv: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, calls: Path
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    _use_base(monkeypatch, tmp_path, calls, pip="23.0.1")
    bootstrap.ensure(venv=venv, lock="test")
    held = {name for name in bootstrap.INCLUDES if bootstrap.is_installed(venv=venv, lock=name)}
    assert held == {"runtime", "test"}
    bootstrap.ensure(venv=venv, lock="node")
    assert bootstrap.is_installed(venv=venv, lock="test")


def test_uv_is_taken_first_and_pip_where_uv_fails(
    locks: Path, venv: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, calls: Path
) -> None:
    _program(tmp_path / "bin" / "uv", f'echo "uv $@" >> {calls}; echo "no such option"; exit 2')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    _use_base(monkeypatch, tmp_path, calls, pip="24.1")
    bootstrap.ensure(venv=venv, lock="runtime")
    told = calls.read_text("utf-8").splitlines()
    installs = [line for line in told if "install" in line]
    assert installs[0].startswith(f"uv pip install --python {venv}/bin/python --require-hashes")
    assert installs[1].startswith(f"-m pip --python {venv}/bin/python install --require-hashes")
    assert bootstrap.is_installed(venv=venv, lock="runtime")


def test_an_old_pip_gives_way_to_the_one_in_the_environment(
    venv: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, calls: Path
) -> None:
    _program(venv / "bin" / "python", 'echo "pip 25.0 from here"')
    _use_base(monkeypatch, tmp_path, calls, pip="20.3.4")
    (found,) = bootstrap.installers(venv=venv, environ={"PATH": "/nowhere"})
    assert found.command[:4] == (str(venv / "bin" / "python"), "-m", "pip", "install")


def test_without_any_installer_the_message_says_what_to_install(
    venv: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, calls: Path
) -> None:
    _use_base(monkeypatch, tmp_path, calls, pip=None)
    with pytest.raises(bootstrap.SetupFailed, match="apt install python3-pip"):
        bootstrap.installers(venv=venv, environ={"PATH": "/nowhere"})


def test_no_network_is_named_as_the_reason(
    locks: Path, venv: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, calls: Path
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    base = _use_base(monkeypatch, tmp_path, calls, pip="23.0.1")
    failing = (
        'if [ "$3" = --version ]; then echo "pip 23.0.1 from here"; exit; fi\n'
        'echo "Failed to establish a new connection: Temporary failure in name resolution"; exit 1'
    )
    _program(base, failing)
    with pytest.raises(bootstrap.SetupFailed, match="could not be reached. Check the network"):
        bootstrap.ensure(venv=venv, lock="runtime")
    assert not bootstrap.is_installed(venv=venv, lock="runtime")


def test_a_broken_environment_is_made_anew(
    locks: Path, venv: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, calls: Path
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to("/nowhere/python3")
    # A real interpreter this time: it has to make a real environment.
    _program(tmp_path / "pip" / "python", 'echo "pip 23.0.1 from here"')
    monkeypatch.setattr(bootstrap, "_install", lambda *_args, **_how: None)
    bootstrap.ensure(venv=venv, lock="runtime")
    assert (venv / "bin" / "python").resolve().is_file()
    assert bootstrap.is_installed(venv=venv, lock="runtime")


def test_a_folder_with_other_things_is_not_touched(locks: Path, tmp_path: Path) -> None:
    mine = tmp_path / "home"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear", "utf-8")
    with pytest.raises(bootstrap.SetupFailed, match="holds other things"):
        bootstrap.ensure(venv=mine, lock="runtime")
    assert (mine / "letter.txt").exists()


@pytest.mark.parametrize(
    ("arguments", "lock"),
    [
        ([], "e2e"),
        (["-k", "gate"], "e2e"),
        (["tests"], "e2e"),
        (["tests/e2e"], "e2e"),
        (["tests/integration/local/test_bootstrap.py::test_lock", "-x"], "test"),
        (["tests/integration", "-k", "gate"], "test"),
        (["-x", "tests/integration", "tests"], "e2e"),
    ],
)
def test_the_browser_driver_is_installed_where_it_may_be_used(
    arguments: list[str], lock: str
) -> None:
    assert bootstrap.test_lock(arguments) == lock


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("Collecting django==5.2.19 (from -r requirements/runtime.txt (line 365))", "django"),
        ("Collecting psycopg-binary==3.3.9", "psycopg-binary"),
        ("Processing /some/folder/click_plugins-1.1.1.2-py2.py3-none-any.whl", "click_plugins"),
        ("Requirement already satisfied: amqp==5.4.2 in ./venv", "amqp"),
        ("Installing collected packages: a, b", "unpacking"),
        ("  Downloading django-5.2.19-py3-none-any.whl (8.3 MB)", ""),
    ],
)
def test_progress_counts_packages(line: str, name: str) -> None:
    assert bootstrap.count_packages(line, seen=set()) == name


def test_an_old_python_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    source = (ROOT / "manage.py").read_text("utf-8")
    # No syntax in the first file that an old interpreter stumbles over before the sentence.
    ast.parse(source, feature_version=(3, 5))
    assert not any(isinstance(node, ast.JoinedStr) for node in ast.walk(ast.parse(source)))
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(SystemExit, match=r"Python 3\.11 or newer is needed"):
        runpy.run_path(str(ROOT / "manage.py"), run_name="__main__")
