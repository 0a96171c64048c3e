"""
Braze's REST API: subscription states and the deletion of profiles.

Source: https://www.braze.com/docs/api/endpoints/subscription_groups/
post_update_user_subscription_group_status_v2 and …/endpoints/user_data/post_user_delete (2026-11)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.partner_apis.base import Answer, Partner, Request

KEY = "rest-api-key"
GROUPS = ["aaaaaaaa-1111-4111-8111-111111111111", "bbbbbbbb-2222-4222-8222-222222222222"]
IDENTIFIERS = {"external_ids", "emails", "phones"}


@dataclass(kw_only=True)
class Braze(Partner):
    """`members` are the profiles it has; `unsubscribed` and `deleted` what it was told."""

    members: set[str] = field(default_factory=set)
    unsubscribed: set[tuple[str, str]] = field(default_factory=set)
    deleted: list[str] = field(default_factory=list)

    def handle(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return refusal(401, "Invalid API key")
        tell = {
            ("POST", "/v2/subscription/status/set"): self.set_states,
            ("POST", "/users/delete"): self.delete,
        }.get((request.method, request.path))
        if tell is None:
            return refusal(404, "Not found")
        if request.headers.get("content-type") != "application/json":
            return refusal(400, "Content-Type must be application/json")
        try:
            body = request.json()
        except ValueError:
            body = None
        return tell(body) if isinstance(body, dict) else refusal(400, "Invalid JSON")

    def set_states(self, body: dict[str, Any]) -> Answer:
        groups = body.get("subscription_groups")
        if not isinstance(groups, list) or not groups:
            return refusal(400, "subscription_groups is required")
        for group in groups:
            if not isinstance(group, dict) or group.get("subscription_group_id") not in GROUPS:
                return refusal(400, "subscription_group_id is invalid")
            if group.get("subscription_state") not in {"subscribed", "unsubscribed"}:
                return refusal(400, "subscription_state is invalid")
            if len(IDENTIFIERS & set(group)) != 1 or not is_list(group.get("external_ids")):
                return refusal(400, "Give up to 50 external_ids, emails or phones")
        self.unsubscribed |= {
            (group["subscription_group_id"], one)
            for group in groups
            if group["subscription_state"] == "unsubscribed"
            for one in group["external_ids"]
        }
        return Answer(status=201, content={"message": "success"})

    def delete(self, body: dict[str, Any]) -> Answer:
        if set(body) != {"external_ids"} or not is_list(body["external_ids"]):
            return refusal(400, "Give up to 50 of one kind of identifier")
        known = [one for one in body["external_ids"] if one in self.members]
        self.deleted += known
        return Answer(status=201, content={"deleted": len(known), "message": "success"})


def is_list(ids: Any) -> bool:
    return (
        isinstance(ids, list)
        and 1 <= len(ids) <= 50
        and all(isinstance(one, str) and one for one in ids)
    )


def refusal(status: int, message: str) -> Answer:
    return Answer(status=status, content={"message": message})
