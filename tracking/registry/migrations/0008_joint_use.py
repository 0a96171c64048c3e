"""A joint use is announced as a whole, and partners name the one they belong to."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0007_recipients")]

    operations = [
        migrations.CreateModel(
            name="JointUse",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.SlugField(max_length=40)),
                ("position", models.SmallIntegerField(default=0)),
                ("scope", models.JSONField(default=dict)),
                ("purpose", models.JSONField(default=dict)),
                ("responsible_name", models.JSONField(default=dict)),
                ("responsible_address", models.JSONField(default=dict)),
                ("responsible_representative", models.JSONField(default=dict)),
                ("items", models.ManyToManyField(blank=True, to="registry.dataitem")),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="registry.site"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="jointuse",
            constraint=models.UniqueConstraint(fields=("site", "code"), name="joint_use_code_once"),
        ),
        migrations.AddField(
            model_name="partner",
            name="joint_use",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="members",
                to="registry.jointuse",
            ),
        ),
        migrations.AddConstraint(
            model_name="partner",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("joint_use__isnull", True), ("role", "joint_user"), _connector="OR"
                ),
                name="partner_in_joint_use_is_joint_user",
            ),
        ),
    ]
