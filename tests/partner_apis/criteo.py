"""
Criteo's contact lists and its token endpoint.

Built from Criteo's interface description (`ContactlistAmendment`; identical in 2026-01 and 2027-01)
and https://developers.criteo.com/marketing-solutions/docs/contact-list
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from tests.partner_apis.base import Answer, Partner, Request

PATH = re.compile(r"/2026-07/marketing-solutions/audience-segments/(\d+)/contact-list")
MOST = 50_000
SHAPES = {
    "email": re.compile(r"[0-9a-f]{64}|[^@\s]+@[^@\s]+\.[^@\s]+"),
    "madid": re.compile(r"[0-9a-fA-F-]{36}"),
    "identityLink": re.compile(r"\S+"),
    "gum": re.compile(r"[A-Za-z0-9_-]{4,}"),
}
ATTRIBUTES = {"operation", "identifierType", "identifiers", "gumCallerId"}


def problem(status: int, kind: str, code: str) -> Answer:
    """Return an error as Criteo words it."""
    return Answer(
        status=status,
        content={
            "errors": [{"traceId": "made-up", "type": kind, "code": code, "title": "made up"}],
            "warnings": [],
        },
    )


@dataclass(kw_only=True)
class Criteo(Partner):
    """`removed` are the accepted requests: list, type, identifiers; `asked` counts tokens."""

    client_id: str = field(default_factory=lambda: uuid4().hex)
    client_secret: str = "s3cret:with=signs&more"
    segments: set[str] = field(default_factory=lambda: {"111", "222"})
    tokens: set[str] = field(default_factory=set)
    asked: int = 0
    samples: int = 5
    removed: list[tuple[str, str, list[str]]] = field(default_factory=list)

    @property
    def secret(self) -> str:
        return f"{self.client_id}:{self.client_secret}"

    def handle(self, request: Request) -> Answer:
        if request.path == "/oauth2/token":
            return self._give(request)
        found = PATH.fullmatch(request.path)
        if found is None or request.method != "PATCH" or request.query:
            return problem(404, "validation", "not-found")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.tokens:
            return problem(401, "authentication", "authorization-token-invalid")
        if request.headers.get("content-type") != "application/json":
            return problem(415, "validation", "unsupported-media-type")
        try:
            attributes = _checked(request.json())
        except (ValueError, AssertionError, KeyError, TypeError):
            return problem(400, "validation", "invalid-request")
        if found[1] not in self.segments:
            return problem(403, "access-control", "segment-not-found")
        kind, identifiers = attributes["identifierType"], attributes["identifiers"]
        invalid = [text for text in identifiers if not SHAPES[kind].fullmatch(text)]
        self.removed.append((found[1], kind, identifiers))
        return Answer(
            status=200,
            content={
                "data": {
                    "type": "ContactlistAmendment",
                    "attributes": {
                        "contactListId": int(found[1]),
                        "operation": "remove",
                        "requestDate": "2026-11-26T10:00:50.0000000+00:00",
                        "identifierType": kind,
                        "nbValidIdentifiers": len(identifiers) - len(invalid),
                        "nbInvalidIdentifiers": len(invalid),
                        "sampleInvalidIdentifiers": invalid[: self.samples],
                    },
                },
                "errors": [],
                "warnings": [],
            },
        )

    def _give(self, request: Request) -> Answer:
        self.asked += 1
        kind = request.headers.get("content-type")
        if request.method != "POST" or kind != "application/x-www-form-urlencoded":
            return Answer(status=400, content={"error": "invalid_request"})
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if form.get("grant_type") != "client_credentials":
            return Answer(status=400, content={"error": "unsupported_grant_type"})
        if (form.get("client_id"), form.get("client_secret")) != (
            self.client_id,
            self.client_secret,
        ):
            return Answer(status=400, content={"error": "invalid_client"})
        token = uuid4().hex
        self.tokens.add(token)
        return Answer(
            status=200, content={"access_token": token, "token_type": "Bearer", "expires_in": 900}
        )


def _checked(body: Any) -> dict[str, Any]:
    assert set(body) == {"data"}
    data = body["data"]
    assert set(data) == {"type", "attributes"}
    assert data["type"] == "ContactlistAmendment"
    attributes: dict[str, Any] = data["attributes"]
    assert set(attributes) <= ATTRIBUTES
    assert attributes["operation"] == "remove"
    assert attributes["identifierType"] in SHAPES
    assert 0 < len(attributes["identifiers"]) <= MOST
    assert all(isinstance(text, str) for text in attributes["identifiers"])
    if attributes["identifierType"] == "gum":
        assert isinstance(attributes["gumCallerId"], int)
    else:
        assert "gumCallerId" not in attributes
    return attributes
