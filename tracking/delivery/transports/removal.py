"""
What the transports share that take people out of a partner's lists.

Identifiers have a shape before they have a use: many partners refuse a whole request, or count
without naming, where one of them is malformed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Protocol

from tracking.delivery.types import AttemptOutcome, Message, Parcel, Place, Reply, Setting

AUDIENCE_IDS = Setting(
    code="audience_ids",
    label={"ja": "オーディエンスID", "en": "Audience IDs"},
    help={
        "ja": "同意を撤回した人を削除するオーディエンスです。"
        "10件まで、コンマで区切って入力します。",
        "en": "The audiences to remove people from; up to ten, separated by commas.",
    },
    pattern=r"\d{1,20}(\s*,\s*\d{1,20}){0,9}",
    example="1234567890, 2345678901",
)

MALFORMED = Reply(
    status=None, duration_ms=0, outcome=AttemptOutcome.REJECTED, error="identifier_malformed"
)

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHAPES: Mapping[str, re.Pattern[str]] = {
    "email_sha256": _SHA256,
    "phone_sha256": _SHA256,
    "madid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
}
# Partners' own ids: nothing is known of them but that they are one word.
_WORD = re.compile(r"[!-~]{1,512}")
_FOR_EVERYBODY = frozenset({401, 408, 425, 429})


class Ask(Protocol):
    """Ask one list to drop some identifiers of one kind; return a reply for each of them."""

    async def __call__(
        self, *, audience: str, kind: str, identifiers: Sequence[str]
    ) -> Sequence[Reply]: ...


def audience_ids(place: Place) -> list[str]:
    """Return the lists that people are removed from."""
    return re.findall(r"\d+", place.settings["audience_ids"])


def readable(kind: str, text: str) -> str | None:
    """Return an identifier as partners write it, or None if it is not of that kind."""
    shape = _SHAPES.get(kind)
    text = text.strip() if shape is None else text.strip().lower()
    return text if (shape or _WORD).fullmatch(text) else None


def worst(replies: Sequence[Reply]) -> Reply:
    """Return the reply that speaks for all: the first that is not a success, else the first."""
    return next((reply for reply in replies if not _is_success(reply)), replies[0])


def would_repeat(reply: Reply) -> bool:
    """Tell whether the next request would meet the same trouble."""
    if reply.outcome is not None:
        return reply.outcome is AttemptOutcome.UNREACHABLE
    status = reply.status
    return status is None or status in _FOR_EVERYBODY or not 200 <= status < 500


async def from_lists(parcel: Parcel, *, kinds: Sequence[str], ask: Ask) -> list[Reply]:
    """
    Remove all messages' identifiers from all lists, one request for each list and kind.

    A message is done when every identifier it holds is gone from every list. Trouble that would
    repeat ends it: the rest would meet it too, one time limit after another.
    """
    replies: list[list[Reply]] = [[] for _ in parcel.messages]
    held = [_held(message, kinds) for message in parcel.messages]
    for mine, identifiers in zip(replies, held, strict=True):
        if None in identifiers.values():
            mine.append(MALFORMED)
    trouble: Reply | None = None
    for audience, kind in product(audience_ids(parcel.place), kinds):
        meant = [
            (mine, identifier)
            for mine, identifiers in zip(replies, held, strict=True)
            if (identifier := identifiers.get(kind)) is not None
        ]
        if not meant:
            continue
        if trouble is None:
            # Once each: some partners count what they got, and two devices may be one person.
            different = list(dict.fromkeys(identifier for _, identifier in meant))
            answers = await ask(audience=audience, kind=kind, identifiers=different)
            trouble = next((answer for answer in answers if would_repeat(answer)), None)
            by_identifier = dict(zip(different, answers, strict=True))
        for mine, identifier in meant:
            mine.append(trouble or by_identifier[identifier])
    return [worst(mine) for mine in replies]


def _held(message: Message, kinds: Sequence[str]) -> dict[str, str | None]:
    return {
        kind: readable(kind, message.identifiers[kind])
        for kind in kinds
        if kind in message.identifiers
    }


def _is_success(reply: Reply) -> bool:
    if reply.outcome is not None:
        return reply.outcome is AttemptOutcome.ACCEPTED
    return reply.status is not None and 200 <= reply.status < 300
