"""The worker's way to tell partners. Hints and the sweep both lead here; neither is needed."""

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from tracking.delivery import run
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
