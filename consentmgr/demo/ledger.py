"""What one receiver got, in memory and bounded, and what a partner does with a message."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

MOST_ENTRIES = 200
MOST_SUBJECTS = 5000


class Reach(StrEnum):
    """Why something reached a receiver."""

    SCRIPT = "script"
    HIT = "hit"
    PIXEL = "pixel"
    FRAME = "frame"
    SERVER_EVENT = "server_event"
    OTHER = "other"


class Effect(StrEnum):
    """What a message changed. OLDER: a newer one about this subject came before it."""

    APPLIED = "applied"
    OLDER = "older"
    REFUSED = "refused"


@dataclass(slots=True, kw_only=True)
class RequestEntry:
    at: datetime
    reach: Reach
    tag: str
    method: str
    path: str
    data: dict[str, Any]


@dataclass(slots=True, kw_only=True)
class MessageEntry:
    """
    One message, however often it came (`times`). `acknowledgement` is empty where the partner
    answers at once; else waiting, accepted, or what went wrong.
    """

    at: datetime
    message_id: str
    type: str
    subject: str
    version: int | None
    withdrawn: dict[str, list[str]]
    granted: dict[str, list[str]]
    is_verified: bool
    effect: Effect
    times: int = 1
    acknowledgement: str = ""


@dataclass(slots=True, kw_only=True)
class Ledger:
    """The memory of one receiver."""

    requests: deque[RequestEntry] = field(default_factory=lambda: deque(maxlen=MOST_ENTRIES))
    messages: deque[MessageEntry] = field(default_factory=lambda: deque(maxlen=MOST_ENTRIES))
    request_count: int = 0
    message_count: int = 0
    _versions: OrderedDict[str, int] = field(default_factory=OrderedDict)
    _by_id: OrderedDict[str, MessageEntry] = field(default_factory=OrderedDict)

    def note_request(self, entry: RequestEntry) -> None:
        """Keep a request, and drop the oldest one when there are too many."""
        self.request_count += 1
        self.requests.appendleft(entry)

    def note_refused(self, *, message_id: str, now: datetime) -> None:
        """Keep that a message came whose signature did not verify; its content is not believed."""
        self._keep(
            MessageEntry(
                at=now, message_id=message_id, type="", subject="", version=None, withdrawn={},
                granted={}, is_verified=False, effect=Effect.REFUSED,
            )
        )  # fmt: skip

    def take(self, *, message_id: str, body: dict[str, Any], now: datetime) -> MessageEntry:
        """
        Do what a verified message says, once per id; the last version of a subject wins.

        A message that was put off on its way must not undo a newer one.
        """
        known = self._by_id.get(message_id)
        if known is not None:
            known.times += 1
            if known not in self.messages:
                self._keep(known)
            return known
        data = body.get("data")
        if not isinstance(data, dict):
            data = {}
        subject, version = str(data.get("subject", "")), data.get("version")
        if not isinstance(version, int):
            version = None
        highest = self._versions.get(subject)
        is_older = version is not None and highest is not None and version <= highest
        if version is not None and not is_older:
            self._versions[subject] = version
            self._versions.move_to_end(subject)
            if len(self._versions) > MOST_SUBJECTS:
                self._versions.popitem(last=False)
        entry = MessageEntry(
            at=now,
            message_id=message_id,
            type=str(body.get("type", "")),
            subject=subject,
            version=version,
            withdrawn=_codes(data.get("withdrawn")),
            granted=_codes(data.get("granted")),
            is_verified=True,
            effect=Effect.OLDER if is_older else Effect.APPLIED,
        )
        self._by_id[message_id] = entry
        if len(self._by_id) > MOST_SUBJECTS:
            self._by_id.popitem(last=False)
        self._keep(entry)
        return entry

    def clear(self) -> None:
        """Forget what is shown; versions and ids stay, as a partner's own records would."""
        self.requests.clear()
        self.messages.clear()
        self.request_count = self.message_count = 0

    def as_json(self) -> dict[str, Any]:
        """Return everything kept, newest first."""
        return {
            "request_count": self.request_count,
            "message_count": self.message_count,
            "requests": [{**asdict(entry), "at": entry.at.isoformat()} for entry in self.requests],
            "messages": [{**asdict(entry), "at": entry.at.isoformat()} for entry in self.messages],
        }

    def _keep(self, entry: MessageEntry) -> None:
        self.message_count += 1
        self.messages.appendleft(entry)


def _codes(value: object) -> dict[str, list[str]]:
    """Return `{"purposes": [...], "data_items": [...]}` as far as a message has it."""
    if not isinstance(value, dict):
        return {}
    return {
        str(kind): [str(code) for code in codes]
        for kind, codes in value.items()
        if isinstance(codes, list) and codes
    }
