"""
`audienceMembers:remove` and `requestStatus:retrieve` of Google's Data Manager API v1.

Built from the discovery document of `datamanager` v1 (revision 20261106) and the limits at
https://developers.google.com/data-manager/api/devguides/limits
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.partner_apis import google_accounts
from tests.partner_apis.base import Answer, Partner, Request
from tests.partner_apis.google_accounts import GoogleAccounts, error

SCOPE = "https://www.googleapis.com/auth/datamanager"
MOST_MEMBERS, MOST_IDENTIFIERS, MOST_DESTINATIONS = 10_000, 10, 10
ACCOUNT_TYPES = {"GOOGLE_ADS", "DISPLAY_VIDEO_PARTNER", "DISPLAY_VIDEO_ADVERTISER"}
REQUEST_FIELDS = {"destinations", "audienceMembers", "validateOnly", "encoding", "encryptionInfo"}
SHA256_HEX = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(kw_only=True)
class GoogleDataManager(Partner):
    """
    `removed` are the accepted requests by their id, `states` what is said of one: a state for each
    destination, PROCESSING until it is set.
    """

    accounts: GoogleAccounts = field(default_factory=lambda: GoogleAccounts(scope=SCOPE))
    account_id: str = "1234567890"
    audiences: set[str] = field(default_factory=lambda: {"111", "222"})
    removed: dict[str, dict[str, Any]] = field(default_factory=dict)
    states: dict[str, list[str]] = field(default_factory=dict)

    @property
    def secret(self) -> str:
        return self.accounts.secret(self.url)

    def handle(self, request: Request) -> Answer:
        if request.path == google_accounts.PATH:
            return self.accounts.give(request)
        call = {
            ("POST", "/v1/audienceMembers:remove"): self._remove,
            ("GET", "/v1/requestStatus:retrieve"): self._retrieve,
        }.get((request.method, request.path))
        if call is None:
            return Answer(status=404, content=b"<html>404</html>")
        if not self.accounts.may(request):
            return error(401, "UNAUTHENTICATED")
        return call(request)

    def _remove(self, request: Request) -> Answer:
        try:
            body = request.json()
            assert request.headers["content-type"] == "application/json"
            assert not request.query
            assert set(body) <= REQUEST_FIELDS
            destinations, members = body["destinations"], body["audienceMembers"]
            assert destinations
            assert members
            assert body["encoding"] == "HEX"
        except (ValueError, AssertionError, KeyError, TypeError):
            return _invalid("REQUIRED_FIELD_MISSING")
        if len(destinations) > MOST_DESTINATIONS:
            return _invalid("TOO_MANY_DESTINATIONS")
        if len(members) > MOST_MEMBERS:
            return _invalid("TOO_MANY_AUDIENCE_MEMBERS")
        for destination in destinations:
            if not _is_account(destination.get("operatingAccount")) or (
                "loginAccount" in destination and not _is_account(destination["loginAccount"])
            ):
                return _invalid("INVALID_DESTINATION")
            if destination["operatingAccount"]["accountId"] != self.account_id:
                return error(403, "PERMISSION_DENIED", reason="PERMISSION_DENIED")
            if destination.get("productDestinationId") not in self.audiences:
                return _invalid("INVALID_USER_LIST_ID")
        for member in members:
            if (reason := _why_not(member)) is not None:
                return _invalid(reason)
        ticket = f"req-{uuid4().hex}/0"
        self.removed[ticket] = body
        return Answer(status=200, content={"requestId": ticket})

    def _retrieve(self, request: Request) -> Answer:
        [ticket] = request.query.get("requestId", [""])
        if ticket not in self.removed or set(request.query) != {"requestId"} or request.body:
            return _invalid("INVALID_REQUEST_ID")
        destinations = self.removed[ticket]["destinations"]
        states = self.states.get(ticket, ["PROCESSING"] * len(destinations))
        return Answer(
            status=200,
            content={
                "requestStatusPerDestination": [
                    {
                        "destination": destination,
                        "requestStatus": state,
                        "audienceMembersRemovalStatus": {"userDataRemovalStatus": {}},
                    }
                    for destination, state in zip(destinations, states, strict=True)
                ]
            },
        )


def _invalid(reason: str) -> Answer:
    return error(400, "INVALID_ARGUMENT", reason=reason)


def _is_account(account: Any) -> bool:
    return (
        isinstance(account, dict)
        and set(account) == {"accountType", "accountId"}
        and account["accountType"] in ACCOUNT_TYPES
        and isinstance(account["accountId"], str)
        and account["accountId"].isdecimal()
    )


def _why_not(member: Any) -> str | None:
    """Say why a record would have the whole request refused."""
    if not isinstance(member, dict) or set(member) != {"userData"}:
        return "INVALID_AUDIENCE_MEMBER"
    identifiers = member["userData"].get("userIdentifiers", [])
    if not identifiers:
        return "INVALID_AUDIENCE_MEMBER"
    if len(identifiers) > MOST_IDENTIFIERS:
        return "TOO_MANY_USER_IDENTIFIERS"
    for identifier in identifiers:
        if len(identifier) != 1 or not set(identifier) <= {"emailAddress", "phoneNumber"}:
            return "INVALID_AUDIENCE_MEMBER"
        if not SHA256_HEX.fullmatch(*identifier.values()):
            return "INVALID_SHA256_FORMAT"
    return None
