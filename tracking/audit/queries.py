"""The only reads of the log."""

from __future__ import annotations

from tracking.audit import models
from tracking.audit.types import Entry, Filters, Known, Listing

PAGE = 50


def list_entries(*, filters: Filters, before: int | None = None, limit: int = PAGE) -> Listing:
    """Return the newest acts that fit, or those older than the one with the id `before`."""
    wanted = {
        name: value
        for name, value in {
            "site": filters.site,
            "object": filters.object,
            "action": filters.action,
            "actor": filters.actor,
            "at__gte": filters.since,
            "at__lt": filters.until,
            "pk__lt": before,
        }.items()
        if value
    }
    rows = list(models.Entry.objects.filter(**wanted).order_by("-pk")[: limit + 1])
    return Listing(
        entries=tuple(
            Entry(
                id=row.pk,
                at=row.at,
                actor=row.actor,
                action=row.action,
                site=row.site,
                object=row.object,
                details=row.details,
            )
            for row in rows[:limit]
        ),
        before=rows[limit - 1].pk if len(rows) > limit else None,
    )


def get_known() -> Known:
    """Return who and what the log names."""
    pairs = list(models.Entry.objects.order_by().values_list("actor", "action").distinct())
    return Known(
        actors=tuple(sorted({actor for actor, _ in pairs})),
        actions=tuple(sorted({action for _, action in pairs})),
    )
