"""How the OpenAPI schema names things."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema


class RoomSchema(AutoSchema):
    """Name a view's nested `Input` and `Output` after the view: `ConsentsInput`, `GateOutput`."""

    def _get_serializer_name(
        self, serializer: Any, direction: Any, bypass_extensions: bool = False
    ) -> str:
        plain = serializer if isinstance(serializer, type) else type(serializer)
        view, _, nested = plain.__qualname__.rpartition(".")
        if nested in {"Input", "Output"} and view:
            return view.replace(".", "") + nested
        name: str = super()._get_serializer_name(serializer, direction, bypass_extensions)
        return name
