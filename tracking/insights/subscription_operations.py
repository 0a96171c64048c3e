"""The only writes of who gets the numbers by mail."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, connection, transaction
from django.db.models import Max

from tracking.audit import operations as audit
from tracking.insights import models, subscription_queries, subscriptions
from tracking.insights.subscriptions import LANGUAGES, Every, Failure, Subscription
from tracking.lib.errors import DomainError
from tracking.registry import queries as registry

# Who stops a report without signing in: whoever has the link of the mail.
BY_LINK = "link in a mail"

_LONGEST_ADDRESS = 254


class SubscriptionInvalid(DomainError):
    code = "invalid"
    message = "The report cannot be sent like this."


class UnknownSubscription(DomainError):
    code = "unknown_report"
    message = "There is no such report, or it is somebody else's."
    status = 404


def create_subscription(
    *,
    site_code: str,
    email: str,
    language: str,
    every: str,
    hour: str,
    origin: str,
    owner: str,
    now: datetime,
) -> Subscription:
    """
    Have a site's numbers sent to an address; the first report is on the period that runs now.

    :param origin: where the console is, such as https://consent.shop.example
    :raises UnknownSite:
    :raises SubscriptionInvalid: 400, with a code for each field that is wrong
    """
    site = registry.get_site(code=site_code)
    faults = {}
    try:
        validate_email(email)
    except ValidationError:
        faults["email"] = "wrong"
    if len(email) > _LONGEST_ADDRESS:
        faults["email"] = "wrong"
    if language not in LANGUAGES:
        faults["language"] = "wrong"
    if every not in set(Every):
        faults["every"] = "wrong"
    if hour not in {str(one) for one in range(24)}:
        faults["hour"] = "wrong"
    if faults:
        raise SubscriptionInvalid(fields=faults)
    today = now.astimezone(ZoneInfo(site.zone)).date()
    newest = models.Alert.objects.filter(site_id=site.id).aggregate(newest=Max("id"))["newest"]
    try:
        with transaction.atomic():
            row = models.ReportSubscription.objects.create(
                site_id=site.id,
                email=email,
                language=language,
                every=Every(every),
                hour=int(hour),
                origin=origin,
                owner=owner,
                stop_key=uuid4(),
                created_at=now,
                last_sent_for=subscriptions.last_period(every=Every(every), today=today).last,
                last_alert_id=newest or 0,
            )
            # The log is for good, an address is not: it names the row alone.
            audit.append(
                actor=owner,
                action="report.created",
                site=site.code,
                object=str(row.id),
                details={"every": every, "hour": int(hour), "language": language},
                now=now,
            )
    except IntegrityError as error:
        raise SubscriptionInvalid(fields={"email": "taken"}) from error
    return subscription_queries.read(row)


@transaction.atomic
def stop_subscription(
    *, subscription_id: int, actor: str, is_own_only: bool, now: datetime
) -> None:
    """
    Send nothing more, and forget the address.

    :param is_own_only: the account may stop only what it entered itself
    :raises UnknownSubscription: 404
    """
    rows = models.ReportSubscription.objects.filter(pk=subscription_id)
    if is_own_only:
        rows = rows.filter(owner=actor)
    _stop(rows.select_related("site").select_for_update(of=("self",)).first(), actor, now)


@transaction.atomic
def stop_by_link(*, stop_key: UUID, now: datetime) -> None:
    """
    Send nothing more to whoever has this link, and forget the address.

    :raises UnknownSubscription: 404, it was stopped already
    """
    rows = models.ReportSubscription.objects.filter(stop_key=stop_key)
    _stop(rows.select_related("site").select_for_update(of=("self",)).first(), BY_LINK, now)


def claim(*, subscription_id: int) -> Subscription | None:
    """
    Return a subscription that nobody else sends mails for until this transaction ends.

    None: somebody does, or it was stopped.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("A claim lasts as long as its transaction.")
    row = (
        models.ReportSubscription.objects.select_related("site")
        .select_for_update(skip_locked=True, of=("self",))
        .filter(pk=subscription_id)
        .first()
    )
    return None if row is None else subscription_queries.read(row)


def note_report(*, subscription_id: int, last: date) -> None:
    """Keep that the mail server took the report on the period that ends on this day."""
    _update(subscription_id, last_sent_for=last, failed_at=None, failure="")


def note_alerts(*, subscription_id: int, newest: int) -> None:
    """Keep that the mail server took the alerts up to this one."""
    _update(subscription_id, last_alert_id=newest, failed_at=None, failure="")


def note_test(*, subscription: Subscription, actor: str, now: datetime) -> None:
    """Keep who had a report sent at once."""
    audit.append(
        actor=actor,
        action="report.tested",
        site=subscription.site,
        object=str(subscription.id),
        now=now,
    )


def note_failure(*, subscription_id: int, failure: Failure, now: datetime) -> None:
    """Keep that a mail is still not out."""
    _update(subscription_id, failed_at=now, failure=failure.value)


# --- inside


def _update(subscription_id: int, **values: object) -> None:
    models.ReportSubscription.objects.filter(pk=subscription_id).update(**values)


def _stop(row: models.ReportSubscription | None, actor: str, now: datetime) -> None:
    if row is None:
        raise UnknownSubscription
    audit.append(
        actor=actor, action="report.stopped", site=row.site.code, object=str(row.id), now=now
    )
    row.delete()
