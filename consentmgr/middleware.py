"""What every answer carries: who may read it across origins, and what a page may load."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from tracking.registry import queries as registry

View = Callable[[HttpRequest], HttpResponse]

_PUBLIC = ("/v1/", "/b/")
_ADMIN = "/console/admin/"
_ALLOWED_HEADERS = "content-type, x-consent-device"
_PREFLIGHT_SECONDS = "600"

# Our own pages: everything from this origin, nothing inline, nothing framed.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
# Django's admin styles single elements inline.
_ADMIN_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def cross_origin(get_response: View) -> View:
    """Let the pages of our sites, and no others, call the API with the visitor's cookie."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(_PUBLIC):
            return get_response(request)
        origin = request.headers.get("Origin", "")
        is_ours = any(origin in site.origins for site in registry.list_sites()) if origin else False
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


def content_security_policy(get_response: View) -> View:
    """Set the policy of pages that did not bring their own."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if response.get("Content-Type", "").startswith("text/html"):
            policy = _ADMIN_POLICY if request.path.startswith(_ADMIN) else _PAGE_POLICY
            response.setdefault("Content-Security-Policy", policy)
        return response

    return middleware
