"""Ask a fake directly, past every transport and our own client."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    body: bytes


def ask(url: str, *, method: str = "POST", headers: Mapping[str, str], body: bytes = b"") -> Answer:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request(
            method, url.removeprefix(f"http://{parts.netloc}"), body=body, headers=dict(headers)
        )
        response = connection.getresponse()
        return Answer(status=response.status, body=response.read())
    finally:
        connection.close()
