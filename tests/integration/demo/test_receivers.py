"""The demo's partners over real HTTP on this machine."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from standardwebhooks import Webhook

from consentmgr.demo import receivers
from consentmgr.demo.catalogue import Receiver, read_catalogue
from consentmgr.demo.ledger import MOST_ENTRIES
from consentmgr.demo.places import Places
from consentmgr.demo.receivers import Running, overview_app, partner_app

PLACES = Places(port=8000, partner_port=9000)
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"o" * 32).decode()

Client = TestClient[web.Request, web.Application]


def receiver(partner: str) -> Receiver:
    return next(one for one in read_catalogue(places=PLACES).receivers if one.partner == partner)


def with_partner(
    partner: str,
    story: Callable[[Client, Running], Awaitable[None]],
    *,
    service: str = "http://127.0.0.1:1",
) -> None:
    async def tell() -> None:
        async with ClientSession() as session:
            running = Running(
                receiver=receiver(partner), secret=SECRET, service=service, session=session
            )
            async with TestClient(TestServer(partner_app(running))) as client:
                await story(client, running)
                await asyncio.gather(*running.tasks)

    asyncio.run(tell())


async def send(
    client: Client,
    *,
    message_id: str = "msg_1",
    version: int = 1,
    secret: str = SECRET,
    at: datetime | None = None,
    body: str | None = None,
) -> int:
    moment = at or datetime.now(UTC)
    text = body or json.dumps(
        {
            "type": "consent.revoked",
            "data": {
                "subject": "device-of-this-partner",
                "version": version,
                "withdrawn": {"purposes": ["advertising"], "data_items": ["id.cookie"]},
                "granted": {"purposes": [], "data_items": []},
            },
        }
    )
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, moment, text),
    }
    async with client.post("/webhook", data=text, headers=headers) as answer:
        return answer.status


async def log(client: Client) -> dict[str, Any]:
    content: dict[str, Any] = await (await client.get("/log")).json()
    return content


def test_a_signed_message_is_taken_and_shown() -> None:
    async def story(client: Client, running: Running) -> None:
        assert await send(client) == 204

        (message,) = (await log(client))["messages"]
        assert message["is_verified"]
        assert message["effect"] == "applied"
        assert message["version"] == 1
        assert message["withdrawn"] == {"purposes": ["advertising"], "data_items": ["id.cookie"]}

    with_partner("google", story)


def test_what_is_not_signed_by_the_shop_is_refused_and_not_believed() -> None:
    async def story(client: Client, running: Running) -> None:
        old = datetime.now(UTC) - timedelta(minutes=6)
        assert await send(client, secret=OTHER_SECRET) == 400
        assert await send(client, at=old) == 400
        assert await send(client, body="[]") == 400
        async with client.post("/webhook", data=b"\xff") as answer:
            assert answer.status == 400
        async with client.post(
            "/webhook",
            data=b"{}",
            headers={
                "webhook-id": "m",
                "webhook-timestamp": str(int(datetime.now(UTC).timestamp())),
                "webhook-signature": "nonsense",
            },
        ) as answer:
            assert answer.status == 400

        messages = (await log(client))["messages"]
        assert len(messages) == 5
        assert not any(message["is_verified"] for message in messages)
        assert not any(message["subject"] for message in messages)
        # The true one is not taken for a repetition of the false one.
        assert await send(client) == 204
        assert (await log(client))["messages"][0]["effect"] == "applied"

    with_partner("google", story)


def test_an_erasure_is_carried_out_and_named() -> None:
    async def story(client: Client, running: Running) -> None:
        body = {"type": "device.erased", "data": {"subject": "one", "version": 3}}
        assert await send(client, body=json.dumps(body)) == 204

        (message,) = (await log(client))["messages"]
        assert (message["type"], message["effect"]) == ("device.erased", "applied")
        # The withdrawal before it was put off on its way.
        body = {"type": "consent.revoked", "data": {"subject": "one", "version": 2}}
        assert await send(client, body=json.dumps(body), message_id="late") == 204
        assert (await log(client))["messages"][0]["effect"] == "older"

    with_partner("google", story)


def test_a_repeated_message_is_carried_out_once() -> None:
    async def story(client: Client, running: Running) -> None:
        assert await send(client) == 204
        assert await send(client) == 204

        (message,) = (await log(client))["messages"]
        assert message["times"] == 2

    with_partner("google", story)


def test_a_late_older_message_changes_nothing() -> None:
    async def story(client: Client, running: Running) -> None:
        assert await send(client, message_id="newer", version=5) == 204
        assert await send(client, message_id="older", version=4) == 204

        effects = {m["message_id"]: m["effect"] for m in (await log(client))["messages"]}
        assert effects == {"newer": "applied", "older": "older"}

    with_partner("google", story)


def test_the_log_is_bounded_and_can_be_emptied() -> None:
    async def story(client: Client, running: Running) -> None:
        for number in range(MOST_ENTRIES + 20):
            await client.get(f"/pixel.gif?dl=http://localhost/{number}")

        content = await log(client)
        assert len(content["requests"]) == MOST_ENTRIES
        assert content["request_count"] == MOST_ENTRIES + 20
        assert content["requests"][0]["data"]["url"].endswith(f"/{MOST_ENTRIES + 19}")
        assert (await client.delete("/log")).status == 204
        assert (await log(client))["requests"] == []

    with_partner("google", story)


def test_a_partner_that_confirms_later_calls_back_with_a_signature(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(receivers, "ACKNOWLEDGE_AFTER_S", 0.0)
    heard: list[tuple[dict[str, str], Any]] = []

    async def acknowledgements(request: web.Request) -> web.Response:
        body = Webhook(SECRET).verify(await request.read(), dict(request.headers))
        heard.append((dict(request.query), body))
        return web.Response(status=204)

    async def tell() -> None:
        app = web.Application()
        app.router.add_post("/v1/acknowledgements", acknowledgements)
        async with TestServer(app) as service, ClientSession() as session:
            running = Running(
                receiver=receiver("criteo"),
                secret=SECRET,
                service=str(service.make_url("")).rstrip("/"),
                session=session,
            )
            async with TestClient(TestServer(partner_app(running))) as client:
                assert await send(client, message_id="msg_7") == 204
                await asyncio.gather(*running.tasks)
                assert (await log(client))["messages"][0]["acknowledgement"] == "accepted"

    asyncio.run(tell())
    assert heard == [
        (
            {"site": "kloset", "partner": "criteo"},
            {"type": "consent.acknowledged", "data": {"id": "msg_7", "outcome": "done"}},
        )
    ]


def test_a_service_that_is_away_is_tried_again_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receivers, "ACKNOWLEDGE_AFTER_S", 0.0)

    async def story(client: Client, running: Running) -> None:
        assert await send(client) == 204
        await asyncio.gather(*running.tasks)
        assert (await log(client))["messages"][0]["acknowledgement"] == "unreachable"

    with_partner("criteo", story)


def test_tags_are_served_for_pages_and_hits_say_why_they_came() -> None:
    async def story(client: Client, running: Running) -> None:
        async with client.get("/tag.js?tag=ga4") as answer:
            assert answer.content_type == "text/javascript"
            assert '"_ga_*"' in await answer.text()
        assert (await client.get("/tag.js?tag=criteo")).status == 404
        hit = {"tag": "ga4", "url": "http://localhost:8000/demo/", "attr.gender": "female"}
        await client.post("/collect", data=json.dumps(hit))
        await client.post("/collect", data=b"\xff not json")
        await client.get("/embed?tag=youtube_embed&hl=en")
        await client.post("/events", json={"event_name": "Purchase"})

        requests = (await log(client))["requests"]
        assert [entry["reach"] for entry in requests] == [
            "server_event", "frame", "hit", "hit", "script", "script",
        ]  # fmt: skip
        assert requests[3]["data"] == hit

    with_partner("google", story)


def test_a_server_side_tag_has_no_script() -> None:
    async def story(client: Client, running: Running) -> None:
        assert (await client.get("/tag.js?tag=meta_capi")).status == 404

    with_partner("meta", story)


@pytest.mark.parametrize(
    ("language", "nothing"), [("ja", "まだ何も届いていません"), ("en", "Nothing received")]
)
def test_the_overview_says_honestly_that_nothing_came(language: str, nothing: str) -> None:
    async def tell() -> None:
        async with ClientSession() as session:
            running = [
                Running(receiver=one, secret=SECRET, service="", session=session)
                for one in read_catalogue(places=PLACES).receivers
            ]
            async with TestClient(TestServer(overview_app(running, PLACES))) as client:
                page = await (await client.get(f"/?lang={language}")).text()
                assert page.count(nothing) == 2 * len(running)
                assert f'<html lang="{language}">' in page
                assert '<meta http-equiv="refresh"' in page
                for path in ("/overview.css", "/overview.js"):
                    assert (await client.get(path)).status == 200

                async with TestClient(TestServer(partner_app(running[0]))) as partner:
                    await partner.post("/collect", data='{"tag":"ga4","x":"<script>"}')
                    await send(partner, secret=OTHER_SECRET)
                    await send(partner)
                page = await (await client.get(f"/?lang={language}")).text()
                assert page.count(nothing) == 2 * len(running) - 2
                assert "&lt;script&gt;" in page
                assert "✓" in page
                assert "✗" in page
                assert set(await (await client.get("/log")).json()) == {
                    one.receiver.partner for one in running
                }

    asyncio.run(tell())
