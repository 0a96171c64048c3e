"""Contents of notices, without a database."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from tests.factories.registry import catalogue, text
from tracking.notices.queries import default_wording

# What a catalogue may leave out, as the registry's models fill it in.
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "purposes": {"policy_codes": []},
    "data_items": {"description": {}, "is_article9": True, "named_in": ""},
    "joint_uses": {},
    "partners": {
        "service_name": {}, "address": {}, "representative": {}, "policy_url": "", "optout_url": "",
        "recipient_class": "service_provider", "joint_use": None, "confirmation": {},
        "foreign_basis": "", "foreign_system": {}, "foreign_measures": {}, "sla_hours": 24,
        "identifiers": [], "effective_at": None,
    },
    "tags": {
        "required_items": [], "optional_items": [], "transport": "client", "is_linkable": False,
        "is_own_use": False, "vendor": "none", "exemption_code": "", "optout_kind": "stop_sending",
        "optout_effect": {}, "retention": {}, "hosts": [], "cookies": [], "storage_keys": [],
        "loader_url": "", "payload_fields": {},
    },
}  # fmt: skip
_NUMBERED = ("purposes", "data_items", "partners")
# A notice does not print these.
_UNFROZEN = frozenset({
    "is_contactable", "contract_ref", "contract_scope", "contract_review_on", "sub_processors",
})  # fmt: skip


def freeze(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content that publishing a catalogue would freeze, with the default wording."""
    site = tables["site"]
    found: dict[str, Any] = {
        "schema": 1,
        "site": site["code"],
        "number": 1,
        "languages": list(site["languages"]),
        "presentation": site.get("presentation", "bar"),
        "look": site.get("look", {}),
        "review_months": site.get("review_months", 12),
        "company": site["company"],
        "wording": {language: default_wording()[language] for language in site["languages"]},
    }
    number = 0
    for table, defaults in _DEFAULTS.items():
        found[table] = []
        for entry in tables.get(table, ()):
            frozen = {**defaults, **{k: v for k, v in entry.items() if k not in _UNFROZEN}}
            if table in _NUMBERED:
                frozen |= {"number": number, "material_since": 1}
                number += 1
            found[table].append(frozen)
    return copy.deepcopy(found)


def content(**changes: Any) -> dict[str, Any]:
    """Return the small site's content; `changes` replace whole tables of its catalogue."""
    return freeze(catalogue(**changes))


def whole(**changes: Any) -> dict[str, Any]:
    """Return that content with all that practice asks for, so that nothing is found in it."""
    found = content(**changes)
    for purpose in found["purposes"]:
        if purpose["code"] == "personalisation":
            # Its usual word is one that the lint would have explained.
            purpose |= {"name": text("Recommendations"), "description": text("To recommend.")}
    for partner in found["partners"]:
        partner["optout_url"] = f"https://{partner['code']}.example/stop"
        partner["address"] = text("2-2 Jinnan, Shibuya")
        partner["representative"] = text("B. Person")
    for tag in found["tags"]:
        tag["retention"] = text("13 months")
    return found


def entry(found: Mapping[str, Any], table: str, code: str) -> dict[str, Any]:
    """Return one entry of a content's table, to be changed in place."""
    (one,) = (one for one in found[table] if one["code"] == code)
    assert isinstance(one, dict)
    return one
