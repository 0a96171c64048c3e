"""A small site with one of everything that the rules tell apart."""

from __future__ import annotations

from typing import Any

from tests.factories.clock import NOW
from tracking.notices import operations as notices
from tracking.notices.types import Notice
from tracking.registry import operations as registry

SITE = "shop"
ORIGIN = "https://shop.example"
LANGUAGES = ("ja", "en")


def text(words: str) -> dict[str, str]:
    return {"ja": f"{words}（日本語）", "en": words}


# What a catalogue announces of a joint use; a partner that belongs to it names `members`.
JOINT_USE = {
    "code": "members",
    "items": ["attr.gender"],
    "scope": text("Shop K.K. and Outlet K.K."),
    "purpose": text("To serve members alike."),
    "responsible_name": text("Shop K.K."),
    "responsible_address": text("1-1 Jinnan, Shibuya"),
    "responsible_representative": text("A. Person"),
}


def purpose(code: str, nature: str) -> dict[str, Any]:
    return {
        "code": code,
        "nature": nature,
        "name": text(code),
        "description": text(f"What {code} is for."),
        "policy_codes": ["P01"],
    }


def item(code: str, jiaa_class: str = "3") -> dict[str, Any]:
    return {"code": code, "name": text(code), "jiaa_class": jiaa_class}


def partner(code: str, role: str = "third_party", **fields: Any) -> dict[str, Any]:
    return {
        "code": code,
        "role": role,
        "legal_name": text(f"{code.title()} Inc."),
        "country": "US",
        "policy_url": f"https://{code}.example/privacy",
        "foreign_basis": "equivalent",
        **fields,
    }


def tag(code: str, partner_code: str, purposes: list[str], **fields: Any) -> dict[str, Any]:
    return {
        "code": code,
        "partner": partner_code,
        "purposes": purposes,
        "required_items": ["id.cookie"],
        "optional_items": [],
        "name": text(code),
        "our_purpose": text(f"We use {code}."),
        "their_purpose": text(f"They use {code}."),
        "optout_effect": text("Nothing else changes."),
        "hosts": [f"{partner_code}.example"],
        "loader_url": f"https://{partner_code}.example/tag.js",
        **fields,
    }


def catalogue(**changes: Any) -> dict[str, Any]:
    """Return the small site's catalogue; `changes` replace whole tables."""
    return {
        "site": {
            "code": SITE,
            "name": text("Shop"),
            "origins": [ORIGIN],
            "languages": list(LANGUAGES),
            "company": {
                "name": text("Shop K.K."),
                "address": text("1-1 Jinnan, Shibuya"),
                "representative": text("A. Person"),
                "email": "privacy@shop.example",
            },
        },
        "purposes": [
            purpose("necessary", "necessary"),
            purpose("analytics", "analytics"),
            purpose("advertising", "advertising"),
            purpose("personalisation", "personalisation"),
        ],
        "data_items": [
            item("id.cookie", "2"),
            item("activity.url"),
            item("activity.sequence"),
            item("attr.gender", "1"),
        ],
        "partners": [
            partner("own", role="self", country="JP"),
            partner("statco", role="processor", country="JP"),
            partner("adco"),
            partner("retargeter"),
            partner("mailer"),
        ],
        "tags": [
            tag("cart", "own", ["necessary"], exemption_code="22-2-30(2)", hosts=[]),
            tag("stats", "statco", ["analytics"], optional_items=["attr.gender"],
                payload_fields={"url": "activity.url", "gender": "attr.gender"},
                required_items=["id.cookie", "activity.url"]),
            tag("ads", "adco", ["advertising"]),
            tag("retarget", "retargeter", ["advertising", "personalisation"],
                required_items=["id.cookie", "activity.sequence"]),
            tag("events", "mailer", ["advertising"], transport="server"),
        ],
        **changes,
    }  # fmt: skip


def make_site(**changes: Any) -> Notice:
    """Declare the small site and publish its notice."""
    registry.apply_catalogue(catalogue=catalogue(**changes))
    return publish()


def make_site_with(**vendors: str) -> Notice:
    """Declare the small site with these vendors, by tag code, and publish its notice."""
    tags = catalogue()["tags"]
    return make_site(tags=[{**tag, "vendor": vendors.get(tag["code"], "none")} for tag in tags])


def publish() -> Notice:
    """Publish what is declared now."""
    return notices.publish_notice_version(site_code=SITE, wording={}, author="tests", now=NOW)
