"""`manage.py scan`, with a browser that saw what the test says; tests/e2e drives a real one."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tests.factories.registry import SITE
from tracking.notices.types import Notice
from tracking.scanner import browser
from tracking.scanner.types import PageView, Sight
from tracking.scans import queries
from tracking.scans.types import Rule, Visitor

pytestmark = pytest.mark.django_db

START = "https://Shop.example"
ROOT = Path(__file__).parents[3]
Saw = Callable[..., dict[str, Any]]


@pytest.fixture
def saw(monkeypatch: pytest.MonkeyPatch) -> Saw:
    """Let the browser see one page; return a dictionary that gets what it was told."""

    def see(hosts: dict[Visitor, set[str]], unread: dict[str, str] | None = None) -> dict[str, Any]:
        told: dict[str, Any] = {}

        def look(**about: Any) -> Sight:
            told.update(about)
            views = tuple(
                PageView(
                    page="/",
                    visitor=visitor,
                    hosts=frozenset({"shop.example", *hosts.get(visitor, ())}),
                    cookies=frozenset(),
                    storage_keys=frozenset(),
                    has_script=True,
                    has_link=True,
                )
                for visitor in Visitor
            )
            return Sight(views=views, unread=unread or {})

        monkeypatch.setattr(browser, "look", look)
        return told

    return see


def scan(*more: str) -> str:
    out = StringIO()
    call_command("scan", "--site", SITE, "--start", START, *more, stdout=out)
    return out.getvalue()


EVERY_HOST = {"statco.example", "adco.example", "retargeter.example", "localhost"}


def test_a_site_that_is_as_published_is_kept_and_ends_well(notice: Notice, saw: Saw) -> None:
    told = saw({Visitor.ACCEPTER: EVERY_HOST, Visitor.NEWCOMER: {"localhost"}})

    text = scan("--service", "http://localhost", "--browser", "/opt/chromium", "--pages", "3")

    assert text == "shop: 1 pages against notice 1: 0 to mend, 0 advice\n"
    kept = queries.find_last_scan(SITE)
    assert kept is not None
    assert (kept.notice_number, kept.pages, kept.findings) == (notice.number, ("/",), ())
    assert timezone.now() - kept.finished_at < timedelta(minutes=1)
    assert told == {
        "start": "https://shop.example/",
        "pages": 3,
        "asked_ids": notice.asked_ids,
        "ways_out": [f"/preferences/{SITE}/", f"/external-transmission/{SITE}/"],
        "language": "ja",
        "program": "/opt/chromium",
    }


def test_advice_alone_ends_well(notice: Notice, saw: Saw) -> None:
    saw({Visitor.ACCEPTER: EVERY_HOST - {"statco.example"}}, unread={"/gone": "HTTP 404"})

    text = scan("--service", "http://localhost")

    assert "0 to mend, 2 advice" in text
    assert "[advice] unread_page: The page could not be read (HTTP 404)." in text


def test_what_is_not_as_published_is_kept_and_ends_with_1(
    notice: Notice, saw: Saw, capsys: pytest.CaptureFixture[str]
) -> None:
    saw({Visitor.ACCEPTER: EVERY_HOST, Visitor.REFUSER: {"adco.example", "new.example"}})
    out = StringIO()

    with pytest.raises(SystemExit) as end:
        call_command(
            "scan", "--site", SITE, "--start", START, "--service", "http://localhost", "--json",
            stdout=out,
        )  # fmt: skip

    assert end.value.code == 1
    told = json.loads(out.getvalue())
    assert [(one["rule"], one["subject"]) for one in told["findings"]] == [
        ("host_leak", "adco.example"),
        ("unknown_host", "new.example"),
    ]
    kept = queries.find_last_scan(SITE)
    assert kept is not None
    assert [one.rule for one in kept.findings] == [Rule.HOST_LEAK, Rule.UNKNOWN_HOST]


def test_without_the_driver_it_says_how_to_get_it(
    notice: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)

    with pytest.raises(CommandError, match="pip install 'playwright>=") as error:
        scan()

    assert error.value.returncode == 2
    assert queries.find_last_scan(SITE) is None


def test_the_driver_that_it_asks_for_is_the_one_that_the_project_names() -> None:
    command = browser.INSTALL.partition("pip install '")[2].partition("'")[0]
    assert f'"{command}",' in (ROOT / "pyproject.toml").read_text("utf-8").partition("scan = [")[2]


@pytest.mark.parametrize(
    "arguments",
    [["--start", "shop.example"], ["--start", "file:///etc/passwd"], ["--pages", "0"]],
)
def test_a_wrong_word_is_refused(db: None, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        scan(*arguments)


def test_a_site_that_is_not_there_is_an_error(db: None) -> None:
    with pytest.raises(CommandError, match="no such site"):
        scan()
