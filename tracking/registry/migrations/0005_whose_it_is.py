"""A tag says whether its partner can know whose it is, and uses it for itself."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0004_partner_identifiers")]

    operations = [
        migrations.AddField(
            model_name="tag",
            name="is_linkable",
            field=models.BooleanField(
                default=False,
                help_text="Its partner can be expected to know whose it is (APPI Art. 31).",
            ),
        ),
        migrations.AddField(
            model_name="tag",
            name="is_own_use",
            field=models.BooleanField(
                default=False,
                help_text=(
                    "Its partner uses what it receives for itself: that is not processing for you."
                ),
            ),
        ),
    ]
