"""The demo shop's pages."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from consentmgr.demo.catalogue import read_catalogue
from consentmgr.demo.places import Places, get_places

ROOT = Path(__file__).resolve().parents[3]
PATHS = ("", "items/coat/", "items/knit/", "items/bag/", "journal/", "order/")
PAGES = [(language, f"/demo/{prefix}{path}") for language, prefix in (("ja", ""), ("en", "en/"))
         for path in PATHS]  # fmt: skip


@pytest.fixture
def client() -> Client:
    return Client(HTTP_HOST="localhost:8000")


def markup_that_runs(page: str) -> str:
    """Return the page without what waits for the gate."""
    page = re.sub(r"<template data-cm-tag=.*?</template>", "", page, flags=re.DOTALL)
    return re.sub(r'<script type="text/plain" data-cm-tag=.*?</script>', "", page, flags=re.DOTALL)


@pytest.mark.parametrize(("language", "path"), PAGES)
def test_pages_render_and_ask_no_partner_by_themselves(
    client: Client, language: str, path: str
) -> None:
    response = client.get(path)

    assert response.status_code == 200
    page = response.content.decode()
    assert f'<html lang="{language}">' in page
    addresses = re.findall(r'(?:src|href|action|data)="([^"]*)"', markup_that_runs(page))
    # The only address elsewhere is the link to the receivers' page; nothing follows it by itself.
    elsewhere = {one for one in addresses if one.startswith(("http", "//"))}
    assert {one for one in elsewhere if not one.startswith(get_places().shop)} == {
        f"{get_places().overview}?lang={language}"
    }
    assert page.index(f'src="{get_places().shop}/b/kloset.js?lang={language}"') < page.index(
        "<link"
    )
    assert "data-cm-open" in page
    assert "/external-transmission/kloset/" in page
    assert not response.cookies


def test_every_declared_tag_is_on_some_page_and_no_other(client: Client) -> None:
    found = set()
    for _, path in [*PAGES, ("ja", "/demo/order/?item=coat")]:
        page = client.get(path).content.decode()
        found |= set(re.findall(r'data-cm-tag="([^"]+)"', page))
        found |= set(re.findall(r'src="/v1/gate/([a-z_]+)\.js', page))

    declared = {
        tag["code"]
        for tag in read_catalogue(places=get_places()).declaration["tags"]
        if tag.get("transport") != "server"
    }
    assert found == declared


def test_the_pages_policy_names_the_partners_and_nothing_inline(client: Client) -> None:
    response = client.get("/demo/")

    policy = response["Content-Security-Policy"]
    for one in read_catalogue(places=get_places()).receivers:
        assert policy.count(one.origin) == 4
    assert "unsafe" not in policy
    page = response.content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not re.search(r"\s(?:style|on[a-z]+)=", page)


def test_the_shop_lives_on_localhost_where_partners_do_not() -> None:
    response = Client(HTTP_HOST="127.0.0.1:8123").get("/demo/journal/?x=1")

    assert response.status_code == 302
    assert response["Location"] == "http://localhost:8123/demo/journal/?x=1"


def test_a_language_can_be_asked_for(client: Client) -> None:
    response = client.get("/demo/items/coat/?lang=en")

    assert response.status_code == 302
    assert response["Location"] == "/demo/en/items/coat/"
    assert client.get("/demo/?lang=ja").status_code == 200


def test_nothing_is_sold_that_is_not_there(client: Client) -> None:
    assert client.get("/demo/items/hat/").status_code == 404
    page = client.get("/demo/order/?item=hat").content.decode()
    assert "/v1/gate/google_ads.js" not in page


class Machine(BaseHTTPRequestHandler):
    """The gate and the partner in one: answers as told and remembers."""

    gate: tuple[int, dict[str, Any]] = (500, {})
    heard: list[tuple[str, dict[str, Any], dict[str, str]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Machine.heard.append((self.path, body, dict(self.headers)))
        status, answer = self.gate if self.path.startswith("/v1/") else (204, {})
        if callable(answer):
            answer = answer(body)
        text = json.dumps(answer).encode() if status != 204 else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Machine]]:
    server = HTTPServer(("127.0.0.1", 0), Machine)
    port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    # Meta's receiver is the fifth, so that both land on the one server.
    places = Places(port=port, partner_port=port - 5)
    monkeypatch.setattr("consentmgr.demo.views.get_places", lambda: places)
    Machine.heard = []
    yield Machine
    server.shutdown()
    thread.join()
    server.server_close()


def order(client: Client, **headers: str) -> str:
    return client.get("/demo/en/order/?item=coat&guard=tab-1", headers=headers).content.decode()


def test_a_purchase_is_sent_without_what_the_visitor_withholds(
    client: Client, machine: type[Machine]
) -> None:
    def strip(body: dict[str, Any]) -> dict[str, Any]:
        kept = {k: v for k, v in body["payload"].items() if k != "gender"}
        return {"payload": kept, "dropped": [{"field": "gender", "data_item": "attr.gender"}]}

    machine.gate = (200, strip)  # type: ignore[assignment]
    client.cookies["cm_device"] = "a-token"

    page = order(client, **{"Sec-GPC": "1", "User-Agent": "a browser"})

    (asked, question, headers), (told, event, event_headers) = machine.heard
    assert asked == "/v1/gate/meta_capi/payload"
    assert question["site"] == "kloset"
    assert "cm_device=a-token" in headers["Cookie"]
    assert headers["Sec-GPC"] == "1"
    assert told == "/events"
    assert event["event_name"] == "Purchase"
    assert event["value"] == 48400
    assert event["occupation"] == "designer"
    assert "gender" not in event
    # The visitor's cookies are for the gate, not for the partner.
    assert "Cookie" not in event_headers
    assert "received what you allow" in page
    assert "<code>gender</code>" in page


def test_the_same_order_from_the_same_tab_keeps_its_number(
    client: Client, machine: type[Machine]
) -> None:
    machine.gate = (200, lambda body: {"payload": body["payload"], "dropped": []})  # type: ignore[assignment]

    order(client)
    order(client)

    numbers = [body["event_id"] for path, body, _ in machine.heard if path == "/events"]
    assert len(numbers) == 2
    assert len(set(numbers)) == 1


@pytest.mark.parametrize(
    ("gate", "says"),
    [
        (
            (403, {"code": "tag_denied", "fields": {"reason": "no_choice"}}),
            "you have not chosen yet",
        ),
        ((500, {}), "could not make sure"),
        ((200, {}), "could not make sure"),
        ((503, {"code": "unavailable"}), "could not make sure"),
    ],
)
def test_without_a_clear_yes_from_the_gate_nothing_is_sent(
    client: Client, machine: type[Machine], gate: tuple[int, dict[str, Any]], says: str
) -> None:
    machine.gate = gate

    page = order(client)

    assert [path for path, _, _ in machine.heard] == ["/v1/gate/meta_capi/payload"]
    assert says in page


def test_with_the_gate_away_nothing_is_sent(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = Places(port=1, partner_port=2)
    monkeypatch.setattr("consentmgr.demo.views.get_places", lambda: places)

    assert "could not make sure" in order(client)


def test_without_demo_there_is_no_shop_and_no_command() -> None:
    script = (
        "import django; django.setup()\n"
        "from django.core.management import get_commands\n"
        "from django.urls import Resolver404, resolve\n"
        "assert not [name for name in get_commands() if name.startswith('demo')]\n"
        "try: resolve('/demo/')\n"
        "except Resolver404: print('no shop')\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "DEMO": "0", "DJANGO_SETTINGS_MODULE": "consentmgr.settings"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert answer.stdout == "no shop\n", answer.stderr
