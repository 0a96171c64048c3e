"""
A partner that costs next to nothing: answers 204 to every POST on each of the given ports.

    python sink.py [--delay SECONDS] PORT...
"""

from __future__ import annotations

import argparse
import asyncio

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class Sink(asyncio.Protocol):
    """Speaks just enough HTTP: a head, a body as long as Content-Length says, an answer."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            start = head.index(b"content-length:") + 15
            length = int(head[start:].split(b"\r\n", 1)[0])
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            if self._delay:
                asyncio.get_running_loop().call_later(self._delay, self._answer)
            else:
                self._answer()

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(ANSWER)  # type: ignore[attr-defined]


async def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--delay", type=float, default=0.0)
    options.add_argument("ports", type=int, nargs="+")
    chosen = options.parse_args()
    loop = asyncio.get_running_loop()
    for port in chosen.ports:
        await loop.create_server(lambda: Sink(chosen.delay), "127.0.0.1", port, backlog=1024)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
