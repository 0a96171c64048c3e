"""
The one way out: HTTPS to an address on the public internet, and nowhere else.

Whoever can write a partner's URL could otherwise make this service talk to its own network. So a
name is resolved once, every address it has must be public by our own list (`ipaddress.is_global`
lets NAT64, 6to4 and others through), and the connection goes to exactly the address that was
checked. No redirects, no proxies, no cookies.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache, partial
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from types import TracebackType
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

TOTAL_SECONDS = 10.0
MAX_BODY_BYTES = 64 * 1024
MAX_URL_LENGTH = 2000
_LARGE_BODY_BYTES = 1024 * 1024

# Port 443, and those that any user's program may open. Below 1024 the well-known services live
# (22 ssh, 25 smtp, …), which a signed HTTP request has no business with.
STANDARD_PORT = 443
LOWEST_FREE_PORT = 1024
HIGHEST_PORT = 65535

# IANA special-purpose registries, multicast, reserved space, and every form that smuggles an IPv4
# address inside an IPv6 one. IPv4-mapped addresses are unmapped before they get here.
_DENIED_V4 = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT, cloud metadata
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, cloud metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relay
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_DENIED_V6 = tuple(
    ip_network(text)
    for text in (
        "::/96",  # unspecified, loopback, IPv4-compatible
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # local NAT64
        "100::/64",  # discard
        "100:0:0:1::/64",  # dummy prefix
        "2001::/23",  # Teredo (2001::/32), ORCHID, benchmarks, other protocol assignments
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fc00::/7",  # unique local
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local
        "ff00::/8",  # multicast
    )
)
# Everything that was ever given out for the public internet; the rest of IPv6 is reserved.
_GLOBAL_V6 = ip_network("2000::/3")

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_URL_CHARACTERS = re.compile(r"[!-\[\]-~]+")  # visible ASCII without the backslash
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")

# Nothing is unpacked: 64 kB on the wire stay 64 kB.
_PLAIN = {"Accept-Encoding": "identity"}
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})

Lookup = Callable[[str, int], Awaitable[list[str]]]


class OutboundRefused(ValueError):
    """This is not a place, or not a request, that the service may send; nothing was sent."""


class OutboundFailed(Exception):
    """No usable answer; `reason` is one of timeout, dns, tls, connect, disconnected, protocol."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL that may be asked for, taken apart; `host` is lower case, without brackets."""

    url: URL
    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; header names are lower case, `body` is cut where asked."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def is_allowed_address(text: str, *, allow_loopback: bool = False) -> bool:
    """Tell whether a connection may go to this address; doubt is no."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return False
        address = address.ipv4_mapped or address
    if allow_loopback and address.is_loopback:
        return True
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _DENIED_V4)
    return address in _GLOBAL_V6 and not any(address in network for network in _DENIED_V6)


@lru_cache(maxsize=512)
def parse_target(url: str, *, allow_loopback: bool = False) -> Target:
    """
    Take apart a URL that this service may send to, without asking the network.

    https only; http only to this machine and only with `allow_loopback`, which is for tests and
    demonstrations.

    :raises OutboundRefused: saying what to write instead
    """
    if len(url) > MAX_URL_LENGTH or not _URL_CHARACTERS.fullmatch(url):
        raise OutboundRefused(
            "Write the URL in visible ASCII, without blanks and backslashes; "
            "an international name starts with xn--."
        )
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise OutboundRefused("This is not a URL.") from error
    if parts.scheme not in {"https", "http"}:
        raise OutboundRefused("The URL must start with https://.")
    if "@" in parts.netloc:
        raise OutboundRefused("The URL must not contain a user name or a password.")
    if parts.fragment or url.endswith("#"):
        raise OutboundRefused("The URL must not contain a fragment.")
    is_loopback = _check_host(host, allow_loopback=allow_loopback)
    if parts.scheme == "http" and not is_loopback:
        raise OutboundRefused("The URL must start with https://.")
    if port is None:
        port = STANDARD_PORT if parts.scheme == "https" else 80
    if port != STANDARD_PORT and port < LOWEST_FREE_PORT:
        raise OutboundRefused(f"Use port {STANDARD_PORT}, or one from {LOWEST_FREE_PORT} on.")
    try:
        parsed = URL(url, encoded=True)
    except ValueError as error:
        raise OutboundRefused("This is not a URL.") from error
    # Two parsers that disagree are how a check is walked around.
    if (parsed.raw_host or "").lower() != host or parsed.port != port:
        raise OutboundRefused("This is not a URL.")
    return Target(url=parsed, host=host, port=port)


def check_headers(headers: Mapping[str, str]) -> None:
    """
    Refuse names and values that could start a header of their own.

    :raises OutboundRefused: for CR, LF, NUL and whatever else is not visible ASCII
    """
    for name, value in headers.items():
        if not _is_header_name(name) or not (value.isascii() and value.isprintable()):
            raise OutboundRefused("A header holds a character that headers may not hold.")


@lru_cache(maxsize=512)
def _is_header_name(name: str) -> bool:
    return _HEADER_NAME.fullmatch(name) is not None


class OutboundClient:
    """
    Sends requests from one event loop; use it as `async with OutboundClient(...) as client`.

    `lookup` resolves a name to addresses; tests give one of their own.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        total_seconds: float = TOTAL_SECONDS,
        lookup: Lookup | None = None,
    ) -> None:
        self._allow_loopback = allow_loopback
        self._total_seconds = total_seconds
        self._lookup = lookup or _look_up
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> OutboundClient:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=_CheckedResolver(self._lookup, allow_loopback=self._allow_loopback),
                # How many at a time is the caller's matter, and per partner.
                limit=0,
                # Shorter than what servers grant, so that none closes under a request of ours.
                keepalive_timeout=2,
            ),
            timeout=aiohttp.ClientTimeout(total=self._total_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            trace_configs=self._traces(),
        )
        return self

    def _traces(self) -> list[aiohttp.TraceConfig]:
        """Return who watches the session."""
        return []

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def request(
        self,
        *,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        most_bytes: int = MAX_BODY_BYTES,
    ) -> Answer:
        """
        Send one request and return whatever answer came, redirects included.

        `method` is one of METHODS; an empty body is not sent at all. The answer's body is cut after
        `most_bytes`.

        :raises OutboundRefused: if the URL, its address or a header is not allowed
        :raises OutboundFailed: if no answer came within `total_seconds`, or none that is HTTP
        """
        if self._session is None:
            raise RuntimeError("OutboundClient is used as `async with`.")
        if method not in METHODS:
            raise ValueError(f"{method} is not one of {', '.join(sorted(METHODS))}.")
        target = parse_target(url, allow_loopback=self._allow_loopback)
        check_headers(headers)
        try:
            async with self._session.request(
                method,
                target.url,
                data=_payload(body),
                headers={**_PLAIN, **headers},
                allow_redirects=False,
            ) as response:
                content = await _read(response, most_bytes)
                return Answer(
                    status=response.status,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=content,
                )
        except OutboundRefused:
            raise
        except (aiohttp.ClientError, OSError) as error:
            raise OutboundFailed(_reason(error)) from error

    async def connect(self, *, host: str, port: int, usual_port: int) -> socket.socket:
        """
        Return a connected socket for a protocol other than HTTP, to an address that was checked.

        `port` is the protocol's `usual_port`, or one that any user's program may open. The caller
        closes the socket.

        :raises OutboundRefused: if host, port or address is not allowed
        :raises OutboundFailed: if nobody takes the connection within `total_seconds`
        """
        host = host.lower()
        _check_host(host, allow_loopback=self._allow_loopback)
        if port != usual_port and not LOWEST_FREE_PORT <= port <= HIGHEST_PORT:
            raise OutboundRefused(f"Use port {usual_port}, or one from {LOWEST_FREE_PORT} on.")
        resolver = _CheckedResolver(self._lookup, allow_loopback=self._allow_loopback)
        try:
            async with asyncio.timeout(self._total_seconds):
                return await _connect(await resolver.resolve(host, port))
        except OutboundRefused:
            raise
        except socket.gaierror as error:
            raise OutboundFailed("dns") from error
        except OSError as error:
            raise OutboundFailed(_reason(error)) from error


