"""The scenarios by name. Each module has a `TITLE` and `run(run)`, and judges by `run.expect`."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from tests.faults.scenarios import (
    f1_workers,
    f2_broker,
    f3_no_broker,
    f4_database,
    f5_database_stands_still,
    f6_black_hole,
    f7_bad_partner,
    f8_frozen_worker,
    f9_disk_full,
)

ALL: Mapping[str, ModuleType] = {
    "F1": f1_workers,
    "F2": f2_broker,
    "F3": f3_no_broker,
    "F4": f4_database,
    "F5": f5_database_stands_still,
    "F6": f6_black_hole,
    "F7": f7_bad_partner,
    "F8": f8_frozen_worker,
    "F9": f9_disk_full,
}
