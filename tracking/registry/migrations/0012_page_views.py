"""A site may count page views."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0011_known_cookies")]

    operations = [
        migrations.AddField(
            model_name="site",
            name="counts_page_views",
            field=models.BooleanField(
                default=False,
                help_text=(
                    "Count page views by the purposes allowed on them, without cookie or"
                    " identifier."
                ),
            ),
        ),
    ]
