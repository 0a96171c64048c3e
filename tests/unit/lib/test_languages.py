"""Which language suits a reader, and which way it runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.lib.languages import is_rtl, negotiate

NINE = ("ja", "en", "zh-Hans", "zh-Hant", "ko", "de", "fr", "es", "pt-BR")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        # A plain tag, in any case, longer or shorter than what is offered.
        ("en", "en"),
        ("EN-gb", "en"),
        ("pt", "pt-BR"),
        ("pt-PT", "pt-BR"),
        ("de-CH-1996", "de"),
        ("es-419", "es"),
        ("de-u-co-phonebk", "de"),
        # Chinese goes by its script.
        ("zh", "zh-Hans"),
        ("zh-CN", "zh-Hans"),
        ("zh-SG", "zh-Hans"),
        ("zh-Hans-HK", "zh-Hans"),
        ("zh-TW", "zh-Hant"),
        ("zh-HK", "zh-Hant"),
        ("zh-Hant-TW", "zh-Hant"),
        # A header: the greatest weight, then the order.
        ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", "fr"),
        ("en;q=0.1,ko;q=0.9", "ko"),
        ("ko , es", "ko"),
        ("nl, de ; q=0.5, en ; q = 0.4", "de"),
        ("tlh, es;q=0.3", "es"),
        ("en;q=0, de;q=0.001", "de"),
        ("en;q=0", "ja"),
        # Nothing that suits, or nothing that can be read: the first one.
        ("", "ja"),
        ("*", "ja"),
        ("tlh", "ja"),
        ("e", "ja"),
        ("en;q=nan", "ja"),
        ("en;q=1e9, de", "de"),
        ("en;q=-1, de;q=0.2", "de"),
        ("en;q=٠, ko", "ko"),
        ("de_DE", "ja"),
        ("en\x00", "ja"),
        (",,;q=1,;,-,en-,-en", "ja"),
        # What lies beyond 200 characters is not looked at, nor what they cut in two.
        ("x" * 200 + ",en", "ja"),
        ("tlh," * 49 + "de,est-EE", "de"),
        ("tlh," * 49 + "tl,est", "ja"),
    ],
)
def test_the_best_of_what_is_offered(wanted: str, found: str) -> None:
    assert negotiate(wanted, NINE) == found


@pytest.mark.parametrize(
    ("wanted", "offered", "found"),
    [
        ("en", ("ja", "en-GB", "en-US"), "en-GB"),
        ("en-US", ("ja", "en-GB", "en-US"), "en-US"),
        ("en-AU", ("ja", "en-GB", "en-US"), "en-GB"),
        ("pt", ("ja", "pt-PT", "pt-BR"), "pt-BR"),
        ("pt-PT", ("ja", "pt-BR", "pt-PT"), "pt-PT"),
        # A site that says "zh" or names a country means the script of it.
        ("zh-CN", ("ja", "zh"), "zh"),
        ("zh-TW", ("ja", "zh"), "zh"),
        ("zh-Hant", ("ja", "zh-CN", "zh-TW"), "zh-TW"),
        # Who reads the one script is not given the other.
        ("zh-TW", ("ja", "zh-Hans"), "ja"),
        ("zh-TW, en;q=0.5", ("ja", "zh-Hans", "en"), "en"),
        ("ar-EG", ("en", "AR"), "AR"),
    ],
)
def test_tags_match_both_ways(wanted: str, offered: tuple[str, ...], found: str) -> None:
    assert negotiate(wanted, offered) == found


@given(st.text() | st.text(alphabet="aen-z*;q=,.01 \t", max_size=5000))
def test_whatever_is_asked_one_of_the_offered_is_found(wanted: str) -> None:
    assert negotiate(wanted, NINE) in NINE


@pytest.mark.parametrize("language", ["ar", "ar-EG", "he", "fa", "ur", "AR", "ks", "az-Arab-IR"])
def test_languages_that_run_from_the_right(language: str) -> None:
    assert is_rtl(language)


@pytest.mark.parametrize("language", [*NINE, "ku", "ar-Latn", "arn", "", "az-Latn"])
def test_languages_that_run_from_the_left(language: str) -> None:
    assert not is_rtl(language)
