import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import tracking.delivery.types


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("outbox", "0001_outbox_event"),
        ("registry", "0001_declaration"),
    ]

    operations = [
        migrations.CreateModel(
            name="Attempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.BigIntegerField()),
                ("message_key", models.UUIDField(db_index=True)),
                ("attempted_at", models.DateTimeField()),
                (
                    "outcome",
                    models.TextField(
                        choices=[
                            ("accepted", "accepted"),
                            ("rejected", "rejected"),
                            ("unreachable", "unreachable"),
                            ("gone", "gone"),
                        ]
                    ),
                ),
                ("http_status", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("duration_ms", models.PositiveIntegerField()),
                ("error_class", models.TextField(blank=True, default="")),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="outbox.outboxevent"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("outcome__in", ["accepted", "rejected", "unreachable", "gone"])
                        ),
                        name="attempt_outcome_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Endpoint",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "transport",
                    models.TextField(
                        choices=[("webhook", "webhook")],
                        default=tracking.delivery.types.Transport["WEBHOOK"],
                    ),
                ),
                ("url", models.TextField()),
                ("secret_sealed", models.BinaryField()),
                ("previous_secret_sealed", models.BinaryField(blank=True, default=b"")),
                (
                    "state",
                    models.TextField(
                        choices=[("active", "active"), ("paused", "paused"), ("gone", "gone")],
                        default=tracking.delivery.types.EndpointState["ACTIVE"],
                    ),
                ),
                (
                    "confirms_by",
                    models.TextField(
                        choices=[("response", "response"), ("acknowledgement", "acknowledgement")],
                        default=tracking.delivery.types.ConfirmsBy["RESPONSE"],
                    ),
                ),
                (
                    "concurrency",
                    models.PositiveSmallIntegerField(
                        default=8,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(64),
                        ],
                    ),
                ),
                ("consecutive_failures", models.PositiveIntegerField(default=0)),
                ("openings", models.PositiveIntegerField(default=0)),
                ("opened_until", models.DateTimeField(blank=True, null=True)),
                ("last_success_at", models.DateTimeField(blank=True, null=True)),
                (
                    "partner",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, to="registry.partner"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["active", "paused", "gone"])),
                        name="endpoint_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("confirms_by__in", ["response", "acknowledgement"])),
                        name="endpoint_confirms_by_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("transport__in", ["webhook"])),
                        name="endpoint_transport_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("concurrency__gte", 1), ("concurrency__lte", 64)),
                        name="endpoint_concurrency_sensible",
                    ),
                ],
            },
        ),
    ]
