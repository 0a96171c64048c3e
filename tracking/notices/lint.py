"""
Plain words and fair questions: how the texts of a content read. Pure.

Stops what misleads (open ends, two negations, a refusal that is none, pressure) and advises on what
only reads badly. The words are in data/plain_words.toml, for Japanese and English; texts in other
languages are held against what needs no dictionary. Sources: Regs 22-2-28(1)(i), plain Japanese
without technical terms; the EDPB Cookie Banner Taskforce's report of 17 Jan 2023, on refusing in
the first layer; the NDD guideline against deceptive design.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from tracking.notices.checks import advise, ends_openly, lists_something, stop, text_in
from tracking.notices.types import Finding
from tracking.registry.types import Presentation

Content = Mapping[str, Any]

_DATA = Path(__file__).parent / "data"
_SENTENCE_END = re.compile(r"[。？！?!\n]+|\.(?=\s|$)")
_PLACEHOLDER = re.compile(r"\{.*?\}")
_FULL_WIDTH = re.compile("[０-９]")
# How much wider the one of two buttons that stand side by side may read.
_WIDEST = 3.0

_BUTTONS = frozenset({
    "allow", "refuse", "refuse_changed", "choose", "save", "allow_all", "refuse_all", "close",
    "placeholder_once", "placeholder_always",
})  # fmt: skip
_HEADINGS = frozenset({"tab_purposes", "tab_items", "tab_partners", "history_title", "policy_link"})
_TITLES = ("banner_title", "notice_title", "prefs_title", "changed_lead", "expired_lead")


class _Kind(StrEnum):
    NAME = "name"
    PROSE = "prose"
    BUTTON = "button"
    HEADING = "heading"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """`is_explained`: the pages print it with our glossary (ET-05)."""

    place: tuple[str, ...]
    language: str
    text: str
    kind: _Kind
    is_explained: bool = False


def lint(content: Content) -> tuple[Finding, ...]:
    """Return what is wrong with how a content reads."""
    texts = [one for one in _list_texts(content) if one.text]
    return (
        *(finding for one in texts for finding in _lint_text(one)),
        *_lint_jargon(texts),
        *(
            finding
            for language in content["languages"]
            for finding in _lint_wording(content, language)
        ),
        *_lint_presentation(content),
    )


def _list_texts(content: Content) -> Iterator[_Text]:
    for language in content["languages"]:
        words = content["wording"].get(language, {})
        for key in words:
            kind = (
                _Kind.BUTTON if key in _BUTTONS
                else _Kind.HEADING if key in _HEADINGS
                else _Kind.PROSE
            )  # fmt: skip
            yield _Text(
                place=("wording", language, key), language=language,
                text=text_in(words, key), kind=kind,
            )  # fmt: skip
    fields = (
        ("purposes", "name", _Kind.HEADING, False),
        ("purposes", "description", _Kind.PROSE, False),
        ("data_items", "name", _Kind.HEADING, True),
        ("data_items", "description", _Kind.PROSE, False),
        ("joint_uses", "scope", _Kind.NAME, False),
        ("joint_uses", "purpose", _Kind.PROSE, False),
        ("partners", "legal_name", _Kind.NAME, False),
        ("partners", "service_name", _Kind.NAME, False),
        ("partners", "confirmation", _Kind.PROSE, False),
        ("partners", "foreign_system", _Kind.PROSE, False),
        ("partners", "foreign_measures", _Kind.PROSE, False),
        ("tags", "name", _Kind.NAME, False),
        ("tags", "our_purpose", _Kind.PROSE, True),
        ("tags", "their_purpose", _Kind.PROSE, True),
        ("tags", "retention", _Kind.PROSE, True),
        ("tags", "optout_effect", _Kind.PROSE, True),
    )
    for table, field, kind, is_explained in fields:
        for entry in content.get(table, ()):
            for language in content["languages"]:
                yield _Text(
                    place=(table, entry["code"], field, language), language=language,
                    text=text_in(entry.get(field), language), kind=kind, is_explained=is_explained,
                )  # fmt: skip


@lru_cache(maxsize=8192)
def _lint_text(one: _Text) -> tuple[Finding, ...]:
    return tuple(_find_in(one))


def _find_in(one: _Text) -> Iterator[Finding]:
    for markup in _found(_words()["both"]["markup"], one.text):
        yield stop("markup", "plain words", *one.place, found=markup)
    if one.kind == _Kind.NAME:
        return
    for hollow in _found(_words()["both"]["hollow"], one.text):
        yield stop("hollow", "plain words", *one.place, found=hollow)
    if _FULL_WIDTH.search(one.text):
        yield advise("full_width", "plain words", *one.place)
    words = _words().get(one.language)
    if words is None:
        return
    if one.kind == _Kind.BUTTON and not re.search(words["button"], one.text):
        yield advise("button_without_verb", "plain words", *one.place)
    if one.kind == _Kind.HEADING and re.search(words["sentence_end"], one.text):
        yield advise("heading_is_sentence", "plain words", *one.place)
    for sentence in _SENTENCE_END.split(one.text):
        yield from _lint_sentence(sentence.strip(), one, words)


def _lint_sentence(sentence: str, one: _Text, words: Mapping[str, Any]) -> Iterator[Finding]:
    length = len(sentence) if one.language == "ja" else len(sentence.split())
    if length > words["sentence_advice"]:
        say = stop if length > words["sentence_stop"] else advise
        yield say(
            "sentence_long", "plain words", *one.place, length=str(length),
            most=str(words["sentence_advice"]),
            unit="characters" if one.language == "ja" else "words",
        )  # fmt: skip
    # A data item's open end is a matter of the law: checks.py.
    if ends_openly(sentence) and one.place[0] != "data_items":
        say = advise if lists_something(sentence) else stop
        yield say("open_ended", "plain words", *one.place)
    for rule, say in (
        ("double_negation", stop), ("of_nothing", stop), ("humble", advise)
    ):  # fmt: skip
        for found in _found(words[rule], sentence):
            yield say(rule, "plain words", *one.place, found=found)
    if not any(_found(words["actors"], sentence)):
        for found in _found(words["actorless"], sentence):
            yield advise("actorless", "plain words", *one.place, found=found)


def _lint_jargon(texts: Iterable[_Text]) -> Iterator[Finding]:
    """A term of the trade is glossed once per language, or by the pages themselves (ET-05)."""
    read = [one for one in texts if one.kind != _Kind.NAME and one.language in _words()]
    for language in dict.fromkeys(one.language for one in read):
        words = _words()[language]
        ours = [(one, _terms_in(one.text, language)) for one in read if one.language == language]
        glossed = {
            name for _, terms in ours for name, (_, is_glossed) in terms.items() if is_glossed
        }
        for names, needs_gloss in (
            (words["jargon"], ours),
            (words["explained"], [(one, terms) for one, terms in ours if not one.is_explained]),
        ):
            for name in names:
                if name in glossed:
                    continue
                for one, terms in needs_gloss:
                    if found := terms.get(name, ("", False))[0]:
                        yield advise("jargon", "ET-05", *one.place, found=found)


# A publication reads the same texts as the one before it, and an editor the same with every save.
@lru_cache(maxsize=8192)
def _terms_in(text: str, language: str) -> dict[str, tuple[str, bool]]:
    """Return the terms of the trade in a text: as they stand there, and whether it glosses them."""
    found = {}
    for name, (term, glossed) in _terms(language).items():
        if match := term.search(text):
            found[name] = (match[0], glossed.search(text) is not None)
    return found


@cache
def _terms(language: str) -> dict[str, tuple[re.Pattern[str], re.Pattern[str]]]:
    words, edge = _words()[language], r"\b" if language == "en" else ""
    return {
        name: (
            re.compile(f"{edge}(?:{name}){edge}", re.IGNORECASE),
            re.compile(
                rf"(?:{name})[)）」”]?(?:\s?[（(]|, an? )|[（(](?:{name})[：:]", re.IGNORECASE
            ),
        )
        for name in (*words["jargon"], *words["explained"])
    }


def _lint_wording(content: Content, language: str) -> Iterator[Finding]:
    words = content["wording"].get(language, {})
    for key, wanted in _placeholders().items():
        text = text_in(words, key)
        if not text:
            continue
        rest = _PLACEHOLDER.sub("", text)
        if set(_PLACEHOLDER.findall(text)) != wanted or "{" in rest or "}" in rest:
            yield stop(
                "placeholders", "wording", "wording", language, key,
                wanted=" ".join(sorted(wanted)) or "–",
            )  # fmt: skip
    for allow, refuse in (("allow", "refuse"), ("allow_all", "refuse_all")):
        yield from _lint_pair(text_in(words, allow), text_in(words, refuse), language, refuse)
    choose = text_in(words, "choose").casefold()
    if choose and choose in {text_in(words, key).casefold() for key in ("allow", "refuse")}:
        yield stop("choose_alike", "fairness", "wording", language, "choose")
    if dictionary := _words().get(language):
        yield from _lint_fairness(words, language, dictionary)


def _lint_pair(allow: str, refuse: str, language: str, key: str) -> Iterator[Finding]:
    """Both buttons have the same size; texts of very unequal length make one of them look less."""
    if not allow or not refuse:
        return
    if allow.casefold() == refuse.casefold():
        yield stop("buttons_alike", "fairness", "wording", language, key)
        return
    narrow, wide = sorted((_width(allow), _width(refuse)))
    if wide > _WIDEST * narrow:
        yield stop(
            "buttons_unequal", "fairness", "wording", language, key, ratio=f"{wide / narrow:.1f}"
        )


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _lint_fairness(
    words: Content, language: str, dictionary: Mapping[str, Any]
) -> Iterator[Finding]:
    def has(rule: str, text: str) -> bool:
        return re.search(dictionary[rule], text, re.IGNORECASE) is not None

    for key in ("allow", "allow_all"):
        text = text_in(words, key)
        if text and not (has("allows", text) and not has("refuses", text)):
            yield stop("allow_unclear", "fairness", "wording", language, key)
    for key in ("refuse", "refuse_all", "refuse_changed"):
        text = text_in(words, key)
        evades = re.fullmatch(rf"\W*(?:{dictionary['evades']})\W*", text, re.IGNORECASE)
        for found in _found(dictionary["guilt"], text):
            yield stop("refuse_guilt", "fairness", "wording", language, key, found=found)
        if text and (evades or not has("refuses", text)):
            yield stop("refuse_unclear", "fairness", "wording", language, key)
    for key in _TITLES:
        for found in _found(dictionary["pressure"], text_in(words, key)):
            yield stop("pressure", "fairness", "wording", language, key, found=found)
    for layer in ("banner", "notice"):
        title, body = text_in(words, f"{layer}_title"), text_in(words, f"{layer}_body")
        if not body:
            continue
        for rule, text in (
            ("says_what", body), ("says_why", body),
            ("can_choose", f"{title} {body}"), ("can_change", body),
        ):  # fmt: skip
            if not has(rule, text):
                yield stop(f"body_{rule}", "fairness", "wording", language, f"{layer}_body")


def _lint_presentation(content: Content) -> Iterator[Finding]:
    # Ours are built so that refusing takes as many presses as allowing.
    if content.get("presentation", Presentation.BAR) not in list(Presentation):
        yield stop("presentation_unknown", "fairness", "site", "presentation")


def _found(patterns: Iterable[str], text: str) -> Iterator[str]:
    for pattern in patterns:
        if match := re.search(pattern, text, re.IGNORECASE):
            yield match[0].strip()


@cache
def _words() -> dict[str, Any]:
    return tomllib.loads((_DATA / "plain_words.toml").read_text("utf-8"))


@cache
def _placeholders() -> dict[str, set[str]]:
    """Return what each line of the wording is filled in with."""
    lines = tomllib.loads((_DATA / "wording.toml").read_text("utf-8"))["en"]
    return {key: set(_PLACEHOLDER.findall(text)) for key, text in lines.items()}
