"""Say more exactly how a sending, or the question after it, ended."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("delivery", "0003_transports")]

    operations = [
        migrations.RemoveConstraint(
            model_name="attempt",
            name="attempt_outcome_known",
        ),
        migrations.AlterField(
            model_name="attempt",
            name="outcome",
            field=models.TextField(
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
        migrations.AddConstraint(
            model_name="attempt",
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
                name="attempt_outcome_known",
            ),
        ),
    ]
