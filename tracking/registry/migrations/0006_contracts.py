"""What was agreed with a partner, and when that is looked at again."""

from __future__ import annotations

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0005_whose_it_is")]

    operations = [
        migrations.AddField(
            model_name="partner",
            name="contract_ref",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.AddField(
            model_name="partner",
            name="contract_scope",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="partner",
            name="contract_review_on",
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="partner",
            name="sub_processors",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.TextField(), blank=True, default=list, size=None
            ),
        ),
    ]
