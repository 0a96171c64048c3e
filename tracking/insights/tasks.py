"""Chores of the numbers."""

from celery import shared_task
from django.utils import timezone

from tracking.insights import alert_operations, mailing


@shared_task
def look_for_alerts(**kwargs: object) -> None:
    """Look whether there is something that marketing has to hear of."""
    alert_operations.look_for_alerts(now=timezone.now())


@shared_task
def send_reports(**kwargs: object) -> None:
    """Mail the alerts and reports that are due."""
    mailing.send_due(now=timezone.now())
