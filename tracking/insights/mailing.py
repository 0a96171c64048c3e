"""Mails the numbers and the alerts to whoever asked for them."""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from email.utils import parseaddr
from uuid import uuid5
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string

from tracking.insights import (
    alert_queries,
    alerts,
    alerts_page,
    queries,
    report_mail,
    subscription_operations,
    subscription_queries,
    subscriptions,
    why,
    why_queries,
)
from tracking.insights.alerts import Alert
from tracking.insights.alerts_page import AlertPanel
from tracking.insights.report_mail import Mail
from tracking.insights.subscriptions import Failure, Period, Subscription
from tracking.insights.types import Filters, Health, OptInReport

logger = logging.getLogger(__name__)

_REFUSALS = (
    smtplib.SMTPRecipientsRefused,
    smtplib.SMTPSenderRefused,
    smtplib.SMTPDataError,
    smtplib.SMTPNotSupportedError,
)


def is_set_up() -> bool:
    """Say whether there is a mail server to give mails to."""
    return bool(settings.EMAIL_HOST and settings.DEFAULT_FROM_EMAIL)


def send_due(*, now: datetime) -> int:
    """
    Mail every alert and report that is due; return how many mails the server took.

    Who sends holds the subscription's row, so that of two beats one sends. That a mail went out is
    kept once the server has it: whoever dies between sends it again, with the same Message-ID. It
    may come twice; it never fails to come. With the server away it goes out with a later run.
    """
    if not is_set_up():
        return 0
    sent = 0
    try:
        for number in subscription_queries.list_ids():
            for send in (_send_alerts, _send_report):
                while _try(send, number, now):
                    sent += 1
    except OSError:
        # The server is away for everybody; waiting for it once is enough.
        return sent
    return sent


def send_test(*, subscription_id: int, actor: str, is_own_only: bool, now: datetime) -> bool:
    """
    Mail the last whole period at once; say whether the server took it.

    :param is_own_only: the account may only try what it entered itself
    :raises UnknownSubscription: 404
    """
    with transaction.atomic():
        to = subscription_operations.claim(subscription_id=subscription_id)
        if to is None or (is_own_only and to.owner != actor):
            raise subscription_operations.UnknownSubscription
        if not is_set_up():
            return False
        today = now.astimezone(ZoneInfo(to.zone)).date()
        period = subscriptions.last_period(every=to.every, today=today)
        mail = _report(to, period, now=now, is_test=True)
        try:
            _hand_over(mail, to, about=f"test {now.isoformat()}")
        except OSError as error:
            _log(subscription_id, error)
            return False
        subscription_operations.note_test(subscription=to, actor=actor, now=now)
    return True


# --- inside


def _try(send: Callable[[Subscription, datetime], bool], number: int, now: datetime) -> bool:
    """
    Send one mail, if one is due; say whether it went out.

    :raises OSError: the server cannot be talked to
    """
    try:
        with transaction.atomic():
            subscription = subscription_operations.claim(subscription_id=number)
            if subscription is None or subscriptions.is_resting(subscription, now=now):
                return False
            return send(subscription, now)
    except OSError as error:
        is_refused = isinstance(error, _REFUSALS)
        failure = Failure.REFUSED if is_refused else Failure.AWAY
        _log(number, error)
        subscription_operations.note_failure(subscription_id=number, failure=failure, now=now)
        if not is_refused:
            raise
        return False


def _send_alerts(subscription: Subscription, now: datetime) -> bool:
    fresh = [
        alert
        for alert in alert_queries.list_alerts(site_id=subscription.site_id)
        if alert.id > subscription.last_alert_id and alert.kind not in alerts.NOT_MAILED
    ]
    if not fresh:
        return False
    today = now.astimezone(ZoneInfo(subscription.zone)).date()
    report = _numbers(subscription, days=1, until=today, now=now)
    health = queries.get_health(site=subscription.site, now=now)
    mail = report_mail.build_alert_mail(
        subscription=subscription,
        alerts=_panel(fresh, report, health, subscription),
        until=today,
    )
    newest = max(alert.id for alert in fresh)
    _hand_over(mail, subscription, about=f"alert {newest}")
    subscription_operations.note_alerts(subscription_id=subscription.id, newest=newest)
    return True


