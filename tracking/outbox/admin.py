"""What waits to be told, for people who look after it. Nothing can be changed here."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from tracking.outbox.models import OutboxEvent


@admin.register(OutboxEvent)
class OutboxEventAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = [
        "id",
        "site_id",
        "addressee",
        "kind",
        "state",
        "outcome",
        "desired_version",
        "acked_version",
        "attempts",
        "due_at",
        "next_attempt_at",
        "accepted_at",
        "confirmed_at",
    ]
    list_filter = ["state", "outcome", "addressee"]
    # The payload says what a device decided; who looks after delivery need not read it.
    exclude = ["payload", "subject"]
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: OutboxEvent | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: OutboxEvent | None = None) -> bool:
        return False
