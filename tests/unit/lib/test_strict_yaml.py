"""YAML 1.2 as plain values, and nothing that a reader would not see."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.lib import strict_yaml

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
PLAIN = st.recursive(
    st.booleans() | st.integers(min_value=-(10**17), max_value=10**17) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(TEXT, PLAIN, min_size=1, max_size=5))
def test_what_is_written_is_read_back(value: dict[str, Any]) -> None:
    assert strict_yaml.read(strict_yaml.write(value)).value == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("yes", "yes"),
        ("2026-04-01", "2026-04-01"),
        ("2026-04-01T00:00:00+09:00", "2026-04-01T00:00:00+09:00"),
        ("12", 12),
        ("012", 12),
        ("true", True),
        ("~", None),
        ('"12"', "12"),
        ("!!str 12", "12"),
        ("[a, b]", ["a", "b"]),
    ],
)
def test_a_value_is_what_yaml_1_2_says(text: str, value: object) -> None:
    assert strict_yaml.read(f"a: {text}\n").value == {"a": value}


def test_a_country_is_written_so_that_every_reader_sees_a_text() -> None:
    assert strict_yaml.write(
        {"country": "NO", "named": "見本の店", "url": "https://a.example/"}
    ) == ('country: "NO"\nnamed: 見本の店\nurl: https://a.example/\n')


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: 1\nb: 2\na: 3\n", "'a' is there twice, line 3"),
        ("a: &x [1]\nb: *x\n", "anchors and aliases are not read, line 1"),
        ("a: &x 1\n", "anchors and aliases are not read, line 1"),
        ("a: *nobody\n", "undefined alias"),
        ("a:\n  b: !!python/object:os.system x\n", "must be quoted to be a text, line 2"),
        ("a: !thing {}\n", "tags such as !thing are not read, line 1"),
        ("a: !!set {}\n", "tags such as"),
        ("%YAML 1.1\n---\na: NO\n", "directives are not read, line 1"),
        ("a: 1\n---\nb: 2\n", "another document, line 2"),
        ("<<: {a: 1}\n", "a key must be a text, line 1"),
        ("1: a\n", "a key must be a text, line 1"),
        ("[a]: b\n", "a key must be a text, line 1"),
        ("a: 0x1f\n", "'0x1f' must be quoted to be a text, line 1"),
        ("a: .nan\n", "'.nan' must be quoted to be a text, line 1"),
        ("a: 1.5\n", "'1.5' must be quoted to be a text, line 1"),
        ("a: " + "9" * 5_000, "must be quoted to be a text, line 1"),
        ('a:\n  b: "\\0"\n', "a text holds what no text can, line 2"),
        ('a: "\\ud800"\n', "a text holds what no text can, line 1"),
        ('"\\0": 1\n', "a key must be a text, line 1"),
        ("\ufeff%YAML 1.1\n---\na: NO\n", "directives are not read, line 1"),
        ("# a\r%YAML 1.1\r---\ra: NO\r", "directives are not read"),
        ("a: 1\n b: [\n", "line 2"),
        ("a: \x00\n", "not allowed"),
        ("", "empty"),
        ("# nothing\n", "empty"),
        ("[" * 5_000, "line 1"),
    ],
)
def test_what_is_refused_is_named_with_its_line(text: str, complaint: str) -> None:
    with pytest.raises(strict_yaml.NotStrictYaml) as caught:
        strict_yaml.read(text)

    assert complaint in str(caught.value)


def test_a_bomb_of_aliases_is_refused_at_its_first_anchor() -> None:
    rows = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]

    with pytest.raises(strict_yaml.NotStrictYaml, match="anchors and aliases"):
        strict_yaml.read("\n".join(["a0: &a0 [x]", *rows]))


def test_a_file_beyond_the_limit_is_refused() -> None:
    with pytest.raises(strict_yaml.NotStrictYaml, match="longer than"):
        strict_yaml.read("a: " + "x" * strict_yaml.MOST_CHARACTERS)


def test_a_value_knows_its_line_and_a_missing_one_that_of_its_holder() -> None:
    document = strict_yaml.read("a:\n  - b: 1\n    c: 2\n  - b: 3\n")

    assert document.line_of(("a", 0, "c")) == 3
    assert document.line_of(("a", 1)) == 4
    assert document.line_of(("a", 1, "c")) == 4
    assert document.line_of(()) == 1
