"""Who may do what in the console: four roles as Django groups."""

from __future__ import annotations

from typing import Any

# Permissions as `app.codename`; `view_*` stands for every table of the product.
ROLES: dict[str, tuple[str, ...]] = {
    "marketing": (
        "insights.view_dailynumber",
        "insights.add_reportsubscription",
        "experiments.view_experiment",
        "experiments.change_experiment",
    ),
    "privacy": (
        "insights.view_dailynumber",
        "insights.view_reportsubscription",
        "insights.add_reportsubscription",
        "insights.change_reportsubscription",
        "notices.view_*",
        "notices.change_draft",
        "notices.add_noticeversion",
        "experiments.view_experiment",
        "experiments.change_experiment",
        "experiments.add_arm",
        "registry.view_*",
        "registry.change_partner",
        "scans.view_scan",
        "delivery.view_*",
        "delivery.change_endpoint",
        "consents.view_keptprovision",
        "registry.add_lawfulexception",
    ),
    "developer": (
        "registry.view_*",
        "registry.change_tag",
        "registry.add_tag",
        "registry.change_site",
        "scans.view_scan",
        "banner.view_*",
        "delivery.view_*",
        "access.view_apitoken",
        "access.change_apitoken",
    ),
    "auditor": (
        "insights.view_*",
        "notices.view_*",
        "registry.view_*",
        "consents.view_*",
        "delivery.view_*",
        "outbox.view_*",
        "audit.view_*",
        "scans.view_*",
        "banner.view_*",
        "access.view_*",
        "experiments.view_*",
    ),
}


def make_roles(*, using: str, **kwargs: Any) -> None:
    """Create the groups and give them exactly these permissions; safe to repeat."""
    from django.contrib.auth.models import Group, Permission

    every = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in Permission.objects.using(using).select_related("content_type")
    }
    for role, wanted in ROLES.items():
        group, _ = Group.objects.using(using).get_or_create(name=role)
        group.permissions.set(
            permission
            for name, permission in every.items()
            if any(
                name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1]))
                for pattern in wanted
            )
        )
