"""What the demo's seed leaves behind, on real PostgreSQL."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import override_settings
from django.utils import timezone

from consentmgr.demo.catalogue import read_catalogue
from consentmgr.demo.management.commands import demo_partners, demo_past, demo_seed, demo_visitors
from consentmgr.demo.places import SITE, Places, get_places
from tracking.audit.models import Entry
from tracking.delivery.models import Endpoint
from tracking.insights import queries as insights
from tracking.notices import checks, lint
from tracking.notices import queries as notices
from tracking.notices.models import NoticeVersion
from tracking.notices.types import Level

pytestmark = pytest.mark.django_db

PASSWORD = "a-console-password"
PLACES = Places(port=8000, partner_port=9000)


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("CONSOLE_PASSWORD", PASSWORD)
    monkeypatch.setenv("DEMO_PAST_DAYS", "0")
    with override_settings(DEMO=True, DATA_DIR=tmp_path):
        yield tmp_path


def seed() -> None:
    call_command(demo_seed.Command())


def test_seeding_twice_publishes_once_and_keeps_the_secrets(data_folder: Path) -> None:
    seed()
    first = NoticeVersion.objects.get()
    secrets = (data_folder / "demo-secrets.json").read_bytes()
    kept = Entry.objects.count()

    seed()

    # The publication, and one for each partner's endpoint; what did not change leaves no entry.
    assert Entry.objects.count() == kept == 1 + Endpoint.objects.count()
    assert NoticeVersion.objects.get().content_hash == first.content_hash
    assert (data_folder / "demo-secrets.json").read_bytes() == secrets
    assert stat.S_IMODE((data_folder / "demo-secrets.json").stat().st_mode) == 0o600


def test_the_demo_has_a_past_once(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_PAST_DAYS", "12")
    seed()
    seed()
    said = [StringIO(), StringIO()]
    for out in said:
        call_command(demo_past.Command(), stdout=out)

    first, second = NoticeVersion.objects.order_by("number")
    assert timezone.now() - first.effective_at > timedelta(days=11)
    assert timezone.now() - second.effective_at > timedelta(days=9)
    assert "8,040 decisions made up" in said[0].getvalue()
    assert said[1].getvalue() == "No past is made up.\n"
    found = insights.verify(site=SITE)
    assert (found.decisions, found.differences, found.untrue_days) == (8040, (), ())


def test_a_demo_may_be_without_a_past(data_folder: Path) -> None:
    seed()
    call_command(demo_past.Command(), stdout=StringIO())

    assert insights.verify(site=SITE).decisions == 0


def test_the_notice_is_complete_and_its_tags_point_at_the_receivers(data_folder: Path) -> None:
    seed()

    notice = notices.get_current(site_code=SITE)
    found = checks.check(
        content=notice.content,
        previous=None,
        effective_at=notice.effective_at,
        published_at=notice.published_at,
    )
    assert [one for one in (*found, *lint.lint(notice.content)) if one.level is Level.STOP] == []
    assert len(notice.content["tags"]) >= 10
    origins = {one.partner: one.host for one in read_catalogue(places=get_places()).receivers}
    for tag in notice.content["tags"]:
        if tag["exemption_code"]:
            assert tag["hosts"] == []
        else:
            assert tag["hosts"] == [origins[tag["partner"]]]
            assert tag["hosts"][0].startswith("127.0.0.1:")


def test_every_partner_but_the_shop_itself_has_a_door(data_folder: Path) -> None:
    seed()

    receivers = read_catalogue(places=get_places()).receivers
    assert set(Endpoint.objects.values_list("partner__code", "url", "confirms_by")) == {
        (one.partner, one.webhook_url, one.confirms_by) for one in receivers
    }
    roles = {one.partner: one.role for one in receivers}
    assert set(roles.values()) == {"third_party", "processor"}


def test_console_accounts_are_made_once_and_left_alone(data_folder: Path) -> None:
    seed()
    admin = User.objects.get(username="admin")
    assert admin.is_superuser
    assert admin.check_password(PASSWORD)
    auditor = User.objects.get(username="auditor")
    assert not auditor.is_superuser
    assert [group.name for group in auditor.groups.all()] == ["auditor"]
    admin.set_password("changed-by-the-operator")
    admin.save()

    seed()

    assert User.objects.get(username="admin").check_password("changed-by-the-operator")
    assert User.objects.count() == 5


def test_without_a_password_no_account_is_made(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONSOLE_PASSWORD")

    seed()

    assert not User.objects.exists()


@pytest.mark.parametrize("command", [demo_seed, demo_past, demo_partners, demo_visitors])
def test_outside_a_demo_the_commands_refuse(command: object) -> None:
    with override_settings(DEMO=False), pytest.raises(CommandError, match="DEMO=1"):
        call_command(command.Command())  # type: ignore[attr-defined]

    assert not NoticeVersion.objects.exists()


def test_japanese_texts_name_things_and_never_trail_off() -> None:
    content = read_catalogue(places=PLACES).declaration
    texts = [
        value
        for table in ("purposes", "data_items", "partners", "tags")
        for entry in content[table]
        for value in entry.values()
        if isinstance(value, dict) and "ja" in value
    ]

    assert texts
    for text in texts:
        assert set(text) == {"ja", "en"}
        assert all(text.values())
        assert "等" not in text["ja"]
        assert all(len(sentence) <= 60 for sentence in text["ja"].split("。"))


def test_what_tags_may_send_covers_what_article_9_names() -> None:
    items = {
        item["code"]
        for item in read_catalogue(places=PLACES).declaration["data_items"]
        if item["is_article9"]
    }

    assert {
        "id.cookie", "id.device", "device.env", "log.access", "activity.url", "activity.content",
        "activity.sequence", "attr.gender", "attr.occupation",
    } <= items  # fmt: skip
