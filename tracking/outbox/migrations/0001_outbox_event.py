from django.db import migrations, models

import tracking.outbox.types


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="OutboxEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("site_id", models.IntegerField()),
                ("addressee", models.TextField()),
                ("subject", models.TextField()),
                ("kind", models.TextField()),
                ("desired_version", models.BigIntegerField()),
                ("acked_version", models.BigIntegerField(default=0)),
                ("payload", models.JSONField()),
                ("message_key", models.UUIDField()),
                ("state", models.TextField(default=tracking.outbox.types.EventState["PENDING"])),
                ("outcome", models.TextField(default=tracking.outbox.types.Outcome["NONE"])),
                ("attempts", models.IntegerField(default=0)),
                ("due_at", models.DateTimeField()),
                ("next_attempt_at", models.DateTimeField()),
                ("lease_token", models.UUIDField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField()),
                ("trying_since", models.DateTimeField()),
                ("accepted_at", models.DateTimeField(null=True)),
                ("confirmed_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(
                            ("acked_version__lt", models.F("desired_version")), ("state", "pending")
                        ),
                        fields=["site_id", "addressee", "next_attempt_at"],
                        name="outbox_to_tell",
                    ),
                    models.Index(
                        condition=models.Q(("lease_until__isnull", False)),
                        fields=["site_id", "addressee"],
                        name="outbox_leased",
                    ),
                    models.Index(
                        condition=models.Q(("acked_version__lt", models.F("desired_version"))),
                        fields=["site_id", "addressee", "due_at"],
                        name="outbox_overdue",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("acked_version__gte", models.F("desired_version")),
                            ("confirmed_at__isnull", True),
                        ),
                        fields=["site_id", "addressee", "accepted_at"],
                        name="outbox_unconfirmed",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("site_id", "addressee", "subject", "kind"),
                        name="outbox_one_per_subject",
                    ),
                    models.UniqueConstraint(
                        fields=("message_key",), name="outbox_message_key_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("acked_version__gte", 0),
                            ("desired_version__gte", models.F("acked_version")),
                        ),
                        name="outbox_never_acked_ahead",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("lease_token__isnull", True), ("lease_until__isnull", True)),
                            models.Q(
                                ("lease_token__isnull", False), ("lease_until__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="outbox_lease_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["pending", "dead"])),
                        name="outbox_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "outcome__in",
                                [
                                    "",
                                    "accepted",
                                    "confirmed",
                                    "identifier_not_held",
                                    "rejected",
                                    "unreachable",
                                ],
                            )
                        ),
                        name="outbox_outcome_known",
                    ),
                ],
            },
        ),
    ]
