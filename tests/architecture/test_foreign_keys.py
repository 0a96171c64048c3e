"""Foreign keys look downstairs too: the import check does not see one written as text."""

from __future__ import annotations

import tomllib
from pathlib import Path

from django.apps import apps

ROOT = Path(__file__).parents[2]


def test_foreign_keys_only_look_downstairs() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    storeys = next(c["layers"] for c in contracts["contracts"] if c["name"].startswith("The house"))
    height = {
        room.strip(): len(storeys) - level
        for level, storey in enumerate(storeys)
        for room in storey.split("|")
    }
    rooms = {config.label: config.name for config in apps.get_app_configs()}
    keys = 0
    for model in apps.get_models():
        room = model._meta.app_label
        if not rooms[room].startswith("tracking."):
            continue
        for field in model._meta.get_fields():
            if field.concrete and field.is_relation:
                target = field.related_model._meta.app_label
                keys += 1
                assert room == target or height[room] > height[target], (
                    f"{model.__name__}.{field.name} looks upstairs, from {room} to {target}"
                )
    assert keys > 10
