"""What makes a notice complete, what changed in it, and what it means for a decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracking.notices.types import PartnerTerms, TagTerms, Terms
from tracking.registry import rules as registry
from tracking.registry.types import Vendor

# A tag that lacks one of these cannot be printed on the external-transmission page, so it cannot go
# live (Telecommunications Business Act Regs 22-2-29; ET-02 to ET-04 of our checks).
_TAG_TEXTS = ("name", "our_purpose", "their_purpose")


def list_gaps(content: Mapping[str, Any]) -> list[str]:
    """Return, in words, everything that keeps this content from being published."""
    gaps: list[str] = []
    languages = content["languages"]
    purposes = {purpose["code"]: purpose for purpose in content["purposes"]}
    if not languages:
        gaps.append("The site names no language.")
    for language in languages:
        gaps.extend(
            f"Company: {field} is missing in {language}."
            for field in ("name", "address", "representative")
            if not content["company"].get(field, {}).get(language)
        )
        gaps.extend(
            f"Wording: {key} is missing in {language}."
            for key in WORDING_KEYS
            if not content["wording"].get(language, {}).get(key)
        )
        gaps.extend(
            f"Partner {partner['code']}: legal name is missing in {language}."
            for partner in content["partners"]
            if not partner["legal_name"].get(language)
        )
        for tag in content["tags"]:
            gaps.extend(
                f"Tag {tag['code']}: {field} is missing in {language}."
                for field in _TAG_TEXTS
                if not tag[field].get(language)
            )
    if not content["company"].get("email"):
        gaps.append("Company: email is missing.")
    for tag in content["tags"]:
        if not tag["purposes"]:
            gaps.append(f"Tag {tag['code']}: it has no purpose.")
        if not tag["required_items"]:
            gaps.append(f"Tag {tag['code']}: it says nothing of the information it sends.")
        is_necessary = all(purposes[code]["nature"] == "necessary" for code in tag["purposes"])
        if bool(tag["exemption_code"]) != is_necessary:
            gaps.append(
                f"Tag {tag['code']}: only a tag whose purposes are all necessary is exempt, "
                "and such a tag names its exemption."
            )
        if tag["transport"] == "client" and not tag["hosts"] and not tag["exemption_code"]:
            gaps.append(f"Tag {tag['code']}: it names no host.")
        listens_to = _natures_heard(tag["vendor"])
        if listens_to and not any(purposes[c]["nature"] in listens_to for c in tag["purposes"]):
            gaps.append(
                f"Tag {tag['code']}: {tag['vendor']} could never be told of a grant, it listens to "
                f"{', '.join(sorted(listens_to))} and no purpose of the tag is of that nature."
            )
    return gaps


def _natures_heard(vendor: str) -> frozenset[str]:
    info = registry.load_vendors().get(Vendor(vendor))
    return frozenset() if info is None else info.natures


def material_since(
    *, previous: Mapping[str, Any] | None, content: Mapping[str, Any], number: int
) -> dict[str, int]:
    """
    Return, per choice id, the notice version since which the choice means what it means now.

    A changed sentence is not material; a purpose of another nature, a partner with another name,
    country or role, or a partner that receives more than before is (policy Article 10).
    """
    fingerprints = _fingerprints(content)
    if previous is None:
        return dict.fromkeys(fingerprints, number)
    before = _fingerprints(previous)
    since = {
        f"{kind}:{entry['code']}": entry["material_since"]
        for kind, table in _TABLES
        for entry in previous[table]
    }
    return {
        choice: since[choice] if _still_means(before.get(choice), now) else number
        for choice, now in fingerprints.items()
    }


_TABLES = (("purpose", "purposes"), ("item", "data_items"), ("partner", "partners"))
_Fingerprint = tuple[tuple[str, ...], frozenset[str]]


def _still_means(before: _Fingerprint | None, now: _Fingerprint) -> bool:
    """Equal in nature, and receiving nothing that it did not receive before."""
    return before is not None and before[0] == now[0] and now[1] <= before[1]


def _fingerprints(content: Mapping[str, Any]) -> dict[str, _Fingerprint]:
    received: dict[str, set[str]] = {}
    for tag in content["tags"]:
        uses = received.setdefault(tag["partner"], set())
        uses.update(f"purpose:{code}" for code in tag["purposes"])
        uses.update(f"item:{code}" for code in (*tag["required_items"], *tag["optional_items"]))
        uses.add(f"transport:{tag['transport']}")
        if tag.get("is_linkable"):
            uses.add("linkable")
    found: dict[str, _Fingerprint] = {}
    for purpose in content["purposes"]:
        found[f"purpose:{purpose['code']}"] = ((purpose["nature"],), frozenset())
    for item in content["data_items"]:
        found[f"item:{item['code']}"] = ((item["jiaa_class"],), frozenset())
    for partner in content["partners"]:
        name = partner["legal_name"]
        found[f"partner:{partner['code']}"] = (
            (name[min(name)], partner["country"], partner["role"]),
            frozenset(received.get(partner["code"], set())),
        )
    return found


def read_terms(content: Mapping[str, Any]) -> Terms:
    """Return what decides, out of a frozen content."""
    return Terms(
        number=content["number"],
        tags={tag["code"]: _tag_terms(tag) for tag in content["tags"]},
        natures={purpose["code"]: purpose["nature"] for purpose in content["purposes"]},
        partners={
            partner["code"]: PartnerTerms(
                role=partner["role"],
                effective_at=partner["effective_at"],
                # Notices that are older than identifiers declare none.
                identifiers={
                    entry["kind"]: entry["cookie"] for entry in partner.get("identifiers", ())
                },
            )
            for partner in content["partners"]
        },
        material_since={
            f"{kind}:{entry['code']}": entry["material_since"]
            for kind, table in _TABLES
            for entry in content[table]
        },
    )


def list_asked_ids(terms: Terms) -> frozenset[str]:
    """Return the choice ids that a visitor can answer."""
    found: set[str] = set()
    for tag in terms.tags.values():
        if not tag.is_exempt:
            found.update(tag.needed_ids)
            found.update(f"item:{code}" for code in tag.optional_items)
    return frozenset(found)


def read_numbers(content: Mapping[str, Any]) -> dict[str, int]:
    """Return the number of every choice id."""
    return {
        f"{kind}:{entry['code']}": entry["number"]
        for kind, table in _TABLES
        for entry in content[table]
    }


def _tag_terms(tag: Mapping[str, Any]) -> TagTerms:
    return TagTerms(
        code=tag["code"],
        partner=tag["partner"],
        purposes=tuple(tag["purposes"]),
        required_items=tuple(tag["required_items"]),
        optional_items=tuple(tag["optional_items"]),
        transport=tag["transport"],
        is_exempt=bool(tag["exemption_code"]),
        # Notices that are older than this say nothing of it.
        is_linkable=tag.get("is_linkable", False),
        needed_ids=(
            f"partner:{tag['partner']}",
            *(f"purpose:{code}" for code in tag["purposes"]),
            *(f"item:{code}" for code in tag["required_items"]),
        ),
    )


WORDING_KEYS = (
    "banner_title", "banner_body", "banner_link", "allow", "refuse", "refuse_changed", "choose",
    "prefs_title", "prefs_lead", "tab_purposes", "tab_items", "tab_partners",
    "save", "allow_all", "refuse_all", "always_on", "saved", "saved_withdrawn", "close",
    "details", "role_self", "role_processor", "role_third_party", "role_joint_user", "policy_link",
    "optout_link", "off_consequence", "on_by_notice", "settings_link", "gpc_honoured",
    "gpc_confirmed",
    "history_title", "history_empty",
    "delivery_progress", "delivery_overdue", "delivery_pending", "delivery_sent",
    "delivery_nothing",
    "placeholder_title", "placeholder_body", "placeholder_once", "placeholder_always",
    "offline_note",
    "changed_lead", "changed_new", "changed_more", "expired_lead", "reload_note",
    "placeholder_why",
)  # fmt: skip
