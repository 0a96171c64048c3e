"""Whose consent call a tag understands; tags declared before understand none."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0001_declaration"),
    ]

    operations = [
        migrations.AddField(
            model_name="tag",
            name="vendor",
            field=models.TextField(
                choices=[
                    ("none", "none"),
                    ("google", "google"),
                    ("microsoft_uet", "microsoft_uet"),
                    ("microsoft_clarity", "microsoft_clarity"),
                    ("meta", "meta"),
                    ("tiktok", "tiktok"),
                    ("matomo", "matomo"),
                    ("adobe", "adobe"),
                    ("segment", "segment"),
                    ("shopify", "shopify"),
                    ("line", "line"),
                    ("yahoo_japan", "yahoo_japan"),
                ],
                default="none",
            ),
        ),
        migrations.AddConstraint(
            model_name="tag",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "vendor__in",
                        [
                            "none",
                            "google",
                            "microsoft_uet",
                            "microsoft_clarity",
                            "meta",
                            "tiktok",
                            "matomo",
                            "adobe",
                            "segment",
                            "shopify",
                            "line",
                            "yahoo_japan",
                        ],
                    )
                ),
                name="tag_vendor_known",
            ),
        ),
    ]
