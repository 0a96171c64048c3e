"""
A processor that speaks OpenDSR 2.0, or one of its dialects: mParticle's version 3, AppsFlyer's.

Source: https://github.com/opengdpr/OpenDSR/blob/master/specification.md,
https://docs.mparticle.com/developers/apis/dsr-api/v3/ and
https://dev.appsflyer.com/hc/reference/create-opendsr-request (2026-11)
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID

from tests.partner_apis.base import Answer, Partner, Request

SECRET = "key:secret"
PROPERTY = "website-shop.example"
PATHS = {
    "opendsr2": "/requests",
    "mparticle3": "/v3/requests",
    "appsflyer": "/api/gdpr/v1/opendsr_requests",
}
FIELDS = {
    "opendsr2": {"regulation", "subject_identities", "extensions", "status_callback_urls"},
    "mparticle3": {"regulation", "subject_identities", "extensions", "status_callback_urls",
                   "group_id"},
    "appsflyer": {"subject_identities", "property_id", "platform", "requester",
                  "status_callback_urls"},
}  # fmt: skip
TYPES = {
    "opendsr2": {"controller_customer_id", "email", "android_advertising_id", "android_id",
                 "fire_advertising_id", "ios_advertising_id", "ios_vendor_id"},
    "mparticle3": {"controller_customer_id", "email", "android_advertising_id",
                   "ios_advertising_id"},
    "appsflyer": {"appsflyer_id", "customer_user_id", "android_advertising_id",
                  "ios_advertising_id", "fire_advertising_id", "microsoft_advertising_id", "idfv"},
}  # fmt: skip

SigningKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def certificate(key: SigningKey) -> str:
    """Return a certificate for the key, in PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "opendsr.partner.example")])
    now = datetime.now(tz=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


@dataclass(kw_only=True)
class Processor(Partner):
    """`requests` are what it took, by id; `status` is how far all of them are."""

    dialect: str
    key: SigningKey | None = None
    requests: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: str = "pending"

    def handle(self, request: Request) -> Answer:
        token = f"Basic {base64.b64encode(SECRET.encode()).decode()}"
        if self.dialect == "appsflyer":
            token = f"Bearer {SECRET}"
        if request.headers.get("authorization") != token:
            return self.refusal(401)
        path = PATHS[self.dialect]
        if request.method == "POST" and request.path == path:
            return self.create(request)
        if request.method == "GET" and request.path.startswith(f"{path}/"):
            return self.show(request.path.removeprefix(f"{path}/"))
        return self.refusal(404)

    def create(self, request: Request) -> Answer:
        if request.headers.get("content-type") != "application/json":
            return self.refusal(400, "e311")
        try:
            body = request.json()
            self.check(body)
        except (ValueError, TypeError, KeyError, AttributeError):
            return self.refusal(400, "e326")
        number = body["subject_request_id"]
        if number in self.requests:
            return self.refusal(400, "e213")
        if any(identities(body) == identities(other) for other in self.requests.values()):
            return self.refusal(400 if self.dialect == "appsflyer" else 409, "e215")
        self.requests[number] = body
        return self.signed(
            201,
            {
                "controller_id": "controller",
                "expected_completion_time": "2026-05-01T15:00:00Z",
                "received_time": "2026-04-01T15:00:02Z",
                "encoded_request": base64.b64encode(request.body).decode(),
                "subject_request_id": number,
            },
        )

    def check(self, body: dict[str, Any]) -> None:
        """:raises ValueError: (or the like) for a request that the dialect does not know"""
        common = {"subject_request_id", "subject_request_type", "submitted_time", "api_version"}
        if not common <= set(body) <= common | FIELDS[self.dialect]:
            raise ValueError("fields")
        if UUID(body["subject_request_id"]).version != 4:
            raise ValueError("id")
        if body["subject_request_type"] not in {"erasure", "access", "portability"}:
            raise ValueError("type")
        datetime.strptime(body["submitted_time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        versions = {"opendsr2": "2.0", "mparticle3": "3.0", "appsflyer": "0.1"}
        if body["api_version"] != versions[self.dialect]:
            raise ValueError("version")
        if self.dialect == "appsflyer":
            if body["property_id"] != PROPERTY:
                raise ValueError("property")
        elif body["regulation"] not in {"gdpr", "ccpa"}:
            raise ValueError("regulation")
        if self.dialect == "mparticle3":
            self.check_mparticle(body)
            return
        found = body["subject_identities"]
        for one in found:
            formats = {"raw"} if self.dialect == "appsflyer" else {"raw", "sha1", "md5", "sha256"}
            is_known = set(one) == {"identity_type", "identity_value", "identity_format"}
            is_known &= one["identity_type"] in TYPES[self.dialect]
            if not is_known or one["identity_format"] not in formats or not one["identity_value"]:
                raise ValueError("identity")
        if not found:
            raise ValueError("no identity")

    def check_mparticle(self, body: dict[str, Any]) -> None:
        found = body.get("subject_identities", {})
        more = body.get("extensions", {}).get("opendsr.mparticle.com", {})
        extra = more.get("subject_identities", {})
        everything = {**found, **extra}
        if not set(found) <= TYPES["mparticle3"] or not everything:
            raise ValueError("identity")
        if "mpid" in extra and len(everything) > 1:
            raise ValueError("An mpid must be alone.")
        for one in everything.values():
            if set(one) != {"value", "encoding"} or one["encoding"] != "raw":
                raise ValueError("identity")

    def show(self, number: str) -> Answer:
        if number not in self.requests:
            return self.refusal(400 if self.dialect == "appsflyer" else 404, "e214")
        return self.signed(
            200,
            {
                "controller_id": "controller",
                "expected_completion_time": "2026-05-01T15:00:00Z",
                "subject_request_id": number,
                "request_status": self.status,
                "results_url": None,
            },
        )

    def signed(self, status: int, content: dict[str, Any]) -> Answer:
        body = json.dumps(content, indent=2).encode()
        headers = {}
        if self.key is not None:
            if isinstance(self.key, rsa.RSAPrivateKey):
                mark = self.key.sign(body, padding.PKCS1v15(), hashes.SHA256())
            elif isinstance(self.key, ec.EllipticCurvePrivateKey):
                mark = self.key.sign(body, ec.ECDSA(hashes.SHA256()))
            else:
                mark = self.key.sign(body)
            headers = {
                "X-OpenDSR-Processor-Domain": "opendsr.partner.example",
                "X-OpenDSR-Signature": base64.b64encode(mark).decode(),
            }
        return Answer(status=status, content=body, headers=headers)

    def refusal(self, status: int, code: str = "") -> Answer:
        error: dict[str, Any] = {"code": status, "message": "no", "errors": []}
        if self.dialect == "appsflyer":
            return Answer(status=status, content={"error": {**error, "af_gdpr_code": code}})
        if self.dialect == "mparticle3":
            return Answer(status=status, content=error)
        return Answer(status=status, content={"error": error})


def identities(body: dict[str, Any]) -> Any:
    return body.get("subject_identities"), body.get("extensions")
