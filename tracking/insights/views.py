"""The console: signing in, and the dashboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.views import LoginView
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.views.decorators.http import require_safe

from tracking.delivery.types import PERMISSION as DELIVERY_PERMISSION
from tracking.insights import page, page_queries, page_views_page, queries, rules
from tracking.insights.loss import PageReport, Step
from tracking.insights.types import PERMISSION
from tracking.registry.types import SiteInfo
from tracking.web import console


def _words(language: str) -> page.Words:
    return page.texts(language=language)


class SignIn(LoginView):
    """The one way in, for the dashboard and the admin alike."""

    template_name = "console/sign_in.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        language = console.language_of(request)
        with translation.override(language):
            response = super().dispatch(request, *args, **kwargs)
            if hasattr(response, "render"):
                response = response.render()
        response["Cache-Control"] = "private, no-store"
        return response

    def get_default_redirect_url(self) -> str:
        """Lead to the first page that this person may see; the dashboard also says what to ask."""
        user = self.request.user
        if not user.has_perm(PERMISSION) and user.has_perm(DELIVERY_PERMISSION):
            return reverse("deliveries:overview")
        return super().get_default_redirect_url()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs, **console.frame(self.request, words=_words))


@require_safe
@console.door(permission=PERMISSION, words=_words)
def dashboard(request: HttpRequest, frame: console.Frame) -> HttpResponse:
    """Show the opt-in rates."""
    sites = {site.code: site for site in queries.list_sites()}
    if not sites:
        return render(request, "insights/no_site.html", frame)
    site = sites.get(request.GET.get("site", "")) or next(iter(sites.values()))
    now = timezone.now()
    board = page.build_dashboard(
        report=queries.get_opt_in_report(
            filters=rules.read_filters(request.GET, site=site.code), now=now
        ),
        health=queries.get_health(site=site.code, now=now),
        sites={code: one.name for code, one in sites.items()},
        site_languages=site.languages,
        zone=site.zone,
        language=frame["language"],
        origin=f"{request.scheme}://{request.get_host()}",
        now=now,
    )
    return render(request, "insights/dashboard.html", {**frame, "board": board})


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
