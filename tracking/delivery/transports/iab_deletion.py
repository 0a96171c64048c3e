"""
IAB Tech Lab's Data Deletion Request Framework 1.0: a signed request for deletion.

What a partner takes, and where, stands in `dsrdelete.json` at the root of its domain. The site
signs whom it is about (idJWT) and, around that, the request (rqJWT); the partner signs that it has
received it (acJWT), and says no more after that. New data come in again: the tag must be shut.

The framework leaves open how the tokens are wrapped. A request is sent as `{"rqJWT": …}`, and an
answer is read as `{"acJWT": …}` or as the bare token. A partner's script is never run.

Source: https://github.com/InteractiveAdvertisingBureau/Data-Subject-Rights (Data Deletion Request
Framework, version 1.0, May 2024)
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid5

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tracking.delivery.transports import base
from tracking.delivery.types import (
    AttemptOutcome,
    ConfirmsBy,
    Effect,
    Message,
    Parcel,
    Place,
    Profile,
    Reply,
    Setting,
)
from tracking.lib import canonical_json
from tracking.lib.outbound_http import OutboundClient

VERSION = "1.0"
FILE = "/dsrdelete.json"
REMEMBERED_FOR = timedelta(hours=1)
# How far the partner's clock may be ahead of ours.
CLOCK_LEEWAY = timedelta(minutes=5)
SMALLEST_RSA_BITS = 2048

_ACCEPTED = 0
_RESULTS = {
    1: "malformed",
    2: "signature_refused",
    3: "token_refused",
    4: "identifier_unsupported",
    5: "identifier_format",
    6: "timestamp_refused",
}
_HASHED = {"email_sha256": "email", "phone_sha256": "phone"}
_TOKEN = re.compile(rb"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)

PROFILE = Profile(
    name="IAB Data Deletion Request Framework",
    effect=Effect.ERASE,
    erasure_effect=Effect.ERASE,
    confirms_by=(ConfirmsBy.RESPONSE,),
    source="https://github.com/InteractiveAdvertisingBureau/Data-Subject-Rights (1.0)",
    needs=("cookie_id", "email_sha256", "phone_sha256"),
    settings=(
        Setting(
            code="issuer",
            label={"ja": "サイトのドメイン", "en": "The site's domain"},
            help={
                "ja": "公開鍵を載せたdsrdelete.jsonを置くドメインです(例: shop.example)。",
                "en": "Where your own dsrdelete.json with the public key lies.",
            },
            pattern=r"[a-z0-9-]+(\.[a-z0-9-]+)+",
            example="shop.example",
        ),
        Setting(
            code="key_id",
            label={"ja": "鍵ID", "en": "Key ID"},
            help={
                "ja": "dsrdelete.jsonに載せた公開鍵のkidです。",
                "en": "The `kid` of the public key in your dsrdelete.json.",
            },
            pattern=r"[!-~]+",
            example="2026-1",
        ),
        Setting(
            code="cookie_type",
            label={"ja": "Cookie IDの種別名", "en": "Type of its cookie id"},
            help={
                "ja": "相手のdsrdelete.jsonで、そのCookie IDを表す種別の名前です。",
                "en": "The type under which its dsrdelete.json lists its own cookie id.",
            },
            pattern=r"[!-~]+",
            example="partner_cookie",
            is_required=False,
        ),
        Setting(
            code="endpoint_host",
            label={"ja": "受付先のホスト名", "en": "Host of its endpoint"},
            help={
                "ja": "受付先が相手のドメインの外にある場合だけ指定します。",
                "en": "Only if its endpoint lies outside its own domain.",
            },
            pattern=r"[a-z0-9-]+(\.[a-z0-9-]+)+",
            example="privacy.vendor.example",
            is_required=False,
        ),
    ),
    secret=Setting(
        code="secret",
        label={"ja": "秘密鍵", "en": "Private key"},
        help={
            "ja": "PEM形式の、P-256または2048ビット以上のRSAの鍵です。",
            "en": "PEM: P-256, or RSA with 2048 bits or more.",
        },
        pattern=r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]+-----END [A-Z ]*PRIVATE KEY-----\s*",
    ),
    sample={"cookie_id": "consent-manager-test", "email_sha256": "0" * 64},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """What a partner's dsrdelete.json says; `identifiers` are pairs of type and format."""

    endpoint: str
    identifiers: tuple[tuple[str, str], ...]
    keys: tuple[jwt.PyJWK, ...]
    wants_script: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """The site's own key."""

    key: RSAPrivateKey | EllipticCurvePrivateKey
    key_id: str

    def sign(self, claims: Mapping[str, Any]) -> str:
        return jwt.encode(
            {"version": VERSION, **claims},
            self.key,
            algorithm="RS256" if isinstance(self.key, RSAPrivateKey) else "ES256",
            headers={"kid": self.key_id},
        )


