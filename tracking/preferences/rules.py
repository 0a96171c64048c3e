"""What a form of the preference pages decides. Pure."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from datetime import datetime

from tracking.consents.types import Choices, Method
from tracking.notices.types import Notice
from tracking.preferences.types import (
    Act,
    Answer,
    View,
)


def read_answer(
    *, act: Act, ticked: Iterable[str], tag_code: str, notice: Notice, choices: Choices | None
) -> Answer | None:
    """
    Return what a form decides, or None if it says nothing that can be recorded.

    Saving answers every choice that the page offers: what is not ticked is refused. Ticks of
    choices that the notice does not ask about are passed over, because a forged one must not keep
    a refusal beside it from being recorded.
    """
    asked = notice.asked_ids
    nothing: frozenset[str] = frozenset()
    if act is Act.REFUSE:
        return Answer(method=Method.REFUSE, granted=nothing, refused=nothing)
    if act is Act.ALLOW:
        return Answer(method=Method.ALLOW, granted=asked, refused=nothing) if asked else None
    if act in {Act.SAVE, Act.ADD}:
        granted = asked & frozenset(ticked)
        refused = asked - granted if act is Act.SAVE else nothing
        if not granted | refused:
            return None
        return Answer(method=Method.CHOOSE, granted=granted, refused=refused)
    tag = notice.terms.tags.get(tag_code)
    if tag is None or tag.is_exempt:
        return None
    if act is Act.TAG_ON:
        return Answer(method=Method.CHOOSE, granted=frozenset(tag.needed_ids), refused=nothing)
    return Answer(
        method=Method.CHOOSE if choices is None else Method.WITHDRAW,
        granted=nothing,
        refused=frozenset({f"partner:{tag.partner}"}),
    )


def idempotency_key(*, form_key: str, answer: Answer, notice: int) -> str:
    """
    Return the key under which a form's answer is recorded once.

    It covers the answer too: a form that was sent, gone back to and sent with other ticks is
    another decision, which must not be mistaken for a repeat of the first.
    """
    parts = (form_key, str(notice), answer.method.value, *sorted(answer.granted), "|",
             *sorted(answer.refused))  # fmt: skip
    digest = hashlib.sha256("\n".join(parts).encode()).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def next_seq(*, choices: Choices | None, now: datetime) -> int:
    """
    Return the decision's number: milliseconds, and above the device's last one whatever the
    browser's clock said, so that what is pressed now is what holds.
    """
    milliseconds = int(now.timestamp() * 1000)
    return milliseconds if choices is None else max(milliseconds, choices.seq + 1)


def read_view(text: str) -> View:
    """Return the tab that the address names, else the first."""
    return next((view for view in View if view == text), View.PURPOSES)


def read_act(text: str) -> Act | None:
    """Return the button that was pressed, or None for one that we do not have."""
    return next((act for act in Act if act == text), None)
