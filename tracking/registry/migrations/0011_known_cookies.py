"""What the operator's copy of the Open Cookie Database says of cookies."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0010_lawful_exceptions")]

    operations = [
        migrations.CreateModel(
            name="KnownCookie",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("source_id", models.TextField(unique=True)),
                ("name", models.TextField(db_index=True)),
                ("is_wildcard", models.BooleanField(default=False)),
                ("platform", models.TextField()),
                (
                    "nature",
                    models.TextField(
                        choices=[
                            (nature, nature)
                            for nature in (
                                "necessary",
                                "analytics",
                                "advertising",
                                "personalisation",
                                "functional",
                            )
                        ]
                    ),
                ),
                ("description", models.TextField(blank=True, default="")),
                ("retention", models.TextField(blank=True, default="")),
                ("controller", models.TextField(blank=True, default="")),
                ("policy_url", models.TextField(blank=True, default="")),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "nature__in",
                                [
                                    "necessary",
                                    "analytics",
                                    "advertising",
                                    "personalisation",
                                    "functional",
                                ],
                            )
                        ),
                        name="known_cookie_nature_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("name", ""), _negated=True),
                        name="known_cookie_has_name",
                    ),
                ],
            },
        ),
    ]