_participants: dict[str, tuple[float, Participant]] = {}


async def send(*, parcel: Parcel, client: OutboundClient) -> list[Reply]:
    """Look up what the partner takes, and send the request for the best identifier held."""
    [message] = parcel.messages
    place = parcel.place
    signer = _signer(place)
    if signer is None:
        return [base.SECRET_UNREADABLE]
    participant = await _look_up(client, place)
    if isinstance(participant, Reply):
        return [participant]
    if participant.wants_script:
        return [_cannot_be_told("script_required")]
    if not _is_its_own(participant.endpoint, place):
        return [_cannot_be_told("endpoint_elsewhere")]
    taken = _taken_kinds(participant, place)
    if not taken:
        return [_cannot_be_told("identifier_unsupported")]
    kind = next((kind for kind in PROFILE.needs if kind in taken and _held(message, kind)), None)
    if kind is None:
        return [base.NOT_HELD]
    token = _request(message, kind=kind, named=taken[kind], signer=signer, parcel=parcel)
    exchange = await base.call(
        client,
        url=participant.endpoint,
        headers={"Content-Type": "application/json", "Accept": "application/json, application/jwt"},
        body=canonical_json.dumps({"rqJWT": token}),
    )
    return [_outcome(exchange, token=token, participant=participant, place=place)]


WAY = base.Way(profile=PROFILE, send=send)


def _signer(place: Place) -> Signer | None:
    secret = base.usable_secret(place, PROFILE)
    if secret is None:
        return None
    try:
        key = load_pem_private_key(secret.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    is_rsa = isinstance(key, RSAPrivateKey) and key.key_size >= SMALLEST_RSA_BITS
    is_ec = isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1)
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey) or not (is_rsa or is_ec):
        return None
    return Signer(key=key, key_id=place.settings["key_id"])


async def _look_up(client: OutboundClient, place: Place) -> Participant | Reply:
    """Return what the partner publishes, at most an hour old, or what to say instead."""
    url = place.url.rstrip("/") + FILE
    known = _participants.get(url)
    moment = time.monotonic()
    if known is not None and moment < known[0]:
        return known[1]
    exchange = await base.call(
        client, method="GET", url=url, headers={"Accept": "application/json"}
    )
    participant = _read(exchange)
    if not exchange.is_ok or participant is None:
        return exchange.unreadable()
    _participants[url] = (moment + REMEMBERED_FOR.total_seconds(), participant)
    return participant


def _read(exchange: base.Exchange) -> Participant | None:
    endpoint, wants_script = exchange.under("endpoint"), exchange.under("vendorScriptRequirement")
    identifiers, keys = exchange.under("identifiers"), exchange.under("publicKey")
    if not isinstance(endpoint, str) or not isinstance(wants_script, bool):
        return None
    if not isinstance(identifiers, list) or not isinstance(keys, list):
        return None
    return Participant(
        endpoint=endpoint,
        identifiers=tuple(
            (str(one["type"]), str(one["format"]))
            for one in identifiers
            if isinstance(one, dict) and {"type", "format"} <= set(one)
        ),
        keys=tuple(key for key in map(_public_key, keys) if key is not None),
        wants_script=wants_script,
    )


def _public_key(content: Any) -> jwt.PyJWK | None:
    """Return a key that only its owner can sign with; a shared one (`oct`) proves nothing."""
    if not isinstance(content, dict) or content.get("kty") not in ("RSA", "EC"):
        return None
    try:
        return jwt.PyJWK(content)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None


