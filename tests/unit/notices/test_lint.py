"""Plain words and fair questions, kept and broken."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.factories.notices import content, entry, freeze, whole
from tests.unit.notices.finding import find
from tracking.notices import lint, rules
from tracking.notices.queries import default_wording
from tracking.notices.types import Level
from tracking.preferences import wording as pages

ROOT = Path(__file__).parents[3]
WORDS = tomllib.loads((ROOT / "tracking/notices/data/plain_words.toml").read_text("utf-8"))


def found_in(language: str, key: str, words: str) -> dict[str, Level]:
    """Return what is found in this line of the wording alone, by rule."""
    changed = whole()
    changed["wording"][language] = {**changed["wording"][language], key: words}
    return {
        one.rule: one.level for one in lint.lint(changed) if one.place == ("wording", language, key)
    }


def found_in_purpose(language: str, words: str) -> dict[str, Level]:
    """Return what is found in a text that the external-transmission page prints, by rule."""
    changed = whole()
    entry(changed, "tags", "ads")["our_purpose"][language] = words
    return {
        one.rule: one.level
        for one in lint.lint(changed)
        if one.place == ("tags", "ads", "our_purpose", language)
    }


@pytest.mark.parametrize("language", tuple(default_wording()))
def test_nothing_is_found_in_the_default_wording(language: str) -> None:
    empty = {**content(purposes=[], data_items=[], partners=[], tags=[]), "languages": [language]}
    empty["wording"] = {language: default_wording()[language]}

    assert lint.lint(empty) == ()


def test_nothing_is_found_in_the_demo() -> None:
    tables = tomllib.loads((ROOT / "consentmgr/demo/catalogue.toml").read_text("utf-8"))

    assert lint.lint(freeze(tables)) == ()


LONG_JA = (
    "お使いの端末の情報と見たページの記録を、広告を出す会社と記事を届ける会社と"
    "おすすめを選ぶ会社に、それぞれの目的のために送ることがある"
)
LONG_EN = "We " + "really " * 24 + "send it."

STOP, ADVICE = Level.STOP, Level.ADVICE


@pytest.mark.parametrize(
    ("language", "words", "expected"),
    [
        ("ja", "広告を選ぶため", {}),
        ("ja", LONG_JA, {"sentence_long": ADVICE}),
        ("ja", LONG_JA + LONG_JA[:40], {"sentence_long": STOP}),
        ("ja", LONG_JA[:40] + "。" + LONG_JA[:40] + "。", {}),
        ("ja", "送らないわけではありません", {"double_negation": STOP}),
        ("ja", "送らないことに同意しない", {"double_negation": STOP}),
        ("ja", "送らなくてはなりません", {}),
        ("ja", "広告の配信等", {"open_ended": STOP}),
        ("ja", "広告の配信、効果の測定など。", {"open_ended": ADVICE}),
        ("ja", "クッキー等の番号を数えるため", {}),
        ("ja", "どなたにも平等", {}),
        ("ja", "広告を配信させていただくため", {"humble": ADVICE}),
        ("ja", "情報が収集されます。", {"actorless": ADVICE}),
        ("ja", "当社によって情報が収集されます。", {}),
        ("ja", "最適化のため", {"of_nothing": STOP}),
        ("ja", "広告の順番を最適化するため", {}),
        ("ja", "正当な利益のため", {"hollow": STOP}),
        ("ja", "１３か月のあいだ数えるため", {"full_width": ADVICE}),
        ("ja", "オプトインを数えるため", {"jargon": ADVICE}),
        ("ja", "オプトアウト（送るのを止めること）を数えるため", {}),
        ("ja", "リターゲティングのため", {}),
        ("ja", "<b>広告</b>のため", {"markup": STOP}),
        ("en", "To choose ads", {}),
        ("en", LONG_EN, {"sentence_long": ADVICE}),
        ("en", LONG_EN[:-1] + " and really" * 8, {"sentence_long": STOP}),
        ("en", "We do not refuse to count", {"double_negation": STOP}),
        ("en", "We cannot count without it.", {"double_negation": STOP}),
        ("en", "It is not unlikely that we count.", {"double_negation": STOP}),
        ("en", "We do not sell it.", {}),
        ("en", "Counting etc.", {"open_ended": STOP}),
        ("en", "To count, measure and so on.", {"open_ended": ADVICE}),
        ("en", "Please be advised that we count.", {"humble": ADVICE}),
        ("en", "Information may be shared.", {"actorless": ADVICE}),
        ("en", "Information may be shared by our partners.", {}),
        ("en", "To optimise.", {"of_nothing": STOP}),
        ("en", "For optimization", {"of_nothing": STOP}),
        ("en", "To optimise the order of ads", {}),
        ("en", "Our legitimate interest", {"hollow": STOP}),
        ("en", "For attribution", {"jargon": ADVICE}),
        ("en", "For attribution (which ad was seen)", {}),
        ("en", "For a conversion", {}),
        ("en", "To choose &amp; show ads", {"markup": STOP}),
        ("en", "Where a < b and AT&T counts", {}),
    ],
)
def test_a_text_reads_plainly(language: str, words: str, expected: dict[str, Level]) -> None:
    assert found_in_purpose(language, words) == expected


def test_where_pages_explain_nothing_every_term_is_explained_in_the_text() -> None:
    assert found_in("en", "prefs_lead", "We keep a cookie.") == {"jargon": ADVICE}
    assert found_in("en", "prefs_lead", "We keep a cookie (a small record).") == {}
    assert found_in("ja", "prefs_lead", "クッキーを置きます。") == {"jargon": ADVICE}
    # Once per language is enough.
    changed = whole()
    changed["wording"]["ja"] = {**changed["wording"]["ja"], "prefs_lead": "クッキーを置きます。"}
    entry(changed, "data_items", "id.cookie")["description"] = {
        "ja": "クッキー（小さな記録）の番号", "en": "A number",
    }  # fmt: skip
    assert lint.lint(changed) == ()


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_pages_explain_the_terms_that_the_lint_leaves_to_them(language: str) -> None:
    explained = pages.glossary(language=language)

    for pattern in WORDS[language]["explained"]:
        assert any(re.fullmatch(pattern, term) for term in explained), pattern


def test_a_name_is_no_sentence() -> None:
    changed = whole()
    entry(changed, "purposes", "analytics")["name"]["ja"] = "利用を数えます"
    changed["wording"]["en"] = {**changed["wording"]["en"], "tab_items": "See what is sent."}

    assert {(one.rule, one.level, one.place) for one in lint.lint(changed)} == {
        ("heading_is_sentence", ADVICE, ("purposes", "analytics", "name", "ja")),
        ("heading_is_sentence", ADVICE, ("wording", "en", "tab_items")),
    }


def test_names_of_companies_are_left_alone() -> None:
    changed = whole()
    entry(changed, "partners", "adco")["legal_name"] = {
        "ja": "トラッキング等",
        "en": "Tracking etc.",
    }
    assert lint.lint(changed) == ()

    entry(changed, "partners", "adco")["legal_name"]["ja"] = "<i>広告</i>"
    assert [one.rule for one in lint.lint(changed)] == ["markup"]


def test_a_japanese_button_has_a_verb() -> None:
    assert found_in("ja", "save", "設定の保存") == {"button_without_verb": ADVICE}
    assert found_in("ja", "save", "設定を保存する") == {}


FAIR_BODY = (
    "広告のため、見たページの記録を{partners}社に送ります。"
    "送るかどうかは選べ、いつでも変えられます。"
)


@pytest.mark.parametrize(
    ("language", "key", "words", "expected"),
    [
        ("ja", "allow", "同意する", {}),
        ("ja", "allow", "続ける", {"allow_unclear": STOP}),
        ("ja", "allow", "OK", {"allow_unclear": STOP, "button_without_verb": ADVICE}),
        ("ja", "allow", "必須のみ許可する", {"allow_unclear": STOP}),
        ("en", "allow", "Accept", {}),
        ("en", "allow", "Continue", {"allow_unclear": STOP}),
        ("en", "allow_all", "Got it", {"allow_unclear": STOP}),
        ("ja", "refuse", "拒否する", {}),
        ("ja", "refuse", "許可しない", {}),
        ("ja", "refuse", "あとで", {"refuse_unclear": STOP, "button_without_verb": ADVICE}),
        ("ja", "refuse", "設定", {"refuse_unclear": STOP, "button_without_verb": ADVICE}),
        ("ja", "refuse", "閉じる", {"refuse_unclear": STOP}),
        ("ja", "refuse", "別の方法を見る", {"refuse_unclear": STOP}),
        ("ja", "refuse_all", "特典を受け取らず拒否する", {"refuse_guilt": STOP}),
        ("en", "refuse", "Reject all", {}),
        ("en", "refuse", "Go on without", {}),
        ("en", "refuse", "Maybe later", {"refuse_unclear": STOP}),
        ("en", "refuse", "Not now", {"refuse_unclear": STOP}),
        ("en", "refuse", "Manage options", {"refuse_unclear": STOP}),
        ("en", "refuse", "No, I'd rather miss out", {
            "refuse_guilt": STOP, "buttons_unequal": STOP}),
        ("ja", "banner_title", "今すぐ許可してください", {"pressure": STOP}),
        ("ja", "prefs_title", "重要なお知らせ", {"pressure": STOP}),
        ("ja", "prefs_title", "送る情報を限定する", {}),
        ("en", "banner_title", "Last chance: may we send records?", {"pressure": STOP}),
        ("en", "banner_title", "May we count pages!", {"pressure": STOP}),
        ("ja", "banner_body", FAIR_BODY, {}),
        ("ja", "banner_body", FAIR_BODY.replace("見たページの記録", "それ"), {
            "body_says_what": STOP}),
        ("ja", "banner_body", FAIR_BODY.replace("広告のため、", ""), {"body_says_why": STOP}),
        ("ja", "banner_body", FAIR_BODY.replace("、いつでも変えられます", "ます"), {
            "body_can_change": STOP}),
        ("ja", "banner_body", FAIR_BODY.replace("{partners}", "数"), {"placeholders": STOP}),
        ("en", "banner_body", "For ads, we send {partners} companies records. Change it any time.",
         {}),
        ("en", "banner_body", "We send records to {partners} companies. Change it any time.", {
            "body_says_why": STOP}),
        ("en", "banner_body", "Ads: {partners}.", {
            "body_says_what": STOP, "body_says_why": STOP, "body_can_change": STOP}),
        ("ja", "delivery_sent", "{partner}に伝えました。", {"placeholders": STOP}),
        ("ja", "allow", "許可する{", {"placeholders": STOP, "button_without_verb": ADVICE}),
        ("ja", "allow", "{name}に許可する", {"placeholders": STOP}),
    ],
)  # fmt: skip
def test_a_question_is_fair(
    language: str, key: str, words: str, expected: dict[str, Level]
) -> None:
    assert found_in(language, key, words) == expected


def test_that_one_can_choose_is_said_in_title_or_body() -> None:
    changed = whole()
    changed["wording"]["ja"] = {
        **changed["wording"]["ja"], "banner_title": "お知らせ", "banner_body": FAIR_BODY,
    }  # fmt: skip
    assert lint.lint(changed) == ()

    changed["wording"]["ja"]["banner_body"] = FAIR_BODY.replace("送るかどうかは選べ、", "")
    assert [one.rule for one in lint.lint(changed)] == ["body_can_choose"]


@pytest.mark.parametrize(
    ("language", "allow", "refuse", "rules_found"),
    [
        ("de", "Erlauben", "Nur Notwendiges", []),
        ("de", "Ja", "Nur was unbedingt nötig ist", ["buttons_unequal"]),
        ("de", "Weiter", "weiter", ["buttons_alike"]),
        ("ja", "許可する", "必須のみ許可する", []),
        # Japanese letters are twice as wide.
        ("ja", "許可する", "拒否 No thank you", []),
        ("ja", "許可", "どうしても必要なものだけに限って許可する", ["buttons_unequal"]),
    ],
)
def test_allowing_and_refusing_look_alike_in_any_language(
    language: str, allow: str, refuse: str, rules_found: list[str]
) -> None:
    words = {**default_wording()[language], "allow": allow, "refuse": refuse}
    changed = {**content(), "languages": [language], "wording": {language: words}}

    stopped = [one for one in lint.lint(changed) if one.level is STOP]
    assert [one.rule for one in stopped] == rules_found


@pytest.mark.parametrize("other", ["allow", "refuse"])
@pytest.mark.parametrize("language", ["ja", "de"])
def test_the_button_for_choosing_says_something_of_its_own(language: str, other: str) -> None:
    words = {**default_wording()[language]}
    words["choose"] = words[other].upper()
    changed = {**content(), "languages": [language], "wording": {language: words}}

    stopped = [one for one in lint.lint(changed) if one.level is STOP]
    assert [(one.rule, one.place[-1]) for one in stopped] == [("choose_alike", "choose")]


def test_a_presentation_is_one_of_ours() -> None:
    changed = {**whole(), "presentation": "wall"}

    assert [one.rule for one in find(changed)] == ["presentation_unknown"]


def test_every_line_of_the_wording_is_looked_at() -> None:
    for key in rules.WORDING_KEYS:
        words = default_wording()["en"][key]
        assert "markup" in found_in("en", key, f"<b>{words}</b>"), key


def test_words_are_patterns() -> None:
    def walk(value: Any) -> None:
        if isinstance(value, str):
            re.compile(value)
        elif isinstance(value, list | dict):
            for one in value.values() if isinstance(value, dict) else value:
                walk(one)

    assert set(WORDS["ja"]) == set(WORDS["en"])
    walk(WORDS)
