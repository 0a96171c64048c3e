"""What `manage.py check` says of a site's settings."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from consentmgr.embed.checks import check_middleware, check_settings

URL = "https://consent.shop.example"
OURS = "consentmgr.embed.middleware.ConsentMiddleware"
GZIP = "django.middleware.gzip.GZipMiddleware"


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ({"url": URL, "site": "shop"}, []),
        ({"url": f"{URL}/", "site": "shop"}, []),
        ({"url": f"{URL}:8443", "site": "shop"}, []),
        ({"url": "http://localhost:8000", "site": "shop"}, []),
        (None, ["E001"]),
        ([URL], ["E001"]),
        ({}, ["E002", "E003"]),
        ({"url": "http://consent.shop.example", "site": "shop"}, ["E002"]),
        ({"url": "consent.shop.example", "site": "shop"}, ["E002"]),
        ({"url": f"{URL}/b/shop.js", "site": "shop"}, ["E002"]),
        ({"url": f"{URL}?x", "site": "shop"}, ["E002"]),
        ({"url": f"{URL}:port", "site": "shop"}, ["E002"]),
        ({"url": "https://user@consent.shop.example", "site": "shop"}, ["E002"]),
        ({"url": "https://", "site": "shop"}, ["E002"]),
        ({"url": "https://[", "site": "shop"}, ["E002"]),
        ({"url": 7, "site": "shop"}, ["E002"]),
        ({"url": URL, "site": "my shop"}, ["E003"]),
        ({"url": URL, "site": ""}, ["E003"]),
        ({"url": URL, "site": "shop", "nonce": True}, ["W001"]),
    ],
)
def test_wrong_settings_are_named(settings: Settings, given: object, ids: list[str]) -> None:
    settings.CONSENT_MANAGER = given
    found = check_settings()

    assert [one.id for one in found] == [f"consent.{one}" for one in ids]
    assert all(one.hint for one in found)


def test_missing_settings_are_named(settings: Settings) -> None:
    del settings.CONSENT_MANAGER

    assert [one.id for one in check_settings()] == ["consent.E001"]


def test_the_middleware_must_see_the_page_first(settings: Settings) -> None:
    settings.MIDDLEWARE = [GZIP, OURS]
    assert check_middleware() == []
    settings.MIDDLEWARE = [GZIP]
    assert check_middleware() == []
    settings.MIDDLEWARE = [OURS, "a.b", GZIP]
    (error,) = check_middleware()
    assert error.id == "consent.E004"
    assert GZIP in error.msg
