"""What is said to have changed between two notice contents."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.factories.registry import catalogue, item, partner, tag, text
from tracking.notices import diff
from tracking.notices.diff import Entry, EntryChange, FieldChange, WordingChange


@pytest.fixture
def content() -> dict[str, Any]:
    tables = catalogue()
    return {
        "schema": 1,
        "number": 1,
        "site": "shop",
        "languages": ["ja", "en"],
        "company": tables["site"]["company"],
        "wording": {"ja": {"save": "保存する"}, "en": {"save": "Save"}},
        **{
            table: [
                {**entry, "number": number, "material_since": 1}
                for number, entry in enumerate(tables.get(table, []))
            ]
            for table in diff.TABLES
        },
    }


def changed(content: dict[str, Any], *path: Any, to: Any) -> dict[str, Any]:
    other = copy.deepcopy(content)
    place: Any = other
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return other


def test_a_content_does_not_differ_from_itself(content: dict[str, Any]) -> None:
    found = diff.compare(content, copy.deepcopy(content))

    assert found.is_empty
    assert list(found.tables) == ["purposes", "data_items", "partners", "tags", "joint_uses"]


def test_a_number_and_what_follows_from_the_rest_are_no_change(content: dict[str, Any]) -> None:
    other = changed(content, "number", to=2)
    other = changed(other, "purposes", 0, "material_since", to=2)

    assert diff.compare(content, other).is_empty


def test_a_line_of_the_wording_changes_in_one_language(content: dict[str, Any]) -> None:
    found = diff.compare(content, changed(content, "wording", "ja", "save", to="記録する"))

    assert found.wording == (
        WordingChange(language="ja", key="save", before="保存する", after="記録する"),
    )
    assert all(table.is_empty for table in found.tables.values())
    assert found.site == ()


def test_a_whole_language_comes_line_by_line(content: dict[str, Any]) -> None:
    other = changed(content, "wording", "ko", to={"save": "저장", "allow": "허용"})

    assert diff.compare(content, other).wording == (
        WordingChange(language="ko", key="allow", before=None, after="허용"),
        WordingChange(language="ko", key="save", before=None, after="저장"),
    )
    assert diff.compare(other, content).wording[1] == WordingChange(
        language="ko", key="save", before="저장", after=None
    )


@pytest.mark.parametrize(
    ("table", "entry", "name"),
    [
        ("data_items", item("geo.approx"), text("geo.approx")),
        ("partners", partner("newco"), text("Newco Inc.")),
        ("tags", tag("pixel", "adco", ["advertising"]), text("pixel")),
        ("joint_uses", {"code": "members", "purpose": text("Serve")}, text("Serve")),
    ],
)
def test_entries_come_and_go_under_their_names(
    content: dict[str, Any], table: str, entry: dict[str, Any], name: dict[str, str]
) -> None:
    more = changed(content, table, to=[*content[table], entry])

    came = diff.compare(content, more).tables[table]
    went = diff.compare(more, content).tables[table]

    assert came.added == went.removed == (Entry(code=entry["code"], name=name),)
    assert came.removed == came.changed == went.added == went.changed == ()
    assert not came.is_reordered


def test_what_changed_in_an_entry_is_named_down_to_the_language(content: dict[str, Any]) -> None:
    other = changed(content, "tags", 1, "our_purpose", "ja", to="数えるため")
    other = changed(other, "tags", 1, "required_items", to=["id.cookie"])

    table = diff.compare(content, other).tables["tags"]

    assert table.changed == (
        EntryChange(
            code="stats",
            name=text("stats"),
            fields=(
                FieldChange(
                    path=("our_purpose", "ja"),
                    before="We use stats.（日本語）",
                    after="数えるため",
                ),
                FieldChange(
                    path=("required_items",),
                    before=["id.cookie", "activity.url"],
                    after=["id.cookie"],
                ),
            ),
        ),
    )
    assert table.added == table.removed == ()


def test_a_renamed_entry_is_a_change_under_its_new_name(content: dict[str, Any]) -> None:
    other = changed(content, "partners", 2, "legal_name", to={"ja": "新社", "en": "New Inc."})

    (change,) = diff.compare(content, other).tables["partners"].changed

    assert (change.code, change.name) == ("adco", {"ja": "新社", "en": "New Inc."})
    assert [field.path for field in change.fields] == [("legal_name", "en"), ("legal_name", "ja")]


def test_a_value_of_another_shape_is_one_change(content: dict[str, Any]) -> None:
    before = changed(content, "tags", 1, "cookies", to=[{"name": "_s", "lifetime_days": 30}])
    after = changed(content, "tags", 1, "cookies", to=[{"name": "_s", "lifetime_days": 60}])

    (change,) = diff.compare(before, after).tables["tags"].changed

    assert change.fields == (
        FieldChange(
            path=("cookies",),
            before=[{"name": "_s", "lifetime_days": 30}],
            after=[{"name": "_s", "lifetime_days": 60}],
        ),
    )


def test_what_an_older_content_does_not_know_is_the_same_as_empty(content: dict[str, Any]) -> None:
    newer = copy.deepcopy(content)
    newer["look"] = {}
    newer["tags"][0] |= {"is_linkable": False, "storage_keys": [], "exemption_note": None}
    del content["joint_uses"]

    assert diff.compare(content, newer).is_empty
    assert diff.compare(newer, content).is_empty


def test_a_yes_that_becomes_a_no_is_a_change(content: dict[str, Any]) -> None:
    linkable = changed(content, "tags", 2, "is_linkable", to=True)
    (change,) = diff.compare(linkable, content).tables["tags"].changed

    assert change.fields == (FieldChange(path=("is_linkable",), before=True, after=None),)


def test_another_order_is_said_without_calling_it_a_change_of_entries(
    content: dict[str, Any],
) -> None:
    table = diff.compare(
        content, changed(content, "purposes", to=content["purposes"][::-1])
    ).tables["purposes"]

    assert table.is_reordered
    assert not table.is_empty
    assert table.added == table.removed == table.changed == ()


def test_the_site_itself_changes_apart_from_its_tables(content: dict[str, Any]) -> None:
    other = changed(content, "company", "name", "ja", to="新社名")
    other = changed(other, "look", to={"accent": "#1a5fb4"})

    found = diff.compare(content, other)

    assert found.site == (
        FieldChange(path=("company", "name", "ja"), before="Shop K.K.（日本語）", after="新社名"),
        FieldChange(path=("look", "accent"), before=None, after="#1a5fb4"),
    )
    assert found.wording == ()
