"""Count by the hour what was confirmed, and how much of it in time."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("outbox", "0007_found_by_operators")]

    operations = [
        migrations.CreateModel(
            name="ConfirmedHour",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("site_id", models.IntegerField()),
                ("addressee", models.TextField()),
                ("hour", models.DateTimeField()),
                ("confirmed", models.PositiveIntegerField()),
                ("in_time", models.PositiveIntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("site_id", "addressee", "hour"), name="confirmed_hour_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("in_time__lte", models.F("confirmed"))),
                        name="confirmed_hour_part_of_whole",
                    ),
                ],
            },
        ),
    ]
