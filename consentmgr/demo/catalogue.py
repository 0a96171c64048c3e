"""Reads the demo's catalogue and fills in the addresses of this machine."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from consentmgr.demo.places import Places

FILE = Path(__file__).parent / "catalogue.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverTag:
    """
    A tag as its partner sees it. `items` are the data items that the tag's code sends when it is
    given them, `cookies` what it sets on the shop's pages: name and lifetime in days.
    """

    code: str
    name: Mapping[str, str]
    is_server_side: bool
    items: tuple[str, ...]
    cookies: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """A partner as the demo plays it, at `host` (with port)."""

    partner: str
    legal_name: Mapping[str, str]
    service_name: Mapping[str, str]
    country: str
    role: str
    host: str
    port: int
    confirms_by: str
    tags: tuple[ReceiverTag, ...]

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    @property
    def webhook_url(self) -> str:
        return f"{self.origin}/webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """`declaration` is what the registry's `apply_catalogue` takes."""

    declaration: Mapping[str, Any]
    receivers: tuple[Receiver, ...]


@cache
def read_catalogue(*, places: Places) -> Catalogue:
    """Return what the shop declares, and who receives it, on these places."""
    content: dict[str, Any] = tomllib.loads(FILE.read_text(encoding="utf-8"))
    listeners: dict[str, dict[str, Any]] = content.pop("receivers")
    content["site"]["origins"] = [places.shop, places.service]
    for tag in content["tags"]:
        if tag["partner"] not in listeners:
            continue
        host = places.receiver(listeners[tag["partner"]]["port"])
        tag["hosts"] = [text.replace("{vendor}", host) for text in tag["hosts"]]
        tag["loader_url"] = tag.get("loader_url", "").replace("{vendor}", host)
    return Catalogue(
        declaration=content,
        receivers=tuple(
            _receiver(partner, listeners[partner["code"]], content["tags"], places)
            for partner in content["partners"]
            if partner["code"] in listeners
        ),
    )


@cache
def read_names(*, language: str) -> dict[str, str]:
    """Return the names of purposes and data items by code."""
    content: dict[str, Any] = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {
        entry["code"]: entry["name"][language]
        for entry in (*content["purposes"], *content["data_items"])
    }


def _receiver(
    partner: Mapping[str, Any],
    listener: Mapping[str, Any],
    tags: list[dict[str, Any]],
    places: Places,
) -> Receiver:
    return Receiver(
        partner=partner["code"],
        legal_name=partner["legal_name"],
        service_name=partner["service_name"],
        country=partner["country"],
        role=partner["role"],
        host=places.receiver(listener["port"]),
        port=places.partner_port + listener["port"],
        confirms_by=listener["confirms_by"],
        tags=tuple(
            ReceiverTag(
                code=tag["code"],
                name=tag["name"],
                is_server_side=tag.get("transport") == "server",
                items=(*tag["required_items"], *tag.get("optional_items", ())),
                cookies=tuple(
                    (cookie["name"], cookie["lifetime_days"]) for cookie in tag.get("cookies", ())
                ),
            )
            for tag in tags
            if tag["partner"] == partner["code"]
        ),
    )
