"""Counting and telling, at their intervals."""

from contextlib import suppress

from celery import shared_task
from django.utils import timezone

from tracking.insights import alert_operations, mailing, operations
from tracking.lib.quick_redis import Away


@shared_task
def flush(**kwargs: object) -> None:
    """Count what was gathered in Redis."""
    # What is gathered there waits, and what comes meanwhile is counted without it.
    with suppress(Away):
        operations.flush(now=timezone.now())


@shared_task
def roll_up(**kwargs: object) -> None:
    """Count the decisions that are not counted yet."""
    operations.roll_up()


@shared_task
def tell(**kwargs: object) -> None:
    """Add to the numbers what may be told by now."""
    operations.tell_due(now=timezone.now())


@shared_task
def forget_batches(**kwargs: object) -> None:
    """Forget batches that nobody sends again."""
    operations.forget_batches(now=timezone.now())


@shared_task
def look_for_alerts(**kwargs: object) -> None:
    """Look whether there is something that marketing has to hear of."""
    alert_operations.look_for_alerts(now=timezone.now())


@shared_task
def send_reports(**kwargs: object) -> None:
    """Mail the alerts and reports that are due."""
    mailing.send_due(now=timezone.now())
