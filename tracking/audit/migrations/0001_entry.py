"""Keep who did what in the console."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Entry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(db_index=True)),
                ("actor", models.TextField()),
                ("action", models.TextField()),
                ("site", models.TextField(blank=True, default="")),
                ("object", models.TextField(blank=True, default="")),
                ("details", models.JSONField(blank=True, default=dict)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("actor", ""), _negated=True), name="audit_actor_named"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("action__regex", "^[a-z_]+\\.[a-z_]+$")),
                        name="audit_action_is_a_code",
                    ),
                ],
            },
        ),
    ]
