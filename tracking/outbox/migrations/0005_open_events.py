"""Find what is to do, what is open and what a ticket covers; hold what the clock promises."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("outbox", "0004_tickets")]

    operations = [
        migrations.RemoveIndex(model_name="outboxevent", name="outbox_to_tell"),
        migrations.RemoveIndex(model_name="outboxevent", name="outbox_overdue"),
        migrations.RemoveIndex(model_name="outboxevent", name="outbox_unconfirmed"),
        migrations.AddIndex(
            model_name="outboxevent",
            index=models.Index(
                condition=models.Q(("next_attempt_at__isnull", False), ("state", "pending")),
                fields=["site_id", "addressee", "next_attempt_at", "id"],
                name="outbox_to_do",
            ),
        ),
        migrations.AddIndex(
            model_name="outboxevent",
            index=models.Index(
                condition=models.Q(("confirmed_at__isnull", True)),
                fields=["site_id", "addressee", "due_at"],
                name="outbox_open",
            ),
        ),
        migrations.AddIndex(
            model_name="outboxevent",
            index=models.Index(
                condition=models.Q(("ticket", ""), _negated=True),
                fields=["site_id", "addressee", "ticket"],
                name="outbox_by_ticket",
            ),
        ),
        migrations.AddConstraint(
            model_name="outboxevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("next_attempt_at__isnull", False),
                    ("state", "dead"),
                    ("acked_version__gte", models.F("desired_version")),
                    _connector="OR",
                ),
                name="outbox_unsaid_is_scheduled",
            ),
        ),
        migrations.AddConstraint(
            model_name="outboxevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("confirmed_at__isnull", True),
                    ("accepted_at__isnull", False),
                    _connector="OR",
                ),
                name="outbox_confirmed_was_accepted",
            ),
        ),
        migrations.RemoveConstraint(model_name="outboxevent", name="outbox_outcome_known"),
        migrations.AddConstraint(
            model_name="outboxevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "outcome__in",
                        [
                            "",
                            "accepted",
                            "confirmed",
                            "identifier_not_held",
                            "not_needed",
                            "rejected",
                            "unreachable",
                        ],
                    )
                ),
                name="outbox_outcome_known",
            ),
        ),
    ]
