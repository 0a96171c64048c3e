"""What became of grants, in the console."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from tracking.insights import cohort_page, cohort_queries, cohorts, queries
from tracking.insights.cohorts import CohortReport
from tracking.insights.types import PERMISSION
from tracking.lib import tables
from tracking.web import console


@require_safe
@console.door(permission=PERMISSION, words=cohort_page.texts)
def page(request: HttpRequest, frame: console.Frame) -> HttpResponse:
    """Show, week by week, what became of those who allowed a purpose."""
    sites = {site.code: site.name for site in queries.list_sites()}
    if not sites:
        return render(request, "insights/no_site.html", frame)
    site = request.GET.get("site", "")
    site = site if site in sites else next(iter(sites))
    report = _read(request, site)
    built = None
    if report is not None:
        built = cohort_page.build_page(
            report=report,
            state=cohort_page.read_state(request.GET.get("state", "")),
            sites=sites,
            language=frame["language"],
        )
    return render(request, "insights/cohorts.html", {**frame, "page": built, "site": site})


@require_safe
@console.door(permission=PERMISSION, words=cohort_page.texts)
def download(request: HttpRequest, frame: console.Frame, kind: str) -> HttpResponse:
    """Hand out the cohorts of a purpose as a file."""
    report = _read(request, request.GET.get("site", ""))
    if report is None or kind not in tables.CONTENT_TYPES:
        raise Http404
    file = cohort_page.build_file(kind, report=report, language=frame["language"])
    response = HttpResponse(file.content, content_type=file.content_type)
    response["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response


def _read(request: HttpRequest, site: str) -> CohortReport | None:
    return cohort_queries.get_cohort_report(
        site=site,
        purpose=request.GET.get("purpose", ""),
        weeks=cohorts.read_weeks(request.GET.get("weeks", "")),
        now=timezone.now(),
    )
