"""
OpenDSR 2.0 and two of its dialects, mParticle's version 3 and AppsFlyer's: a request for erasure.

A withdrawal and an erasure are the same there; the request is asked about until it is completed.
Its id is the message's key, so that a repetition is known as one. New data come in again: the tag
must be shut. The partner's signature under its answers is checked where its certificate is given.

Source: https://github.com/opengdpr/OpenDSR/blob/master/specification.md (2.0);
https://docs.mparticle.com/developers/apis/dsr-api/v3/;
https://dev.appsflyer.com/hc/reference/create-opendsr-request
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

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

CHECK_AFTER = timedelta(hours=12)
CERTIFICATE_UNREADABLE = Reply(status=None, duration_ms=0, error="certificate_unreadable")

MPARTICLE_DOMAIN = "opendsr.mparticle.com"
# AppsFlyer's own codes beside a 400.
APPSFLYER_UNKNOWN, APPSFLYER_OPEN = "e214", "e215"

_OUTCOMES = {
    "pending": AttemptOutcome.PENDING,
    "in_progress": AttemptOutcome.PENDING,
    "in-progress": AttemptOutcome.PENDING,
    "completed": AttemptOutcome.DONE,
    # OpenDSR has no word for a failure; this one promises nothing.
    "cancelled": AttemptOutcome.FAILED,
    "canceled": AttemptOutcome.FAILED,
}

PublicKey = RSAPublicKey | EllipticCurvePublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """`identities` are the types that our kinds of identifiers have there, best first."""

    path: str
    api_version: str
    identities: Mapping[str, str]


_DIALECTS = {
    "opendsr2": Dialect(
        path="/requests",
        api_version="2.0",
        identities={"user_id": "controller_customer_id", "email_sha256": "email"},
    ),
    "mparticle3": Dialect(
        path="/v3/requests",
        api_version="3.0",
        identities={"user_id": "controller_customer_id", "cookie_id": "mpid"},
    ),
    "appsflyer": Dialect(
        path="/api/gdpr/v1/opendsr_requests",
        api_version="0.1",
        identities={"cookie_id": "appsflyer_id", "user_id": "customer_user_id"},
    ),
}

PROFILE = Profile(
    name="OpenDSR (mParticle, AppsFlyer)",
    effect=Effect.ERASE,
    erasure_effect=Effect.ERASE,
    confirms_by=(ConfirmsBy.POLL,),
    source="https://github.com/opengdpr/OpenDSR/blob/master/specification.md (2.0)",
    needs=("user_id", "cookie_id", "email_sha256"),
    settings=(
        Setting(
            code="dialect",
            label={"ja": "方式", "en": "Dialect"},
            help={
                "ja": "opendsr2、mparticle3、appsflyerのいずれかです。",
                "en": "opendsr2, mparticle3 or appsflyer.",
            },
            pattern=r"opendsr2|mparticle3|appsflyer",
            example="opendsr2",
        ),
        Setting(
            code="auth",
            label={"ja": "認証方式", "en": "Authentication"},
            help={
                "ja": "basicまたはbearer。mParticleはbasic、AppsFlyerはbearerです。",
                "en": "basic or bearer; mParticle takes basic, AppsFlyer bearer.",
            },
            pattern=r"basic|bearer",
            example="bearer",
        ),
        Setting(
            code="regulation",
            label={"ja": "根拠となる法令", "en": "Regulation"},
            help={
                "ja": "gdprまたはccpa。空欄ならgdprです。",
                "en": "gdpr or ccpa; empty = gdpr.",
            },
            pattern=r"gdpr|ccpa",
            example="gdpr",
            is_required=False,
        ),
        Setting(
            code="property_id",
            label={"ja": "アプリID(AppsFlyer)", "en": "App ID (AppsFlyer)"},
            help={
                "ja": "AppsFlyerの場合に必要です。",
                "en": "AppsFlyer needs it.",
            },
            pattern=r"[\w.-]+",
            example="website-shop.example",
            is_required=False,
        ),
        Setting(
            code="certificate",
            label={"ja": "相手の証明書", "en": "The partner's certificate"},
            help={
                "ja": "PEM形式です。指定すると、応答の署名を確認します。",
                "en": "PEM; where it is given, the signature under every answer is checked.",
            },
            pattern=r"-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----\s*",
            is_required=False,
        ),
    ),
    secret=Setting(
        code="secret",
        label={"ja": "認証情報", "en": "Credential"},
        help={
            "ja": "basicでは「キー:シークレット」、bearerではトークンを指定します。",
            "en": "`key:secret` for basic, a token for bearer.",
        },
        pattern=r"[!-~]+",
    ),
    pause=timedelta(milliseconds=200),
    sample={"user_id": "consent-manager-test", "cookie_id": "0"},
)


async def send(*, parcel: Parcel, client: OutboundClient) -> list[Reply]:
    """Ask for one erasure; a request that the partner has already is found again by its id."""
    [message] = parcel.messages
    partner = _Partner.at(parcel.place)
    if isinstance(partner, Reply):
        return [partner]
    body = _request(message, parcel=parcel, dialect=partner.dialect)
    if body is None:
        return [base.NOT_HELD]
    exchange = await partner.call(client, body=canonical_json.dumps(body))
    number = str(message.key)
    if exchange.status in (400, 409):
        return [await _known_already(exchange, number, partner=partner, client=client)]
    if not exchange.is_ok:
        return [exchange.reply()]
    if not partner.has_signed(exchange):
        return [exchange.reply(outcome=AttemptOutcome.REJECTED, error="signature")]
    if exchange.under("subject_request_id") != number:
        return [exchange.unreadable()]
    return [_accepted(exchange, number)]


async def check(*, parcel: Parcel, client: OutboundClient) -> list[Reply]:
    """Ask how far the request is."""
    [message] = parcel.messages
    partner = _Partner.at(parcel.place)
    if isinstance(partner, Reply):
        return [partner]
    exchange = await partner.call(client, number=message.ticket)
    if exchange.under("error", "af_gdpr_code") == APPSFLYER_UNKNOWN:
        return [exchange.reply(outcome=AttemptOutcome.FAILED, error="not_found")]
    if exchange.is_ok and not partner.has_signed(exchange):
        return [exchange.reply(outcome=AttemptOutcome.REJECTED, error="signature")]
    outcome = _status_of(exchange, message.ticket)
    if outcome is None:
        return [exchange.unreadable()]
    return [
        exchange.reply(
            outcome=outcome,
            error="cancelled" if outcome is AttemptOutcome.FAILED else "",
            check_after=CHECK_AFTER if outcome is AttemptOutcome.PENDING else None,
        )
    ]


WAY = base.Way(profile=PROFILE, send=send, check=check)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Partner:
    """Where requests go, how they are authorized, and whose signature the answers bear."""

    url: str
    authorization: str
    dialect: Dialect
    key: PublicKey | None

    @classmethod
    def at(cls, place: Place) -> _Partner | Reply:
        """Read a place's settings, or return what to say of one that cannot be used."""
        secret = base.usable_secret(place, PROFILE)
        is_basic = place.settings["auth"] == "basic"
        if secret is None or (is_basic and ":" not in secret):
            return base.SECRET_UNREADABLE
        certificate = place.settings.get("certificate", "")
        key = None
        if certificate:
            try:
                found = x509.load_pem_x509_certificate(certificate.encode()).public_key()
            except ValueError:
                return CERTIFICATE_UNREADABLE
            if not isinstance(found, RSAPublicKey | EllipticCurvePublicKey):
                return CERTIFICATE_UNREADABLE
            key = found
        dialect = _DIALECTS[place.settings["dialect"]]
        return cls(
            url=place.url.rstrip("/") + dialect.path,
            authorization=base.basic(secret) if is_basic else f"Bearer {secret}",
            dialect=dialect,
            key=key,
        )

    async def call(
        self, client: OutboundClient, *, number: str = "", body: bytes = b""
    ) -> base.Exchange:
        """Post a request, or get the one with this number."""
        return await base.call(
            client,
            method="GET" if number else "POST",
            url=f"{self.url}/{number}" if number else self.url,
            headers={
                "Authorization": self.authorization,
                "Content-Type": "application/json",
                "Accept": "application/json",
            },
            body=body,
        )

    def has_signed(self, exchange: base.Exchange) -> bool:
        """Check the signature over the raw body (§7.3, §8.3); true without a certificate."""
        if self.key is None:
            return True
        try:
            given = base64.b64decode(exchange.headers.get("x-opendsr-signature", ""))
            if isinstance(self.key, RSAPublicKey):
                self.key.verify(given, exchange.body, PKCS1v15(), hashes.SHA256())
            else:
                self.key.verify(given, exchange.body, ECDSA(hashes.SHA256()))
        except (InvalidSignature, ValueError):
            return False
        return True


