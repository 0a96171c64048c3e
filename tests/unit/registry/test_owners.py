"""Whose host is whose, out of third-party-web."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tracking.registry.owners import find_owner

ROOT = Path(__file__).parents[3]
FILE = ROOT / "tracking" / "registry" / "data" / "third_parties.json"


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("www.google-analytics.com", "Google Analytics"),
        ("region1.google-analytics.com", "Google Analytics"),
        ("WWW.Clarity.MS.", "Clarity"),
        ("adservice.google.com", "Google/Doubleclick Ads"),
        ("maps.google.com", "Google Maps"),
        ("shop.example", None),
        ("notcriteo.com", None),
        ("com", None),
        ("", None),
    ],
)
def test_a_host_is_found_by_itself_or_by_the_domain_that_covers_it(
    host: str, name: str | None
) -> None:
    owner = find_owner(host)

    assert (owner.name if owner else None) == name


def test_what_is_known_of_an_owner() -> None:
    owner = find_owner("static.criteo.net")

    assert owner is not None
    assert (owner.company, owner.category) == ("Criteo", "ad")


def test_the_file_names_its_origin_and_carries_its_licence() -> None:
    content = json.loads(FILE.read_text("utf-8"))
    wanted = json.loads((ROOT / "package.json").read_text("utf-8"))["devDependencies"]

    assert content["version"] == wanted["third-party-web"]
    assert content["source"] == "https://github.com/patrickhulce/third-party-web"
    assert "Permission is hereby granted, free of charge" in content["licence"]
    assert len(content["entities"]) > 2_000
    assert FILE.stat().st_size <= 300_000
