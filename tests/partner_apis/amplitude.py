"""
Amplitude's User Privacy API, version 1, and its user search.

Source: https://amplitude.com/docs/apis/analytics/user-privacy and
https://amplitude.com/docs/apis/analytics/dashboard-rest#user-search (2026-11)
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from tests.partner_apis.base import Answer, Partner, Request

SECRET = "api-key:secret-key"
DAY = date(2026, 4, 12)
LONGEST_WINDOW = timedelta(days=184)
DELETIONS, SEARCH = "/api/2/deletions/users", "/api/2/usersearch"
FIELDS = {"user_ids", "amplitude_ids", "requester", "ignore_invalid_id", "delete_from_org",
          "include_mapped_user_ids"}  # fmt: skip


@dataclass(kw_only=True)
class Amplitude(Partner):
    """
    `people` are numbers by user id, `devices` numbers by device id. `job` is who is to be deleted
    on DAY, and `status` how far it is.
    """

    people: dict[str, int] = field(default_factory=dict)
    devices: dict[str, list[int]] = field(default_factory=dict)
    job: list[dict[str, Any]] = field(default_factory=list)
    status: str = "staging"

    def handle(self, request: Request) -> Answer:
        basic = base64.b64encode(SECRET.encode()).decode()
        if request.headers.get("authorization") != f"Basic {basic}":
            return refusal(401)
        match request.method, request.path:
            case "POST", "/api/2/deletions/users":
                return self.delete(request)
            case "GET", "/api/2/deletions/users":
                return self.jobs(request)
            case "GET", "/api/2/usersearch":
                return self.search(request)
        return refusal(404)

    def delete(self, request: Request) -> Answer:
        if request.headers.get("content-type") != "application/json":
            return refusal(400)
        try:
            body = request.json()
            users, numbers = body.get("user_ids", []), body.get("amplitude_ids", [])
            is_valid = set(body) <= FIELDS and 1 <= len(users) + len(numbers) <= 100
            is_valid &= all(isinstance(one, str) for one in users)
            is_valid &= all(isinstance(one, int) for one in numbers)
        except (ValueError, TypeError, AttributeError):
            is_valid = False
        if not is_valid:
            return refusal(400)
        known = {self.people[one] for one in users if one in self.people}
        everybody = {*self.people.values(), *(n for found in self.devices.values() for n in found)}
        known |= {one for one in numbers if one in everybody}
        invalid = [one for one in users if one not in self.people]
        invalid += [one for one in numbers if one not in everybody]
        if invalid and body.get("ignore_invalid_id") not in {True, "true", "True"}:
            return refusal(400)
        joined = [
            {
                "amplitude_id": number,
                "requested_on_day": "2026-04-01",
                "requester": body.get("requester", ""),
            }
            for number in sorted(known)
        ]
        self.job += joined
        content: dict[str, Any] = {"invalid_ids": invalid} if invalid else {}
        if joined:
            content |= {"day": DAY.isoformat(), "status": "staging", "amplitude_ids": joined}
        return Answer(status=200, content=content)

    def jobs(self, request: Request) -> Answer:
        try:
            start = date.fromisoformat(request.query["start_day"][0])
            end = date.fromisoformat(request.query["end_day"][0])
        except (KeyError, ValueError):
            return refusal(400)
        if not timedelta(0) <= end - start <= LONGEST_WINDOW:
            return refusal(400)
        # The last day is taken to be left out: whoever asks for one day alone gets nothing.
        if not self.job or not start <= DAY < end:
            return Answer(status=200, content=[])
        job = {"day": DAY.isoformat(), "amplitude_ids": self.job, "status": self.status}
        return Answer(status=200, content=[job])

    def search(self, request: Request) -> Answer:
        [text] = request.query.get("user", [""])
        names = {number: name for name, number in self.people.items()}
        found = [self.people[text]] if text in self.people else self.devices.get(text, [])
        kind = "match_user_or_device_id"
        if not found and text.isdigit() and int(text) in names:
            found, kind = [int(text)], "match_amplitude_id"
        if not found and text:
            found = [number for name, number in self.people.items() if name.startswith(text)]
            kind = "match_user_id_prefix" if found else "nodata"
        return Answer(
            status=200,
            content={
                "matches": [{"user_id": names.get(one), "amplitude_id": one} for one in found],
                "type": kind,
            },
        )


def refusal(status: int) -> Answer:
    return Answer(status=status, content={"error": {"http_code": status, "message": "no"}})