def _send_report(subscription: Subscription, now: datetime) -> bool:
    period = subscriptions.due_period(subscription, now=now)
    if period is None:
        return False
    patience = subscriptions.due_at(subscription, period) + subscriptions.WAITS_FOR_NUMBERS
    is_told = subscription_queries.is_told(
        site_id=subscription.site_id, first=period.first, last=period.last
    )
    if not is_told and now < patience:
        return False
    _hand_over(_report(subscription, period, now=now), subscription, about=f"report {period.last}")
    subscription_operations.note_report(subscription_id=subscription.id, last=period.last)
    return True


def _report(
    subscription: Subscription, period: Period, *, now: datetime, is_test: bool = False
) -> Mail:
    report = _numbers(subscription, days=period.days, until=period.last, now=now)
    health = queries.get_health(site=subscription.site, now=now)
    # From the period's first moment on, and those that nobody has settled yet.
    since = datetime.combine(period.first, time(), tzinfo=ZoneInfo(subscription.zone))
    today = now.astimezone(ZoneInfo(subscription.zone)).date()
    asked = why.list_questions(report.purposes, days=report.days, today=today)
    return report_mail.build_report_mail(
        subscription=subscription,
        period=period,
        report=report,
        before=_numbers(subscription, days=period.days_before, until=period.before_last, now=now),
        health=health,
        alerts=_panel(
            alert_queries.list_alerts(site_id=subscription.site_id, since=since),
            report,
            health,
            subscription,
        ),
        asked=asked,
        answer=why_queries.get_answer(
            filters=Filters(site=subscription.site, days=period.days, until=period.last),
            purpose=asked[0].purpose,
            day=asked[0].day,
            now=now,
        )
        if asked
        else None,
        is_test=is_test,
    )


def _numbers(subscription: Subscription, *, days: int, until: date, now: datetime) -> OptInReport:
    filters = Filters(site=subscription.site, days=days, until=until)
    return queries.get_opt_in_report(filters=filters, now=now)


def _panel(
    found: Sequence[Alert], report: OptInReport, health: Health, subscription: Subscription
) -> AlertPanel:
    return alerts_page.build_alerts(
        alerts=found,
        purpose_names={purpose.code: purpose.name for purpose in report.purposes},
        partner_names={line.code: line.legal_name for line in health.lines},
        zone=subscription.zone,
        language=subscription.language,
    )


def _hand_over(mail: Mail, subscription: Subscription, *, about: str) -> None:
    context = {"mail": mail, "text": mail.text, "report": mail.report}
    _, sender = parseaddr(settings.DEFAULT_FROM_EMAIL)
    message = EmailMultiAlternatives(
        subject=mail.subject,
        body=render_to_string("insights/mail.txt", context),
        to=[subscription.email],
        headers={
            # The same for the same mail, so that a second copy can be told from a second mail.
            "Message-ID": f"<{uuid5(subscription.stop_key, about)}@{sender.rpartition('@')[2]}>",
            "Auto-Submitted": "auto-generated",
            # One click in the mail program is enough (RFC 8058).
            "List-Unsubscribe": f"<{mail.stop_url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    )
    message.attach_alternative(render_to_string("insights/mail.html", context), "text/html")
    if mail.report is not None and mail.report.csv is not None:
        message.attach(mail.report.csv.name, mail.report.csv.content, "text/csv")
    message.send()


def _log(number: int, error: OSError) -> None:
    # The error's text holds the address.
    logger.error("no mail for report %s: %s", number, type(error).__name__)
