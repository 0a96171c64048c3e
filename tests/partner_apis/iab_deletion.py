"""
A recipient of IAB deletion requests: its dsrdelete.json and its endpoint.

Source: https://github.com/InteractiveAdvertisingBureau/Data-Subject-Rights (1.0; 2026-11). The
framework leaves the wrapping of tokens open: this one takes and gives JSON, or the bare token.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.partner_apis.base import Answer, Partner, Request

SITE, SITE_KEY_ID, OWN_KEY_ID = "shop.example", "2026-1", "partner-1"
ENDPOINT = "/api/delete"
OK, MALFORMED, SIGNATURE, TOKEN, TYPE, FORMAT, TIMESTAMP = range(7)

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def algorithm(key: Key | bytes) -> str:
    """Return how to sign with a key; a shared secret and none at all are what forgers have."""
    if isinstance(key, bytes):
        return "HS256" if key else "none"
    return "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"


def jwk(key: Key, key_id: str) -> dict[str, Any]:
    """Return the public half as dsrdelete.json holds it."""
    if isinstance(key, rsa.RSAPrivateKey):
        content = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        content = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**content, "kid": key_id}


def pem(key: Key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class Refused(Exception):
    def __init__(self, result: int) -> None:
        self.result = result


@dataclass(kw_only=True)
class Recipient(Partner):
    """
    `site_key` is the key in the site's own dsrdelete.json. `taken` are the claims of the requests
    that were accepted; `file` is laid over its own dsrdelete.json, `claims` over each acJWT, and
    `status` over what it answers with.
    """

    key: Key
    site_key: Key
    is_bare: bool = False
    taken: list[dict[str, Any]] = field(default_factory=list)
    file: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    signs_with: Key | bytes | None = None
    status: int | None = None
    now: datetime = field(default_factory=lambda: datetime.now(tz=UTC))

    @property
    def fetches(self) -> int:
        return len([one for one in self.api.requests if one.path == "/dsrdelete.json"])

    def handle(self, request: Request) -> Answer:
        match request.method, request.path:
            case "GET", "/dsrdelete.json":
                return Answer(status=200, content=self.published())
            case "POST", "/api/delete":
                return self.take(request)
        return Answer(status=404)

    def published(self) -> dict[str, Any]:
        return {
            "endpoint": self.url + ENDPOINT,
            "identifiers": [
                {"id": 1, "type": "email", "format": "sha256"},
                {"id": 2, "type": "partner_cookie", "format": "raw"},
            ],
            "publicKey": [jwk(self.key, OWN_KEY_ID)],
            "vendorScriptRequirement": False,
            **self.file,
        }

    def take(self, request: Request) -> Answer:
        try:
            body = request.json()
            token = body["rqJWT"]
            is_json = request.headers.get("content-type") == "application/json"
            if not isinstance(token, str) or set(body) != {"rqJWT"} or not is_json:
                raise ValueError
        except (ValueError, TypeError, KeyError):
            # Without a request there is none to put into an acknowledgement.
            return Answer(status=400, content={"error": "malformed"})
        try:
            self.check(token)
        except Refused as refusal:
            return self.acknowledge(token, refusal.result)
        return self.acknowledge(token, OK)

    def check(self, token: str) -> None:
        """:raises Refused: with the result that the framework has for it"""
        request = self.verified(token)
        if not isinstance(request.get("idJWT"), str):
            raise Refused(MALFORMED)
        identity = self.verified(request["idJWT"])
        for claims in (request, identity):
            subject = claims.get("sub")
            if claims.get("version") != "1.0" or claims.get("iss") != SITE:
                raise Refused(MALFORMED)
            names = {"identifierValue", "identifierType", "identifierFormat"}
            if not isinstance(subject, dict) or set(subject) != names or not claims.get("jti"):
                raise Refused(MALFORMED)
            offered = {one["type"]: one["format"] for one in self.published()["identifiers"]}
            if subject["identifierType"] not in offered:
                raise Refused(TYPE)
            if subject["identifierFormat"] != offered[subject["identifierType"]]:
                raise Refused(FORMAT)
        if abs(self.now.timestamp() - request["iat"]) > 300:
            raise Refused(TIMESTAMP)
        self.taken.append({**request, "idJWT": identity})

    def verified(self, token: str) -> dict[str, Any]:
        try:
            if jwt.get_unverified_header(token).get("kid") != SITE_KEY_ID:
                raise Refused(SIGNATURE)
            # Their `sub` is an object, which RFC 7519 does not know.
            options = {"verify_sub": False, "verify_iat": False, "require": ["iat", "jti", "iss"]}
            return jwt.decode(
                token,
                self.site_key.public_key(),
                algorithms=[algorithm(self.site_key)],
                options=options,  # type: ignore[arg-type]
            )
        except jwt.InvalidSignatureError as error:
            raise Refused(SIGNATURE) from error
        except jwt.PyJWTError as error:
            raise Refused(TOKEN) from error

    def acknowledge(self, token: str, result: int) -> Answer:
        key = self.key if self.signs_with is None else self.signs_with
        acknowledgement = jwt.encode(
            {
                "version": "1.0",
                "rqJWT": token,
                "jti": "6G7H8J",
                "iss": urlsplit(self.url).hostname,
                "iat": int(datetime.now(tz=UTC).timestamp()),
                "raResultCode": result,
                **self.claims,
            },
            key or None,
            algorithm=algorithm(key),
            headers={"kid": OWN_KEY_ID},
        )
        status = self.status or (400 if result else 202)
        if self.is_bare:
            headers = {"Content-Type": "application/jwt"}
            return Answer(status=status, content=acknowledgement.encode(), headers=headers)
        return Answer(status=status, content={"acJWT": acknowledgement})
