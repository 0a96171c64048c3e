"""The operator's copy of the Open Cookie Database."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client

from tests.factories.registry import SITE, catalogue
from tests.unit.registry.test_known_cookies import COUNTER, HEAD, PREFIX
from tracking.registry import models, operations, queries

pytestmark = pytest.mark.django_db
Printed = pytest.CaptureFixture[str]

# Set it to your copy to try the whole of it.
WHOLE = os.environ.get("OPEN_COOKIE_DATABASE", "")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path, COUNTER, PREFIX)


def write(folder: Path, *lines: str) -> Path:
    path = folder / "cookies.csv"
    path.write_text("\n".join([HEAD, *lines]) + "\n", "utf-8")
    return path


def test_importing_counts_and_a_second_time_changes_nothing(file: Path, capsys: Printed) -> None:
    call_command("cookies", "import", file)
    call_command("cookies", "import", file)
    call_command("cookies", "import", write(file.parent, COUNTER.replace("2 years", "1 year")))

    assert capsys.readouterr().out.splitlines() == [
        "2 cookies: 2 added, 0 changed, 0 as before, 0 removed.",
        "2 cookies: 0 added, 0 changed, 2 as before, 0 removed.",
        "1 cookies: 0 added, 1 changed, 0 as before, 1 removed.",
    ]
    assert models.KnownCookie.objects.get().retention == "1 year"


def test_a_broken_file_loses_nothing(file: Path) -> None:
    call_command("cookies", "import", file)

    with pytest.raises(CommandError, match="Line 3: .* Nothing was changed"):
        call_command("cookies", "import", write(file.parent, COUNTER, "id-9,too,few"))
    with pytest.raises(CommandError, match="No such file"):
        call_command("cookies", "import", file.parent / "nothing.csv")

    assert models.KnownCookie.objects.count() == 2


def test_names_are_found_by_their_beginning(file: Path) -> None:
    call_command("cookies", "import", file)

    found = queries.find_known_cookies(names=["_count", "_count_*", "_count_7", "other"])

    assert {name: [one.source_id for one in rows] for name, rows in found.items()} == {
        "_count": ["id-1"],
        "_count_*": ["id-2"],
        "_count_7": ["id-2"],
        "other": [],
    }


def test_a_sites_cookies_are_held_against_it(file: Path, capsys: Printed) -> None:
    call_command("cookies", "import", file)
    content = catalogue()
    content["tags"][1]["cookies"] = [
        {"name": "_count", "lifetime_days": 730},
        {"name": "_count_*", "lifetime_days": 30},
        {"name": "_own"},
    ]
    operations.apply_catalogue(catalogue=content)
    capsys.readouterr()

    call_command("cookies", "check", SITE)

    assert capsys.readouterr().out.splitlines() == [
        "Tag stats: _count_* is declared with 30 days, it is known with 13 months.",
        "Tag stats: _count_* is known for advertising, the tag's purposes are analytics.",
        "Tag stats: _own is not in the Open Cookie Database.",
        "3 to look at.",
    ]
    with pytest.raises(CommandError, match="no such site"):
        call_command("cookies", "check", "nothing")


def test_postgres_refuses_a_cookie_without_name_or_of_another_nature(file: Path) -> None:
    call_command("cookies", "import", file)

    with pytest.raises(IntegrityError, match="known_cookie_has_name"), transaction.atomic():
        models.KnownCookie.objects.filter(source_id="id-1").update(name="")
    with pytest.raises(IntegrityError, match="known_cookie_nature_known"), transaction.atomic():
        models.KnownCookie.objects.filter(source_id="id-1").update(nature="tasty")
    with pytest.raises(IntegrityError, match="source_id"), transaction.atomic():
        models.KnownCookie.objects.update(source_id="id-1")


def test_the_console_lists_them_and_changes_none(file: Path, admin_client: Client) -> None:
    call_command("cookies", "import", file)

    page = admin_client.get("/console/admin/registry/knowncookie/?q=Counter").content.decode()

    assert "_count_" in page
    assert admin_client.get("/console/admin/registry/knowncookie/add/").status_code == 403


@pytest.mark.skipif(not WHOLE, reason="OPEN_COOKIE_DATABASE names no copy")
def test_the_whole_database_is_imported(capsys: Printed) -> None:
    call_command("cookies", "import", Path(WHOLE))

    assert models.KnownCookie.objects.count() > 2_000
    assert queries.find_known_cookies(names=["_ga"])["_ga"][0].platform == "Google Analytics"
