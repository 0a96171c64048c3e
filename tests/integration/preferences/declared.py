"""A site that declares of its recipients everything that can be declared."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.factories.clock import NOW
from tests.factories.registry import SITE, catalogue, partner, text
from tracking.notices import operations as notices
from tracking.notices.types import Notice
from tracking.registry import operations as registry

JOINT_USE = {
    "code": "members",
    "items": ["attr.gender"],
    "scope": text("Shop K.K. and Outlet K.K."),
    "purpose": text("To serve members alike"),
    "responsible_name": text("Responsible K.K."),
    "responsible_address": text("2-2 Jinnan, Shibuya"),
    "responsible_representative": text("R. Sponsible"),
}


def declaration(**changes: Any) -> dict[str, Any]:
    """Return the catalogue of that site; `changes` replace whole tables."""
    tables = catalogue()
    for item in tables["data_items"]:
        item["description"] = text(f"What {item['code']} is.")
    tables["data_items"].append(
        {
            "code": "activity.purchase",
            "name": text("activity.purchase"),
            "jiaa_class": "3",
            "is_article9": False,
            "named_in": "Article 3",
        }
    )
    own, statco, adco, retargeter, mailer = tables["partners"]
    statco |= {"recipient_class": "service_provider"}
    adco |= {
        "recipient_class": "advertiser",
        "service_name": text("Adco Ads"),
        "address": text("1 Ad Street"),
        "representative": text("B. Boss"),
        "optout_url": "https://adco.example/optout",
        "confirmation": text("We ask and tell Adco."),
        "foreign_basis": "consent",
        "foreign_system": text("The law over there."),
        "foreign_measures": text("What Adco does."),
    }
    retargeter |= {"recipient_class": "information_provider"}
    tables["partners"].append(
        partner("outlet", role="joint_user", joint_use="members", country="JP")
    )
    tables["joint_uses"] = [JOINT_USE]
    for tag in tables["tags"]:
        if tag["code"] == "ads":
            tag |= {
                "is_linkable": True,
                "optional_items": ["attr.gender"],
                "optout_effect": text("Nothing changes."),
                "retention": text("13 months"),
                "cookies": [
                    {"name": "_ad", "lifetime_days": 730},
                    {"name": "_ad_s", "lifetime_days": 0},
                ],
                "storage_keys": ["ad-state"],
            }
    return {**tables, **changes}


def declare(
    *, tables: dict[str, Any] | None = None, effective_at: datetime | None = None
) -> Notice:
    """Declare the site, as given or whole, and publish its notice."""
    registry.apply_catalogue(catalogue=declaration() if tables is None else tables)
    return notices.publish_notice_version(
        site_code=SITE, wording={}, author="tests", effective_at=effective_at, now=NOW
    )
