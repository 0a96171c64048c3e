"""Keep what marketing has to hear of, and who hears of it by mail."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q
from django.db.models.functions import Lower

KINDS = ["rate_fell", "rate_rose", "shown_to_nobody", "partner_overdue", "machines"]
LANGUAGES = ("ja", "en")
EVERY = ["daily", "weekly", "monthly"]
FAILURES = ["away", "refused"]


def choices(values: list[str] | tuple[str, ...]) -> list[tuple[str, str]]:
    return [(value, value) for value in values]


def number() -> models.BigAutoField:
    return models.BigAutoField(
        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
    )


def of_site() -> models.ForeignKey:
    return models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="registry.site")


class Migration(migrations.Migration):
    dependencies = [
        ("insights", "0004_told_cells"),
        ("registry", "0012_page_views"),
    ]

    operations = [
        migrations.CreateModel(
            name="ShownSample",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "site", "at", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("site", of_site()),
                ("at", models.DateTimeField()),
                ("day", models.DateField()),
                ("total", models.PositiveIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("id", number()),
                ("site", of_site()),
                ("kind", models.TextField(choices=choices(KINDS))),
                ("subject", models.TextField(blank=True)),
                ("facts", models.JSONField()),
                ("first_seen_at", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=Q(kind__in=KINDS), name="alert_kind_known"),
                    models.CheckConstraint(
                        condition=Q(last_seen_at__gte=F("first_seen_at"))
                        & (Q(ended_at=None) | Q(ended_at__gte=F("last_seen_at"))),
                        name="alert_times_in_order",
                    ),
                    models.UniqueConstraint(
                        condition=Q(ended_at=None),
                        fields=("site", "kind", "subject"),
                        name="alert_open_once",
                    ),
                ]
            },
        ),
        migrations.CreateModel(
            name="ReportSubscription",
            fields=[
                ("id", number()),
                ("site", of_site()),
                ("email", models.TextField()),
                ("language", models.TextField(choices=choices(LANGUAGES))),
                ("every", models.TextField(choices=choices(EVERY))),
                ("hour", models.PositiveSmallIntegerField()),
                ("origin", models.TextField()),
                ("owner", models.TextField()),
                ("stop_key", models.UUIDField(unique=True)),
                ("created_at", models.DateTimeField()),
                ("last_sent_for", models.DateField()),
                ("last_alert_id", models.BigIntegerField(default=0)),
                ("failed_at", models.DateTimeField(null=True)),
                ("failure", models.TextField(blank=True, choices=choices(FAILURES))),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        F("site"), Lower("email"), name="report_once_per_address"
                    ),
                    models.CheckConstraint(
                        condition=Q(language__in=LANGUAGES), name="report_language"
                    ),
                    models.CheckConstraint(condition=Q(every__in=EVERY), name="report_every_known"),
                    models.CheckConstraint(condition=Q(hour__lte=23), name="report_hour_of_day"),
                    models.CheckConstraint(
                        condition=Q(failed_at=None, failure="")
                        | Q(failed_at__isnull=False, failure__in=FAILURES),
                        name="report_failure_known",
                    ),
                ]
            },
        ),
    ]
