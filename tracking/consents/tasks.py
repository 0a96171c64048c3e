"""Chores of the consent tables."""

import logging

from celery import shared_task
from django.utils import timezone

from tracking.consents import erasures, floods, identifiers, operations, provision_operations
from tracking.lib.quick_redis import Away

logger = logging.getLogger(__name__)


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
def forget_floods(**kwargs: object) -> None:
    """Have what was counted of networks, and has expired, leave the disk of Redis as well."""
    try:
        floods.get_flood().forget()
    except Away as error:
        logger.warning("Redis does not write its log anew: %s", type(error.__cause__).__name__)


@shared_task
def forget_impressions(**kwargs: object) -> None:
    """Delete what is kept of proofs of being shown that have expired."""
    operations.forget_impressions(now=timezone.now())
