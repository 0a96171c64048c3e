"""The page behind the link in a mail to a partner: one question, two buttons, no sign-in."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from tracking.delivery import acknowledge_operations, wording
from tracking.delivery.types import AcknowledgePage
from tracking.lib.languages import negotiate
from tracking.lib.moments import moment_text
from tracking.web.database import AWAY

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5
_OUTCOMES = {"done": True, "identifier_not_held": False}


@require_http_methods(["GET", "HEAD", "POST"])
def acknowledge(request: HttpRequest, token: str) -> HttpResponse:
    """Show what a mail was about. Only a button confirms: programs follow links in mails, too."""
    language = negotiate(
        f"{request.GET.get('lang', '')},{request.headers.get('Accept-Language', '')}",
        wording.LANGUAGES,
    )
    try:
        response = _answer(request, token, language)
    except AWAY as error:
        logger.error("database away: %s", type(error).__name__)
        response = _message(request, language, "away", status=503)
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    response["Cache-Control"] = "private, no-store"
    # The address is the key to this page; it goes nowhere else.
    response["Referrer-Policy"] = "same-origin"
    return response


def _answer(request: HttpRequest, token: str, language: str) -> HttpResponse:
    outcome = request.POST.get("outcome", "")
    if request.method != "POST" or outcome not in _OUTCOMES:
        page = acknowledge_operations.find_acknowledge_page(
            token=token, keys=settings.CONSENT_KEYS, now=timezone.now()
        )
        if page is None:
            return _message(request, language, "unknown", status=404)
        return _show(request, page, language, is_invalid=request.method == "POST")
    page = acknowledge_operations.acknowledge_mail(
        token=token, is_held=_OUTCOMES[outcome], keys=settings.CONSENT_KEYS, now=timezone.now()
    )
    if page is None:
        return _message(request, language, "unknown", status=404)
    # So that opening the page again sends nothing again.
    response = HttpResponse(status=303)
    response["Location"] = f"{request.path}?lang={language}"
    return response


def _show(
    request: HttpRequest, page: AcknowledgePage, language: str, *, is_invalid: bool
) -> HttpResponse:
    text = wording.acknowledge_page(language=language)
    site = _pick(page.site_name, language)
    confirmed = page.confirmed_at and moment_text(
        at=page.confirmed_at, zone=page.zone, language=language
    )
    context = {
        "language": language,
        "languages": [("ja", "日本語"), ("en", "English")],
        "text": text,
        "site": site,
        "lead": text["lead"].format(site=site),
        "partner": _pick(page.partner_name, language),
        "messages": text["messages_value"].format(count=page.messages),
        "sent": moment_text(at=page.sent_at, zone=page.zone, language=language),
        "is_open": page.is_open,
        "thanks": confirmed and text["thanks"].format(time=confirmed),
        "is_invalid": is_invalid,
    }
    status = 400 if is_invalid else 200
    return render(request, "delivery/acknowledge.html", context, status=status)


def _message(request: HttpRequest, language: str, name: str, *, status: int) -> HttpResponse:
    text = wording.acknowledge_page(language=language)
    context = {"language": language, "title": text[f"{name}_title"], "message": text[name]}
    return render(request, "delivery/acknowledge_message.html", context, status=status)


def _pick(names: Mapping[str, str], language: str) -> str:
    return names.get(language) or next(iter(names.values()), "")
