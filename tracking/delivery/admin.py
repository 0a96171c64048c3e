"""Endpoints and attempts in the console: look at both, change endpoints through operations."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from tracking.delivery import operations
from tracking.delivery.models import Attempt, Endpoint
from tracking.delivery.types import ConfirmsBy, Transport
from tracking.lib.errors import DomainError


class EndpointForm(forms.ModelForm):  # type: ignore[type-arg]
    """The secret goes in and never comes out."""

    secret = forms.CharField(
        required=False,
        strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="`whsec_` and base64. Leave it empty to keep the present secret. While a partner "
        "is being told, both the present and the new one sign until the change is finished.",
    )

    class Meta:
        model = Endpoint
        fields = [
            "partner",
            "transport",
            "url",
            "settings",
            "confirms_by",
            "concurrency",
            "is_for_erasures_only",
        ]
        widgets = {"url": forms.TextInput(attrs={"size": 80})}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for name, problems in operations.check_endpoint(
            url=cleaned.get("url", ""),
            secret=cleaned.get("secret") or None,
            keeps_secret=self.instance.pk is not None,
            transport=Transport(cleaned.get("transport", Transport.WEBHOOK)),
            settings=cleaned.get("settings") or {},
            confirms_by=ConfirmsBy(cleaned.get("confirms_by", ConfirmsBy.RESPONSE)),
            concurrency=cleaned.get("concurrency", 0),
            allow_loopback=settings.ALLOW_LOOPBACK_PARTNERS,
        ).items():
            field = name.partition(".")[0]
            if field not in self.errors:
                self.add_error(field, [f"{name}: {text}" for text in problems])
        return cleaned


@admin.register(Endpoint)
class EndpointAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = EndpointForm
    list_display = [
        "partner",
        "state",
        "confirms_by",
        "consecutive_failures",
        "opened_until",
        "last_success_at",
        "is_rotating",
    ]
    list_filter = ["state", "confirms_by"]
    list_select_related = ["partner"]
    readonly_fields = [
        "state",
        "consecutive_failures",
        "opened_until",
        "last_success_at",
        "is_rotating",
    ]
    actions = ["pause", "resume", "replay", "finish_rotation"]

    def get_readonly_fields(self, request: HttpRequest, obj: Endpoint | None = None) -> list[str]:
        fixed = [] if obj is None else ["partner"]
        return [*fixed, *self.readonly_fields]

    def has_delete_permission(self, request: HttpRequest, obj: Endpoint | None = None) -> bool:
        # What is untold would be without an address; pause it instead.
        return False

    def save_model(
        self, request: HttpRequest, obj: Endpoint, form: EndpointForm, change: bool
    ) -> None:
        site, partner = obj.partner.site.code, obj.partner.code
        secret = form.cleaned_data["secret"] or None
        operations.set_endpoint(
            site=site,
            partner=partner,
            url=form.cleaned_data["url"],
            secret=None if change else secret,
            transport=Transport(form.cleaned_data["transport"]),
            settings=form.cleaned_data["settings"] or {},
            is_for_erasures_only=form.cleaned_data["is_for_erasures_only"],
            confirms_by=ConfirmsBy(form.cleaned_data["confirms_by"]),
            concurrency=form.cleaned_data["concurrency"],
            keys=settings.CONSENT_KEYS,
            allow_loopback=settings.ALLOW_LOOPBACK_PARTNERS,
        )
        if change and secret is not None:
            operations.rotate_secret(
                site=site, partner=partner, secret=secret, keys=settings.CONSENT_KEYS
            )
        obj.pk = Endpoint.objects.values_list("pk", flat=True).get(partner_id=obj.partner_id)

    @admin.display(boolean=True, description="changing secrets")
    def is_rotating(self, obj: Endpoint) -> bool:
        return bool(obj.previous_secret_sealed)

    @admin.action(description="Pause: send nothing more", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> None:
        self._each(request, queryset, lambda **names: operations.pause(**names))

    @admin.action(description="Resume, and send what waits", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> None:
        self._each(
            request, queryset, lambda **names: operations.resume(now=timezone.now(), **names)
        )

    @admin.action(description="Send again what was given up", permissions=["change"])
    def replay(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> None:
        self._each(
            request, queryset, lambda **names: operations.replay(now=timezone.now(), **names)
        )

    @admin.action(description="Finish the change of secrets", permissions=["change"])
    def finish_rotation(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> None:
        self._each(request, queryset, lambda **names: operations.finish_rotation(**names))

    def _each(self, request: HttpRequest, queryset: QuerySet[Endpoint], act: Any) -> None:
        for endpoint in queryset.select_related("partner__site"):
            try:
                act(site=endpoint.partner.site.code, partner=endpoint.partner.code)
            except DomainError as error:
                self.message_user(request, f"{endpoint.partner}: {error.message}", messages.ERROR)


@admin.register(Attempt)
class AttemptAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
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

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Attempt | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Attempt | None = None) -> bool:
        return False
