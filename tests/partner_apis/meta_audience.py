"""
`DELETE /<audience>/users` of Meta's Marketing API v26.0.

Built from https://developers.facebook.com/docs/marketing-api/reference/custom-audience/users and
the error table of https://developers.facebook.com/docs/graph-api/guides/error-handling
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.partner_apis.base import Answer, Partner, Request

PATH = re.compile(r"/v26\.0/(\d+)/users")
MOST = 10_000
SHA256_HEX = re.compile(r"[0-9a-f]{64}")
MADID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SCHEMAS = {
    "EMAIL_SHA256": SHA256_HEX,
    "PHONE_SHA256": SHA256_HEX,
    "MOBILE_ADVERTISER_ID": MADID,
}


def error(code: int, *, status: int = 400, **more: Any) -> Answer:
    """Return an error as the Graph API words it."""
    body = {
        "message": "made up",
        "type": "OAuthException",
        "code": code,
        "fbtrace_id": "A1",
        **more,
    }
    return Answer(status=status, content={"error": body})


@dataclass(kw_only=True)
class MetaAudience(Partner):
    """`removed` are the accepted requests: audience, schema, data."""

    token: str = field(default_factory=lambda: f"EAA{uuid4().hex}")
    audiences: set[str] = field(default_factory=lambda: {"111", "222"})
    removed: list[tuple[str, str, list[str]]] = field(default_factory=list)

    def handle(self, request: Request) -> Answer:
        found = PATH.fullmatch(request.path)
        if found is None or request.method != "DELETE":
            return error(2500)
        if request.headers.get("content-type") != "application/json":
            return error(100)
        try:
            body = request.json()
        except ValueError:
            return error(100)
        if not isinstance(body, dict) or body.get("access_token") != self.token:
            return error(190)
        if request.query or set(body) != {"access_token", "payload"}:
            return error(100)
        payload = body["payload"]
        if not isinstance(payload, dict) or payload.get("schema") not in SCHEMAS:
            return error(100)
        data = payload.get("data")
        if not isinstance(data, list) or not 0 < len(data) <= MOST:
            return error(100)
        if found[1] not in self.audiences:
            return error(100, error_subcode=33)
        shape = SCHEMAS[payload["schema"]]
        invalid = [text for text in data if not shape.fullmatch(str(text))]
        self.removed.append((found[1], payload["schema"], data))
        return Answer(
            status=200,
            content={
                "audience_id": found[1],
                "session_id": "7",
                "num_received": len(data),
                "num_invalid_entries": len(invalid),
                "invalid_entry_samples": dict.fromkeys(invalid[:5], "invalid"),
            },
        )
