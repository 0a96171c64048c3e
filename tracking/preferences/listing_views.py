"""The pages that are the same for everybody: for people, for the site's own page, for machines."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from tracking.lib.languages import negotiate
from tracking.notices.queries import NoNotice
from tracking.preferences import listings, wording
from tracking.preferences.types import Listing
from tracking.registry.queries import UnknownSite
from tracking.web.database import AWAY

logger = logging.getLogger(__name__)

P = ParamSpec("P")

_RETRY_AFTER_SECONDS = 5
# As fresh as whoever has just published expects; a page that embeds one outlives our absence.
_CACHE_CONTROL = "public, max-age=300, stale-if-error=604800"


def _for_everybody(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Cached anywhere and readable from any page, since it shows nobody's state."""

    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            response = view(request, *args, **kwargs)
        except (UnknownSite, NoNotice) as error:
            raise Http404 from error
        except AWAY as error:
            logger.error("database away: %s", type(error).__name__)
            response = _away(request)
        else:
            response["Cache-Control"] = _CACHE_CONTROL
        response["Access-Control-Allow-Origin"] = "*"
        return response

    return require_safe(wrapped)


def _away(request: HttpRequest) -> HttpResponse:
    language = negotiate(_languages(request), ("ja", "en"))
    context = {"text": wording.texts(language=language), "language": language}
    response = render(request, "preferences/away.html", context, status=503)
    response["Retry-After"] = str(_RETRY_AFTER_SECONDS)
    response["Cache-Control"] = "no-store"
    return response


@_for_everybody
def listing(request: HttpRequest, site: str, listing: Listing) -> HttpResponse:
    """Show cookies, partners, joint use or information as a page of its own."""
    page = listings.get_listing(
        site_code=site, listing=listing, languages=_languages(request), now=timezone.now()
    )
    response = render(request, "preferences/listing.html", {"page": page})
    response["Vary"] = "Accept-Language"
    return response


@_for_everybody
def listing_fragment(request: HttpRequest, site: str, listing: Listing) -> HttpResponse:
    """Show the same as a part of the site's own page."""
    page = listings.get_listing(
        site_code=site,
        listing=listing,
        languages=request.GET.get("lang", ""),
        now=timezone.now(),
    )
    context = {"page": page, **_fragment_context(request)}
    return render(request, "preferences/listing_fragment.html", context)


@_for_everybody
def listing_copy(request: HttpRequest, site: str, listing: Listing) -> HttpResponse:
    """Say the same to machines."""

    def address(site: str) -> str:
        return request.build_absolute_uri(reverse(f"preferences:{listing.value}", args=[site]))

    found = listings.get_listing_copy(site_code=site, listing=listing, address=address)
    return JsonResponse(dict(found), json_dumps_params={"ensure_ascii": False})


@_for_everybody
def transmission_fragment(request: HttpRequest, site: str) -> HttpResponse:
    """Show the external-transmission page as a part of the site's own, without a device's state."""
    page = listings.get_transmission_text(
        site_code=site, languages=request.GET.get("lang", ""), now=timezone.now()
    )
    context = {"page": page, **_fragment_context(request)}
    return render(request, "preferences/transmission_fragment.html", context)


def _languages(request: HttpRequest) -> str:
    return f"{request.GET.get('lang', '')},{request.headers.get('Accept-Language', '')}"


def _fragment_context(request: HttpRequest) -> dict[str, object]:
    """Return the levels of its three headings, and the origin for links that leave the site."""
    asked = request.GET.get("heading", "")
    top = int(asked) if asked in {"1", "2", "3", "4"} else 2
    return {
        "levels": (top, top + 1, top + 2),
        "origin": f"{request.scheme}://{request.get_host()}",
    }
