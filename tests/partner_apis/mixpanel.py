"""
Mixpanel's GDPR API, version 3.0, as far as deletions go.

Source: https://docs.mixpanel.com/openapi/gdpr.openapi.yaml and
https://docs.mixpanel.com/reference/gdpr-api (2026-11)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.partner_apis.base import Answer, Partner, Request

OAUTH, PROJECT = "oauth-token", "591b3354bb2bdd96f72f23bf56911673"
PATH = "/api/app/data-deletions/v3.0"
FIELDS = {"distinct_ids", "compliance_type", "subject_request_id", "status_callback_urls"}


@dataclass(kw_only=True)
class Mixpanel(Partner):
    """`tasks` are the bodies it took, by number; `status` how far all of them are."""

    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: str = "PENDING"

    def handle(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {OAUTH}":
            return refusal(401)
        if request.query.get("token") != [PROJECT]:
            return refusal(403)
        if not request.path.startswith(PATH):
            return refusal(404)
        number = request.path.removeprefix(PATH).strip("/")
        if request.method == "POST" and not number:
            return self.create(request)
        if request.method == "GET" and number:
            return self.show(number)
        return refusal(405)

    def create(self, request: Request) -> Answer:
        if request.headers.get("content-type") != "application/json":
            return refusal(400)
        try:
            body = request.json()
            ids = body["distinct_ids"]
            is_valid = set(body) <= FIELDS and isinstance(ids, list) and 1 <= len(ids) <= 2000
            is_valid &= all(isinstance(one, str) for one in ids)
            is_valid &= body.get("compliance_type", "GDPR") in {"GDPR", "CCPA"}
        except (ValueError, TypeError, KeyError):
            is_valid = False
        if not is_valid:
            return refusal(400)
        number = f"task-{len(self.tasks) + 1}"
        self.tasks[number] = body
        return Answer(status=201, content={"status": "ok", "results": {"task_id": number}})

    def show(self, number: str) -> Answer:
        is_known = number in self.tasks
        return Answer(
            status=200,
            content={
                "status": "ok",
                "results": {
                    "tracking_id": number,
                    "distinct_ids": self.tasks[number]["distinct_ids"] if is_known else [],
                    "status": self.status if is_known else "NOT_FOUND",
                    "requesting_user": "privacy@shop.example",
                    "compliance_type": "GDPR",
                    "project_id": 1,
                    "date_requested": "2026-04-01T15:00:02",
                },
            },
        )


def refusal(status: int) -> Answer:
    return Answer(status=status, content={"error": "no", "status": "error"})
