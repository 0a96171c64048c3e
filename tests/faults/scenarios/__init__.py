"""The scenarios by name. Each module has a `TITLE` and `run(run)`, and judges by `run.expect`."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from tests.faults.scenarios import (
    f1_workers,
    f2_broker,
    f3_no_broker,
    f7_bad_partner,
    f8_frozen_worker,
)

ALL: Mapping[str, ModuleType] = {
    "F1": f1_workers,
    "F2": f2_broker,
    "F3": f3_no_broker,
    "F7": f7_bad_partner,
    "F8": f8_frozen_worker,
}
