"""The worker's way to tell partners; hints and the sweep lead here, neither is needed. A chore."""

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from tracking.delivery import operations, run
from tracking.outbox import operations as outbox


@shared_task(name="tracking.delivery.tasks.drain", queue="delivery", ignore_result=True)
def drain(**kwargs: object) -> None:
    """Tell partners everything that is due. What fails here is due again by its own schedule."""
    run.deliver_due(
        keys=settings.CONSENT_KEYS,
        allow_loopback=settings.ALLOW_LOOPBACK_PARTNERS,
        clock=timezone.now,
    )


@shared_task(name="tracking.delivery.tasks.count_confirmations", queue="delivery")
def count_confirmations(**kwargs: object) -> None:
    """Count what partners confirmed in the hours that are over, for the console."""
    outbox.count_confirmations(now=timezone.now())


@shared_task(queue="delivery")
def drop_old_tallies(**kwargs: object) -> None:
    """Drop the request counts of long ago."""
    operations.drop_old_tallies(now=timezone.now())
