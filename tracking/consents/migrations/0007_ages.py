"""Keep the age a visitor said, and that a child's guardian agreed: in the private part alone."""

from __future__ import annotations

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models
from django.db.models import Q

BANDS = ["under_13", "under_16", "under_18", "adult"]


class Migration(migrations.Migration):
    dependencies = [("consents", "0006_country_from_a_database")]

    operations = [
        migrations.AddField(
            model_name="consentprivate",
            name="age_band",
            field=models.TextField(choices=[(band, band) for band in BANDS], null=True),
        ),
        migrations.AddField(
            model_name="consentprivate",
            name="guardian_consent",
            field=models.BooleanField(db_default=False),
        ),
        # The rows there say nothing of ages: they are not read again, and nobody waits for it.
        AddConstraintNotValid(
            model_name="consentprivate",
            constraint=models.CheckConstraint(
                condition=Q(("age_band__isnull", True)) | Q(("age_band__in", BANDS)),
                name="private_age_band_known",
            ),
        ),
        AddConstraintNotValid(
            model_name="consentprivate",
            constraint=models.CheckConstraint(
                condition=Q(("guardian_consent", False))
                | Q(("age_band__isnull", False)) & ~Q(("age_band", "adult")),
                name="private_guardian_of_a_child",
            ),
        ),
    ]
