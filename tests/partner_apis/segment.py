"""
Twilio Segment's Public API, as far as regulations go.

Source: https://docs.segmentapis.com/tag/Deletion-and-Suppression (2026-11)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.partner_apis.base import Answer, Partner, Request

TOKEN = "sgp_token"
SOURCE = "rh5BDZp6QDHvXFCkibm1pR"
CONTENT_TYPE = "application/vnd.segment.v1+json"
REGULATIONS = {"SUPPRESS_ONLY", "UNSUPPRESS", "SUPPRESS_WITH_DELETE", "DELETE_ONLY",
               "DELETE_INTERNAL", "SUPPRESS_WITH_DELETE_INTERNAL"}  # fmt: skip


@dataclass(kw_only=True)
class Segment(Partner):
    """`regulations` hold what was asked for, by number; `statuses` what to say of each."""

    regulations: dict[str, dict[str, Any]] = field(default_factory=dict)
    statuses: dict[str, dict[str, Any]] = field(default_factory=dict)

    def handle(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return refusal(401, "unauthorized")
        match [request.method, *request.path.strip("/").split("/")]:
            case ["POST", "regulations"] | [
                "POST",
                "regulations",
                "sources",
                "rh5BDZp6QDHvXFCkibm1pR",
            ]:
                return self.create(request)
            case ["GET", "regulations", number]:
                return self.show(number)
        return refusal(404, "not-found")

    def create(self, request: Request) -> Answer:
        if request.headers.get("content-type") not in {CONTENT_TYPE, "application/json"}:
            return refusal(415, "unsupported-media-type")
        try:
            body = request.json()
            regulation, ids = body["regulationType"], body["subjectIds"]
            is_valid = set(body) == {"regulationType", "subjectType", "subjectIds"}
            is_valid &= regulation in REGULATIONS and body["subjectType"] in {
                "USER_ID",
                "OBJECT_ID",
            }
            is_valid &= 1 <= len(ids) <= 5000 and all(isinstance(one, str) and one for one in ids)
        except (ValueError, TypeError, KeyError):
            is_valid = False
        if not is_valid:
            return refusal(422, "validation")
        number = f"{regulation}_{len(self.regulations) + 1}"
        self.regulations[number] = {**body, "path": request.path}
        return Answer(status=200, content={"data": {"regulateId": number}})

    def show(self, number: str) -> Answer:
        if number not in self.regulations:
            return refusal(404, "not-found")
        return Answer(
            status=200,
            content={
                "data": {
                    "regulation": {
                        "id": number,
                        "workspaceId": "workspace",
                        "overallStatus": "INITIALIZED",
                        "createdAt": "2026-04-01T15:00:02Z",
                        "streamStatus": [],
                        **self.statuses.get(number, {}),
                    }
                }
            },
        )


def refusal(status: int, type: str) -> Answer:
    return Answer(status=status, content={"errors": [{"type": type, "message": type}]})
