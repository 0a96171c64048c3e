"""Keep what a browser saw of a site."""

import django.db.models.deletion
import django.db.models.lookups
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0001_declaration"),
    ]

    operations = [
        migrations.CreateModel(
            name="Scan",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField()),
                ("notice_number", models.PositiveIntegerField()),
                ("pages", models.JSONField()),
                ("findings", models.JSONField()),
                ("alarms", models.PositiveIntegerField()),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="registry.site"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["site", "-finished_at"], name="scan_newest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("finished_at__gte", models.F("started_at"))),
                        name="scan_ends_after_its_start",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("notice_number__gte", 1)), name="scan_notice_positive"
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.GreaterThan(
                            models.Func(
                                "pages",
                                function="jsonb_array_length",
                                output_field=models.IntegerField(),
                            ),
                            0,
                        ),
                        name="scan_read_a_page",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "alarms",
                                models.Func(
                                    models.Func(
                                        "findings",
                                        output_field=models.JSONField(),
                                        template=(
                                            "jsonb_path_query_array(%(expressions)s,"
                                            """ '$[*] ? (@.level == "alarm")')"""
                                        ),
                                    ),
                                    function="jsonb_array_length",
                                    output_field=models.IntegerField(),
                                ),
                            )
                        ),
                        name="scan_alarms_counted",
                    ),
                ],
            },
        ),
    ]
