"""What the shop's server tells a partner itself: asks the gate first, as any site's server does."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from consentmgr.demo.catalogue import read_catalogue
from consentmgr.demo.places import SITE, Places

TAG = "meta_capi"
_PARTNER = "meta"
_TIMEOUT_S = 2.0


class Result(StrEnum):
    """UNKNOWN: the gate gave no answer, so nothing was sent. LOST: the partner was away."""

    SENT = "sent"
    DENIED = "denied"
    UNKNOWN = "unknown"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """What the visitor's own request carried and the gate needs, passed on as it came."""

    cookies: str
    gpc: str
    user_agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """`payload` is what went out; `dropped` the names of the fields that the gate took out."""

    result: Result
    reason: str = ""
    payload: Mapping[str, Any] | None = None
    dropped: tuple[str, ...] = ()


def send_purchase(
    *,
    places: Places,
    order_number: str,
    content: str,
    value: int,
    member: Mapping[str, str],
    page_url: str,
    visitor: Visitor,
    now: datetime,
) -> Sent:
    """Send a purchase to the partner if the gate allows it, without what the visitor withholds."""
    event = {
        "event_name": "Purchase",
        "event_id": order_number,
        "event_time": int(now.timestamp()),
        "event_source_url": page_url,
        "content_id": content,
        "value": value,
        "currency": "JPY",
        "client_user_agent": visitor.user_agent,
        "gender": member["attr.gender"],
        "age_band": member["attr.age"],
        "occupation": member["attr.occupation"],
    }
    headers = {"Cookie": visitor.cookies} if visitor.cookies else {}
    if visitor.gpc:
        headers["Sec-GPC"] = visitor.gpc
    status, answer = _post(
        f"127.0.0.1:{places.port}",
        f"/v1/gate/{TAG}/payload",
        {"site": SITE, "payload": event},
        headers,
    )
    if status == 403:
        return Sent(result=Result.DENIED, reason=_reason(answer))
    payload = answer.get("payload")
    if status != 200 or not isinstance(payload, dict):
        return Sent(result=Result.UNKNOWN)
    partner = next(
        one for one in read_catalogue(places=places).receivers if one.partner == _PARTNER
    )
    status, _ = _post(partner.host, "/events", {"tag": TAG, **payload}, {})
    return Sent(
        result=Result.SENT if 200 <= status < 300 else Result.LOST,
        payload=payload,
        dropped=tuple(str(one.get("field", "")) for one in answer.get("dropped", ())),
    )


def _post(
    host: str, path: str, body: Mapping[str, Any], headers: Mapping[str, str]
) -> tuple[int, dict[str, Any]]:
    """Return status and JSON object of the answer; status 0 without one."""
    connection = http.client.HTTPConnection(host, timeout=_TIMEOUT_S)
    try:
        connection.request(
            "POST",
            path,
            body=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **headers},
        )
        response = connection.getresponse()
        content = json.loads(response.read() or b"{}")
        return response.status, content if isinstance(content, dict) else {}
    except (OSError, http.client.HTTPException, ValueError):
        return 0, {}
    finally:
        connection.close()


def _reason(answer: Mapping[str, Any]) -> str:
    fields = answer.get("fields")
    return str(fields.get("reason", "")) if isinstance(fields, dict) else ""
