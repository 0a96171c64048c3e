"""The one way out goes to the public internet only."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.fakes import Say, fake_partner
from tracking.lib.outbound_http import (
    MAX_BODY_BYTES,
    OutboundClient,
    OutboundFailed,
    OutboundRefused,
    check_headers,
    is_allowed_address,
    parse_target,
)

PUBLIC = ["8.8.8.8", "1.1.1.1", "100.63.255.255", "172.32.0.1", "198.20.0.1", "2606:4700::1111",
          "2a00:1450:4001::1", "::ffff:8.8.8.8"]  # fmt: skip

NOT_PUBLIC = [
    # What Python 3.11.7's `is_global` lets through.
    "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1", "224.0.0.1", "fec0::1", "192.88.99.1",
    "192.0.0.8",
    # IPv4
    "0.0.0.0",  # noqa: S104
    "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1",
    "127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.2.1",
    "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "239.1.1.1",
    "240.0.0.1", "255.255.255.255",
    # IPv6
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:7f00:1", "64:ff9b:1::1",
    "100::1", "2001::1", "2001:db8::1", "2001:20::1", "3fff::1", "4000::1", "5f00::1", "fc00::1",
    "fd12:3456::1", "fe80::1", "fe80::1%eth0", "2606:4700::1%1", "febf::1", "ff02::1",
    # No address at all, or another spelling of one
    "", "localhost", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "0", "①②⑦.0.0.1", "8.8.8.8 ",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_allowed_address(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_everything_else_is_not(address: str) -> None:
    assert not is_allowed_address(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_the_switch_opens_loopback(address: str) -> None:
    assert is_allowed_address(address, allow_loopback=True)


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "::", "0.1.2.3", "fe80::1"])
def test_the_switch_opens_nothing_else(address: str) -> None:
    assert not is_allowed_address(address, allow_loopback=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.partner.example/consent",
        "https://hooks.partner.example:8443/consent?site=1",
        "https://xn--r8jz45g.example/",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]:9443/",
    ],
)
def test_partner_urls_are_allowed(url: str) -> None:
    target = parse_target(url)
    assert str(target.url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.partner.example/",
        "ftp://hooks.partner.example/",
        "file:///etc/passwd",
        "//hooks.partner.example/",
        "hooks.partner.example",
        "",
        "https://",
        "https:///x",
        "https://user@hooks.partner.example/",
        "https://user:pass@hooks.partner.example/",
        "https://8.8.8.8@127.0.0.1/",
        "https://hooks.partner.example:25/",
        "https://hooks.partner.example:80/",
        "https://hooks.partner.example:0/",
        "https://hooks.partner.example:65536/",
        "https://hooks.partner.example:x/",
        "https://hooks.partner.example/#x",
        "https://hooks.partner.example/\r\nX: y",
        "https://hooks.partner.example/\x00",
        "https://hooks.partner.example/a b",
        "https://hooks.partner.example\\@127.0.0.1/",
        "https://hooks.partner.example./",
        "https://hooks..example/",
        "https://-hooks.example/",
        "https://パートナー.example/",
        "https://metadata/",
        "https://localhost/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://0x7f.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://0/",
        "https://①②⑦.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[fe80::1%25eth0]/",
        "https://[127.0.0.1]/",
        "https://[::1",
        "https://169.254.169.254/latest/meta-data/",
        f"https://{'a' * 64}.example/",
        f"https://hooks.partner.example/{'a' * 2000}",
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(OutboundRefused):
        parse_target(url)


def test_http_is_for_this_machine_only() -> None:
    assert parse_target("http://127.0.0.1:9000/x", allow_loopback=True).port == 9000
    assert parse_target("http://localhost:9000/x", allow_loopback=True).host == "localhost"
    for url in ("http://hooks.partner.example:9000/", "http://127.0.0.1/", "http://10.0.0.1:9000/"):
        with pytest.raises(OutboundRefused):
            parse_target(url, allow_loopback=True)


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb", "a\rb", "a\x00b", "é"])
def test_headers_cannot_smuggle_another(value: str) -> None:
    with pytest.raises(OutboundRefused):
        check_headers({"X": value})
    with pytest.raises(OutboundRefused):
        check_headers({value: "x"})


def post(url: str, **how: object) -> object:
    async def run() -> object:
        async with OutboundClient(**how) as client:  # type: ignore[arg-type]
            return await client.request(method="POST", url=url, headers={}, body=b"{}")

    return asyncio.run(run())


@pytest.fixture
def listener() -> Iterator[tuple[int, list[object]]]:
    """A bare port on this machine that counts who comes."""
    came: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        ending = threading.Event()

        def accept() -> None:
            while not ending.is_set():
                try:
                    connection, address = server.accept()
                except TimeoutError:
                    continue
                came.append(address)
                connection.close()

        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1], came
        ending.set()
        thread.join()


@pytest.mark.parametrize(
    "answers",
    [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"], []],
)
def test_a_name_that_leads_inside_is_not_connected_to(
    listener: tuple[int, list[object]], answers: list[str]
) -> None:
    port, came = listener

    async def lookup(host: str, port: int) -> list[str]:
        return answers

    with pytest.raises(OutboundRefused):
        post(f"https://hooks.partner.example:{port}/", lookup=lookup)
    assert came == []


def test_a_name_is_looked_up_once_and_cannot_turn_inside(
    listener: tuple[int, list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the first answer is public, the second would be this machine."""
    port, came = listener
    asked: list[str] = []
    tried: list[str] = []

    async def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if asked[1:] else ["8.8.8.8"]

    async def connect(addr_infos: list[tuple[object, ...]], **_: object) -> None:
        tried.extend(str(info[4][0]) for info in addr_infos)  # type: ignore[index]
        raise ConnectionRefusedError

    # Nothing leaves this machine: the connection itself is noted and refused.
    monkeypatch.setattr("aiohttp.connector.aiohappyeyeballs.start_connection", connect)
    with pytest.raises(OutboundFailed):
        post(f"https://hooks.partner.example:{port}/", lookup=lookup)
    assert asked == ["hooks.partner.example"]
    assert set(tried) == {"8.8.8.8"}
    assert came == []


