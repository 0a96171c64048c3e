"""The page behind the link that stops a report: one question, one button, no sign-in."""

from __future__ import annotations

import logging
from contextlib import suppress
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from tracking.insights import reports_page, subscription_operations, subscription_queries
from tracking.insights.subscriptions import LANGUAGES
from tracking.lib.languages import negotiate
from tracking.web.database import AWAY
from tracking.web.parts import pick

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5


# Mail programs post here by themselves (RFC 8058); the key in the address is all it takes.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def stop(request: HttpRequest, stop_key: UUID) -> HttpResponse:
    """Ask whether to stop, and stop. Looking stops nothing: programs follow links in mails, too."""
    language = negotiate(
        f"{request.GET.get('lang', '')},{request.headers.get('Accept-Language', '')}", LANGUAGES
    )
    try:
        response = _answer(request, stop_key, language)
    except AWAY as error:
        logger.error("database away: %s", type(error).__name__)
        response = _page(request, language, "away", status=503)
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    response["Cache-Control"] = "private, no-store"
    # The address is the key to this page; it goes nowhere else.
    response["Referrer-Policy"] = "same-origin"
    return response


def _answer(request: HttpRequest, stop_key: UUID, language: str) -> HttpResponse:
    if request.method == "POST":
        # Stopped before is stopped, too.
        with suppress(subscription_operations.UnknownSubscription):
            subscription_operations.stop_by_link(stop_key=stop_key, now=timezone.now())
        return _page(request, language, "stopped")
    found = subscription_queries.find_by_key(stop_key=stop_key)
    if found is None:
        return _page(request, language, "gone", status=404)
    return _page(request, language, "stop", site=pick(found.site_name, language) or found.site)


def _page(
    request: HttpRequest, language: str, name: str, *, site: str = "", status: int = 200
) -> HttpResponse:
    text = reports_page.texts(language)
    is_question = name == "stop"
    context = {
        "language": language,
        "text": text,
        "title": text[f"{name}_title"],
        "message": text["stop_question"].format(site=site) if is_question else text[name],
        "is_question": is_question,
    }
    return render(request, "insights/stop.html", context, status=status)
