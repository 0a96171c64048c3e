"""`manage.py catalogue`: a site's whole declaration as one file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from consentmgr.demo.catalogue import read_catalogue
from consentmgr.demo.places import get_places
from tests.factories.registry import SITE, catalogue
from tracking.lib import strict_yaml
from tracking.lib.short_memory import forget_everything
from tracking.notices import queries
from tracking.registry import models, operations

pytestmark = pytest.mark.django_db
Printed = pytest.CaptureFixture[str]

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "shop.yaml"
WORDING = {"ja": {"banner_title": "送ってもよいですか"}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "shop.yaml", {**catalogue(), "wording": WORDING})


def write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(strict_yaml.write(content), "utf-8")
    return path


def export(site: str, path: Path) -> str:
    forget_everything()
    call_command("catalogue", "export", site, "-o", path)
    return path.read_text("utf-8")


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_a_file_becomes_a_notice(file: Path, capsys: Printed) -> None:
    call_command("catalogue", "apply", file, "--publish")
    call_command("catalogue", "apply", file, "--publish")

    assert capsys.readouterr().out == f"{SITE}: version 1 is in effect.\n" * 2
    notice = queries.get_current(site_code=SITE)
    assert notice.content["wording"]["ja"]["banner_title"] == "送ってもよいですか"
    assert notice.content["wording"]["en"]["allow"] == "Allow"


def test_what_is_applied_without_publishing_waits(file: Path, capsys: Printed) -> None:
    call_command("catalogue", "apply", file)

    printed = capsys.readouterr().out
    assert "Nothing is published yet." in printed
    assert queries.find_current(site_code=SITE) is None
    assert models.Tag.objects.count() == 5


def test_what_is_missing_is_listed_and_nothing_changes(tmp_path: Path) -> None:
    content = catalogue()
    content["tags"][1]["our_purpose"] = {"ja": "", "en": ""}
    file = write(tmp_path / "shop.yaml", content)

    with pytest.raises(CommandError, match="Nothing was changed.*\n  Tag stats: our purpose is"):
        call_command("catalogue", "apply", file, "--publish")

    assert queries.find_current(site_code=SITE) is None
    assert not models.Site.objects.exists()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("role: processor", "role: friend", "partners[1].role: 'friend' is none of self, proc"),
        ("role: processor", "rôle: processor", "partners[1].rôle: there is no such field"),
        ("nature: analytics", "nothing: analytics", "purposes[1]: nature is missing"),
        ("code: statco", "code: own", "partners[1].code: 'own' is declared twice"),
        ("- attr.gender", "- attr.age", "tags[1].optional_items: names 'attr.age', which is not"),
        ("country: JP", "country: 81", "partners[0].country: 81 is not a text"),
        ("country: JP", "country: jp", "partners[0].country: 'jp' does not look like"),
        ("code: shop", "code: shop\n  zone: Japan/Tokyo", "site.zone: 'Japan/Tokyo' is no time"),
        (
            "code: statco",
            "code: statco\n    effective_at: 2026-02-31T00:00:00+09:00",
            "partners[1].effective_at: '2026-02-31T00:00:00+09:00' is not a moment",
        ),
        (
            "code: statco",
            "code: statco\n    effective_at: 2026-02-01T00:00:00",
            "partners[1].effective_at: '2026-02-01T00:00:00' is not a moment",
        ),
        (
            "code: statco",
            "code: statco\n    contract_review_on: 1.4.2027",
            "partners[1].contract_review_on: '1.4.2027' is not a date",
        ),
        (
            "code: statco",
            "code: statco\n    identifiers: [{kind: a}, {kind: a}]",
            "partners[1].identifiers: a is declared twice",
        ),
        (
            "code: statco",
            "code: statco\n    joint_use: nothing",
            "partners[1].role: must be joint_user here",
        ),
        ("url: activity.url", "url: nothing", "tags[1].payload_fields: names 'nothing'"),
        ("site:", "site:\n  code: twice", "'code' is there twice"),
    ],
)
def test_a_mistake_is_named_with_its_line(file: Path, old: str, new: str, complaint: str) -> None:
    before = file.read_text("utf-8")
    change(file, old, new)
    line = before[: before.index(old)].count("\n") + 1

    with pytest.raises(CommandError) as caught:
        call_command("catalogue", "apply", file)

    named = re.search(rf"{re.escape(complaint)}.*line (\d+)", str(caught.value))
    assert named, caught.value
    assert abs(int(named[1]) - line) <= 8
    assert not models.Site.objects.exists()


def test_the_line_is_the_one_of_the_value(file: Path) -> None:
    change(file, "role: processor", "role: friend")
    lines = file.read_text("utf-8").splitlines()

    with pytest.raises(CommandError, match=rf"line {lines.index('    role: friend') + 1}$"):
        call_command("catalogue", "diff", file)


@pytest.mark.parametrize("text", ["site: [", "x: 1", "site:\n  code: a\n", "\ufeff", "", "[]"])
def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(text, "utf-8")

    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("catalogue", "apply", file)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        call_command("catalogue", "apply", tmp_path / "nothing.yaml")


def test_a_line_of_wording_that_is_not_shown_anywhere_is_refused(tmp_path: Path) -> None:
    content = {**catalogue(), "wording": {"ja": {"banner_titel": "お知らせ"}}}

    with pytest.raises(CommandError, match="no line 'banner_titel'"):
        call_command("catalogue", "apply", write(tmp_path / "shop.yaml", content))


def test_what_was_exported_applies_to_no_change(
    file: Path, tmp_path: Path, capsys: Printed
) -> None:
    call_command("catalogue", "apply", file, "--publish")
    first = export(SITE, tmp_path / "first.yaml")
    capsys.readouterr()

    call_command("catalogue", "diff", tmp_path / "first.yaml")
    call_command("catalogue", "apply", tmp_path / "first.yaml", "--publish")

    assert capsys.readouterr().out == f"No differences.\n{SITE}: version 1 is in effect.\n"
    assert export(SITE, tmp_path / "second.yaml") == first


def test_the_demo_goes_through_a_file_and_back(tmp_path: Path, capsys: Printed) -> None:
    """It has one of everything: joint use, dates, moments, identifiers, payload fields."""
    operations.apply_catalogue(catalogue=read_catalogue(places=get_places()).declaration)
    first = export("kloset", tmp_path / "first.yaml")
    assert 'effective_at: "2026-04-01T00:00:00+09:00"' in first
    models.Tag.objects.all().delete()
    models.Partner.objects.all().delete()

    call_command("catalogue", "apply", tmp_path / "first.yaml", "--publish")

    assert export("kloset", tmp_path / "second.yaml") == first


def test_the_example_of_the_guides_is_published(capsys: Printed) -> None:
    call_command("catalogue", "apply", EXAMPLE, "--publish")

    assert "example: version 1 is in effect." in capsys.readouterr().out


def test_what_a_file_leaves_out_returns_to_its_default(file: Path, capsys: Printed) -> None:
    call_command("catalogue", "apply", file)
    models.Site.objects.update(hold_mode="strict")

    call_command("catalogue", "apply", file, "--dry-run")
    assert "~ site shop.hold_mode: strict → observe\n" in capsys.readouterr().out
    call_command("catalogue", "apply", file)

    assert models.Site.objects.get().hold_mode == "observe"


def test_a_difference_is_printed_and_ends_with_1(file: Path, capsys: Printed) -> None:
    call_command("catalogue", "apply", file, "--publish")
    change(file, "role: processor", "role: third_party")
    change(file, "送ってもよいですか", "送ってよいですか")
    change(file, "- analytics\n", "- analytics\n      - advertising\n")
    capsys.readouterr()

    with pytest.raises(CommandError, match="3 differences") as caught:
        call_command("catalogue", "diff", file)

    assert caught.value.returncode == 1
    assert capsys.readouterr().out.splitlines() == [
        "~ partner statco.role: processor → third_party",
        "~ tag stats.purposes: [analytics] → [advertising, analytics]",
        "~ wording ja.banner_title: 送ってもよいですか → 送ってよいですか",
    ]


def test_what_an_entry_no_longer_names_is_taken_from_it(file: Path) -> None:
    call_command("catalogue", "apply", file)
    change(file, "      - advertising\n      - personalisation\n", "      - advertising\n")

    call_command("catalogue", "apply", file)

    tag = models.Tag.objects.get(code="retarget")
    assert [purpose.code for purpose in tag.purposes.all()] == ["advertising"]


def test_a_new_site_is_a_list_of_what_is_new(file: Path, capsys: Printed) -> None:
    with pytest.raises(CommandError, match="differences"):
        call_command("catalogue", "diff", file)

    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "+ site shop"
    assert {"+ purpose analytics", "+ partner adco", "+ tag stats"} <= set(printed)


def test_a_tag_that_is_left_out_is_retired_and_other_rows_stay(
    tmp_path: Path, capsys: Printed
) -> None:
    content = catalogue()
    call_command("catalogue", "apply", write(tmp_path / "shop.yaml", content))
    content["tags"].pop()
    content["partners"].pop()
    content["data_items"][1:3] = reversed(content["data_items"][1:3])
    file = write(tmp_path / "shop.yaml", content)
    capsys.readouterr()

    with pytest.raises(CommandError, match="2 differences"):
        call_command("catalogue", "diff", file)
    assert capsys.readouterr().out.splitlines() == [
        "~ data_items: another order",
        "- tag events is retired",
        "= partner mailer stays: the file leaves it out, and only tags are retired",
    ]

    call_command("catalogue", "apply", file)
    assert models.Tag.objects.get(code="events").status == "retired"
    assert models.Partner.objects.filter(code="mailer").exists()
    call_command("catalogue", "diff", file)


def test_a_trial_tries_everything_and_keeps_nothing(file: Path, capsys: Printed) -> None:
    call_command("catalogue", "apply", file, "--publish", "--dry-run")

    assert f"{SITE}: it would apply. Nothing was changed." in capsys.readouterr().out
    assert not models.Site.objects.exists()
    change(file, "email: privacy@shop.example", 'email: ""')
    with pytest.raises(CommandError, match="Company: The e-mail address for questions is missing"):
        call_command("catalogue", "apply", file, "--publish", "--dry-run")


def test_a_site_that_is_not_there_cannot_be_exported() -> None:
    with pytest.raises(CommandError, match="no such site"):
        call_command("catalogue", "export", "nothing")


def test_the_full_example_of_the_document_is_published(tmp_path: Path, capsys: Printed) -> None:
    document = (Path(__file__).parents[3] / "docs" / "catalogue.md").read_text("utf-8")
    found = re.search(r"```yaml\n(.*?)```", document, re.DOTALL)
    assert found
    (tmp_path / "shop.yaml").write_text(found[1], "utf-8")

    call_command("catalogue", "apply", tmp_path / "shop.yaml", "--publish")

    assert "shop: version 1 is in effect." in capsys.readouterr().out
    assert models.Partner.objects.get(code="adco").country == "NO"


def test_the_site_of_the_benchmark_is_published(capsys: Printed) -> None:
    file = Path(__file__).parents[3] / "bench" / "client" / "bench.yaml"

    call_command("catalogue", "apply", file, "--publish")

    assert "bench: version 1 is in effect." in capsys.readouterr().out
