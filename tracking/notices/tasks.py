"""Chores of the notices."""

from celery import shared_task
from django.utils import timezone

from tracking.notices import reminders


@shared_task
def remind_of_reviews(**kwargs: object) -> None:
    """Write to sites whose notice is to be looked at again."""
    reminders.remind(now=timezone.now())
