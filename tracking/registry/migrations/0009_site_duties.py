"""How a site looks, when its notice is looked at again, whether it asks ages."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0008_joint_use")]

    operations = [
        migrations.AddField(
            model_name="dataitem",
            name="named_in",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.AddField(
            model_name="site",
            name="look",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="site",
            name="review_months",
            field=models.PositiveSmallIntegerField(
                default=12,
                help_text="So long after it was published, a notice is to be looked at again.",
            ),
        ),
        migrations.AddField(
            model_name="site",
            name="asks_age",
            field=models.BooleanField(
                default=False,
                help_text="Decisions say an age band; a child's yes needs its guardian's.",
            ),
        ),
        migrations.AddConstraint(
            model_name="site",
            constraint=models.CheckConstraint(
                condition=models.Q(("review_months__gte", 1), ("review_months__lte", 36)),
                name="site_review_within_three_years",
            ),
        ),
    ]
