"""A partner says under what it knows a browser, and where it keeps that."""

from __future__ import annotations

from django.db import migrations, models

WHOLE = (
    '$.type() == "array" && $.size() <= 8 && !exists($[*] ? ('
    '@.kind.type() != "string" || !(@.kind like_regex "^[a-z0-9_]{1,40}$") || '
    '@.cookie.type() != "string" || !(@.cookie like_regex "^[A-Za-z0-9_.-]{0,80}$")))'
)


class Migration(migrations.Migration):
    dependencies = [("registry", "0003_hold_mode")]

    operations = [
        migrations.AddField(
            model_name="partner",
            name="identifiers",
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddConstraint(
            model_name="partner",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    "identifiers",
                    template=f"jsonb_path_match(%(expressions)s, '{WHOLE}')",
                    output_field=models.BooleanField(),
                ),
                name="partner_identifiers_whole",
                violation_error_message=(
                    "Write at most eight maps, each of a `kind` and a `cookie`."
                ),
            ),
        ),
    ]
