"""Page views by day and by what was allowed; and when numbers were last told."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("insights", "0002_counts_and_numbers"), ("registry", "0012_page_views")]

    operations = [
        migrations.CreateModel(
            name="DailyPages",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "site",
                        "day",
                        "device_class",
                        "purposes",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("day", models.DateField()),
                ("device_class", models.TextField()),
                ("purposes", models.TextField()),
                ("count", models.PositiveIntegerField()),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="registry.site"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=Q(("count__gte", 1)), name="pages_positive"),
                    models.CheckConstraint(
                        condition=Q(("purposes__regex", "^([01]*1)?$")), name="pages_purposes_bits"
                    ),
                ]
            },
        ),
        migrations.CreateModel(
            name="LastTelling",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False),
                ),
                ("told_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=Q(("id", 1)), name="telling_one_row")
                ]
            },
        ),
    ]
