"""Every finding can be told, in both languages, with what was found."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories.notices import entry, whole
from tests.unit.notices.finding import find
from tracking.notices import findings
from tracking.notices.types import Finding, Level

ROOM = Path(findings.__file__).parent
MODULES = ("checks", "look", "lint")
TEXTS = tomllib.loads((ROOM / "data" / "findings.toml").read_text("utf-8"))


def walk(name: str) -> Iterator[ast.AST]:
    return ast.walk(ast.parse((ROOM / f"{name}.py").read_text("utf-8")))


def strings_in(name: str) -> set[str]:
    """Return every string of a module."""
    tree = ast.walk(ast.parse((ROOM / f"{name}.py").read_text("utf-8")))
    return {
        one.value for one in tree if isinstance(one, ast.Constant) and isinstance(one.value, str)
    }


def rules_in(name: str) -> set[str]:
    """Return the rules that a module names where it finds something."""
    named: list[ast.expr] = []
    for call in (node for node in walk(name) if isinstance(node, ast.Call)):
        match call.func:
            case ast.Name(id="stop" | "advise" | "say"):
                named += call.args[:1]
            case ast.Name(id="Finding"):
                named += [keyword.value for keyword in call.keywords if keyword.arg == "rule"]
    return {one.value for one in named if isinstance(one, ast.Constant)}


@pytest.mark.parametrize("module", MODULES)
def test_every_rule_has_its_texts(module: str) -> None:
    assert rules_in(module)
    assert rules_in(module) - set(TEXTS["rules"]) == set()


def test_every_text_has_its_rule() -> None:
    strings = set().union(*(strings_in(module) for module in MODULES))

    # Some are put together from the words they look for.
    assert set(TEXTS["rules"]) - strings - {f"body_{one}" for one in strings} == set()


@pytest.mark.parametrize("rule", TEXTS["rules"])
def test_both_texts_say_the_same_things(rule: str) -> None:
    texts = TEXTS["rules"][rule]

    assert set(texts) == {"ja", "en"}
    places = [set(re.findall(r"\{\w+\}", text)) for text in texts.values()]
    # The two languages may leave out where it is, never what was found.
    assert places[0] - {"{unit}"} == places[1] - {"{unit}"}
    assert texts["ja"].endswith("。")
    assert texts["en"].endswith(".")


@pytest.mark.parametrize("table", ["line", "tables", "words"])
def test_words_are_there_in_both_languages(table: str) -> None:
    entries = TEXTS[table].values() if table != "line" else [TEXTS[table]]

    assert all(set(one) == {"ja", "en"} for one in entries)


def test_a_finding_says_where_it_is() -> None:
    changed = whole()
    entry(changed, "tags", "ads")["their_purpose"]["ja"] = ""
    changed["wording"]["en"] = {**changed["wording"]["en"], "allow": "Continue"}
    changed["company"]["email"] = ""
    changed["look"] = {"accent": "#808080"}

    assert {findings.describe(one, "en") for one in find(changed)} == {
        "Tag ads: their purpose is missing in Japanese.",
        "Wording, allow (English): It does not say that pressing it allows. "
        "Say “Allow” or the like.",
        "Company: The e-mail address for questions is missing.",
        "Look: In light mode, the contrast of the text on buttons with the accent colour is "
        "4.59:1. It must be 5:1 or more.",
    }
    assert "タグ ads：送り先の目的が日本語で書かれていません。" in {
        findings.describe(one, "ja") for one in find(changed)
    }


def test_a_language_that_we_do_not_speak_gets_english() -> None:
    one = Finding(rule="no_item", check="", level=Level.STOP, place=("tags", "x", "items"))

    assert findings.describe(one, "de") == findings.describe(one, "en")


def test_what_a_site_wrote_is_printed_as_it_is() -> None:
    one = Finding(
        rule="undeclared", check="", level=Level.STOP,
        place=("tags", "{field}", "partner"), values={"code": "{level} light"},
    )  # fmt: skip

    assert findings.describe(one, "en") == (
        "Tag {field}: “{level} light” in its partner is not declared for this site."
    )
