"""What makes a notice complete, what changed in it, and what it means for a decision."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from tracking.notices.types import PartnerTerms, Renewal, TagTerms, Terms


def differing(
    wording: Mapping[str, Mapping[str, str]], defaults: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    """Return the lines that are not the built-in ones, by language; empty ones are left out."""
    return {
        language: kept
        for language, lines in wording.items()
        if (
            kept := {
                key: text
                for key, text in lines.items()
                if text and text != defaults.get(language, {}).get(key)
            }
        )
    }


def review_on(*, effective_at: datetime, months: int, zone: str) -> date:
    """Return the day on which a notice is to be looked at again, in the site's zone."""
    start = effective_at.astimezone(ZoneInfo(zone)).date()
    years, month = divmod(start.month - 1 + months, 12)
    last = monthrange(start.year + years, month + 1)[1]
    return date(start.year + years, month + 1, min(start.day, last))


def material_since(
    *,
    previous: Mapping[str, Any] | None,
    content: Mapping[str, Any],
    number: int,
    earlier: Iterable[Mapping[str, Any]] = (),
) -> dict[str, int]:
    """
    Return, per choice id, the notice version since which every yes covers what the choice means.

    A changed sentence is not material; a purpose of another nature, a partner with another name,
    country or role, or a partner that receives more than before is (policy Article 10). What is
    taken back asks nobody again: a yes from before the addition still covers all that is left.
    `earlier` are the contents before `previous`, newest first; read only as far as is needed.
    """
    fingerprints = _fingerprints(content)
    if previous is None:
        return dict.fromkeys(fingerprints, number)
    since: dict[str, int] = {}
    narrowed = dict(fingerprints)
    for version in chain([previous], earlier):
        before, known = _fingerprints(version), _known_since(version)
        for choice, now in list(narrowed.items()):
            was = before.get(choice)
            if not _covers(was, now):
                # The version after this one is the first whose yes is enough.
                since.setdefault(choice, number)
                del narrowed[choice]
            elif was == now:
                since[choice] = known[choice]
                del narrowed[choice]
            else:
                since[choice] = version["number"]
        if not narrowed:
            break
    return since


TABLES = (("purpose", "purposes"), ("item", "data_items"), ("partner", "partners"))
MEANT = frozenset(table for _, table in TABLES)
_IDENTITY = {
    "purpose": ("nature",),
    "item": ("class",),
    "partner": ("name", "country", "role"),
}
_Fingerprint = tuple[tuple[str, ...], frozenset[str]]


def list_renewals(
    *, previous: Mapping[str, Any] | None, content: Mapping[str, Any], since: Mapping[str, int]
) -> tuple[Renewal, ...]:
    """Return what is asked again, and why; nothing is asked *again* by a site's first notice."""
    if previous is None:
        return ()
    before, now = _fingerprints(previous), _fingerprints(content)
    return tuple(
        _renewal(choice, before.get(choice), now[choice])
        for choice, version in since.items()
        if version == content["number"]
    )


def _renewal(choice: str, before: _Fingerprint | None, now: _Fingerprint) -> Renewal:
    if before is None:
        return Renewal(choice=choice, reason="new")
    names = _IDENTITY[choice.partition(":")[0]]
    for name, old, new in zip(names, before[0], now[0], strict=True):
        if old != new:
            return Renewal(choice=choice, reason=name)
    return Renewal(choice=choice, reason="receives", gained=tuple(sorted(now[1] - before[1])))


def _covers(before: _Fingerprint | None, now: _Fingerprint) -> bool:
    """Equal in nature, and receiving nothing that it did not receive before."""
    return before is not None and before[0] == now[0] and now[1] <= before[1]


def _known_since(content: Mapping[str, Any]) -> dict[str, int]:
    return {
        f"{kind}:{entry['code']}": entry["material_since"]
        for kind, table in TABLES
        for entry in content[table]
    }


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
        material_since=_known_since(content),
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
        for kind, table in TABLES
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
    "banner_title", "banner_body", "notice_title", "notice_body", "banner_link",
    "allow", "refuse", "refuse_changed", "choose",
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
