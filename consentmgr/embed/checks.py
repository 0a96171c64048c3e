"""What `manage.py check` says of the settings."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

_EXAMPLE = 'CONSENT_MANAGER = {"url": "https://consent.shop.example", "site": "shop"}'
_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}
# These act on the answer, or hand out the nonce, and must see our lines in it.
_OUTSIDE_OURS = (
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "csp.middleware.CSPMiddleware",
)


def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Check that CONSENT_MANAGER names a service and a site."""
    given = getattr(settings, "CONSENT_MANAGER", None)
    if not isinstance(given, dict):
        return [Error("CONSENT_MANAGER is not set.", hint=f"Set {_EXAMPLE}.", id="consent.E001")]
    found: list[CheckMessage] = []
    if not _is_origin(given.get("url")):
        found.append(
            Error(
                f'CONSENT_MANAGER["url"] is {given.get("url")!r}, which is not an origin.',
                hint="Give scheme and host of the service, https and without a path, such as "
                '"https://consent.shop.example"; http is for localhost alone.',
                id="consent.E002",
            )
        )
    site = given.get("site")
    if not (isinstance(site, str) and re.fullmatch(r"[-\w]{1,64}", site, re.ASCII)):
        found.append(
            Error(
                f'CONSENT_MANAGER["site"] is {site!r}, which is not a site\'s code.',
                hint="Give the code under which the service publishes this site, such as "
                '"shop": it is `code` under `[site]` in the file that was published.',
                id="consent.E003",
            )
        )
    unknown = sorted(str(key) for key in given.keys() - {"url", "site"})
    if unknown:
        found.append(
            Warning(
                f"CONSENT_MANAGER has keys that mean nothing: {', '.join(unknown)}.",
                hint=f"All there is: {_EXAMPLE}.",
                id="consent.W001",
            )
        )
    return found


def check_middleware(**kwargs: Any) -> list[CheckMessage]:
    """Check that ConsentMiddleware sees answers before they are compressed or get their policy."""
    ours = f"{__package__}.middleware.ConsentMiddleware"
    listed = list(settings.MIDDLEWARE)
    if ours not in listed:
        return []
    return [
        Error(
            f"{ours} stands above {other} in MIDDLEWARE.",
            hint=f"Move it below {other}, so that it sees the page first.",
            id="consent.E004",
        )
        for other in _OUTSIDE_OURS
        if other in listed[listed.index(ours) :]
    ]


def _is_origin(url: object) -> bool:
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and url.rstrip("/") == f"{parts.scheme}://{parts.netloc}"
        parts.port  # noqa: B018  # raises for a port that is no number
    except ValueError:
        return False
    is_safe = parts.scheme == "https" or (
        parts.scheme == "http" and parts.hostname in _THIS_MACHINE
    )
    return is_whole and is_safe and "@" not in parts.netloc
