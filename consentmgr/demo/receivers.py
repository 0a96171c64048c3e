"""
The partners of the demo shop as programs: a host for each one's tags, and a door for messages.

Nothing here is told what the visitor decided except by what really arrives.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, web
from standardwebhooks import Webhook, WebhookVerificationError

from consentmgr.demo import overview
from consentmgr.demo.catalogue import Receiver
from consentmgr.demo.ledger import Ledger, MessageEntry, Reach, RequestEntry
from consentmgr.demo.places import SITE, Places

logger = logging.getLogger(__name__)

FOLDER = Path(__file__).parent
MOST_BYTES = 64 * 1024
LONGEST_TEXT = 300
ACKNOWLEDGE_AFTER_S = 1.0
ACKNOWLEDGE_TRIES = 4

_PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_NO_STORE = {"Cache-Control": "no-store"}


@dataclass(slots=True, kw_only=True)
class Running:
    """One receiver at work."""

    receiver: Receiver
    secret: str
    service: str
    session: ClientSession
    ledger: Ledger = field(default_factory=Ledger)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


_RUNNING = web.AppKey("running", Running)
_ALL = web.AppKey("all", Sequence[Running])


@asynccontextmanager
async def listening(
    *, receivers: Sequence[Receiver], secrets: Mapping[str, str], places: Places
) -> AsyncIterator[Sequence[Running]]:
    """Listen for every receiver and on the overview's port; stop all of it at the end."""
    runners: list[web.AppRunner] = []
    async with ClientSession(timeout=ClientTimeout(total=10)) as session:
        all_running = [
            Running(
                receiver=receiver,
                secret=secrets[receiver.partner],
                service=places.service,
                session=session,
            )
            for receiver in receivers
        ]
        doors = [
            (places.partner_port, overview_app(all_running, places)),
            *((running.receiver.port, partner_app(running)) for running in all_running),
        ]
        try:
            for port, app in doors:
                runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
                runners.append(runner)
                await runner.setup()
                await web.TCPSite(runner, "127.0.0.1", port).start()
            yield all_running
        finally:
            for running in all_running:
                for task in running.tasks:
                    task.cancel()
            await asyncio.gather(*(runner.cleanup() for runner in runners))


# --- One partner ---------------------------------------------------------------------------------


def partner_app(running: Running) -> web.Application:
    """Return the partner's host: what its tags load, where they report, where it is told."""
    app = web.Application(client_max_size=MOST_BYTES)
    app[_RUNNING] = running
    app.router.add_get("/tag.js", _tag_script)
    app.router.add_get("/pixel.gif", _pixel)
    app.router.add_get("/embed", _embed)
    app.router.add_route("*", "/collect", _collect)
    app.router.add_post("/events", _events)
    app.router.add_post("/webhook", _webhook)
    app.router.add_get("/log", _read_log)
    app.router.add_delete("/log", _clear_log)
    app.router.add_route("*", "/{rest:.*}", _anything_else)
    return app


async def _tag_script(request: web.Request) -> web.Response:
    running = request.app[_RUNNING]
    tag = next((tag for tag in running.receiver.tags if tag.code == request.query.get("tag")), None)
    _note(request, Reach.SCRIPT, {"referer": request.headers.get("Referer", "")})
    if tag is None or tag.is_server_side:
        raise web.HTTPNotFound
    about = {
        "partner": running.receiver.partner,
        "tag": tag.code,
        "origin": running.receiver.origin,
        "cookies": tag.cookies,
        "items": tag.items,
        "hasPixel": "activity.ad" in tag.items or "activity.purchase" in tag.items,
    }
    source = (FOLDER / "vendor" / "tag.js").read_text(encoding="utf-8")
    return web.Response(
        text=f"{source.rstrip()}({json.dumps(about)});\n",
        content_type="text/javascript",
        headers=_NO_STORE,
    )


async def _pixel(request: web.Request) -> web.Response:
    _note(request, Reach.PIXEL, {"url": request.query.get("dl", "")})
    return web.Response(body=_PIXEL, content_type="image/gif", headers=_NO_STORE)


async def _embed(request: web.Request) -> web.Response:
    _note(request, Reach.FRAME, {"referer": request.headers.get("Referer", "")})
    language = "en" if request.query.get("hl") == "en" else "ja"
    return web.Response(
        text=overview.render_embed(language=language),
        content_type="text/html",
        headers={
            **_NO_STORE,
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
        },
    )


async def _collect(request: web.Request) -> web.Response:
    data = _flat(await request.read()) if request.method == "POST" else dict(request.query)
    _note(request, Reach.HIT, data)
    return web.Response(status=204, headers=_NO_STORE)


async def _events(request: web.Request) -> web.Response:
    _note(request, Reach.SERVER_EVENT, _flat(await request.read()))
    return web.Response(status=204)


async def _anything_else(request: web.Request) -> web.Response:
    # Browsers look for an icon by themselves; that tells nothing about a tag.
    if request.path not in {"/", "/favicon.ico"}:
        _note(request, Reach.OTHER, {})
    raise web.HTTPNotFound


