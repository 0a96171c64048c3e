"""
Access tokens for partners' APIs: asked for once, kept in this process until shortly before the end.

OAuth 2.0: client credentials (RFC 6749, 4.4) and signed assertions of service accounts (RFC 7523 as
Google has it: https://developers.google.com/identity/protocols/oauth2/service-account).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

import jwt
from cryptography.exceptions import UnsupportedAlgorithm

from tracking.delivery.transports import base
from tracking.lib.outbound_http import OutboundClient

# A token is not used in its last minute, so that none ends on the way.
LEEWAY_SECONDS = 60.0
ASSERTION_LIFETIME = timedelta(hours=1)

CLIENT_PAIR = r"[!-9;-~]+:[!-~]+"
SERVICE_ACCOUNT = r'\s*\{[\s\S]*"private_key"[\s\S]*\}\s*'

UNREADABLE = base.Exchange(status=None, duration_ms=0, error="secret_unreadable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """
    How a token is asked for: where, and with which form fields (None: the credential is no use).

    `name` tells kept tokens apart without holding what they were asked for with.
    """

    url: str
    name: str
    form: Callable[[], Mapping[str, str] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    """`until` is on the monotonic clock, in seconds."""

    text: str = field(repr=False)
    until: float


# In memory only: a token is a credential, and stays where it is used.
_kept: dict[str, _Token] = {}
_asking: WeakKeyDictionary[OutboundClient, dict[str, asyncio.Task[str | base.Exchange]]] = (
    WeakKeyDictionary()
)


def client_credentials(*, url: str, secret: str) -> Grant | None:
    """Return the grant for an `id:secret` text at this token endpoint, or None if it is none."""
    if not re.fullmatch(CLIENT_PAIR, secret):
        return None
    client_id, _, client_secret = secret.partition(":")
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": client_secret,
    }
    return Grant(url=url, name=_name(url, secret), form=lambda: form)


def service_account(*, secret: str, scope: str, at: datetime) -> Grant | None:
    """
    Return the grant for a Google service account's key file, or None if the text is none.

    The private key is read only when a token is needed, since that takes tens of milliseconds.
    """
    try:
        account = json.loads(secret)
        url, issuer, key = account["token_uri"], account["client_email"], account["private_key"]
        key_id = account.get("private_key_id", "")
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return None
    if not all(isinstance(text, str) for text in (url, issuer, key, key_id)):
        return None

    def form() -> Mapping[str, str] | None:
        claims = {
            "iss": issuer,
            "scope": scope,
            "aud": url,
            "iat": int(at.timestamp()),
            "exp": int((at + ASSERTION_LIFETIME).timestamp()),
        }
        headers = {"kid": key_id} if key_id else None
        try:
            assertion = jwt.encode(claims, key, algorithm="RS256", headers=headers)
        except (jwt.PyJWTError, UnsupportedAlgorithm, TypeError, ValueError):
            return None
        return {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": assertion,
        }

    return Grant(url=url, name=_name(url, secret, scope), form=form)


async def call(
    client: OutboundClient,
    *,
    grant: Grant | None,
    url: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    method: str = "POST",
) -> base.Exchange:
    """
    Make one request with an access token; whatever goes wrong is an Exchange too.

    A kept token that is refused (401) is forgotten, and the request is made once more with a fresh
    one. Without a usable grant nothing is sent: `secret_unreadable`.
    """
    if grant is None:
        return UNREADABLE

    async def attempt(token: str) -> base.Exchange:
        exchange = await base.call(
            client,
            url=url,
            headers={**(headers or {}), "Authorization": f"Bearer {token}"},
            body=body,
            method=method,
        )
        if exchange.status == 401 and (kept := _kept.get(grant.name)) and kept.text == token:
            del _kept[grant.name]
        return exchange

    kept = _kept.get(grant.name)
    if kept is not None and kept.until > time.monotonic():
        exchange = await attempt(kept.text)
        if exchange.status != 401:
            return exchange
    token = await _ask_together(client, grant)
    return await attempt(token) if isinstance(token, str) else token


def refused(exchange: base.Exchange) -> base.Exchange:
    """
    Return the exchange as a refusal of the credential.

    It stands as a 401 whatever status the partner gave it, so that it counts as the operator's
    matter and not as one message's.
    """
    return replace(exchange, status=401, error="credential_refused")


async def _ask_together(client: OutboundClient, grant: Grant) -> str | base.Exchange:
    """Ask for a token once for all who want it at this moment, and give all the same answer."""
    asking = _asking.setdefault(client, {})
    task = asking.get(grant.name)
    if task is None:
        task = asking[grant.name] = asyncio.ensure_future(_ask(client, grant))
        task.add_done_callback(lambda _: asking.pop(grant.name))
    return await asyncio.shield(task)


async def _ask(client: OutboundClient, grant: Grant) -> str | base.Exchange:
    """Return a fresh token and keep it, or what came instead of one."""
    form = grant.form()
    if form is None:
        return UNREADABLE
    exchange = await base.call(
        client,
        url=grant.url,
        headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
        body=urlencode(form).encode(),
    )
    # RFC 6749, 5.2: a client or an assertion that is not accepted is a 400 or a 401.
    if exchange.status in {400, 401}:
        return refused(exchange)
    if not exchange.is_ok:
        return replace(exchange, error=exchange.error or "token_refused")
    answer = exchange.json()
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token or not (token.isascii() and token.isprintable()):
        return replace(exchange, status=None, error="token_unreadable")
    now = time.monotonic()
    for name in [name for name, other in _kept.items() if other.until <= now]:
        del _kept[name]
    _kept[grant.name] = _Token(
        text=token, until=now + _seconds(answer.get("expires_in")) - LEEWAY_SECONDS
    )
    return token


def _seconds(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _name(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
