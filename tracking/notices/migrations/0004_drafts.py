"""The next notice of a site has a place to be written in, and to be looked at."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

SAYS_WHAT = models.Q(
    ("stage", "writing"),
    ("submitted_at__isnull", True),
    ("submitted_by", ""),
    ("submitted_hash", ""),
) | (
    models.Q(("stage", "in_review"), ("submitted_at__isnull", False))
    & ~models.Q(("submitted_by", ""))
    & ~models.Q(("submitted_hash", ""))
)


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0009_site_duties"),
        ("notices", "0003_how_it_came_about"),
    ]

    operations = [
        migrations.CreateModel(
            name="Draft",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("wording", models.JSONField(default=dict)),
                ("note", models.TextField(default="")),
                ("effective_at", models.DateTimeField(null=True)),
                (
                    "stage",
                    models.TextField(
                        choices=[("writing", "writing"), ("in_review", "in_review")],
                        default="writing",
                    ),
                ),
                ("revision", models.PositiveIntegerField(default=1)),
                ("author", models.TextField()),
                ("saved_at", models.DateTimeField()),
                ("submitted_by", models.TextField(default="")),
                ("submitted_at", models.DateTimeField(null=True)),
                ("submitted_hash", models.CharField(default="", max_length=64)),
                (
                    "site",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, to="registry.site"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=SAYS_WHAT, name="draft_in_review_says_what")
                ],
            },
        ),
    ]
