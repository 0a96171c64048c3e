"""Drives a headless Chromium over a site and notes what it asks and what it keeps."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urlsplit

from tracking.scanner.types import Cookie, PageView, Sight
from tracking.scans.types import Visitor

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Request

INSTALL = (
    "Scanning needs a driver for the browser: python -m pip install 'playwright>=1.65.2', and, "
    "where there is no Chromium, python -m playwright install chromium (docs/scanning.md)."
)

_OPEN_MS = 20_000
_LOAD_MS = 10_000
_QUIET_MS = 5_000
# Before each look: a server may be busy for a moment. Only a page that lacks something gets more.
_PAUSES = (0, 1, 3)
# What a page sends while it is left.
_LEAVE_MS = 300
# The browser refused these by itself: nothing left.
_NOT_SENT = ("csp", "mixed-content", "net::ERR_BLOCKED_BY_CSP", "net::ERR_BLOCKED_BY_CLIENT")
_SCHEMES = ("http", "https", "ws", "wss")
_SECONDS_PER_DAY = 86_400

_READY = """async () => {
  if (!window.consentManager) return false;
  const wait = new Promise((done) => setTimeout(done, 5000));
  await Promise.race([consentManager.ready().catch(() => {}), wait]);
  return true;
}"""
_DECIDE = "async (maps) => window.consentManager ? await consentManager.set(maps) : null"
_KEYS = "() => [...Object.keys(localStorage), ...Object.keys(sessionStorage)]"
_LINKS = "() => [...document.querySelectorAll('a[href]')].map((link) => link.href)"
# Also what the product itself has drawn, its corner button excepted: that needs JavaScript.
_HAS_LINK = """(paths) => {
  const roots = [document, ...[...document.querySelectorAll("*")].map((one) => one.shadowRoot)];
  return roots.filter(Boolean).some((root) =>
    root.querySelector("[data-cm-open]") ||
    [...root.querySelectorAll("a[href]")].some((link) =>
      paths.some((path) => link.pathname?.endsWith(path))));
}"""


class ScanFailed(Exception):
    """Nothing can be said of the site; the message says why and what to do."""


def look(
    *,
    start: str,
    pages: int,
    asked_ids: frozenset[str],
    ways_out: Sequence[str],
    language: str,
    program: str | None,
) -> Sight:
    """
    Read up to `pages` pages as each of the three visitors.

    From `start` on, links of its origin and below its folder are followed. `ways_out` are the
    paths of the service's own pages about the site; `program` is the browser, None = the driver's.

    :raises ScanFailed: if there is no browser, or the first page cannot be read or decided on
    """
    with _browser(program) as browser:
        crawl = _Crawl(browser, ways_out, language)
        views = list(crawl.newcomer(start, pages))
        found = [
            f"{urlsplit(start).scheme}://{urlsplit(start).netloc}{view.page}" for view in views
        ]
        for visitor, grants in ((Visitor.REFUSER, False), (Visitor.ACCEPTER, True)):
            views += crawl.decided(visitor, found, _maps(asked_ids, grants))
        return Sight(views=tuple(views), unread=crawl.unread)


@contextmanager
def _browser(program: str | None) -> Iterator[Browser]:
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise ScanFailed(INSTALL) from error
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=program,
                # What the browser does for itself is not the site's.
                args=[
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--disable-gpu",
                    "--disable-sync",
                    "--no-first-run",
                ],
            )
        except Error as error:
            raise ScanFailed(f"The browser does not start. {INSTALL}\n{error.message}") from error
        try:
            yield browser
        finally:
            browser.close()


def _maps(asked_ids: frozenset[str], grants: bool) -> Mapping[str, Mapping[str, bool]]:
    names = {"purpose": "purposes", "item": "data_items", "partner": "partners"}
    maps: dict[str, dict[str, bool]] = {name: {} for name in names.values()}
    for choice in asked_ids:
        kind, _, code = choice.partition(":")
        maps[names[kind]][code] = grants
    return maps


class _Crawl:
    def __init__(self, browser: Browser, ways_out: Sequence[str], language: str) -> None:
        self.browser = browser
        self.ways_out = ways_out
        self.language = language
        self.unread: dict[str, str] = {}

    def newcomer(self, start: str, most: int) -> Iterator[PageView]:
        """Read pages as they are found, each as somebody who has never been here."""
        queue, known, read = deque([start]), {start}, set[str]()
        while queue and len(read) < most:
            address = queue.popleft()
            with self._context() as context:
                view, links = self._read(context, address, Visitor.NEWCOMER)
            if view is None:
                if address == start:
                    raise ScanFailed(f"{start} cannot be read: {self.unread.get(_path(start))}")
                continue
            if address == start and not view.has_script:
                raise ScanFailed(f"{start} does not carry the site's script (docs/page-api.md).")
            for link in links:
                if link not in known and self._leads_on(start, link):
                    known.add(link)
                    queue.append(link)
            # Two addresses may lead to one page.
            if view.page not in read:
                read.add(view.page)
                yield view

    def decided(
        self, visitor: Visitor, addresses: Sequence[str], maps: Mapping[str, Mapping[str, bool]]
    ) -> Iterator[PageView]:
        """Decide on the first page, through the page's own door, then read all of them."""
        from playwright.sync_api import Error

        with self._context() as context:
            page = context.new_page()
            try:
                page.goto(addresses[0], wait_until="load", timeout=_OPEN_MS)
                page.evaluate(_READY)
                # The driver's code counts as a visitor's doing, so that grants are taken.
                answer = page.evaluate(_DECIDE, maps)
            except Error as error:
                raise ScanFailed(f"{addresses[0]} cannot be decided on: {error.message}") from error
            if not answer or not answer["recorded"] or answer["ignored"]:
                raise ScanFailed(f"The service did not record what the {visitor} decided: {answer}")
            _settle(page)
            page.close()
            for address in addresses:
                view, _ = self._read(context, address, visitor)
                if view is not None:
                    yield view

    @contextmanager
    def _context(self) -> Iterator[BrowserContext]:
        context = self.browser.new_context(locale=self.language)
        # Nobody was shown anything: the numbers about visitors stay as they are.
        context.route(lambda url: urlsplit(url).path.endswith("/v1/shown"), lambda r: r.abort())
        try:
            yield context
        finally:
            context.close()

    def _leads_on(self, start: str, link: str) -> bool:
        one, other = urlsplit(start), urlsplit(link)
        return (
            (other.scheme, other.netloc) == (one.scheme, one.netloc)
            and other.path.startswith(one.path.rpartition("/")[0] + "/")
            and not other.path.endswith(tuple(self.ways_out))
        )

    def _read(
        self, context: BrowserContext, address: str, visitor: Visitor
    ) -> tuple[PageView | None, list[str]]:
        """Return what a page did and its links; None if it is no page of this site."""
        for pause in _PAUSES:
            time.sleep(pause)
            self.unread.pop(_path(address), None)
            view, links = self._read_once(context, address, visitor)
            if view.has_script if view else _path(address) not in self.unread:
                break
        return view, links

    def _read_once(
        self, context: BrowserContext, address: str, visitor: Visitor
    ) -> tuple[PageView | None, list[str]]:
        from playwright.sync_api import Error

        asked: list[str] = []
        refused: list[str] = []

        def failed(request: Request) -> None:
            if request.failure in _NOT_SENT:
                refused.append(request.url)

        def sent(request: Request) -> None:
            asked.append(request.url)

        context.on("request", sent)
        context.on("requestfailed", failed)
        page = context.new_page()
        page.on("websocket", lambda socket: asked.append(socket.url))
        try:
            answer = page.goto(address, wait_until="domcontentloaded", timeout=_OPEN_MS)
            if answer is None or not answer.ok:
                self.unread[_path(address)] = f"HTTP {answer.status}" if answer else "no answer"
                return None, []
            if "html" not in answer.headers.get("content-type", ""):
                return None, []
            if urlsplit(page.url).netloc != urlsplit(address).netloc:
                return None, []
            path = _path(page.url)
            _settle(page)
            has_script = page.evaluate(_READY)
            page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
            _settle(page)
            links = [urldefrag(link).url for link in page.evaluate(_LINKS)]
            has_link = page.evaluate(_HAS_LINK, list(self.ways_out))
            keys = _storage_keys(page)
            page.goto("about:blank")
            page.wait_for_timeout(_LEAVE_MS)
        except Error as error:
            # A file to keep is no page.
            if "Download is starting" not in error.message:
                self.unread[_path(address)] = error.message.splitlines()[0]
            return None, []
        finally:
            page.close()
            context.remove_listener("request", sent)
            context.remove_listener("requestfailed", failed)
        for url in refused:
            asked.remove(url)
        return PageView(
            page=path,
            visitor=visitor,
            hosts=frozenset(_host(url) for url in asked if urlsplit(url).scheme in _SCHEMES),
            cookies=_cookies(context),
            storage_keys=keys,
            has_script=has_script,
            has_link=has_link,
        ), links


