"""The people of our tests: the refuser, the accepter, the changer, the signaller."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.test import Client
from django.utils import timezone

from tests.factories.registry import ORIGIN, SITE
from tracking.lib import impression
from tracking.notices.types import Notice

KINDS = {"purpose": "purposes", "item": "data_items", "partner": "partners"}


def maps(granted: frozenset[str], refused: frozenset[str]) -> dict[str, dict[str, bool]]:
    found: dict[str, dict[str, bool]] = {name: {} for name in KINDS.values()}
    for choice in granted | refused:
        kind, _, code = choice.partition(":")
        found[KINDS[kind]][code] = choice in granted
    return found


@dataclass
class Visitor:
    """
    A browser that talks to the API and keeps its cookies. `proves`: each decision brings the proof
    that its notice was shown, as a person's does.
    """

    notice: Notice
    client: Client = field(default_factory=Client)
    seq: int = 1_700_000_000_000
    sends_gpc: bool = False
    proves: bool = True

    def body(self, method: str, **fields: Any) -> dict[str, Any]:
        self.seq += 1
        return {
            "site": SITE,
            "notice": self.notice.number,
            "idempotency_key": secrets.token_urlsafe(16),
            "client_seq": self.seq,
            "method": method,
            "surface": "bar",
            "language": "ja",
            **({"impression": self.proof()} if self.proves else {}),
            **fields,
        }

    def proof(self) -> str:
        return impression.issue(
            site_id=self.notice.site_id,
            issued_at=int(timezone.now().timestamp()),
            keys=settings.CONSENT_KEYS,
        )

    def post(self, path: str, body: Any, **extra: Any) -> Any:
        headers = {"Origin": ORIGIN, **extra.pop("headers", {})}
        if self.sends_gpc:
            headers["Sec-GPC"] = "1"
        return self.client.post(
            path, body, content_type=extra.pop("content_type", "application/json"), headers=headers
        )

    def get(self, path: str) -> Any:
        headers = {"Sec-GPC": "1"} if self.sends_gpc else {}
        return self.client.get(path, headers=headers)

    def allow(self, **fields: Any) -> Any:
        return self.post(
            "/v1/consents", self.body("allow", **maps(self.notice.asked_ids, frozenset()), **fields)
        )

    def refuse(self, **fields: Any) -> Any:
        return self.post("/v1/consents", self.body("refuse", **fields))

    def choose(self, *, granted: set[str], refused: set[str]) -> Any:
        return self.post(
            "/v1/consents", self.body("choose", **maps(frozenset(granted), frozenset(refused)))
        )

    def revoke(self, **what: Any) -> Any:
        body = self.body("withdraw", **what)
        for name in ("notice", "method"):
            del body[name]
        return self.post("/v1/revocations", body)

    def be_shown(self, **fields: Any) -> str:
        """Be shown the notice; return the proof of it."""
        response = self.post(
            "/v1/shown",
            {
                "site": SITE,
                "notice": self.notice.number,
                "language": "ja",
                "surface": "bar",
                "occasion": "first",
                **fields,
            },
        )
        assert response.status_code == 200, response.content
        proof: str = response.json()["impression"]
        return proof

    def gate(self, *tags: str) -> dict[str, Any]:
        response = self.post("/v1/gate", {"site": SITE, "tags": list(tags)})
        assert response.status_code == 200, response.content
        decisions: dict[str, Any] = response.json()["decisions"]
        return decisions
