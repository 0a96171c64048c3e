"""Published notices, to look at: what visitors were shown never changes."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from tracking.notices import models


@admin.register(models.NoticeVersion)
class NoticeVersionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("site", "number", "effective_at", "author", "short_hash")
    list_filter = ("site",)
    list_select_related = ("site",)
    ordering = ("site", "-number")
    actions = None
    fields = (
        "site", "number", "published_at", "effective_at", "author", "content_hash", "printed",
    )  # fmt: skip
    readonly_fields = ("printed",)

    @admin.display(description="content")
    def printed(self, row: models.NoticeVersion) -> SafeString:
        """Return the frozen content, indented."""
        return format_html("<pre>{}</pre>", json.dumps(row.content, ensure_ascii=False, indent=2))

    @admin.display(description="hash")
    def short_hash(self, row: models.NoticeVersion) -> str:
        return row.content_hash[:12]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
