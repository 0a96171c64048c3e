"""What vendors can be told is said once, and code and documents agree with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracking.registry.rules import load_vendors
from tracking.registry.types import Nature, Vendor

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs" / "vendors.md").read_text("utf-8")


def test_every_vendor_is_described() -> None:
    assert set(load_vendors()) == set(Vendor) - {Vendor.NONE}


def test_exactly_those_with_a_call_have_a_file() -> None:
    files = {path.stem for path in (ROOT / "static" / "src" / "vendors").glob("*.ts")} - {"page"}

    assert files == {vendor for vendor, info in load_vendors().items() if info.natures}


@pytest.mark.parametrize("vendor", sorted(load_vendors()))
def test_every_vendor_is_in_the_document(vendor: Vendor) -> None:
    info = load_vendors()[vendor]
    (row,) = [line for line in DOCUMENT.splitlines() if line.startswith(f"| `{vendor}` |")]

    assert info.remains in row
    assert info.source in row
    assert ("no reload" in row) == info.stops
    assert Nature.NECESSARY not in info.natures
