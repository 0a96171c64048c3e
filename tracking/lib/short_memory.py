"""Remember a function's answers for a few seconds, per process."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_MOST_ANSWERS = 1024


class Remembered(Generic[P, T]):
    """The wrapped function; `forget()` empties its memory."""

    def __init__(self, function: Callable[P, T], *, seconds: float) -> None:
        wraps(function)(self)
        self._function = function
        self._seconds = seconds
        self._answers: dict[object, tuple[float, T]] = {}
        _FORGETTERS.append(self.forget)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        key = (args, tuple(kwargs.items()))
        known = self._answers.get(key)
        moment = time.monotonic()
        if known is not None and moment < known[0]:
            return known[1]
        answer = self._function(*args, **kwargs)
        if len(self._answers) >= _MOST_ANSWERS:
            self._answers.clear()
        self._answers[key] = (moment + self._seconds, answer)
        return answer

    def forget(self) -> None:
        self._answers.clear()


_FORGETTERS: list[Callable[[], None]] = []


def remembered(*, seconds: float) -> Callable[[Callable[P, T]], Remembered[P, T]]:
    """
    Decorate a read whose answer may be `seconds` old. Exceptions are not remembered.

    Arguments must be hashable. Use it only for what an operator changes, never for a visitor's
    choices.
    """

    def decorate(function: Callable[P, T]) -> Remembered[P, T]:
        return Remembered(function, seconds=seconds)

    return decorate


def forget_everything() -> None:
    """Empty every memory of this process; a writer calls it, and every test starts with it."""
    for forget in _FORGETTERS:
        forget()
