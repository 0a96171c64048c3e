"""`manage.py publish`, the way a site declares itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.factories.registry import SITE, catalogue
from tracking.notices import queries

pytestmark = pytest.mark.django_db


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{k}" = {toml(v)}' for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(v) for v in value) + "]"
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'


def write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text("".join(f"{key} = {toml(value)}\n" for key, value in content.items()), "utf-8")
    return path


def test_a_file_becomes_a_notice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wording = {"ja": {"banner_title": "送ってもよいですか"}}
    file = write(tmp_path / "shop.toml", {**catalogue(), "wording": wording})

    call_command("publish", file)
    call_command("publish", file)

    assert capsys.readouterr().out == f"{SITE}: version 1 is in effect.\n" * 2
    notice = queries.get_current(site_code=SITE)
    assert notice.content["wording"]["ja"]["banner_title"] == "送ってもよいですか"
    assert notice.content["wording"]["en"]["allow"] == "Allow"


def test_what_is_missing_is_listed_and_nothing_changes(tmp_path: Path) -> None:
    content = catalogue()
    content["tags"][1]["our_purpose"] = {"ja": "", "en": ""}
    file = write(tmp_path / "shop.toml", content)

    with pytest.raises(
        CommandError, match="Nothing was changed.*\n  Tag stats: our purpose is missing in Japanese"
    ):
        call_command("publish", file)

    assert queries.find_current(site_code=SITE) is None


@pytest.mark.parametrize("text", ["site = [", "x = 1", "[site]\ncode='a'\n", "\ufeff"])
def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(text, "utf-8")

    with pytest.raises(CommandError):
        call_command("publish", file)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        call_command("publish", tmp_path / "nothing.toml")
