"""What kind of recipient a partner is, how consent was confirmed, what holds abroad."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0006_contracts")]

    operations = [
        migrations.AddField(
            model_name="partner",
            name="recipient_class",
            field=models.TextField(
                choices=[
                    ("advertiser", "advertiser"),
                    ("information_provider", "information_provider"),
                    ("service_provider", "service_provider"),
                ],
                default="service_provider",
            ),
        ),
        migrations.AddField(
            model_name="partner",
            name="confirmation",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="partner",
            name="foreign_basis",
            field=models.TextField(
                blank=True,
                choices=[
                    ("consent", "consent"),
                    ("adequate", "adequate"),
                    ("equivalent", "equivalent"),
                ],
                default="",
            ),
        ),
        migrations.AddField(
            model_name="partner",
            name="foreign_system",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="partner",
            name="foreign_measures",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddConstraint(
            model_name="partner",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "recipient_class__in",
                        ["advertiser", "information_provider", "service_provider"],
                    )
                ),
                name="partner_recipient_class_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="partner",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("foreign_basis__in", ["", "consent", "adequate", "equivalent"])
                ),
                name="partner_foreign_basis_known",
            ),
        ),
    ]
