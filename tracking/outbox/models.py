"""What happened and must be told. PostgreSQL holds the work; a message to a worker is a hint."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from tracking.outbox.types import EventState, Outcome


class OutboxEvent(models.Model):
    """
    One row per (site, addressee, subject, kind): level-triggered, so a newer version replaces an
    unsaid older one and can never be overtaken by it. `message_key` stays the same over retries
    of one version. No foreign keys: this room knows nothing of what it carries.
    """

    site_id = models.IntegerField()
    addressee = models.TextField()
    subject = models.TextField()
    kind = models.TextField()
    desired_version = models.BigIntegerField()
    acked_version = models.BigIntegerField(default=0)
    payload = models.JSONField()
    message_key = models.UUIDField()
    state = models.TextField(default=EventState.PENDING)
    outcome = models.TextField(default=Outcome.NONE)
    attempts = models.IntegerField(default=0)
    due_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    # When the oldest version that is still unsaid was appended.
    created_at = models.DateTimeField()
    # The clock of giving up; a replay starts it anew.
    trying_since = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site_id", "addressee", "subject", "kind"], name="outbox_one_per_subject"
            ),
            models.UniqueConstraint(fields=["message_key"], name="outbox_message_key_once"),
            models.CheckConstraint(
                condition=Q(acked_version__gte=0) & Q(desired_version__gte=F("acked_version")),
                name="outbox_never_acked_ahead",
            ),
            models.CheckConstraint(
                condition=Q(lease_token__isnull=True, lease_until__isnull=True)
                | Q(lease_token__isnull=False, lease_until__isnull=False),
                name="outbox_lease_whole",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in EventState]),
                name="outbox_state_known",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=[outcome.value for outcome in Outcome]),
                name="outbox_outcome_known",
            ),
        ]
        indexes = [
            # Only what is still to be told, per addressee: neither the table's size nor another
            # addressee's backlog slows a claim.
            models.Index(
                fields=["site_id", "addressee", "next_attempt_at"],
                condition=Q(acked_version__lt=F("desired_version"), state="pending"),
                name="outbox_to_tell",
            ),
            models.Index(
                fields=["site_id", "addressee"],
                condition=Q(lease_until__isnull=False),
                name="outbox_leased",
            ),
            models.Index(
                fields=["site_id", "addressee", "due_at"],
                condition=Q(acked_version__lt=F("desired_version")),
                name="outbox_overdue",
            ),
            models.Index(
                fields=["site_id", "addressee", "accepted_at"],
                condition=Q(acked_version__gte=F("desired_version"), confirmed_at__isnull=True),
                name="outbox_unconfirmed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.site_id} {self.addressee} {self.kind} v{self.desired_version}"
