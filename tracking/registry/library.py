"""
A library of partners and their tags to start from, and the data items and purposes they speak of.

Each entry says in `verify` what nobody has checked against the partner's own documents: it is a
draft to be checked, never a statement of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tracking.lib import strict_yaml
from tracking.lib.errors import DomainError
from tracking.registry import models
from tracking.registry.catalogue_schema import whole
from tracking.registry.types import ForeignBasis, KnownHost, LibraryEntry, Role, TagStatus

_FOLDER = Path(__file__).parent / "data" / "library"
_ENTRIES = ("google.yaml", "japan.yaml", "international.yaml")
# What the library says of its own entries; the rest is theirs.
_OUR_OWN = ("known_as", "unknown_hosts", "source", "verify")


class NotInLibrary(DomainError):
    code = "not_in_library"
    message = "The library has no such tag."
    status = 404


class AlreadyDeclared(DomainError):
    code = "already_declared"
    message = "The site declares this tag already."
    status = 409


@cache
def load() -> Mapping[str, LibraryEntry]:
    """Return the library's entries by the code of their tag; read once per process."""
    return {
        tag["code"]: _entry(group["partner"], tag)
        for name in _ENTRIES
        for group in strict_yaml.read((_FOLDER / name).read_text("utf-8")).value["library"]
        for tag in group["tags"]
    }


def _entry(partner: Mapping[str, Any], tag: Mapping[str, Any]) -> LibraryEntry:
    told = _told_of(country=partner["country"], role=partner["role"])
    return LibraryEntry(
        code=tag["code"],
        tag={"partner": partner["code"], **_declared(tag)},
        partner={**_declared(partner), **told},
        known_as=tuple(partner.get("known_as", ())),
        unknown_hosts=partner.get("unknown_hosts", {}),
        source=tuple(tag["source"]),
        verify=(*(f"partner.{name}" for name in (*partner["verify"], *told)), *tag["verify"]),
    )


def _told_of(*, country: str, role: str) -> dict[str, Any]:
    """Return what a site says of a recipient that can link (APPI Art. 31), and abroad (Art. 28)."""
    texts = _abroad()
    told: dict[str, Any] = {}
    if role == Role.THIRD_PARTY:
        told["confirmation"] = texts["confirmation"]
    if country in texts["adequate"]:
        told["foreign_basis"] = ForeignBasis.ADEQUATE.value
    elif country in texts["systems"]:
        told |= {
            "foreign_basis": ForeignBasis.CONSENT.value,
            "foreign_system": texts["systems"][country],
            "foreign_measures": texts["measures"],
        }
    return told


@cache
def _abroad() -> Mapping[str, Any]:
    texts: dict[str, Any] = strict_yaml.read((_FOLDER / "abroad.yaml").read_text("utf-8")).value
    return texts


def _declared(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in _OUR_OWN}


@cache
def load_taxonomy() -> Mapping[str, Any]:
    """Return `purposes` and `data_items` to start from, and the `forbidden` items."""
    taxonomy: dict[str, Any] = strict_yaml.read(
        (_FOLDER / "taxonomy.yaml").read_text("utf-8")
    ).value
    return taxonomy


@cache
def load_hosts() -> tuple[KnownHost, ...]:
    """Return the hosts that are known although their tags are not described."""
    rows = strict_yaml.read((_FOLDER / "hosts.yaml").read_text("utf-8")).value["hosts"]
    return tuple(
        KnownHost(
            host=row["host"],
            name=row.get("name", {}),
            optout_url=row.get("optout_url", ""),
            note=row.get("note", ""),
            verify=tuple(row["verify"]),
        )
        for row in rows
    )


def get(code: str) -> LibraryEntry:
    """
    Return one entry.

    :raises NotInLibrary:
    """
    try:
        return load()[code]
    except KeyError as error:
        raise NotInLibrary(f"The library has no tag {code!r}.") from error


def search(words: str) -> list[LibraryEntry]:
    """Return the entries whose code, names or hosts hold all of these words."""
    wanted = words.lower().split()
    return [entry for entry in load().values() if all(word in _text(entry) for word in wanted)]


def _text(entry: LibraryEntry) -> str:
    texts = [
        entry.code,
        *entry.tag["name"].values(),
        *entry.tag["hosts"],
        entry.partner["code"],
        *entry.partner["legal_name"].values(),
        *entry.partner["service_name"].values(),
    ]
    return " ".join(texts).lower()


def find_by_host(host: str) -> tuple[list[LibraryEntry], list[KnownHost]]:
    """Return the tags that send to a host, and what else is known of it."""
    name = host.lower().rstrip(".")
    return (
        [
            entry
            for entry in load().values()
            if any(_is_in(name, one) for one in entry.tag["hosts"])
        ],
        [known for known in load_hosts() if _is_in(name, known.host)],
    )


def _is_in(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def extend(catalogue: Mapping[str, Any], codes: Iterable[str]) -> dict[str, Any]:
    """
    Return a site's catalogue with these tags as drafts, and with what they need.

    A purpose of the nature that a tag needs serves it, whatever its code is; data items and
    partners are matched by code, and those that are there stay as they are.

    :raises NotInLibrary:
    :raises AlreadyDeclared: if one of the tags is there
    """
    extended = {**catalogue, **{table: list(catalogue[table]) for table in _TABLES}}
    for code in dict.fromkeys(codes):
        entry = get(code)
        if any(tag["code"] == code for tag in extended["tags"]):
            raise AlreadyDeclared(f"The site declares the tag {code!r} already.")
        tag = {
            **entry.tag,
            "status": TagStatus.DRAFT.value,
            "purposes": sorted(_purpose(extended["purposes"], p) for p in entry.tag["purposes"]),
        }
        for item in (*tag["required_items"], *tag.get("optional_items", ())):
            _need(extended["data_items"], models.DataItem, _from_taxonomy("data_items", item))
        _need(extended["partners"], models.Partner, entry.partner)
        extended["tags"].append(whole(models.Tag, tag))
    return extended


_TABLES = ("purposes", "data_items", "partners", "tags")


def _purpose(purposes: list[dict[str, Any]], code: str) -> str:
    """Return the code of the site's purpose of this kind, which is added where there is none."""
    start = _from_taxonomy("purposes", code)
    codes = [there["code"] for there in purposes if there["nature"] == start["nature"]]
    if not codes:
        _need(purposes, models.Purpose, start)
    return str(code if code in codes or not codes else codes[0])


def _need(entries: list[dict[str, Any]], model: Any, wanted: Mapping[str, Any]) -> None:
    if all(entry["code"] != wanted["code"] for entry in entries):
        entries.append(whole(model, wanted))


def _from_taxonomy(table: str, code: str) -> dict[str, Any]:
    return next(entry for entry in load_taxonomy()[table] if entry["code"] == code)
