"""JSON that is passed on more often than it is read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any


class JSONObject(Mapping[str, Any]):
    """A JSON object as `text`, parsed when somebody looks into it."""

    __slots__ = ("_value", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._value: Mapping[str, Any] | None = None

    def _parsed(self) -> Mapping[str, Any]:
        if self._value is None:
            self._value = json.loads(self.text)
        return self._value

    def __getitem__(self, name: str) -> Any:
        return self._parsed()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parsed())

    def __len__(self) -> int:
        return len(self._parsed())

    def __repr__(self) -> str:
        return f"JSONObject({self.text!r})"