async def _connect(places: list[ResolveResult]) -> socket.socket:
    """Try one address after another, as a name with several asks for."""
    failure = OSError()
    for place in places:
        connecting = socket.socket(place["family"], socket.SOCK_STREAM)
        connecting.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(
                connecting, (place["host"], place["port"])
            )
        except BaseException as error:
            connecting.close()
            if not isinstance(error, OSError):
                raise
            failure = error
        else:
            return connecting
    raise failure


@dataclass(slots=True, kw_only=True)
class Record:
    """
    A request as it left, and what came back; `headers` are those that were really sent.

    `error` is why nothing came: refused, or a reason of OutboundFailed.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    answer: Answer | None = None
    error: str = ""
    duration_ms: int = 0


class RecordingClient(OutboundClient):
    """Sends like its parent, by the same rules, and keeps all of it in `records`."""

    def __init__(self, *, allow_loopback: bool = False, lookup: Lookup | None = None) -> None:
        super().__init__(allow_loopback=allow_loopback, lookup=lookup)
        self.records: list[Record] = []

    def _traces(self) -> list[aiohttp.TraceConfig]:
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_note_headers)
        return [trace]

    async def request(
        self,
        *,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        most_bytes: int = MAX_BODY_BYTES,
    ) -> Answer:
        record = Record(method=method, url=url, headers=dict(headers), body=body)
        self.records.append(record)
        _leaving.set(record)
        began = time.monotonic()
        try:
            record.answer = await super().request(
                method=method, url=url, headers=headers, body=body, most_bytes=most_bytes
            )
        except OutboundRefused:
            record.error = "refused_address"
            raise
        except OutboundFailed as failure:
            record.error = failure.reason
            raise
        finally:
            record.duration_ms = int((time.monotonic() - began) * 1000)
        return record.answer


_leaving: ContextVar[Record] = ContextVar("leaving")


async def _note_headers(
    session: aiohttp.ClientSession,
    context: object,
    sent: aiohttp.TraceRequestHeadersSentParams,
) -> None:
    _leaving.get().headers = dict(sent.headers)


class _CheckedResolver(AbstractResolver):
    """Looks a name up once and hands out only what was checked: there is no second lookup."""

    def __init__(self, lookup: Lookup, *, allow_loopback: bool) -> None:
        self._lookup = lookup
        self._allow_loopback = allow_loopback

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._lookup(host, port)
        # One forbidden address among others is no accident either.
        if not addresses or not all(
            is_allowed_address(address, allow_loopback=self._allow_loopback)
            for address in addresses
        ):
            raise OutboundRefused("The name leads to an address outside the public internet.")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is open."""


