"""Count requests per partner and five minutes, for the breaker and the charts."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("delivery", "0004_attempt_outcomes")]

    operations = [
        migrations.CreateModel(
            name="Tally",
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
                ("since", models.DateTimeField()),
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
                ("requests", models.PositiveIntegerField()),
                ("messages", models.PositiveIntegerField()),
                ("total_ms", models.PositiveBigIntegerField()),
            ],
        ),
        migrations.AddConstraint(
            model_name="tally",
            constraint=models.UniqueConstraint(
                fields=("endpoint", "since", "outcome"), name="tally_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="tally",
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
                name="tally_outcome_known",
            ),
        ),
    ]