def _is_its_own(endpoint: str, place: Place) -> bool:
    """Tell whether an endpoint lies in the partner's domain, or where the operator said."""
    home = urlsplit(place.url).hostname or ""
    try:
        host = urlsplit(endpoint).hostname or ""
    except ValueError:
        return False
    return host in (home, place.settings.get("endpoint_host")) or host.endswith(f".{home}")


def _taken_kinds(participant: Participant, place: Place) -> dict[str, tuple[str, str]]:
    """Return the kinds of ours that the partner takes, with its own names for type and format."""
    taken: dict[str, tuple[str, str]] = {}
    for named in participant.identifiers:
        type_, format_ = named
        if type_ == place.settings.get("cookie_type"):
            taken.setdefault("cookie_id", named)
        for kind, word in _HASHED.items():
            if type_.lower() == word and re.sub(r"[-_]", "", format_.lower()) == "sha256":
                taken.setdefault(kind, named)
    return taken


def _held(message: Message, kind: str) -> bool:
    return bool(message.identifiers.get(kind))


def _request(
    message: Message, *, kind: str, named: tuple[str, str], signer: Signer, parcel: Parcel
) -> str:
    """
    Return the rqJWT around the idJWT.

    Their ids are the same on every retry, and so is the time of the visitor's decision; the time of
    the request is new, because a partner may refuse an old one (result 6).
    """
    issuer = parcel.place.settings["issuer"]
    decided_at = datetime.fromisoformat(str(message.payload["timestamp"]))
    subject = {
        "identifierValue": message.identifiers[kind],
        "identifierType": named[0],
        "identifierFormat": named[1],
    }
    # `sub` is an object, as the framework wants it and RFC 7519 does not: whoever reads these with
    # PyJWT needs `verify_sub: False`.
    identity = signer.sign(
        {
            "jti": str(message.key),
            "iss": issuer,
            "sub": subject,
            "iat": int(decided_at.timestamp()),
        }
    )
    return signer.sign(
        {
            "idJWT": identity,
            "jti": str(uuid5(message.key, "rqJWT")),
            "iss": issuer,
            "sub": subject,
            "iat": int(parcel.attempted_at.timestamp()),
        }
    )


def _outcome(
    exchange: base.Exchange, *, token: str, participant: Participant, place: Place
) -> Reply:
    """Read the partner's acknowledgement; one that it has not signed counts for nothing."""
    if not exchange.is_ok and exchange.status != 400:
        return exchange.reply()
    acknowledgement = exchange.under("acJWT")
    if not isinstance(acknowledgement, str):
        if not _TOKEN.fullmatch(exchange.body.strip()):
            return exchange.unreadable()
        acknowledgement = exchange.body.decode().strip()
    claims = _verified(acknowledgement, participant)
    home = urlsplit(place.url).hostname or ""
    issuer = claims.get("iss")
    is_the_partners = isinstance(issuer, str) and f".{home}".endswith(f".{issuer}")
    if not is_the_partners or claims.get("rqJWT") != token:
        # Its key may have changed since its file was read.
        _participants.pop(place.url.rstrip("/") + FILE, None)
        return exchange.reply(outcome=AttemptOutcome.REJECTED, error="signature")
    result = claims.get("raResultCode")
    if not isinstance(result, int) or isinstance(result, bool):
        return exchange.unreadable()
    if result != _ACCEPTED:
        error = _RESULTS.get(result, "result_unknown")
        return exchange.reply(outcome=AttemptOutcome.REJECTED, error=error)
    return exchange.reply(outcome=AttemptOutcome.ACCEPTED if exchange.is_ok else None)


def _verified(token: str, participant: Participant) -> dict[str, Any]:
    """Return the claims if one of the partner's keys has signed them, else none."""
    for key in participant.keys:
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                leeway=CLOCK_LEEWAY,
                options={"require": ["jti", "iss", "iat"], "verify_sub": False},
            )
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
    return {}


def _cannot_be_told(error: str) -> Reply:
    """
    Return what to say where a partner's file leaves no way for any message.

    It is no NOT_HELD, which is about one device: the operator has to know.
    """
    return Reply(status=None, duration_ms=0, outcome=AttemptOutcome.REJECTED, error=error)
