"""The simulator in the console."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from tracking.notices.queries import NoNotice
from tracking.preferences import queries, simulator_page
from tracking.preferences.types import Imagined, Visit
from tracking.registry import queries as registry
from tracking.web import console

PERMISSION = "registry.view_site"


@require_safe
@console.door(permission=PERMISSION, words=simulator_page.texts)
def simulator(request: HttpRequest, frame: console.Frame) -> HttpResponse:
    """Show what a visitor from some place would get."""
    sites = {site.code: site for site in registry.list_sites()}
    site = sites.get(request.GET.get("site", "")) or next(iter(sites.values()), None)
    if site is None:
        return render(request, "preferences/simulator.html", frame)
    visit = request.GET.get("visit", "")
    imagined = Imagined(
        place=request.GET.get("place", "")[:10],
        gpc=request.GET.get("gpc") == "1",
        visit=next((one for one in Visit if one == visit), Visit.FIRST),
    )
    question = simulator_page.build_question(
        site=site,
        sites=list(sites.values()),
        regimes=queries.list_regimes(),
        imagined=imagined,
        language=frame["language"],
    )
    try:
        found = queries.simulate(site_code=site.code, imagined=imagined, now=timezone.now())
    except NoNotice:
        return render(request, "preferences/simulator.html", {**frame, "question": question})
    result = simulator_page.build_result(found=found, language=frame["language"])
    return render(
        request, "preferences/simulator.html", {**frame, "question": question, "result": result}
    )
