"""Chores of the consent tables."""

from celery import shared_task
from django.utils import timezone

from tracking.consents import erasures, identifiers, operations, provision_operations


@shared_task
def make_months(**kwargs: object) -> None:
    """Create the record tables of the coming months."""
    operations.make_months(now=timezone.now())


@shared_task
def forget_expired_identifiers(**kwargs: object) -> None:
    """Delete what was kept while a grant stood that has expired."""
    identifiers.forget_expired(now=timezone.now())


@shared_task
def forget_erasures(**kwargs: object) -> None:
    """Delete what is kept of erasures that are over."""
    erasures.forget_erasures(now=timezone.now())


@shared_task
def forget_provisions(**kwargs: object) -> None:
    """Delete what was kept past erasures for three years."""
    provision_operations.forget_provisions(now=timezone.now())


@shared_task
def forget_impressions(**kwargs: object) -> None:
    """Delete what is kept of proofs of being shown that have expired."""
    operations.forget_impressions(now=timezone.now())
