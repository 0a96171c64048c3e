"""What every page of the console shares: who may enter, the frame, what is said when it cannot."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Callable, Mapping
from functools import cache, wraps
from pathlib import Path
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

from tracking.lib.errors import DomainError
from tracking.web.database import AWAY

logger = logging.getLogger(__name__)

LANGUAGES = {"ja": "日本語", "en": "English"}

Words = Mapping[str, Any]
Frame = dict[str, Any]


def language_of(request: HttpRequest) -> str:
    """Return the language that the address or the form asks for; Japanese without a word."""
    asked = request.GET.get("lang", "") or request.POST.get("lang", "")
    return asked if asked in LANGUAGES else "ja"


def frame(request: HttpRequest, *, words: Callable[[str], Words]) -> Frame:
    """Return what every page prints around its content; `words` are the room's, by language."""
    language = language_of(request)
    languages = []
    for code, name in LANGUAGES.items():
        query = request.GET.copy()
        query["lang"] = code
        languages.append((code, name, f"?{query.urlencode()}"))
    return {
        "language": language,
        "languages": languages,
        "text": {**_texts()[language], **words(language)},
    }


def door(
    *, permission: str, words: Callable[[str], Words], refusal: str = "forbidden_body"
) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """
    Decorate a view `(request, frame, **names)`: for people who signed in and have `permission`.

    Whoever lacks it reads `refusal` out of the room's words; what is not there is a 404; without a
    database the page says so. Nothing is kept by browsers or proxies.
    """

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, **names: Any) -> HttpResponseBase:
            framed = frame(request, words=words)
            response: HttpResponseBase
            try:
                response = _enter(request, framed, names)
            except AWAY as error:
                logger.error("database away: %s", type(error).__name__)
                response = render(request, "console/away.html", framed, status=503)
                response["Retry-After"] = "5"
            response["Cache-Control"] = "private, no-store"
            return response

        def _enter(request: HttpRequest, framed: Frame, names: dict[str, Any]) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not request.user.has_perm(permission):
                body = framed["text"][refusal].format(name=request.user.get_username())
                return render(
                    request, "console/forbidden.html", {**framed, "body": body}, status=403
                )
            try:
                return view(request, framed, **names)
            except DomainError as error:
                if error.status == 404:
                    raise Http404 from error
                raise

        return guarded

    return decorate


@cache
def _texts() -> dict[str, dict[str, Any]]:
    path = Path(__file__).parent / "data" / "console.toml"
    return tomllib.loads(path.read_text("utf-8"))
