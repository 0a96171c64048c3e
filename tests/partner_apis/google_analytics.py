"""
`submitUserDeletion` of the Google Analytics Admin API v1alpha, with its token endpoint.

Built from the discovery document of `analyticsadmin` v1alpha (revision 20261102).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.partner_apis import google_accounts
from tests.partner_apis.base import Answer, Partner, Request
from tests.partner_apis.google_accounts import GoogleAccounts, error

SCOPE = "https://www.googleapis.com/auth/analytics.edit"
PATH = re.compile(r"/v1alpha/properties/([^/]+):submitUserDeletion")
FIELDS = {"userId", "clientId", "appInstanceId", "userProvidedData"}


@dataclass(kw_only=True)
class GoogleAnalytics(Partner):
    """`deleted` are the ids as they came: property, field, id."""

    accounts: GoogleAccounts = field(default_factory=lambda: GoogleAccounts(scope=SCOPE))
    property_id: str = "123456789"
    most_a_day: int = 500
    deleted: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def secret(self) -> str:
        return self.accounts.secret(self.url)

    def handle(self, request: Request) -> Answer:
        if request.path == google_accounts.PATH:
            return self.accounts.give(request)
        found = PATH.fullmatch(request.path)
        if found is None or request.method != "POST" or request.query:
            return Answer(status=404, content=b"<html>404</html>")
        if not self.accounts.may(request):
            return error(401, "UNAUTHENTICATED")
        if request.headers.get("content-type") != "application/json":
            return error(400, "INVALID_ARGUMENT")
        try:
            body = request.json()
        except ValueError:
            return error(400, "INVALID_ARGUMENT")
        if not isinstance(body, dict) or len(body) != 1 or not set(body) <= FIELDS:
            return error(400, "INVALID_ARGUMENT")
        [(name, value)] = body.items()
        if not isinstance(value, str) or not value:
            return error(400, "INVALID_ARGUMENT")
        if found[1] != self.property_id:
            return error(403, "PERMISSION_DENIED")
        if len(self.deleted) >= self.most_a_day:
            return error(429, "RESOURCE_EXHAUSTED", reason="RATE_LIMIT_EXCEEDED")
        self.deleted.append((found[1], name, value))
        return Answer(status=200, content={"deletionRequestTime": datetime.now(tz=UTC).isoformat()})
