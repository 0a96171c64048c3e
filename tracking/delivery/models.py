"""Where partners are told, and every sending that was tried."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from tracking.delivery.types import AttemptOutcome, ConfirmsBy, EndpointState, Transport
from tracking.outbox.models import OutboxEvent
from tracking.registry.models import Partner

MOST_AT_ONCE = 64


class Endpoint(models.Model):
    """
    Where one partner is told, and whether that works at present.

    Secrets are sealed with a key that is not in the database. The breaker's fields live here, so
    that every process sees the same.
    """

    partner = models.OneToOneField(Partner, on_delete=models.PROTECT)
    transport = models.TextField(
        choices=[(value.value, value.value) for value in Transport], default=Transport.WEBHOOK
    )
    url = models.TextField()
    secret_sealed = models.BinaryField()
    # Also signs while a partner changes over to the new one; empty otherwise.
    previous_secret_sealed = models.BinaryField(default=b"", blank=True)
    state = models.TextField(
        choices=[(value.value, value.value) for value in EndpointState],
        default=EndpointState.ACTIVE,
    )
    confirms_by = models.TextField(
        choices=[(value.value, value.value) for value in ConfirmsBy], default=ConfirmsBy.RESPONSE
    )
    concurrency = models.PositiveSmallIntegerField(
        default=8, validators=[MinValueValidator(1), MaxValueValidator(MOST_AT_ONCE)]
    )
    consecutive_failures = models.PositiveIntegerField(default=0)
    openings = models.PositiveIntegerField(default=0)
    opened_until = models.DateTimeField(null=True, blank=True)
    last_success_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[value.value for value in EndpointState]),
                name="endpoint_state_known",
            ),
            models.CheckConstraint(
                condition=Q(confirms_by__in=[value.value for value in ConfirmsBy]),
                name="endpoint_confirms_by_known",
            ),
            models.CheckConstraint(
                condition=Q(transport__in=[value.value for value in Transport]),
                name="endpoint_transport_known",
            ),
            models.CheckConstraint(
                condition=Q(concurrency__gte=1, concurrency__lte=MOST_AT_ONCE),
                name="endpoint_concurrency_sensible",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.partner_id} {self.state}"


class Attempt(models.Model):
    """
    One sending: append-only (a trigger refuses UPDATE and DELETE). No bodies, so that nothing
    personal is kept twice.
    """

    event = models.ForeignKey(OutboxEvent, on_delete=models.PROTECT)
    version = models.BigIntegerField()
    message_key = models.UUIDField(db_index=True)
    attempted_at = models.DateTimeField()
    outcome = models.TextField(choices=[(value.value, value.value) for value in AttemptOutcome])
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    duration_ms = models.PositiveIntegerField()
    error_class = models.TextField(default="", blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=[value.value for value in AttemptOutcome]),
                name="attempt_outcome_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} v{self.version} {self.outcome}"
