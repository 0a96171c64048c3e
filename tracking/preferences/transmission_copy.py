"""The external-transmission page for machines. Pure; its schema is in docs/schemas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from tracking.notices.types import Notice


def build_copy(*, notice: Notice, page_url: str) -> Mapping[str, Any]:
    """Return what the page says of every tag, in all of the site's languages."""
    content = notice.content
    partners = {partner["code"]: partner for partner in content["partners"]}
    return {
        **copy_head(notice=notice, page_url=page_url),
        "transmissions": [
            _transmission(tag, partners[tag["partner"]], content) for tag in content["tags"]
        ],
    }


def copy_head(*, notice: Notice, page_url: str) -> dict[str, Any]:
    """Return what every copy says of itself: whose it is, of which version, and its page."""
    content = notice.content
    return {
        "site": notice.site_code,
        "page": page_url,
        # Translations help; where they differ, the first language holds.
        "authoritative_language": content["languages"][0],
        "notice": {
            "number": notice.number,
            "hash": notice.hash,
            "published_at": moment(notice.published_at),
            "effective_at": moment(notice.effective_at),
        },
        "operator": {
            name: content["company"][name]
            for name in ("name", "address", "representative", "email")
            if content["company"].get(name)
        },
    }


def _transmission(
    tag: Mapping[str, Any], partner: Mapping[str, Any], content: Mapping[str, Any]
) -> dict[str, Any]:
    items = names(content["data_items"])
    purposes = names(content["purposes"])
    return {
        "code": tag["code"],
        "name": tag["name"],
        "transport": tag["transport"],
        "recipient": recipient(partner),
        "information": [
            {"code": code, "name": items[code], "is_optional": is_optional}
            for key, is_optional in (("required_items", False), ("optional_items", True))
            for code in tag[key]
        ],
        "purposes": [{"code": code, "name": purposes[code]} for code in tag["purposes"]],
        "our_purpose": tag["our_purpose"],
        "their_purpose": tag["their_purpose"],
        "retention": tag["retention"],
        "cookies": tag["cookies"],
        "storage_keys": tag["storage_keys"],
        "exemption": tag["exemption_code"] or None,
        "opt_out": None
        if tag["exemption_code"]
        else {"kind": tag["optout_kind"], "effect": tag["optout_effect"]},
    }


def recipient(partner: Mapping[str, Any]) -> dict[str, Any]:
    """Return who a partner is, as far as it is declared."""
    return {
        name: partner[name]
        for name in (
            "code", "legal_name", "service_name", "role", "country", "address",
            "representative", "policy_url", "optout_url",
        )
        if partner.get(name)
    }  # fmt: skip


def names(rows: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, str]]:
    """Return the names of entries by code, each by language."""
    return {row["code"]: row["name"] for row in rows}


def moment(at: datetime) -> str:
    """Return a time in UTC, to the second."""
    return at.astimezone(UTC).isoformat(timespec="seconds")
