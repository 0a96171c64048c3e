"""Who gets the numbers by mail."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from tracking.insights import models
from tracking.insights.subscriptions import Every, Failure, Subscription
from tracking.registry import queries as registry
from tracking.registry.types import SiteInfo


def list_subscriptions(*, site_id: int, owner: str | None = None) -> tuple[Subscription, ...]:
    """Return a site's addresses, or those of them that one account entered."""
    rows = models.ReportSubscription.objects.filter(site_id=site_id).select_related("site")
    if owner is not None:
        rows = rows.filter(owner=owner)
    return tuple(read(row) for row in rows.order_by("email"))


def get_page(
    *, site: str, account: str, sees_all: bool
) -> tuple[SiteInfo | None, tuple[SiteInfo, ...], tuple[Subscription, ...]]:
    """Return a site, or else the first one, all sites, and the addresses this account may see."""
    sites = registry.list_sites()
    info = next((one for one in sites if one.code == site), next(iter(sites), None))
    if info is None:
        return None, (), ()
    return info, sites, list_subscriptions(site_id=info.id, owner=None if sees_all else account)


def list_ids() -> tuple[int, ...]:
    """Return the ids of all subscriptions."""
    return tuple(models.ReportSubscription.objects.order_by("id").values_list("id", flat=True))


def find_by_key(*, stop_key: UUID) -> Subscription | None:
    """Return the subscription that a mail's link belongs to; None = it was stopped."""
    row = models.ReportSubscription.objects.select_related("site").filter(stop_key=stop_key).first()
    return None if row is None else read(row)


def is_told(*, site_id: int, first: date, last: date) -> bool:
    """Say whether all of these days are closed: nothing of them is still to be told."""
    return not models.CountedDay.objects.filter(
        site_id=site_id, day__range=(first, last), is_closed=False
    ).exists()


def read(row: models.ReportSubscription) -> Subscription:
    """Return a row as a value; its site is read with it."""
    return Subscription(
        id=row.id,
        site=row.site.code,
        site_id=row.site_id,
        site_name=row.site.name,
        zone=row.site.zone,
        email=row.email,
        language=row.language,
        every=Every(row.every),
        hour=row.hour,
        origin=row.origin,
        owner=row.owner,
        stop_key=row.stop_key,
        created_at=row.created_at,
        last_sent_for=row.last_sent_for,
        last_alert_id=row.last_alert_id,
        failed_at=row.failed_at,
        failure=Failure(row.failure) if row.failure else None,
    )
