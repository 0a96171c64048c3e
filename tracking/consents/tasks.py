"""Chores of the consent tables."""

from celery import shared_task
from django.utils import timezone

from tracking.consents import operations


@shared_task(queue="delivery")
def make_months(**kwargs: object) -> None:
    """Create the record tables of the coming months."""
    operations.make_months(now=timezone.now())
