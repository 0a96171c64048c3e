"""Scans in the console."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tracking.registry import queries as registry
from tracking.scanner import page, queries
from tracking.scans.types import PERMISSION
from tracking.web import console


@require_safe
@console.door(permission=PERMISSION, words=page.texts)
def scans(request: HttpRequest, frame: console.Frame) -> HttpResponse:
    """Show the newest scan of a site, or the one that is asked for."""
    sites = {site.code: site for site in registry.list_sites()}
    site = sites.get(request.GET.get("site", "")) or next(iter(sites.values()), None)
    if site is None:
        return render(request, "scanner/scans.html", frame)
    asked = request.GET.get("scan", "")
    if asked and not (asked.isascii() and asked.isdigit() and len(asked) < 19):
        raise Http404
    report = queries.get_report(site_code=site.code, scan_id=int(asked) if asked else None)
    if asked and report.shown is None:
        raise Http404
    built = page.build_page(
        site=site,
        sites=list(sites.values()),
        report=report,
        language=frame["language"],
    )
    return render(request, "scanner/scans.html", {**frame, "page": built})
