"""`manage.py library`: adding what others know to what a site declares, as drafts."""

from __future__ import annotations

import re

import pytest
from django.core.management import CommandError, call_command

from tests.factories.registry import SITE, catalogue, make_site, partner, publish
from tracking.lib import strict_yaml
from tracking.notices.operations import NoticeIncomplete
from tracking.registry import library, models, operations

pytestmark = pytest.mark.django_db
Printed = pytest.CaptureFixture[str]


def test_every_entry_can_be_added_and_leaves_only_what_is_to_be_verified() -> None:
    make_site()

    operations.add_from_library(site_code=SITE, codes=list(library.load()))
    models.DataItem.objects.filter(is_article9=False).update(named_in="第3条")
    models.Tag.objects.update(status="live")

    try:
        publish()
        gaps: list[str] = []
    except NoticeIncomplete as error:
        gaps = list(error.fields["gaps"])  # type: ignore[call-overload]
    for gap in gaps:
        found = re.fullmatch(r"Tag (\w+): It names no host\.", gap)
        assert found, gap
        assert "hosts" in library.get(found[1]).verify
    assert len(gaps) <= 1


def test_a_tag_is_added_as_a_draft_with_all_that_it_needs(capsys: Printed) -> None:
    before = make_site()

    call_command("library", "add", SITE, "karte", "ga4")

    tag = models.Tag.objects.get(code="karte")
    assert tag.status == "draft"
    assert tag.partner.code == "plaid"
    assert [purpose.code for purpose in tag.purposes.all()] == ["personalisation"]
    assert models.ChoiceNumber.objects.filter(kind="partner", code="plaid").exists()
    after = publish()
    assert {row["code"] for row in after.content["tags"]} == {
        row["code"] for row in before.content["tags"]
    }
    printed = capsys.readouterr().out
    assert "karte is declared as a draft." in printed
    assert "# To be verified: partner.legal_name, partner.country" in printed
    assert "Data item net.ip: write in named_in" in printed


def test_what_the_site_declares_stays_as_it_is() -> None:
    content = catalogue()
    content["purposes"][1]["code"] = "counting"
    content["tags"][1]["purposes"] = ["counting"]
    content["partners"].append(partner("google", role="processor", country="IE"))
    make_site(**{table: content[table] for table in ("purposes", "partners", "tags")})

    operations.add_from_library(site_code=SITE, codes=["ga4", "youtube"])

    assert [row.code for row in models.Tag.objects.get(code="ga4").purposes.all()] == ["counting"]
    assert [row.code for row in models.Tag.objects.get(code="youtube").purposes.all()] == [
        "functional"
    ]
    assert models.Partner.objects.get(code="google").country == "IE"
    assert models.DataItem.objects.get(code="id.cookie").name["en"] == "id.cookie"
    assert not models.Purpose.objects.filter(code="analytics").exists()
    assert models.Tag.objects.get(code="stats").status == "live"


def test_a_retired_tag_comes_back_as_a_draft() -> None:
    make_site()
    operations.add_from_library(site_code=SITE, codes=["ga4"])
    operations.apply_catalogue(catalogue=catalogue())
    assert models.Tag.objects.get(code="ga4").status == "retired"

    operations.add_from_library(site_code=SITE, codes=["ga4"])

    assert models.Tag.objects.get(code="ga4").status == "draft"


@pytest.mark.parametrize(
    ("site", "codes", "complaint"),
    [
        (SITE, ["ga4", "nothing"], "no tag 'nothing'. Nothing was changed"),
        (SITE, ["karte", "stats"], "no tag 'stats'"),
        ("nowhere", ["ga4"], "no such site"),
    ],
)
def test_what_cannot_be_added_is_refused_whole(site: str, codes: list[str], complaint: str) -> None:
    make_site()

    with pytest.raises(CommandError, match=complaint):
        call_command("library", "add", site, *codes)

    assert models.Tag.objects.count() == len(catalogue()["tags"])


def test_a_tag_that_is_declared_is_not_added_again() -> None:
    make_site()
    call_command("library", "add", SITE, "ga4")
    models.Tag.objects.filter(code="ga4").update(loader_url="https://mine.example/tag.js")

    with pytest.raises(CommandError, match="declares the tag 'ga4' already"):
        call_command("library", "add", SITE, "karte", "ga4")

    assert models.Tag.objects.get(code="ga4").loader_url == "https://mine.example/tag.js"
    assert not models.Tag.objects.filter(code="karte").exists()


def test_the_library_is_listed_shown_and_searched(capsys: Printed) -> None:
    call_command("library", "list", "--search", "ラインタグ")
    assert capsys.readouterr().out.split() == ["line_tag", "LINE", "Tag", "—", "LY", "Corporation"]

    call_command("library", "show", "line_tag")
    shown = capsys.readouterr().out
    said = strict_yaml.read(shown).value
    assert said["tags"][0]["vendor"] == "line"
    assert said["partners"][0]["code"] == said["tags"][0]["partner"]
    assert "# To be verified: partner.legal_name" in shown

    call_command("library", "taxonomy")
    assert strict_yaml.read(capsys.readouterr().out).value.keys() == {"purposes", "data_items"}


@pytest.mark.parametrize(
    ("host", "lines"),
    [
        ("www.clarity.ms", [
            "Tag clarity of Microsoft Corporation",
            "third-party-web: Clarity (Microsoft), utility",
        ]),
        ("snva.jp", ["snva.jp: unknown owner. (not verified)"]),
        ("px.ladsp.com", [
            "ladsp.com: SMN Corporation (Logicad). third-party-web names F@N Communications "
            "instead. (not verified)",
            "third-party-web: F@N Communications (F@N Communications), ad",
        ]),
    ],
)  # fmt: skip
def test_a_host_is_identified(host: str, lines: list[str], capsys: Printed) -> None:
    call_command("library", "identify", host)

    assert capsys.readouterr().out.splitlines() == lines


def test_a_host_that_nobody_knows_ends_with_1() -> None:
    with pytest.raises(CommandError, match=r"Nobody here knows shop\.example"):
        call_command("library", "identify", "shop.example")
