"""What every way to reach a partner looks like."""

from __future__ import annotations

from typing import Protocol

from tracking.delivery.types import Message, Reply
from tracking.lib.outbound_http import OutboundClient


class Send(Protocol):
    """
    Send one message and return what came back.

    Whatever goes wrong on the way is a Reply too, with `status=None` and one word in `error`: the
    schedule decides what happens next, not the transport. The message may be sent again, so the
    receiver must be able to tell a repetition by its key.
    """

    async def __call__(self, *, message: Message, client: OutboundClient) -> Reply: ...
