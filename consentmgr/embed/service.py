"""Which service a site asks: `CONSENT_MANAGER = {"url": …, "site": …}` in its settings."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import get_language


@dataclass(frozen=True, slots=True)
class Service:
    """`url` is the service's origin, `site` the site's code in its registry."""

    url: str
    site: str

    def address(self, path: str) -> str:
        """Return an address of the service; `{site}` in the path is the site's code."""
        return self.url.rstrip("/") + path.format(site=self.site)


def get_service() -> Service:
    """
    Return the service that the settings name.

    :raises ImproperlyConfigured: `manage.py check` says more
    """
    try:
        given = settings.CONSENT_MANAGER
        return Service(url=given["url"], site=given["site"])
    except (AttributeError, TypeError, KeyError) as error:
        raise ImproperlyConfigured(
            'CONSENT_MANAGER must be {"url": "https://consent.shop.example", "site": "shop"}'
        ) from error


def page_language() -> str:
    """Return the language that Django renders in, such as `ja`; "" where translation is off."""
    language = get_language() if settings.USE_I18N else None
    return (language or "").partition("-")[0]
