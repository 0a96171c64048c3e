"""How far partners are with an erasure, for whoever holds its key."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("consents", "0004_erased_devices"),
        ("notices", "0002_append_only"),
        ("registry", "0001_declaration"),
    ]

    operations = [
        migrations.CreateModel(
            name="Erasure",
            fields=[
                ("key", models.UUIDField(primary_key=True, serialize=False)),
                ("idempotency_key", models.TextField()),
                ("erased_at", models.DateTimeField()),
                ("version", models.BigIntegerField()),
                ("seq", models.BigIntegerField()),
                ("told", models.JSONField()),
                (
                    "notice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="notices.noticeversion"
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="registry.site"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["erased_at"], name="erasure_by_age")],
                "constraints": [
                    models.UniqueConstraint(fields=("site", "idempotency_key"), name="erasure_once")
                ],
            },
        ),
    ]
