"""
What sites declare, to look at and, with the permission, to correct.

Nothing here decides anything until a notice version freezes it. Codes are fixed once made, because
notices and records speak of them; rows are retired or left, never deleted. New purposes, data items
and partners come with a catalogue, which numbers them.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from tracking.registry import models


class Declared(admin.ModelAdmin):  # type: ignore[type-arg]
    """A table of declarations: codes stay as they are, nothing is deleted."""

    actions = None
    list_per_page = 50

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else tuple(f for f in ("site", "code") if hasattr(obj, f))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Numbered(Declared):
    """A table of choices: a new one needs its number, which the catalogue gives."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(models.Site)
class SiteAdmin(Declared):
    list_display = ("code", "default_country", "profile", "zone", "presentation", "hold_mode")


@admin.register(models.Purpose)
class PurposeAdmin(Numbered):
    list_display = ("code", "nature", "position", "site")
    list_filter = ("site", "nature")
    ordering = ("site", "position")


@admin.register(models.DataItem)
class DataItemAdmin(Numbered):
    list_display = ("code", "jiaa_class", "is_article9", "is_contactable", "site")
    list_filter = ("site", "jiaa_class")
    ordering = ("site", "position")


@admin.register(models.JointUse)
class JointUseAdmin(Declared):
    list_display = ("code", "position", "site")
    list_filter = ("site",)
    ordering = ("site", "position")
    filter_horizontal = ("items",)


@admin.register(models.Partner)
class PartnerAdmin(Numbered):
    list_display = ("code", "role", "country", "sla_hours", "effective_at", "site")
    list_filter = ("site", "role", "country")
    ordering = ("site", "position")


@admin.register(models.Tag)
class TagAdmin(Declared):
    list_display = ("code", "partner", "status", "transport", "vendor", "exemption_code", "site")
    list_filter = ("site", "status", "transport", "vendor", "partner")
    list_select_related = ("partner", "site")
    ordering = ("site", "position")
    filter_horizontal = ("purposes", "required_items", "optional_items")


class ToLookAt(admin.ModelAdmin):  # type: ignore[type-arg]
    actions = None
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(models.ChoiceNumber)
class ChoiceNumberAdmin(ToLookAt):
    """Records are stored under these numbers."""

    list_display = ("number", "kind", "code", "site")
    list_filter = ("site", "kind")
    ordering = ("site", "number")


@admin.register(models.KnownCookie)
class KnownCookieAdmin(ToLookAt):
    """The operator's copy of the Open Cookie Database; `manage.py cookies import` replaces it."""

    list_display = ("name", "is_wildcard", "platform", "nature", "retention", "controller")
    list_filter = ("nature", "is_wildcard")
    search_fields = ("name", "platform", "controller")
    ordering = ("name", "platform")
