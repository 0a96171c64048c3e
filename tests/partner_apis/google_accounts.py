"""
Google's token endpoint for service accounts, and the shape of its APIs' errors.

It checks assertions by the public key alone, as
https://developers.google.com/identity/protocols/oauth2/service-account describes them.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.partner_apis.base import Answer, Request

PATH = "/token"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def error(status: int, name: str, *, reason: str = "") -> Answer:
    """Return an error as Google's APIs word it."""
    body: dict[str, Any] = {"code": status, "message": "made up", "status": name}
    if reason:
        body["details"] = [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": reason,
                "domain": "googleapis.com",
            }
        ]
    return Answer(status=status, content={"error": body})


@cache
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def private_pem() -> str:
    return (
        private_key()
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


@dataclass(kw_only=True)
class GoogleAccounts:
    """`tokens` are those given out and good; `asked` counts the requests for one."""

    scope: str
    email: str = field(default_factory=lambda: f"cm-{uuid4().hex[:8]}@project.example")
    key_id: str = "a1b2c3"
    lifetime: Any = 3599
    tokens: set[str] = field(default_factory=set)
    asked: int = 0

    def secret(self, url: str, **changes: Any) -> str:
        """Return the key file of an account whose token endpoint is on `url`."""
        return json.dumps(
            {
                "type": "service_account",
                "private_key_id": self.key_id,
                "private_key": private_pem(),
                "client_email": self.email,
                "token_uri": url + PATH,
                **changes,
            }
        )

    def give(self, request: Request) -> Answer:
        """Answer a request for a token."""
        self.asked += 1
        if request.method != "POST":
            return Answer(status=404)
        kind = request.headers.get("content-type", "").partition(";")[0]
        if kind != "application/x-www-form-urlencoded":
            return _refusal("invalid_request")
        form = parse_qs(request.body.decode())
        if form.get("grant_type") != [JWT_BEARER]:
            return _refusal("unsupported_grant_type")
        if not self._is_ours(form.get("assertion", [""])[0], request):
            return _refusal("invalid_grant")
        token = f"ya29.{uuid4().hex}"
        self.tokens.add(token)
        return Answer(
            status=200,
            content={"access_token": token, "expires_in": self.lifetime, "token_type": "Bearer"},
        )

    def may(self, request: Request) -> bool:
        """Tell whether a request carries a good token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme == "Bearer" and token in self.tokens

    def _is_ours(self, assertion: str, request: Request) -> bool:
        signed, _, signature = assertion.rpartition(".")
        try:
            private_key().public_key().verify(
                _decode(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
            header, claims = (json.loads(_decode(part)) for part in signed.split("."))
        except (InvalidSignature, ValueError, binascii.Error):
            return False
        now = time.time()
        return (
            header == {"alg": "RS256", "typ": "JWT", "kid": self.key_id}
            and claims["iss"] == self.email
            and claims["aud"] == f"http://{request.headers['host']}{PATH}"
            and claims["scope"] == self.scope
            and claims["iat"] <= now + 5
            and now < claims["exp"] <= claims["iat"] + 3600
        )


def _refusal(error: str) -> Answer:
    return Answer(status=400, content={"error": error, "error_description": "made up"})


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
