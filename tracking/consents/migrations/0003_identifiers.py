"""What partners call a device, for as long as they may receive something."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

# Django's own CASCADE is a habit of its objects; an erasure must take these along in SQL, too.
CASCADE = """
ALTER TABLE consents_identifier
  ADD CONSTRAINT identifier_of_a_device FOREIGN KEY (device_id) REFERENCES consents_device (id)
  ON DELETE CASCADE
"""


class Migration(migrations.Migration):
    dependencies = [("consents", "0002_partitioned_records")]

    operations = [
        migrations.CreateModel(
            name="Identifier",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("partner", models.TextField()),
                ("kind", models.TextField()),
                ("sealed", models.BinaryField()),
                ("collected_at", models.DateTimeField()),
                (
                    "device",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="consents.device",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("device", "partner", "kind"), name="identifier_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__regex", "^[a-z0-9_]{1,40}$")),
                        name="identifier_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("partner", ""), _negated=True),
                        name="identifier_has_partner",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            CASCADE, "ALTER TABLE consents_identifier DROP CONSTRAINT identifier_of_a_device"
        ),
    ]