def _request(message: Message, *, parcel: Parcel, dialect: Dialect) -> dict[str, Any] | None:
    """Return the body for the best identifier held, or None if the dialect can use none."""
    kind = next((kind for kind in dialect.identities if message.identifiers.get(kind)), None)
    if kind is None:
        return None
    identity, value = dialect.identities[kind], message.identifiers[kind]
    settings = parcel.place.settings
    request: dict[str, Any] = {
        "subject_request_id": str(message.key),
        "subject_request_type": "erasure",
        "submitted_time": _decided_at(message),
        "api_version": dialect.api_version,
    }
    if dialect is _DIALECTS["appsflyer"]:
        request["property_id"] = settings.get("property_id", "")
    else:
        request["regulation"] = settings.get("regulation") or "gdpr"
    if dialect is not _DIALECTS["mparticle3"]:
        return request | {
            "subject_identities": [
                {
                    "identity_type": identity,
                    "identity_value": value,
                    "identity_format": "sha256" if kind == "email_sha256" else "raw",
                }
            ]
        }
    identities = {identity: {"value": value, "encoding": "raw"}}
    if identity == "mpid":
        return request | {"extensions": {MPARTICLE_DOMAIN: {"subject_identities": identities}}}
    return request | {"subject_identities": identities}


def _decided_at(message: Message) -> str:
    """Return when the visitor asked for it, in RFC 3339; the same on every retry."""
    moment = datetime.fromisoformat(str(message.payload["timestamp"]))
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def _known_already(
    refusal: base.Exchange, number: str, *, partner: _Partner, client: OutboundClient
) -> Reply:
    """
    Read a refusal that may mean: I have this one.

    That is so after an answer of the partner's was lost. Two devices of one person have the same
    identity, and the second finds the erasure under way: what it asks for is being done.
    """
    known = await partner.call(client, number=number)
    if partner.has_signed(known) and _status_of(known, number) is not None:
        return _accepted(known, number)
    if refusal.status == 409 or refusal.under("error", "af_gdpr_code") == APPSFLYER_OPEN:
        return refusal.reply(outcome=AttemptOutcome.NOT_NEEDED, error="already_open")
    return refusal.reply()


def _status_of(exchange: base.Exchange, number: str) -> AttemptOutcome | None:
    """Return what the partner says of this request, or None if it says nothing of it."""
    status = exchange.under("request_status")
    if not exchange.is_ok or exchange.under("subject_request_id") != number:
        return None
    return _OUTCOMES.get(status) if isinstance(status, str) else None


def _accepted(exchange: base.Exchange, number: str) -> Reply:
    return exchange.reply(outcome=AttemptOutcome.ACCEPTED, ticket=number, check_after=CHECK_AFTER)
