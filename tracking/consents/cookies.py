"""What a request tells about its device, and what an answer leaves in the browser."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from tracking.consents import floods, rules
from tracking.consents.types import DeviceClass, Erased, Identifiers, Recorded, Visit
from tracking.lib.client_address import Address, find_client
from tracking.lib.country_database import CountryDatabase
from tracking.notices.types import Notice
from tracking.regimes import rules as regimes
from tracking.regimes.types import CountryMethod, Jurisdiction

# HttpOnly: the token is the power over this device's record.
DEVICE = "cm_device"
# Readable, advisory: a returning page decides from it without a request.
CHOICES = "cm_choices"
# The number of the notice that was shown; no identifier.
SHOWN = "cm_shown"
# Where the service is not same-site with the page, the token travels here.
HEADER = "X-Consent-Device"

_LIFETIME_SECONDS = 400 * 86_400


def read_token(request: HttpRequest) -> str | None:
    """Return the device token from the header or the cookie; "new" in the header means none."""
    header = request.headers.get(HEADER, "")
    if header:
        return None if header == "new" else header
    return request.COOKIES.get(DEVICE)


def read_shown_notice(request: HttpRequest) -> int | None:
    """Return the notice number that this browser says it was shown."""
    text = request.COOKIES.get(SHOWN, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def are_doubtful(request: HttpRequest) -> bool:
    """Say whether one of our cookies came twice: one was planted, so none is believed."""
    header = request.headers.get("Cookie", "")
    names = [part.partition("=")[0].strip() for part in header.split(";")]
    return any(names.count(name) > 1 for name in (DEVICE, CHOICES, SHOWN))


def place_headers() -> tuple[str, ...]:
    """Return the trusted proxy headers that say where a visitor is, the country's first."""
    country, region = settings.TRUSTED_COUNTRY_HEADER, settings.TRUSTED_REGION_HEADER
    # A region alone says nothing: `CA` would be Canada.
    return tuple(filter(None, (country, region))) if country else ()


def read_place(request: HttpRequest) -> Jurisdiction | None:
    """
    Return where the visitor is: what a trusted proxy says, else the operator's country database.

    The address is looked up and goes no further: it is not kept, not logged and not in the answer.
    """
    told = "-".join(request.headers.get(name, "") for name in place_headers())
    return regimes.read_place(told, method=CountryMethod.HEADER) or _look_up(request)


def is_place_by_address(place: Jurisdiction | None) -> bool:
    """Say whether the same question from another address may get another place."""
    is_told = place is not None and place.method is CountryMethod.HEADER
    return bool(settings.COUNTRY_DATABASE) and not is_told


def _find_client(request: HttpRequest) -> Address | None:
    return find_client(
        peer=request.META.get("REMOTE_ADDR", ""),
        forwarded_for=request.headers.get("X-Forwarded-For", ""),
        proxy_hops=settings.TRUSTED_PROXY_HOPS,
    )


def is_flood(request: HttpRequest, *, kind: str) -> bool:
    """
    Count this request; say whether more of its kind came from its network than people send.

    The address is in Redis under another name for two minutes, and goes no further.
    """
    client = _find_client(request)
    if settings.TRUSTED_PROXY_HOPS == 0 and client is not None:
        # What comes from a proxy that nobody told us of has the proxy's address, whoever sends it.
        is_proxied = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
        if is_proxied or not client.is_global:
            return False
    return floods.get_flood().is_flood(client, kind=kind, now=time.time())


def _look_up(request: HttpRequest) -> Jurisdiction | None:
    if not settings.COUNTRY_DATABASE:
        return None
    client = _find_client(request)
    if client is None:
        return None
    found = _country_database(settings.COUNTRY_DATABASE).find(client)
    return regimes.read_place(found, method=CountryMethod.DATABASE)


@cache
def _country_database(path: Path) -> CountryDatabase:
    return CountryDatabase(path)


def read_device_class(request: HttpRequest) -> DeviceClass:
    """Return the coarse class of the device: showings and decisions are counted by the same one."""
    return rules.classify_device(request.headers.get("User-Agent", ""))


def is_bot(request: HttpRequest) -> bool:
    """Say whether the browser says that it is a program; our own scans' does (headless)."""
    return rules.is_bot(request.headers.get("User-Agent", ""))


def read_visit(
    request: HttpRequest, *, device_seed: str | None = None, is_own_page: bool = False
) -> Visit:
    """Return the visit behind a decision."""
    return Visit(
        origin=request.headers.get("Origin"),
        device_token=None if are_doubtful(request) else read_token(request),
        place=read_place(request),
        device_class=read_device_class(request),
        is_bot=is_bot(request),
        device_seed=device_seed,
        is_own_page=is_own_page,
        is_flood=is_flood(request, kind="decision"),
    )


def read_identifiers(request: HttpRequest, notice: Notice) -> Identifiers:
    """
    Return what partners call this browser, where their declared cookies reach us.

    They do on a host below the domain for which a partner set them.
    """
    found = {
        code: {
            kind: request.COOKIES[cookie]
            for kind, cookie in partner.identifiers.items()
            if cookie in request.COOKIES
        }
        for code, partner in notice.terms.partners.items()
    }
    return {code: values for code, values in found.items() if values}


def keep(response: HttpResponseBase, recorded: Recorded) -> None:
    """
    Leave the newest token and choices in the browser.

    Both are set by HTTP: what a script sets, Safari drops after a week.
    """
    if recorded.device_token is not None:
        _set(response, DEVICE, recorded.device_token, httponly=True)
    _set(response, CHOICES, recorded.choices_cookie, httponly=False)


def forget(response: HttpResponseBase, erased: Erased) -> None:
    """
    Remove the token of an erased device, and leave that everything is refused.

    The site's pages keep copies of the newest choices where an answer of ours cannot reach. With
    nothing newer beside them, they would go on as granted.
    """
    drop_token(response)
    _set(response, CHOICES, erased.choices_cookie, httponly=False)


def drop_token(response: HttpResponseBase) -> None:
    """Remove a token that may no longer grant, so that the next decision starts anew."""
    response.delete_cookie(DEVICE, samesite="Lax")


def _set(response: HttpResponseBase, name: str, value: str, *, httponly: bool) -> None:
    response.set_cookie(
        name,
        value,
        max_age=_LIFETIME_SECONDS,
        secure=settings.COOKIE_SECURE,
        httponly=httponly,
        samesite="Lax",
    )