def _settle(page: Page) -> None:
    """Wait until a page has nothing on its way for a while; one that never rests is left."""
    from playwright.sync_api import TimeoutError as TooLate

    with suppress(TooLate):
        page.wait_for_load_state("load", timeout=_LOAD_MS)
    with suppress(TooLate):
        page.wait_for_load_state("networkidle", timeout=_QUIET_MS)


def _storage_keys(page: Page) -> frozenset[str]:
    from playwright.sync_api import Error

    keys: set[str] = set()
    for frame in page.frames:
        # A frame may be shut in, or leave while it is asked.
        with suppress(Error):
            keys.update(frame.evaluate(_KEYS))
    return frozenset(keys)


def _cookies(context: BrowserContext) -> frozenset[Cookie]:
    now = time.time()

    def cookie(kept: Mapping[str, Any]) -> Cookie:
        ends = kept["expires"]
        return Cookie(
            name=kept["name"],
            domain=kept["domain"],
            days=None if ends < 0 else round((ends - now) / _SECONDS_PER_DAY),
            is_http_only=kept["httpOnly"],
        )

    return frozenset(cookie(kept) for kept in context.cookies())


def _host(url: str) -> str:
    """Return the host as declarations write it; a name with the root's dot is the same host."""
    parts = urlsplit(url)
    name = (parts.hostname or "").rstrip(".")
    name = f"[{name}]" if ":" in name else name
    return name if parts.port is None else f"{name}:{parts.port}"


def _path(url: str) -> str:
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")