async def _look_up(host: str, port: int) -> list[str]:
    # In the loop's executor whatever loop it is: who runs it says how many may wait at a time.
    found = await asyncio.get_running_loop().run_in_executor(
        None,
        partial(
            socket.getaddrinfo, host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        ),
    )
    return [
        # A scope belongs to a link of this machine; with it the address is refused.
        f"{address[0]}%{address[3]}" if len(address) > 3 and address[3] else str(address[0])
        for *_, address in found
    ]


def _check_host(host: str, *, allow_loopback: bool) -> bool:
    """Refuse what cannot be a public host; return whether it is this machine."""
    if allow_loopback and host == "localhost":
        return True
    labels = host.split(".")
    # `127.1`, `0x7f.1`, `2130706433` are addresses to the C library; one spelling is let in.
    if ":" in host or _NUMERIC_LABEL.fullmatch(labels[-1]):
        if not is_allowed_address(host, allow_loopback=allow_loopback):
            raise OutboundRefused("This address is not on the public internet.")
        return ip_address(host).is_loopback
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise OutboundRefused("The URL names no host that can be looked up.")
    if len(labels) < 2:
        raise OutboundRefused("The host needs its full name, such as hooks.partner.example.")
    return False


def _payload(body: bytes) -> aiohttp.Payload | io.BytesIO | None:
    if not body:
        return None
    # aiohttp warns of large bytes that it would send in one go.
    return io.BytesIO(body) if len(body) > _LARGE_BODY_BYTES else aiohttp.BytesPayload(body)


async def _read(response: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    """Read a body up to the limit; the rest stays unread and the connection is closed."""
    if response.content.at_eof():
        return b""
    content = bytearray()
    # The status has already said it all; a broken body takes nothing back.
    with contextlib.suppress(aiohttp.ClientPayloadError):
        async for chunk in response.content.iter_any():
            content += chunk
            if len(content) > most_bytes:
                response.close()
                break
    return bytes(content[:most_bytes])


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "dns"
    if isinstance(error, aiohttp.ClientSSLError):
        return "tls"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "disconnected"
    if isinstance(error, aiohttp.ClientOSError | OSError):
        return "connect"
    return "protocol"
