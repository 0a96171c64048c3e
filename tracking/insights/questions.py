"""The questions that a period's numbers raise, ready to print above them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from tracking.insights import rules, why_words
from tracking.insights.filtering import View
from tracking.insights.phrases import Phrases
from tracking.insights.types import SMALLEST
from tracking.insights.why import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """
    `facts` are the rate before and now, and the difference; `also` are names and addresses of other
    purposes that changed alike.
    """

    text: str
    facts: str
    address: str
    also: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    title: str
    lines: tuple[Line, ...]
    also: str
    none: str
    any_text: str
    any_address: str


def build_questions(questions: Sequence[Question], *, view: View) -> Questions:
    """Return the questions as links to their answers, with the filters of the page."""
    text = why_words.texts(view.language)
    phrases = Phrases(language=view.language, k=SMALLEST)
    return Questions(
        title=text["questions_title"],
        lines=tuple(
            Line(
                text=text[why_words.question_key(one.change)].format(
                    name=phrases.pick(one.name, one.purpose), day=phrases.day(one.day)
                ),
                facts=text["question_facts"].format(
                    before=phrases.share(one.change.before.of_shown),
                    now=phrases.share(one.change.now.of_shown),
                    points=phrases.points(float(one.change.difference)),
                ),
                address=_address(one, view),
                also=tuple(
                    (phrases.pick(other.name, other.purpose), _address(other, view))
                    for other in one.also
                ),
            )
            for one in questions
        ),
        also=text["questions_also"],
        none=text["questions_none"],
        any_text=text["questions_any"],
        any_address=why_address(view),
    )


def why_address(view: View, **asked: str) -> str:
    """Return where the answer to a question is, for the people that a page is about."""
    query = {**rules.as_address(view.filters), **asked, "lang": view.language}
    return f"/console/why/?{urlencode(query)}"


def _address(question: Question, view: View) -> str:
    return why_address(view, purpose=question.purpose, day=question.day.isoformat())
