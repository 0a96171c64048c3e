"""A tag's vendor, as it is declared and frozen."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError
from django.test import Client

from tests.factories.registry import make_site, make_site_with
from tracking.registry.models import Tag

pytestmark = pytest.mark.django_db


def test_a_notice_freezes_it() -> None:
    content = make_site_with(ads="google").content

    assert {tag["code"]: tag["vendor"] for tag in content["tags"]} == {
        "cart": "none", "stats": "none", "ads": "google", "retarget": "none", "events": "none",
    }  # fmt: skip


def test_the_table_takes_no_other() -> None:
    make_site()

    with pytest.raises(IntegrityError, match="tag_vendor_known"):
        Tag.objects.filter(code="ads").update(vendor="somebody")


def test_the_console_shows_and_corrects_it(client: Client) -> None:
    make_site()
    client.force_login(User.objects.create_superuser("admin"))
    tag = Tag.objects.get(code="ads")

    page = client.get(f"/console/admin/registry/tag/{tag.pk}/change/").content.decode()

    assert '<select name="vendor"' in page
    assert '<option value="microsoft_clarity">' in page
