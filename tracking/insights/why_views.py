"""Why a rate changed, in the console."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from tracking.insights import filtering, marks, queries, rules, why_page, why_queries, why_words
from tracking.insights.types import PERMISSION
from tracking.web import console


@require_safe
@console.door(permission=PERMISSION, words=why_words.texts)
def why(request: HttpRequest, frame: console.Frame) -> HttpResponse:
    """Answer why the rate of a purpose is what it is on a day."""
    sites = {site.code: site for site in queries.list_sites()}
    if not sites:
        return render(request, "insights/no_site.html", frame)
    site = sites.get(request.GET.get("site", "")) or next(iter(sites.values()))
    view = filtering.read_view(request.GET, site=site.code, language=frame["language"])
    answer = why_queries.get_answer(
        filters=view.filters,
        purpose=request.GET.get("purpose", ""),
        day=rules.read_day(request.GET.get("day", "")),
        now=timezone.now(),
    )
    page = None
    if answer is not None:
        names = {code: one.name for code, one in sites.items()}
        page = why_page.build_page(
            answer=answer,
            view=view,
            sites=names,
            opens={kind for kind, right in marks.READERS.items() if request.user.has_perm(right)},
        )
    return render(request, "insights/why.html", {**frame, "page": page, "site": site.code})
