"""
Many requests on their way at the same time, from code that talks to the database in between.

HTTP runs in an event loop of its own thread; the caller's thread keeps the database to itself. So a
partner that hangs costs one waiting task, and no settlement ever waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

import uvloop

from tracking.delivery.transports.base import Send
from tracking.delivery.types import Parcel, Reply
from tracking.lib.outbound_http import OutboundClient

logger = logging.getLogger(__name__)

# Name lookups block a thread each; a slow name server of one partner must not use them all.
_LOOKUP_THREADS = 32

Returned = tuple[int, Sequence[Reply]]


class Sender:
    """
    Use it as `with Sender(...) as sender`; the thread starts with the first parcel.

    Parcels go by a number that the caller gives and that comes back with the replies.
    """

    def __init__(self, *, allow_loopback: bool) -> None:
        self._allow_loopback = allow_loopback
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lookups: ThreadPoolExecutor | None = None
        self._client: OutboundClient | None = None
        self._returned: queue.SimpleQueue[Returned] = queue.SimpleQueue()

    def __enter__(self) -> Sender:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Drop what is still on its way: its lease runs out and it is sent again."""
        if self._loop is None or self._thread is None or self._lookups is None:
            return
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._lookups.shutdown(wait=False, cancel_futures=True)

    def submit(self, parcels: Sequence[tuple[int, Send, Parcel]]) -> None:
        """Start sending."""
        if parcels:
            self._started().call_soon_threadsafe(self._start, parcels)

    def collect(self, *, timeout: float, gather: float) -> list[Returned]:
        """
        Wait for a reply for up to `timeout` seconds, then `gather` more for others; return them.

        A settlement of many costs hardly more than one of one.
        """
        try:
            returned = [self._returned.get(timeout=timeout)]
        except queue.Empty:
            return []
        # Asleep, not waiting: to be woken for each reply would cost more than the reply.
        time.sleep(gather)
        with contextlib.suppress(queue.Empty):
            while True:
                returned.append(self._returned.get_nowait())
        return returned

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = uvloop.new_event_loop()
            self._lookups = ThreadPoolExecutor(_LOOKUP_THREADS, thread_name_prefix="lookup")
            self._loop.set_default_executor(self._lookups)
            self._thread = threading.Thread(
                target=self._loop.run_forever, name="delivery-sender", daemon=True
            )
            self._thread.start()
            asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        return self._loop

    async def _open(self) -> None:
        self._client = await OutboundClient(allow_loopback=self._allow_loopback).__aenter__()
        self._tasks: set[asyncio.Task[None]] = set()

    async def _close(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._client is not None:
            await self._client.__aexit__(None, None, None)

    def _start(self, parcels: Sequence[tuple[int, Send, Parcel]]) -> None:
        for number, send, parcel in parcels:
            task = self._started().create_task(self._send(number, send, parcel))
            # The loop itself holds tasks only weakly.
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _send(self, number: int, send: Send, parcel: Parcel) -> None:
        if self._client is None:
            raise RuntimeError("The client opens before the first parcel.")
        try:
            replies = list(await send(parcel=parcel, client=self._client))
            if len(replies) != len(parcel.messages):
                raise RuntimeError("A transport answers for each message.")
        except Exception as error:
            # One parcel that cannot be made must not stop the others.
            logger.error("parcel not sent: %s", type(error).__name__)
            replies = [Reply(status=None, duration_ms=0, error=type(error).__name__)] * len(
                parcel.messages
            )
        self._returned.put((number, replies))
