"""Endpoints and attempts, to look at. They are changed in the console, under deliveries."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from tracking.delivery.models import Attempt, Endpoint


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Endpoint)
class EndpointAdmin(ReadOnly):
    list_display = [
        "partner",
        "transport",
        "state",
        "confirms_by",
        "consecutive_failures",
        "opened_until",
        "last_success_at",
    ]
    list_filter = ["transport", "state", "confirms_by"]
    list_select_related = ["partner"]
    exclude = ["secret_sealed", "previous_secret_sealed"]


@admin.register(Attempt)
class AttemptAdmin(ReadOnly):
    list_display = [
        "attempted_at",
        "partner",
        "outcome",
        "http_status",
        "error_class",
        "duration_ms",
        "version",
        "message_key",
    ]
    list_filter = ["outcome", "error_class"]
    list_select_related = ["event"]
    search_fields = ["message_key"]
    show_full_result_count = False

    @admin.display(description="partner")
    def partner(self, obj: Attempt) -> str:
        return obj.event.addressee