def test_the_checked_address_is_the_one_connected_to() -> None:
    asked: list[str] = []

    async def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    with fake_partner() as partner:
        port = partner.url.rpartition(":")[2].partition("/")[0]
        # "localhost" is the one name that http allows; where it leads is the lookup's word.
        answer = post(f"http://localhost:{port}/", lookup=lookup, allow_loopback=True)
    assert answer.status == 400  # type: ignore[attr-defined]  # reached, and not a signed message
    assert asked == ["localhost"]


def test_redirects_are_answers() -> None:
    with fake_partner() as partner:
        partner.handle = lambda *_: Say(  # type: ignore[method-assign]
            status=302, headers={"Location": "http://169.254.169.254/"}
        )
        answer = post(partner.url, allow_loopback=True)
        assert partner.requests == 1
    assert answer.status == 302  # type: ignore[attr-defined]


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with fake_partner() as partner:
        post(partner.url, allow_loopback=True)
        assert partner.requests == 1


def test_a_long_body_is_cut() -> None:
    with fake_partner() as partner:
        partner.handle = lambda *_: Say(  # type: ignore[method-assign]
            status=200, body=b"x" * (MAX_BODY_BYTES * 4)
        )
        answer = post(partner.url, allow_loopback=True)
    assert answer.status == 200  # type: ignore[attr-defined]
    assert len(answer.body) == MAX_BODY_BYTES  # type: ignore[attr-defined]


def test_a_caller_may_take_a_longer_body() -> None:
    async def run(url: str) -> int:
        async with OutboundClient(allow_loopback=True) as client:
            answer = await client.request(
                method="POST", url=url, headers={}, most_bytes=MAX_BODY_BYTES * 2
            )
            return len(answer.body)

    with fake_partner() as partner:
        partner.handle = lambda *_: Say(  # type: ignore[method-assign]
            status=200, body=b"x" * (MAX_BODY_BYTES * 4)
        )
        assert asyncio.run(run(partner.url)) == MAX_BODY_BYTES * 2


def test_silence_ends_in_time() -> None:
    with fake_partner() as partner:
        partner.handle = lambda *_: Say(hang_seconds=5)  # type: ignore[method-assign]
        with pytest.raises(OutboundFailed) as failure:
            post(partner.url, allow_loopback=True, total_seconds=0.2)
    assert failure.value.reason == "timeout"


def test_a_closed_port_and_a_rude_server_are_failures(
    listener: tuple[int, list[object]],
) -> None:
    port, _ = listener
    with pytest.raises(OutboundFailed) as failure:
        post(f"http://127.0.0.1:{port}/", allow_loopback=True)
    assert failure.value.reason in {"disconnected", "connect"}
    with socket.create_server(("127.0.0.1", 0)) as unused:
        closed = unused.getsockname()[1]
    with pytest.raises(OutboundFailed) as failure:
        post(f"http://127.0.0.1:{closed}/", allow_loopback=True)
    assert failure.value.reason == "connect"


def test_plain_http_behind_https_is_a_tls_failure() -> None:
    with fake_partner() as partner, pytest.raises(OutboundFailed) as failure:
        post(partner.url.replace("http:", "https:"), allow_loopback=True)
    assert failure.value.reason == "tls"


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("127.0.0.1", 25),
        ("127.0.0.1", 1023),
        ("127.0.0.1", 0),
        ("127.0.0.1", 65536),
        ("10.0.0.1", 22),
        ("intranet", 22),
        ("127.1", 22),
        ("user@sftp.partner.example", 22),
    ],
)
def test_connections_for_other_protocols_are_checked_too(host: str, port: int) -> None:
    async def run() -> None:
        async with OutboundClient(allow_loopback=True) as client:
            with pytest.raises(OutboundRefused):
                await client.connect(host=host, port=port, usual_port=22)

    asyncio.run(run())


def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    async def lookup(host: str, port: int) -> list[str]:
        return ["::1", "127.0.0.1"]

    async def run(port: int) -> None:
        async with OutboundClient(allow_loopback=True, lookup=lookup) as client:
            with await client.connect(host="localhost", port=port, usual_port=22) as connected:
                assert connected.getpeername() == ("127.0.0.1", port)

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        asyncio.run(run(port))
    with pytest.raises(OutboundFailed, match="connect"):
        asyncio.run(run(port))
