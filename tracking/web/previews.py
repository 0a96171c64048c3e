"""Pages of the console that show a banner as visitors would see it."""

from __future__ import annotations

from secrets import token_urlsafe

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tracking.web.console import Frame

# The page frames previews of its own origin; everything else as for every page.
FRAMING_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'"
)
# What is shown here was written by whoever looks at it, and runs by itself: no origin, no network.
_PREVIEW_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}' {origin}/b/; style-src 'nonce-{nonce}'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
    "sandbox allow-scripts"
)


def origin_of(request: HttpRequest) -> str:
    """Return the origin under which this service was asked."""
    return f"{request.scheme}://{request.get_host()}"


def render_preview(
    request: HttpRequest, frame: Frame, *, language: str, script: str
) -> HttpResponse:
    """Show what a banner's script draws, on an empty page; the room's words have its title."""
    nonce = token_urlsafe(16)
    response = render(
        request,
        "console/preview.html",
        {**frame, "shown": language, "script": script, "nonce": nonce},
    )
    response["Content-Security-Policy"] = _PREVIEW_POLICY.format(
        nonce=nonce, origin=origin_of(request)
    )
    response["X-Frame-Options"] = "SAMEORIGIN"
    return response
