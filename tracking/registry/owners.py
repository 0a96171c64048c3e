"""Whose host is whose, as third-party-web (MIT) has it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tracking.registry.types import OwnerInfo

# Made by `npm run owners`; the licence is in it.
_FILE = Path(__file__).parent / "data" / "third_parties.json"


def find_owner(host: str) -> OwnerInfo | None:
    """Return who a host belongs to: the exact name first, then what covers its whole domain."""
    exact, covering = _load()
    name = host.lower().rstrip(".")
    if name in exact:
        return exact[name]
    labels = name.split(".")
    return next(
        (
            covering[parent]
            for parent in (".".join(labels[start:]) for start in range(len(labels)))
            if parent in covering
        ),
        None,
    )


@cache
def _load() -> tuple[Mapping[str, OwnerInfo], Mapping[str, OwnerInfo]]:
    """Return owners by exact host and by domain with everything below it; read once per process."""
    exact: dict[str, OwnerInfo] = {}
    covering: dict[str, OwnerInfo] = {}
    for name, company, category, homepage, domains in json.loads(_FILE.read_text("utf-8"))[
        "entities"
    ]:
        owner = OwnerInfo(name=name, company=company, category=category, homepage=homepage)
        for domain in domains:
            if domain.startswith("*."):
                covering[domain.removeprefix("*.")] = owner
            else:
                exact[domain] = owner
    return exact, covering
