"""What happened and must be told. PostgreSQL holds the work; a message to a worker is a hint."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from tracking.outbox.types import EventState, Outcome


class OutboxEvent(models.Model):
    """
    One row per (site, addressee, subject, kind, occasion): level-triggered, so a newer version
    replaces an unsaid older one and can never be overtaken by it. `message_key` stays the same over
    retries of one version. No foreign keys: this room knows nothing of what it carries.
    """

    site_id = models.IntegerField()
    addressee = models.TextField()
    subject = models.TextField()
    kind = models.TextField()
    # What keeps two events of one kind apart where neither may replace the other.
    occasion = models.TextField(default="", blank=True)
    desired_version = models.BigIntegerField()
    acked_version = models.BigIntegerField(default=0)
    payload = models.JSONField()
    # For the addressee's eyes only, each value sealed by whoever appended it; emptied when told.
    sealed = models.JSONField(default=dict, blank=True)
    message_key = models.UUIDField()
    state = models.TextField(default=EventState.PENDING)
    outcome = models.TextField(default=Outcome.NONE)
    attempts = models.IntegerField(default=0)
    due_at = models.DateTimeField()
    # When to act: to tell what is unsaid, or else to ask after the ticket. Null = nothing to do.
    next_attempt_at = models.DateTimeField(null=True)
    # The addressee's own name for what it has taken and still works on.
    ticket = models.TextField(default="", blank=True)
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
                fields=["site_id", "addressee", "subject", "kind", "occasion"],
                name="outbox_one_per_subject",
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
                # What is unsaid and not given up has a time to act: nothing is forgotten.
                condition=Q(next_attempt_at__isnull=False)
                | Q(state=EventState.DEAD)
                | Q(acked_version__gte=F("desired_version")),
                name="outbox_unsaid_is_scheduled",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_at__isnull=True) | Q(accepted_at__isnull=False),
                name="outbox_confirmed_was_accepted",
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
            # Only what is still to be done, per addressee: neither the table's size nor another
            # addressee's backlog slows a claim.
            models.Index(
                fields=["site_id", "addressee", "next_attempt_at", "id"],
                condition=Q(next_attempt_at__isnull=False, state=EventState.PENDING),
                name="outbox_to_do",
            ),
            models.Index(
                fields=["site_id", "addressee", "due_at"],
                condition=Q(confirmed_at__isnull=True),
                name="outbox_open",
            ),
            # The latest confirmations of one addressee, and those not yet counted.
            models.Index(
                fields=["site_id", "addressee", "confirmed_at"],
                condition=Q(confirmed_at__isnull=False),
                name="outbox_confirmed",
            ),
            models.Index(
                fields=["site_id", "addressee", "created_at"],
                condition=Q(state=EventState.DEAD),
                name="outbox_dead",
            ),
            models.Index(
                fields=["site_id", "addressee", "ticket"],
                condition=~Q(ticket=""),
                name="outbox_by_ticket",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.site_id} {self.addressee} {self.kind} v{self.desired_version}"


class ConfirmedHour(models.Model):
    """
    How many events one addressee confirmed within an hour, and how many of them by their deadline.

    Events are many, and each shows its newest version only; shares over weeks read these.
    """

    site_id = models.IntegerField()
    addressee = models.TextField()
    hour = models.DateTimeField()
    confirmed = models.PositiveIntegerField()
    in_time = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site_id", "addressee", "hour"], name="confirmed_hour_once"
            ),
            models.CheckConstraint(
                condition=Q(in_time__lte=F("confirmed")), name="confirmed_hour_part_of_whole"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.site_id} {self.addressee} {self.hour:%Y-%m-%d %H}h"
