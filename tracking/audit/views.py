"""The log as a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tracking.audit import page, queries
from tracking.audit.types import PERMISSION, Filters
from tracking.web import console


@require_safe
@console.door(permission=PERMISSION, words=page.texts)
def log(
    request: HttpRequest, frame: console.Frame, *, list_sites: Callable[[], Sequence[page.Site]]
) -> HttpResponse:
    """Show who did what. Sites are kept upstairs, so whoever wires this page hands them in."""
    sites = list_sites()
    asked = {
        name: request.GET.get(name, "").replace("\x00", "")[:200]
        for name in ("site", "actor", "action", "object", "day")
    }
    bounds = page.day_bounds(
        day=asked["day"], zone=page.zone_of(sites=sites, code=asked["site"])
    ) or (None, None)
    filters = Filters(
        site=asked["site"],
        actor=asked["actor"],
        action=asked["action"],
        object=asked["object"],
        since=bounds[0],
        until=bounds[1],
    )
    before = request.GET.get("before", "")
    is_later_page = before.isascii() and before.isdigit() and len(before) < 19
    built = page.build_log(
        listing=queries.list_entries(
            filters=filters, before=int(before) if is_later_page else None
        ),
        known=queries.get_known(),
        filters=filters,
        day=asked["day"],
        is_first_page=not is_later_page,
        sites=sites,
        language=frame["language"],
    )
    return render(request, "audit/log.html", {**frame, "log": built})
