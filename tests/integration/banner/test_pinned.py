"""A script under the address of its content stays as it is, whatever changes later."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import re
from datetime import timedelta
from typing import Any

import brotli
import pytest
from django.core.management import CommandError, call_command
from django.db import InternalError, ProgrammingError, transaction
from django.test import Client

from tests.factories.clock import NOW
from tests.factories.registry import ORIGIN, SITE, catalogue, make_site
from tests.served_script import config_in
from tracking.banner import models, operations, queries
from tracking.banner.queries import Script
from tracking.gate import queries as gate
from tracking.lib.short_memory import forget_everything
from tracking.notices import operations as notices
from tracking.notices.types import Notice
from tracking.registry import operations as registry

pytestmark = pytest.mark.django_db


def pin(**options: str) -> Script:
    return operations.pin_script(site_code=SITE, now=NOW, **options)


def sri(body: bytes) -> str:
    """Hash as a browser does (Subresource Integrity)."""
    return "sha384-" + base64.b64encode(hashlib.sha384(body).digest()).decode()


def test_the_same_script_is_kept_once(notice: Notice) -> None:
    first = pin()
    rows = list(models.PinnedScript.objects.values_list("digest", "pinned_at"))
    second = operations.pin_script(site_code=SITE, now=NOW + timedelta(days=1))

    assert first.digest == second.digest
    assert list(models.PinnedScript.objects.values_list("digest", "pinned_at")) == rows
    assert len(rows) == 1 + len(queries.PARTS)


def test_nothing_published_later_changes_it(client: Client, notice: Notice) -> None:
    script = pin()
    before = client.get(f"/b/{SITE}/{script.digest}.js")

    make_site(site={**catalogue()["site"], "presentation": "card"}, tags=catalogue()["tags"][:2])
    forget_everything()
    after = client.get(f"/b/{SITE}/{script.digest}.js")

    assert after.content == before.content == script.plain
    assert client.get(f"/b/{SITE}.js").content != before.content
    assert config_in(after.content)["notice"] == 1
    assert pin().digest != script.digest


def test_a_browser_finds_what_the_page_says_it_is(client: Client, notice: Notice) -> None:
    script = pin()
    address = f"/b/{SITE}/{script.digest}.js"
    plain = client.get(address, headers={"Origin": "https://elsewhere.example"})
    packed = client.get(address, headers={"Accept-Encoding": "gzip, br"})
    zipped = client.get(address, headers={"Accept-Encoding": "gzip"})

    assert sri(plain.content) == script.integrity
    assert brotli.decompress(packed.content) == gzip.decompress(zipped.content) == plain.content
    assert plain["Content-Type"] == "text/javascript; charset=utf-8"
    assert plain["Cache-Control"] == "public, max-age=31536000, immutable"
    # Without this a browser may not compare what comes from another origin.
    assert plain["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in plain
    assert plain["Vary"] == "Accept-Encoding"
    assert not plain.cookies
    again = client.get(address, headers={"If-None-Match": plain["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_country_is_fixed_with_it(client: Client, notice: Notice, settings: Any) -> None:
    settings.TRUSTED_COUNTRY_HEADER = "CF-IPCountry"
    script = pin(country="FR", language="en")

    served = client.get(f"/b/{SITE}/{script.digest}.js", headers={"CF-IPCountry": "JP"})

    assert served.content == script.plain
    assert "CF-IPCountry" not in served["Vary"]
    assert list(config_in(served.content)["wording"]) == ["en"]
    assert pin(country="JP", language="en").digest != script.digest


def test_its_parts_outlive_an_update(
    client: Client, notice: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_in(pin().plain)
    address = {name: f"/b/{name}/{config['parts']}.js" for name in queries.PARTS}
    before = {name: client.get(address[name]).content for name in queries.PARTS}
    read = queries._dist

    # An update of the service brings other parts.
    monkeypatch.setattr(queries, "_dist", lambda name: read(name) + "/* newer */\n")
    queries.get_parts.cache_clear()
    forget_everything()
    try:
        for name in queries.PARTS:
            served = client.get(address[name])
            assert sri(served.content) == config["integrity"][name]
            assert served.content == before[name]
            assert "immutable" in served["Cache-Control"]
            newest = client.get(f"/b/{name}/0123456789abcdef0123.js")
            assert newest.content.endswith(b"/* newer */\n")
            assert newest["Cache-Control"] == "no-store"
    finally:
        queries.get_parts.cache_clear()


def test_only_a_pinned_script_says_what_its_parts_are(client: Client, notice: Notice) -> None:
    assert "integrity" not in config_in(client.get(f"/b/{SITE}.js").content)


def test_a_partner_that_is_late_today_is_not_shut_for_ever(
    client: Client, notice: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "list_overdue_partners", lambda *, site_id: {"adco"})

    assert "shut" in config_in(client.get(f"/b/{SITE}.js").content)["tags"]["ads"]
    assert "shut" not in config_in(pin().plain)["tags"]["ads"]


@pytest.mark.parametrize("path", ["shop/0123456789abcdef0123", "nowhere/{digest}", "shop/act"])
def test_what_nobody_pinned_is_not_there(client: Client, notice: Notice, path: str) -> None:
    response = client.get(f"/b/{path.format(digest=pin().digest)}.js")

    assert response.status_code == 404
    assert response.content == b"/* There is no such script here. */\n"
    assert response["Content-Type"] == "text/javascript"
    assert response["Cache-Control"] == "no-store"


def test_a_site_may_be_called_like_a_part(client: Client, db: None) -> None:
    registry.apply_catalogue(catalogue=catalogue(site={**catalogue()["site"], "code": "act"}))
    notices.publish_notice_version(site_code="act", wording={}, author="tests", now=NOW)

    # The digest tells them apart.
    script = operations.pin_script(site_code="act", now=NOW)

    assert client.get(f"/b/act/{script.digest}.js").content == script.plain
    part = queries.get_parts()["act"]
    assert client.get(f"/b/act/{part.digest}.js").content == part.plain


@pytest.mark.parametrize("change", ["update", "delete"])
def test_the_database_refuses_to_change_it(notice: Notice, change: str) -> None:
    pin()
    rows = models.PinnedScript.objects.all()

    with (
        pytest.raises((InternalError, ProgrammingError), match="never change"),
        transaction.atomic(),
    ):
        rows.delete() if change == "delete" else rows.update(body=b"")


def test_the_command_prints_the_line_to_paste(client: Client, notice: Notice) -> None:
    out = io.StringIO()

    call_command("pin_script", SITE, "--origin", "https://consent.shop.example/", stdout=out)

    line, again = out.getvalue().splitlines()
    found = re.fullmatch(
        r'<script src="https://consent\.shop\.example(/b/shop/[0-9a-f]{20}\.js)" '
        r'integrity="(sha384-[A-Za-z0-9+/]{64})" crossorigin="anonymous"></script>',
        line,
    )
    assert found is not None
    served = client.get(found[1], headers={"Origin": ORIGIN})
    assert sri(served.content) == found[2]
    assert "after every publication" in again


def test_the_command_takes_the_host_that_the_service_answers_to(
    notice: Notice, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["consent.shop.example", "other.example"]
    settings.COOKIE_SECURE = True
    out = io.StringIO()

    call_command("pin_script", SITE, stdout=out)

    assert out.getvalue().startswith('<script src="https://consent.shop.example/b/shop/')


def test_the_command_says_what_is_wrong(db: None) -> None:
    with pytest.raises(CommandError, match=r"There is no such site here\."):
        call_command("pin_script", "nowhere")
