"""Count requests since the first one: what monitoring reads must never fall."""

import django.db.models.deletion
from django.db import migrations, models

FILL = """
INSERT INTO delivery_total (endpoint_id, outcome, requests, total_ms)
SELECT endpoint_id, outcome, sum(requests), sum(total_ms)
  FROM delivery_tally
 GROUP BY endpoint_id, outcome
"""


class Migration(migrations.Migration):
    dependencies = [("delivery", "0006_pulse")]

    operations = [
        migrations.CreateModel(
            name="Total",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="delivery.endpoint"
                    ),
                ),
                (
                    "outcome",
                    models.TextField(
                        choices=[
                            ("accepted", "accepted"),
                            ("pending", "pending"),
                            ("done", "done"),
                            ("not_held", "not_held"),
                            ("not_needed", "not_needed"),
                            ("rejected", "rejected"),
                            ("unreachable", "unreachable"),
                            ("failed", "failed"),
                            ("gone", "gone"),
                        ]
                    ),
                ),
                ("requests", models.PositiveBigIntegerField()),
                ("total_ms", models.PositiveBigIntegerField()),
            ],
        ),
        migrations.AddConstraint(
            model_name="total",
            constraint=models.UniqueConstraint(fields=("endpoint", "outcome"), name="total_once"),
        ),
        migrations.AddConstraint(
            model_name="total",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "outcome__in",
                        [
                            "accepted",
                            "pending",
                            "done",
                            "not_held",
                            "not_needed",
                            "rejected",
                            "unreachable",
                            "failed",
                            "gone",
                        ],
                    )
                ),
                name="total_outcome_known",
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
