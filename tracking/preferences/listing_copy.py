"""The pages that are the same for everybody, for machines. Pure; schemas are in docs/schemas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tracking.notices.types import Notice
from tracking.preferences import wording
from tracking.preferences.transmission_copy import copy_head, moment, names, recipient
from tracking.preferences.types import Listing

_JIAA = {"1": "attribute", "2": "identifier", "3": "log"}


def build_copy(
    *, listing: Listing, notice: Notice, coming: Sequence[Notice], page_url: str
) -> Mapping[str, Any]:
    """Return what the page says, in all of the site's languages."""
    head = copy_head(notice=notice, page_url=page_url)
    content = notice.content
    if listing is Listing.COOKIES:
        return {**head, "cookies": _cookies(content)}
    if listing is Listing.PARTNERS:
        return {**head, "partners": [_partner(one, content) for one in content["partners"]]}
    if listing is Listing.INFORMATION:
        return {**head, "information": [_item(item, content) for item in content["data_items"]]}
    return {
        **head,
        "joint_uses": _joint_uses(content),
        "coming": [
            {
                "number": version.number,
                "effective_at": moment(version.effective_at),
                "joint_uses": _joint_uses(version.content),
            }
            for version in coming
        ],
    }


def _cookies(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    purposes = names(content["purposes"])
    found: list[dict[str, Any]] = []
    for tag in content["tags"]:
        kept = [("cookie", one["name"], one.get("lifetime_days") or 0) for one in tag["cookies"]]
        kept += [("storage", key, None) for key in tag["storage_keys"]]
        found += [
            {
                "name": name,
                "kind": kind,
                "lifetime_days": lifetime,
                "partner": tag["partner"],
                "tag": tag["code"],
                "use": tag["our_purpose"],
                "purposes": _named(tag["purposes"], purposes),
                "is_exempt": bool(tag["exemption_code"]),
            }
            for kind, name, lifetime in kept
        ]
    found += [
        {
            "name": one["name"],
            "kind": "cookie" if place == "cookie" else "storage",
            "lifetime_days": one.get("lifetime_days") if place == "cookie" else None,
            "partner": None,
            "tag": None,
            "use": one["purpose"],
            "purposes": [],
            "is_exempt": True,
        }
        for one in wording.own_storage()
        for place in one["where"]
    ]
    return found


def _partner(partner: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    items, purposes = names(content["data_items"]), names(content["purposes"])
    tags = [tag for tag in content["tags"] if tag["partner"] == partner["code"]]
    gets = dict.fromkeys(code for tag in tags for code in tag["required_items"])
    may_get = dict.fromkeys(
        code for tag in tags for code in tag["optional_items"] if code not in gets
    )
    used_for = dict.fromkeys(code for tag in tags for code in tag["purposes"])
    return {
        **recipient(partner),
        "recipient_class": None
        if partner["role"] == "self"
        else partner.get("recipient_class", "service_provider"),
        "tags": [{"code": tag["code"], "name": tag["name"]} for tag in tags],
        "information": [
            {"code": code, "name": items[code], "is_optional": is_optional}
            for codes, is_optional in ((gets, False), (may_get, True))
            for code in codes
        ],
        "purposes": _named(used_for, purposes),
        "is_linkable": any(tag.get("is_linkable") for tag in tags),
        "confirmation": partner.get("confirmation") or None,
        "joint_use": partner.get("joint_use"),
        "foreign": {
            part: partner.get(f"foreign_{part}") or None for part in ("basis", "system", "measures")
        },
    }


def _item(item: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    purposes = names(content["purposes"])
    code = item["code"]
    return {
        "code": code,
        "name": item["name"],
        "description": item["description"],
        "kind": _JIAA.get(item["jiaa_class"], "other"),
        "is_article9": item["is_article9"],
        "named_in": item.get("named_in") or None,
        "receivers": [
            {
                "partner": tag["partner"],
                "tag": tag["code"],
                "is_optional": code not in tag["required_items"],
                "is_linkable": bool(tag.get("is_linkable")),
                "purposes": _named(tag["purposes"], purposes),
            }
            for tag in content["tags"]
            if code in (*tag["required_items"], *tag["optional_items"])
        ],
    }


def _joint_uses(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    items = names(content["data_items"])
    return [
        {
            "code": joint_use["code"],
            "information": _named(joint_use["items"], items),
            "scope": joint_use["scope"],
            "purpose": joint_use["purpose"],
            "responsible": {
                part: joint_use[f"responsible_{part}"]
                for part in ("name", "address", "representative")
            },
            "members": [
                {
                    **recipient(partner),
                    "effective_at": None
                    if partner["effective_at"] is None
                    else moment(datetime.fromtimestamp(partner["effective_at"], tz=UTC)),
                }
                for partner in content["partners"]
                if partner.get("joint_use") == joint_use["code"]
            ],
        }
        for joint_use in content.get("joint_uses", ())
    ]


def _named(codes: Iterable[str], by_code: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"code": code, "name": by_code[code]} for code in codes]
