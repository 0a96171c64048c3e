"""The console: signing in, and the dashboard."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.views import LoginView
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.views.decorators.http import require_safe

from tracking.delivery.types import PERMISSION as DELIVERY_PERMISSION
from tracking.insights import (
    alert_queries,
    alerts_page,
    filtering,
    mark_queries,
    marks,
    page,
    phrases,
    queries,
    questions,
    tables,
    why,
)
from tracking.insights.types import PERMISSION
from tracking.web import console


def _words(language: str) -> phrases.Words:
    return phrases.texts(language=language)


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
    view = filtering.read_view(request.GET, site=site.code, language=frame["language"])
    report = queries.get_opt_in_report(filters=view.filters, now=now, may_end_yesterday=True)
    health = queries.get_health(site=site.code, now=now)
    board = page.build_dashboard(
        report=report,
        health=health,
        marks=mark_queries.list_marks(
            site=site.code, first=report.days[0], last=report.until, now=now
        ),
        opens=[kind for kind, name in marks.READERS.items() if request.user.has_perm(name)],
        sites={code: one.name for code, one in sites.items()},
        view=view,
        zone=site.zone,
        origin=f"{request.scheme}://{request.get_host()}",
        now=now,
    )
    today = now.astimezone(ZoneInfo(site.zone)).date()
    asked = questions.build_questions(
        why.list_questions(report.purposes, days=report.days, today=today), view=view
    )
    alerts = alerts_page.build_alerts(
        alerts=alert_queries.list_alerts(site_id=site.id),
        purpose_names={purpose.code: purpose.name for purpose in report.purposes},
        partner_names={line.code: line.legal_name for line in health.lines},
        zone=site.zone,
        language=frame["language"],
    )
    shown = {
        **frame,
        "board": board,
        "questions": asked,
        "alerts": alerts,
        "is_demo": settings.DEMO,
    }
    return render(request, "insights/dashboard.html", shown)


@require_safe
@console.door(permission=PERMISSION, words=_words)
def download(request: HttpRequest, frame: console.Frame, name: str, kind: str) -> HttpResponse:
    """Hand out what the dashboard shows with these filters as a file."""
    view = filtering.read_view(
        request.GET, site=request.GET.get("site", ""), language=frame["language"]
    )
    file = tables.build_file(
        name,
        kind,
        report=queries.get_opt_in_report(
            filters=view.filters, now=timezone.now(), may_end_yesterday=True
        ),
        view=view,
    )
    if file is None:
        raise Http404
    response = HttpResponse(file.content, content_type=file.content_type)
    response["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response
