"""What every answer carries: who may read it across origins, and what a page may load."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, cast

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.http.response import HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.cache import patch_vary_headers
from django.utils.deprecation import MiddlewareMixin

from tracking.registry import queries as registry
from tracking.web.database import AWAY

View = Callable[[HttpRequest], HttpResponse]

_SCRIPTS = "/b/"
_PUBLIC = ("/v1/", _SCRIPTS)
_SIGNED_IN = ("/v1/insights/", "/v1/docs/", "/v1/schema/")
_FOREIGN_PAGES = ("/console/admin/", "/v1/docs/")
_ALLOWED_HEADERS = "content-type, x-consent-device"
_PREFLIGHT_SECONDS = "600"

# Our own pages: everything from this origin, nothing inline, nothing framed.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
# Django's admin and Swagger's pages style single elements inline and build them from text.
_FOREIGN_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def cross_origin(get_response: View) -> View:
    """Let our sites' pages, and no others, call the API with the cookie; scripts are for all."""
    known: frozenset[str] = frozenset()

    def origins() -> frozenset[str]:
        # With the database away it is the last known ones: a page must be able to read the 503.
        nonlocal known
        with contextlib.suppress(*AWAY):
            known = frozenset(origin for site in registry.list_sites() for origin in site.origins)
        return known

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path.startswith(_SCRIPTS):
            # The same for everybody, and a page may want to check what it is (`integrity`).
            response = get_response(request)
            response["Access-Control-Allow-Origin"] = "*"
            return response
        if not request.path.startswith(_PUBLIC):
            return get_response(request)
        origin = request.headers.get("Origin", "")
        is_ours = bool(origin) and origin in origins()
        is_preflight = (
            request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        )
        response = HttpResponse(status=204) if is_preflight else get_response(request)
        patch_vary_headers(response, ["Origin"])
        if is_ours:
            response["Access-Control-Allow-Origin"] = origin
            response["Access-Control-Allow-Credentials"] = "true"
            if is_preflight:
                response["Access-Control-Allow-Methods"] = "GET, POST"
                response["Access-Control-Allow-Headers"] = _ALLOWED_HEADERS
                response["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
        return response

    return middleware


class PagesOnly(MiddlewareMixin):
    """
    A middleware that the API does not need: sessions, forms and frames are matters of pages.

    The API's calls carry no session and no form token; they check the Origin. Skipping what they
    do not use is a good part of their speed.
    """

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        inner = self.get_response if _is_api(request) else super().__call__
        return cast(HttpResponseBase, inner(request))


class Sessions(PagesOnly, SessionMiddleware): ...


class Common(PagesOnly, CommonMiddleware): ...


class FormTokens(PagesOnly, CsrfViewMiddleware):
    def process_view(
        self,
        request: HttpRequest,
        callback: Callable[..., HttpResponseBase],
        callback_args: tuple[Any, ...],
        callback_kwargs: dict[str, Any],
    ) -> HttpResponseForbidden | None:
        if _is_api(request):
            return None
        return super().process_view(request, callback, callback_args, callback_kwargs)


class Authentication(PagesOnly, AuthenticationMiddleware): ...


class Messages(PagesOnly, MessageMiddleware): ...


class Frames(PagesOnly, XFrameOptionsMiddleware): ...


def _is_api(request: HttpRequest) -> bool:
    # The statistics are for people who signed in.
    return request.path.startswith(_PUBLIC) and not request.path.startswith(_SIGNED_IN)


def content_security_policy(get_response: View) -> View:
    """Set the policy of pages that did not bring their own."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if response.get("Content-Type", "").startswith("text/html"):
            is_foreign = request.path.startswith(_FOREIGN_PAGES)
            policy = _FOREIGN_POLICY if is_foreign else _PAGE_POLICY
            response.setdefault("Content-Security-Policy", policy)
        return response

    return middleware
