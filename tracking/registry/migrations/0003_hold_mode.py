"""A site says what its pages may ask of other hosts before a yes."""

from __future__ import annotations

from django.db import migrations, models

import tracking.registry.types


class Migration(migrations.Migration):
    dependencies = [("registry", "0002_vendor_signal")]

    operations = [
        migrations.AddField(
            model_name="site",
            name="hold_mode",
            field=models.TextField(
                choices=[
                    ("off", "off"),
                    ("observe", "observe"),
                    ("permissive", "permissive"),
                    ("strict", "strict"),
                ],
                default=tracking.registry.types.HoldMode["OBSERVE"],
                help_text=(
                    "What pages may ask of other hosts before a yes. Look first, then be strict."
                ),
            ),
        ),
        migrations.AddField(
            model_name="site",
            name="replays_held",
            field=models.BooleanField(
                default=True,
                help_text="After a yes, send what was held; otherwise only what is new.",
            ),
        ),
        migrations.AddConstraint(
            model_name="site",
            constraint=models.CheckConstraint(
                condition=models.Q(("hold_mode__in", ["off", "observe", "permissive", "strict"])),
                name="site_hold_mode_known",
            ),
        ),
    ]
