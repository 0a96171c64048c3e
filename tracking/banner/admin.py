"""Pinned scripts, to look at: pages name them by their content."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from tracking.banner import models


@admin.register(models.PinnedScript)
class PinnedScriptAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("site", "part", "digest", "pinned_at")
    list_filter = ("site", "part")
    list_select_related = ("site",)
    ordering = ("-pinned_at", "part")
    actions = None
    fields = ("site", "part", "digest", "pinned_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
