"""The one base of every error a room raises on purpose."""

from __future__ import annotations

from collections.abc import Mapping


class DomainError(Exception):
    """
    An act that was refused. Each room defines its own beside the function that raises it.

    `code` is stable and documented; `message` is for people; `status` is the HTTP answer.
    """

    code = "refused"
    message = "This was refused."
    status = 400

    def __init__(
        self, message: str | None = None, *, fields: Mapping[str, object] | None = None
    ) -> None:
        self.message = message or type(self).message
        self.fields = dict(fields or {})
        super().__init__(self.message)
