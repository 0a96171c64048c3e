"""Reminds the site that its notice is to be looked at again (policy Article 10)."""

from __future__ import annotations

import logging
import tomllib
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction

from tracking.lib.moments import day_text
from tracking.notices import operations, queries
from tracking.notices.types import Review

logger = logging.getLogger(__name__)

# So long before the day.
AHEAD = timedelta(days=14)


def remind(*, now: datetime) -> int:
    """
    Write to the address that each notice prints, once before its review and once when it is
    overdue; return how many mails went out. Without a mail server only the console says so.
    """
    if not (settings.EMAIL_HOST and settings.DEFAULT_FROM_EMAIL):
        return 0
    sent = 0
    for review in queries.list_reviews():
        today = now.astimezone(ZoneInfo(review.zone)).date()
        if review.review_on - today > AHEAD:
            continue
        try:
            sent += _send(review, is_overdue=review.review_on <= today, now=now)
        except OSError as error:
            # Not noted as sent: tomorrow again.
            logger.error("no reminder for %s: %s", review.site_code, type(error).__name__)
    return sent


@transaction.atomic
def _send(review: Review, *, is_overdue: bool, now: datetime) -> bool:
    if not operations.note_reminder(
        notice_id=review.notice_id, review_on=review.review_on, is_overdue=is_overdue, now=now
    ):
        return False
    text = _texts()[review.language]
    day = day_text(
        at=datetime(
            review.review_on.year,
            review.review_on.month,
            review.review_on.day,
            tzinfo=ZoneInfo(review.zone),
        ),
        zone=review.zone,
        language=review.language,
    )
    facts = {"site": review.site_code, "number": review.number, "day": day}
    send_mail(
        subject=text["subject_overdue" if is_overdue else "subject_soon"].format(**facts),
        message=text["body"].format(**facts),
        from_email=None,
        recipient_list=[review.email],
    )
    return True


@cache
def _texts() -> dict[str, dict[str, str]]:
    return tomllib.loads((Path(__file__).parent / "data" / "reminder.toml").read_text("utf-8"))