async def _webhook(request: web.Request) -> web.Response:
    running = request.app[_RUNNING]
    now = datetime.now(UTC)
    message_id = request.headers.get("webhook-id", "")[:LONGEST_TEXT]
    payload = await request.read()
    try:
        text = payload.decode("utf-8")
        body = Webhook(running.secret).verify(text, dict(request.headers))
        if not isinstance(body, dict):
            raise ValueError
    except (WebhookVerificationError, ValueError):
        # ValueError: not UTF-8, no JSON object, or a signature that is not even of the right shape.
        running.ledger.note_refused(message_id=message_id, now=now)
        return web.json_response({"error": "signature"}, status=400)
    entry = running.ledger.take(message_id=message_id, body=body, now=now)
    if running.receiver.confirms_by == "acknowledgement" and entry.acknowledgement != "waiting":
        entry.acknowledgement = "waiting"
        task = asyncio.create_task(_acknowledge(running, entry))
        running.tasks.add(task)
        task.add_done_callback(running.tasks.discard)
    return web.Response(status=204)


async def _acknowledge(running: Running, entry: MessageEntry) -> None:
    """Confirm a message with a signed call of our own, as a partner with a queue would."""
    url = f"{running.service}/v1/acknowledgements"
    query = {"site": SITE, "partner": running.receiver.partner}
    text = json.dumps(
        {"type": "consent.acknowledged", "data": {"id": entry.message_id, "outcome": "done"}}
    )
    wait = ACKNOWLEDGE_AFTER_S
    for _ in range(ACKNOWLEDGE_TRIES):
        await asyncio.sleep(wait)
        wait *= 2
        moment = datetime.now(UTC)
        own_id = f"ack_{entry.message_id}"
        headers = {
            "Content-Type": "application/json",
            "webhook-id": own_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(running.secret).sign(own_id, moment, text),
        }
        try:
            async with running.session.post(
                url, params=query, data=text, headers=headers
            ) as answer:
                entry.acknowledgement = (
                    "accepted" if answer.status == 204 else f"refused {answer.status}"
                )
                if answer.status < 500:
                    return
        except (ClientError, TimeoutError):
            entry.acknowledgement = "unreachable"


async def _read_log(request: web.Request) -> web.Response:
    running = request.app[_RUNNING]
    return web.json_response(
        {"partner": running.receiver.partner, **running.ledger.as_json()}, headers=_NO_STORE
    )


async def _clear_log(request: web.Request) -> web.Response:
    request.app[_RUNNING].ledger.clear()
    return web.Response(status=204)


def _note(request: web.Request, reach: Reach, data: Mapping[str, Any]) -> None:
    request.app[_RUNNING].ledger.note_request(
        RequestEntry(
            at=datetime.now(UTC),
            reach=reach,
            tag=str(data.get("tag") or request.query.get("tag", ""))[:LONGEST_TEXT],
            method=request.method,
            path=request.path_qs[:LONGEST_TEXT],
            data={key: value for key, value in data.items() if value not in ("", None)},
        )
    )


def _flat(body: bytes) -> dict[str, Any]:
    """Return a JSON object's fields as short texts; anything else as nothing."""
    try:
        content = json.loads(body)
    except ValueError:
        return {}
    if not isinstance(content, dict):
        return {}
    return {
        str(key)[:LONGEST_TEXT]: value
        if isinstance(value, int | float | bool)
        else str(value)[:LONGEST_TEXT]
        for key, value in list(content.items())[:40]
    }


# --- The overview --------------------------------------------------------------------------------


def overview_app(all_running: Sequence[Running], places: Places) -> web.Application:
    """Return the page that shows all receivers, and their logs in one JSON answer."""
    app = web.Application(client_max_size=MOST_BYTES)
    app[_ALL] = all_running

    async def page(request: web.Request) -> web.Response:
        language = "en" if request.query.get("lang") == "en" else "ja"
        return web.Response(
            text=overview.render(
                language=language,
                shop=places.shop,
                receivers=[(one.receiver, one.ledger) for one in all_running],
            ),
            content_type="text/html",
            headers={
                **_NO_STORE,
                "Content-Security-Policy": (
                    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
                ),
            },
        )

    async def read_logs(request: web.Request) -> web.Response:
        return web.json_response(
            {one.receiver.partner: one.ledger.as_json() for one in all_running}, headers=_NO_STORE
        )

    async def clear_logs(request: web.Request) -> web.Response:
        for one in all_running:
            one.ledger.clear()
        return web.Response(status=204)

    app.router.add_get("/", page)
    app.router.add_get("/log", read_logs)
    app.router.add_delete("/log", clear_logs)
    app.router.add_get("/overview.js", _file(FOLDER / "vendor" / "overview.js", "text/javascript"))
    app.router.add_get(
        "/overview.css", _file(FOLDER / "static" / "demo" / "overview.css", "text/css")
    )
    return app


def _file(path: Path, content_type: str) -> Callable[[web.Request], Any]:
    async def serve(request: web.Request) -> web.Response:
        return web.Response(
            text=path.read_text(encoding="utf-8"), content_type=content_type, headers=_NO_STORE
        )

    return serve
