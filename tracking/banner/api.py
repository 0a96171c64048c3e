"""What the page's script fetches."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.gzip import gzip_page
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tracking.banner import queries
from tracking.consents import cookies
from tracking.consents.api import ChoicesOutput
from tracking.lib.errors import DomainError
from tracking.web.database import AWAY
from tracking.web.errors import errors
from tracking.web.site import SITE, named_site

P = ParamSpec("P")

logger = logging.getLogger(__name__)

# Fresh for a minute; then the old one is used while a new one is fetched, so that no page waits
# for it, and for a week if the service cannot be reached.
_SCRIPT_CACHING = "max-age=60, stale-while-revalidate=3600, stale-if-error=604800"
_FIXED_CACHING = "public, max-age=31536000, immutable"


def _explained(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Say in a comment what is wrong: no page can read it, but the browser's tools show it."""

    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except DomainError as error:
            message, status = error.message, error.status
        except AWAY as error:
            logger.error("database away: %s", type(error).__name__)
            message, status = "The service cannot answer at the moment.", 503
        return HttpResponse(
            f"/* {message} */\n",
            status=status,
            content_type="text/javascript",
            headers={"Cache-Control": "no-store"},
        )

    return wrapped


@_explained
def script(request: HttpRequest, site: str) -> HttpResponse:
    """
    Serve the one file a page includes; it depends on path and country, never on a cookie.

    `?lang=` names one language; `?inline=1` is the text for a page that holds it itself.
    """
    is_inline = "inline" in request.GET
    place = cookies.read_place(request)
    served = queries.get_script_or_last(
        site_code=site,
        language=request.GET.get("lang", ""),
        endpoint=f"{request.scheme}://{request.get_host()}" if is_inline else "",
        place=place,
        now=timezone.now(),
    )
    # No header says to a cache on the way that this answer is for one address.
    reach = "private" if cookies.is_place_by_address(place) else "public"
    return _send(request, served, f"{reach}, {_SCRIPT_CACHING}", *cookies.place_headers())


@_explained
def fixed(request: HttpRequest, name: str, digest: str) -> HttpResponse:
    """
    Serve a script that never changes: a site's that was pinned, or a part that a page's one line
    fetches when it needs it.

    A part's address names what the one line was built with. One that was built before an update
    gets today's part, uncached: it may work, and nothing opens if it does not.
    """
    served = queries.get_fixed(name=name, digest=digest)
    return _send(request, served, _FIXED_CACHING if digest == served.digest else "no-store")


def _send(
    request: HttpRequest, served: queries.Script, caching: str, *place_headers: str
) -> HttpResponse:
    headers = {
        "ETag": f'"{served.digest}"',
        "Cache-Control": caching,
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Vary": ", ".join(["Accept-Encoding", *place_headers]),
    }
    # Also on a 304: the browser takes over its headers, and would not run what is called HTML.
    kind = "text/javascript; charset=utf-8"
    if request.headers.get("If-None-Match", "").removeprefix("W/") == headers["ETag"]:
        return HttpResponse(status=304, headers=headers, content_type=kind)
    accepted = request.headers.get("Accept-Encoding", "")
    body = served.plain
    if "br" in accepted:
        body, headers["Content-Encoding"] = served.brotli, "br"
    elif "gzip" in accepted:
        body, headers["Content-Encoding"] = served.gzip, "gzip"
    return HttpResponse(body, content_type=kind, headers=headers)


# Nothing in its answer is secret, so that compressing gives nothing away.
@method_decorator(gzip_page, name="dispatch")
class Bootstrap(APIView):
    class Output(serializers.Serializer[Any]):
        site = serializers.CharField(required=False)
        notice = serializers.DictField(required=False)
        language = serializers.CharField()
        regime = serializers.DictField(required=False)
        presentation = serializers.CharField(required=False)
        urls = serializers.DictField(child=serializers.CharField(), required=False)
        wording = serializers.DictField(child=serializers.CharField())
        company = serializers.DictField(child=serializers.CharField(), required=False)
        purposes = serializers.ListField(child=serializers.DictField())
        data_items = serializers.ListField(child=serializers.DictField())
        partners = serializers.ListField(child=serializers.DictField())
        hold = serializers.DictField(required=False)
        choices = ChoicesOutput(allow_null=True)

    @extend_schema(
        operation_id="get_bootstrap",
        parameters=[
            SITE,
            OpenApiParameter("language", str, description="`ja`, `en`, …; else the site's first."),
            OpenApiParameter(
                "for", str, enum=["dialog"], description="Only what the dialog lacks."
            ),
        ],
        responses={200: Output, **errors(400, 404, 503)},
    )
    def get(self, request: Request) -> Response:
        """Return the published notice in one language, and this device's choices."""
        found = queries.get_bootstrap(
            site_code=named_site(request),
            language=request.query_params.get("language", ""),
            is_for_dialog=request.query_params.get("for") == "dialog",
            token_text=None if cookies.are_doubtful(request) else cookies.read_token(request),
            place=cookies.read_place(request),
            keys=settings.CONSENT_KEYS,
            now=timezone.now(),
        )
        return Response(
            {**found.content, "choices": found.choices and found.choices.as_json()},
            headers={"Cache-Control": "private, no-store"},
        )
