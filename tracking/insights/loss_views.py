"""The console's page of page views: how many there were, and how many a purpose could see."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from tracking.insights import page_queries, page_views_page, queries
from tracking.insights.loss import PageReport, Step
from tracking.insights.types import PERMISSION
from tracking.registry.types import SiteInfo
from tracking.web import console


@require_safe
@console.door(permission=PERMISSION, words=page_views_page.texts)
def page_views(request: HttpRequest, frame: console.Frame) -> HttpResponse:
    """Show how many page views there were, and how many a purpose could see."""
    sites = queries.list_sites()
    if not sites:
        return render(request, "insights/no_site.html", frame)
    report = _page_report(request, sites)
    built = page_views_page.build_page(report=report, sites=sites, language=frame["language"])
    return render(request, "insights/page_views.html", {**frame, "page": built})


@require_safe
@console.door(permission=PERMISSION, words=page_views_page.texts)
def page_views_csv(request: HttpRequest, frame: console.Frame) -> HttpResponse:
    """Hand out the table as a file."""
    sites = queries.list_sites()
    if not sites:
        raise Http404
    report = _page_report(request, sites)
    name = f"page-views-{report.site.code}-{report.lines[-1].last:%Y%m%d}.csv"
    return HttpResponse(
        page_views_page.as_csv(report),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _page_report(request: HttpRequest, sites: Sequence[SiteInfo]) -> PageReport:
    asked = request.GET
    site = asked.get("site", "")
    device_class = asked.get("device_class", "")
    return page_queries.get_page_report(
        site=site if site in {one.code for one in sites} else sites[0].code,
        step=Step.WEEK if asked.get("step") == Step.WEEK else Step.DAY,
        purpose=asked.get("purpose", ""),
        device_class=device_class if device_class in page_views_page.DEVICE_CLASSES else "",
        now=timezone.now(),
    )
