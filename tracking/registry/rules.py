"""What vendors' scripts can be told. Pure: a data file in, values out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tracking.registry.types import Nature, Vendor, VendorInfo

# JSON, because the front end's tests read it, too: static/src/vendors/ must do what it says.
_FILE = Path(__file__).parent / "data" / "vendors.json"


@cache
def load_vendors() -> Mapping[Vendor, VendorInfo]:
    """Return what each vendor can be told; read once per process."""
    table = json.loads(_FILE.read_text("utf-8"))
    return {
        Vendor(code): VendorInfo(
            natures=frozenset(Nature(nature) for nature in fields["natures"]),
            stops=fields["stops"],
            remains=fields["remains"],
            source=fields["source"],
        )
        for code, fields in table.items()
    }
