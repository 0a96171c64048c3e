"""The built-in wording: whole, short, plain, in every language."""

from __future__ import annotations

import re

import pytest

from tracking.notices import rules
from tracking.notices.queries import default_wording

LANGUAGES = ("ja", "en", "zh-Hans", "zh-Hant", "ko", "de", "fr", "es", "pt-BR")
BUTTONS = (
    "allow", "refuse", "choose", "save", "allow_all", "refuse_all", "close", "settings_link",
    "placeholder_once", "placeholder_always", "refuse_changed",
)  # fmt: skip


def test_there_are_nine_languages() -> None:
    assert tuple(default_wording()) == LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_line_is_there_with_what_is_filled_in(language: str) -> None:
    words, english = default_wording()[language], default_wording()["en"]

    assert set(words) == set(rules.WORDING_KEYS)
    for key, text in words.items():
        assert text == text.strip() != "", key
        assert set(re.findall(r"\{.*?\}", text)) == set(re.findall(r"\{.*?\}", english[key])), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_line_is_long(language: str) -> None:
    words = default_wording()[language]

    assert len(words["banner_title"]) <= 90
    assert {key: words[key] for key in BUTTONS if len(words[key]) > 30} == {}
    assert {key: text for key, text in words.items() if len(text) > 230} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_allowing_and_refusing_are_called_the_same_on_both_layers(language: str) -> None:
    words = default_wording()[language]

    assert words["refuse"] == words["refuse_all"]
    # Another button of the same row must not be mistaken for it.
    assert len({words[key] for key in ("allow", "refuse", "choose")}) == 3


@pytest.mark.parametrize(("key", "text"), default_wording()["ja"].items())
def test_japanese_is_plain(key: str, text: str) -> None:
    for sentence in filter(None, re.split("[。？]", text)):
        assert len(sentence) <= 60
        assert not sentence.endswith("等")
    assert "させていただ" not in text
    assert not re.search(r"[,.!?:]", text)
