"""Page views, and what a purpose can see of them, in the console."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from tracking.insights import loss, loss_page, loss_queries, queries
from tracking.insights.loss import PageReport
from tracking.insights.types import PERMISSION
from tracking.lib import tables
from tracking.web import console


@require_safe
@console.door(permission=PERMISSION, words=loss_page.texts)
def page(request: HttpRequest, frame: console.Frame) -> HttpResponse:
    """Show how many page views there were, and how many a purpose could see."""
    sites = {site.code: site.name for site in queries.list_sites()}
    if not sites:
        return render(request, "insights/no_site.html", frame)
    site = request.GET.get("site", "")
    site = site if site in sites else next(iter(sites))
    built = loss_page.build_page(
        report=_read(request, site), sites=sites, language=frame["language"]
    )
    return render(request, "insights/loss.html", {**frame, "page": built, "site": site})


@require_safe
@console.door(permission=PERMISSION, words=loss_page.texts)
def download(request: HttpRequest, frame: console.Frame, kind: str) -> HttpResponse:
    """Hand out the table as a file."""
    if kind not in tables.CONTENT_TYPES:
        raise Http404
    report = _read(request, request.GET.get("site", ""))
    file = loss_page.build_file(kind, report=report, language=frame["language"])
    response = HttpResponse(file.content, content_type=file.content_type)
    response["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response


def _read(request: HttpRequest, site: str) -> PageReport:
    return loss_queries.get_page_report(
        site=site,
        step=loss.read_step(request.GET.get("step", "")),
        purpose=request.GET.get("purpose", ""),
        device_class=loss.read_device_class(request.GET.get("device_class", "")),
        now=timezone.now(),
    )
