"""
Braze: no more messages after a withdrawal, the profile deleted on an erasure.

A withdrawal sets the members to `unsubscribed` in the named subscription groups; what Braze knows
of them stays. An erasure deletes the profiles.

Source: https://www.braze.com/docs/api/endpoints/subscription_groups/
post_update_user_subscription_group_status_v2, …/endpoints/user_data/post_user_delete and
https://www.braze.com/docs/api/errors
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracking.delivery.transports import base
from tracking.delivery.types import (
    AttemptOutcome,
    ConfirmsBy,
    Effect,
    Message,
    Parcel,
    Profile,
    Reply,
    Setting,
)
from tracking.lib import canonical_json
from tracking.lib.outbound_http import OutboundClient

PROFILE = Profile(
    name="Braze",
    effect=Effect.STOP,
    erasure_effect=Effect.ERASE,
    confirms_by=(ConfirmsBy.RESPONSE,),
    source="https://www.braze.com/docs/api/home (2026-11)",
    needs=("braze_external_id", "user_id"),
    settings=(
        Setting(
            code="subscription_groups",
            label={"ja": "購読グループのID", "en": "Subscription group IDs"},
            help={
                "ja": "同意の撤回で購読を解除するグループです。複数ある場合はコンマで区切ります。",
                "en": "The groups that a withdrawal unsubscribes from, separated by commas.",
            },
            pattern=r"[\w-]+( *, *[\w-]+)*",
            example="5a7e2b9c-1d3f-4e6a-8b0c-2d4f6a8c0e1b",
        ),
    ),
    secret=Setting(
        code="secret",
        label={"ja": "REST APIキー", "en": "REST API key"},
        help={
            "ja": "subscription.status.setとusers.deleteの権限が必要です。",
            "en": "It needs the permissions subscription.status.set and users.delete.",
        },
        pattern=r"[!-~]+",
    ),
    most_at_once=50,
    sample={"braze_external_id": "consent-manager-test"},
)


async def send(*, parcel: Parcel, client: OutboundClient) -> list[Reply]:
    """Unsubscribe those who withdrew in one request, delete the erased in another."""
    secret = base.usable_secret(parcel.place, PROFILE)
    if secret is None:
        return base.to_all(parcel, base.SECRET_UNREADABLE)
    groups = [name.strip() for name in parcel.place.settings["subscription_groups"].split(",")]

    async def post(path: str, content: dict[str, Any]) -> base.Exchange:
        return await base.call(
            client,
            url=parcel.place.url.rstrip("/") + path,
            headers={"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
            body=canonical_json.dumps(content),
        )

    async def tell(message_type: str, messages: Sequence[Message]) -> Reply:
        # Two devices of one member are one profile.
        ids = list(dict.fromkeys(_external_id(message) for message in messages))
        if message_type == "device.erased":
            return _deleted(await post("/users/delete", {"external_ids": ids}))
        return _unsubscribed(
            await post(
                "/v2/subscription/status/set",
                {
                    "subscription_groups": [
                        {
                            "subscription_group_id": group,
                            "subscription_state": "unsubscribed",
                            "external_ids": ids,
                        }
                        for group in groups
                    ]
                },
            )
        )

    return await base.each_group(parcel.messages, by=lambda message: message.type, ask=tell)


WAY = base.Way(profile=PROFILE, send=send)


def _external_id(message: Message) -> str:
    held = message.identifiers
    return held.get("braze_external_id") or held["user_id"]


def _unsubscribed(exchange: base.Exchange) -> Reply:
    """
    Read the answer; a 2xx says no only in its text.

    `errors` beside a success are about some of the members, and not which: it is sent again.
    """
    if not exchange.is_ok or not isinstance(exchange.under("message"), str):
        return exchange.unreadable()
    if exchange.under("message") != "success":
        return exchange.reply(outcome=AttemptOutcome.REJECTED, error="not_success")
    if exchange.under("errors"):
        return exchange.reply(outcome=AttemptOutcome.REJECTED, error="partial")
    return exchange.reply(outcome=AttemptOutcome.ACCEPTED)


def _deleted(exchange: base.Exchange) -> Reply:
    """Read how many profiles were queued; none means that Braze knows none of these members."""
    count = exchange.under("deleted")
    if not exchange.is_ok or not isinstance(count, int) or isinstance(count, bool):
        return exchange.unreadable()
    if exchange.under("errors"):
        return exchange.reply(outcome=AttemptOutcome.REJECTED, error="partial")
    return exchange.reply(
        outcome=AttemptOutcome.ACCEPTED if count else AttemptOutcome.NOT_HELD,
    )
