"""Let partners be reached in their own ways."""

from django.db import migrations, models

import tracking.delivery.types


class Migration(migrations.Migration):
    dependencies = [("delivery", "0002_attempts_append_only")]

    operations = [
        migrations.RemoveConstraint(
            model_name="endpoint",
            name="endpoint_confirms_by_known",
        ),
        migrations.RemoveConstraint(
            model_name="endpoint",
            name="endpoint_transport_known",
        ),
        migrations.AddField(
            model_name="endpoint",
            name="is_for_erasures_only",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="endpoint",
            name="next_request_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="endpoint",
            name="settings",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AlterField(
            model_name="endpoint",
            name="confirms_by",
            field=models.TextField(
                choices=[
                    ("response", "response"),
                    ("acknowledgement", "acknowledgement"),
                    ("poll", "poll"),
                ],
                default=tracking.delivery.types.ConfirmsBy["RESPONSE"],
            ),
        ),
        migrations.AlterField(
            model_name="endpoint",
            name="secret_sealed",
            field=models.BinaryField(blank=True, default=b""),
        ),
        migrations.AlterField(
            model_name="endpoint",
            name="transport",
            field=models.TextField(
                choices=[
                    ("webhook", "webhook"),
                    ("pull_feed", "pull_feed"),
                    ("email", "email"),
                    ("s3_file", "s3_file"),
                    ("sftp_file", "sftp_file"),
                    ("opendsr", "opendsr"),
                    ("iab_deletion", "iab_deletion"),
                    ("google_analytics", "google_analytics"),
                    ("google_data_manager", "google_data_manager"),
                    ("meta_audience", "meta_audience"),
                    ("segment", "segment"),
                    ("braze", "braze"),
                    ("criteo", "criteo"),
                    ("amplitude", "amplitude"),
                    ("mixpanel", "mixpanel"),
                ],
                default=tracking.delivery.types.Transport["WEBHOOK"],
            ),
        ),
        migrations.AlterField(
            model_name="endpoint",
            name="url",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.AddConstraint(
            model_name="endpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "confirms_by__in",
                        ["response", "acknowledgement", "poll"],
                    )
                ),
                name="endpoint_confirms_by_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="endpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "transport__in",
                        [
                            "webhook",
                            "pull_feed",
                            "email",
                            "s3_file",
                            "sftp_file",
                            "opendsr",
                            "iab_deletion",
                            "google_analytics",
                            "google_data_manager",
                            "meta_audience",
                            "segment",
                            "braze",
                            "criteo",
                            "amplitude",
                            "mixpanel",
                        ],
                    )
                ),
                name="endpoint_transport_known",
            ),
        ),
    ]
