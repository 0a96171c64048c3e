"""Ask a fake directly, past every transport."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from tracking.lib.outbound_http import Answer, OutboundClient


def ask(url: str, *, method: str = "POST", headers: Mapping[str, str], body: bytes = b"") -> Answer:
    async def run() -> Answer:
        async with OutboundClient(allow_loopback=True) as client:
            return await client.request(method=method, url=url, headers=headers, body=body)

    return asyncio.run(run())
