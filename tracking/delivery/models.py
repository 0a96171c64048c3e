"""Where partners are told, and every sending that was tried."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from tracking.delivery.types import AttemptOutcome, ConfirmsBy, EndpointState, Transport
from tracking.outbox.models import OutboxEvent
from tracking.registry.models import Partner

MOST_AT_ONCE = 64
# The pulse of telling partners.
PULSE = "delivery"


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
    url = models.TextField(blank=True, default="")
    # What the transport's profile asks for beside the address and the secret.
    settings = models.JSONField(default=dict, blank=True)
    secret_sealed = models.BinaryField(default=b"", blank=True)
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
    is_for_erasures_only = models.BooleanField(default=False)
    # Not before this, for partners that count requests.
    next_request_at = models.DateTimeField(null=True, blank=True)
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


class Tally(models.Model):
    """
    Requests to one partner that began within five minutes and ended alike.

    Attempts are many and kept long; the breaker and the charts read these.
    """

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE)
    since = models.DateTimeField()
    outcome = models.TextField(choices=[(value.value, value.value) for value in AttemptOutcome])
    requests = models.PositiveIntegerField()
    messages = models.PositiveIntegerField()
    total_ms = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "since", "outcome"], name="tally_once"),
            models.CheckConstraint(
                condition=Q(outcome__in=[value.value for value in AttemptOutcome]),
                name="tally_outcome_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint_id} {self.since:%Y-%m-%d %H:%M} {self.outcome}"


class Total(models.Model):
    """
    All requests to one partner that ended alike, since the first one: it only grows.

    Tallies are dropped in the end, and there are too many of them to add up at every reading.
    """

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE)
    outcome = models.TextField(choices=[(value.value, value.value) for value in AttemptOutcome])
    requests = models.PositiveBigIntegerField()
    total_ms = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "outcome"], name="total_once"),
            models.CheckConstraint(
                condition=Q(outcome__in=[value.value for value in AttemptOutcome]),
                name="total_outcome_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint_id} {self.outcome}"


class Pulse(models.Model):
    """When work was last looked for, whoever did it: a process that is up proves nothing."""

    name = models.TextField(primary_key=True)
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.beat_at}"


class Attempt(models.Model):
    """
    One sending, or one question after it: append-only (a trigger refuses UPDATE and DELETE). No
    bodies, so that nothing personal is kept twice.
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
