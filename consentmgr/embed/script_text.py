"""The script's text, fetched by the site's server to stand in its pages."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from urllib.error import HTTPError
from urllib.request import Request, urlopen

_FRESH_SECONDS = 60.0
_MOST_WAIT_SECONDS = 1.0
# After a failure the pages go on with the ordinary line for so long before it is tried again.
_PAUSE_SECONDS = 10.0
_MOST_BYTES = 512 * 1024


@dataclass(slots=True)
class _Known:
    """The text behind one address; `until` is a monotonic time."""

    text: str = ""
    etag: str = ""
    until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


_known: dict[str, _Known] = {}


def get_script_text(address: str) -> str:
    """
    Return the text at an address, at most 60 seconds old, or "" if the service did not give it.

    One page a minute asks, with the ETag of what is known, and waits a second at most; pages that
    come meanwhile do not wait. An answer that comes later is there for the next page.
    """
    known = _known.setdefault(address, _Known())
    if time.monotonic() >= known.until and known.lock.acquire(blocking=False):
        asking = threading.Thread(target=_renew, args=(address, known), daemon=True)
        asking.start()
        asking.join(_MOST_WAIT_SECONDS)
        return "" if asking.is_alive() else known.text
    return known.text


def forget_script_texts() -> None:
    """Empty the memory; every test starts with it."""
    _known.clear()


def _renew(address: str, known: _Known) -> None:
    try:
        text, etag = _fetch(address, known.etag)
        if text is not None:
            known.text, known.etag = text, etag
        known.until = time.monotonic() + _FRESH_SECONDS
    except (OSError, ValueError):
        known.text, known.etag = "", ""
        known.until = time.monotonic() + _PAUSE_SECONDS
    finally:
        known.lock.release()


def _fetch(address: str, etag: str) -> tuple[str | None, str]:
    """
    Return text and ETag; the text is None where the known one still holds.

    :raises OSError: no connection, or an answer that is neither 200 nor 304
    :raises ValueError: what came cannot stand inside a script element
    """
    headers = {"If-None-Match": etag} if etag else {}
    request = Request(address, headers=headers)  # noqa: S310  # a check keeps to http and https
    try:
        with urlopen(request, timeout=10) as answer:  # noqa: S310
            body: bytes = answer.read(_MOST_BYTES + 1)
            etag = answer.headers.get("ETag", "")
    except HTTPError as error:
        error.close()
        if error.code == 304:
            return None, etag
        raise
    text = body.decode("utf-8")
    if not text or len(body) > _MOST_BYTES or "</script" in text.lower() or "<!--" in text:
        raise ValueError("not a text that can stand inside a script element")
    return text, etag
