"""Scans in the console: who may read them, and what they say in words."""

from __future__ import annotations

import html as html_lib
import re
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from django.test import Client

from consentmgr.roles import ROLES
from tests.factories.people import signed_in
from tests.factories.registry import SITE, catalogue, make_site
from tracking.lib.short_memory import forget_everything
from tracking.notices.types import Notice
from tracking.registry.operations import apply_catalogue
from tracking.registry.types import HoldMode
from tracking.scanner import page
from tracking.scans import operations, queries
from tracking.scans.types import Finding, Rule, Visitor

pytestmark = pytest.mark.django_db

ADDRESS = "/console/scans/"
NOW = datetime(2026, 11, 25, 15, 30, tzinfo=UTC)
READERS = {"privacy", "developer", "auditor"}
COOKIE = {"domain": "shop.example", "days": 9, "is_http_only": True, "declared_days": 3}


def finding(rule: Rule, **fields: object) -> Finding:
    whole = {"subject": "", "tags": (), "visitors": (Visitor.REFUSER,), "pages": ("/items/",)}
    return Finding(rule=rule, **{**whole, **fields})  # type: ignore[arg-type]


def record(*findings: Finding, now: datetime = NOW) -> int:
    return operations.record_scan(
        site_code=SITE,
        notice_number=1,
        pages=["/", "/items/"],
        findings=findings,
        started_at=now,
        now=now,
    )


@pytest.fixture
def privacy(db: None) -> Client:
    return signed_in("privacy")


def read(client: Client, **asked: object) -> str:
    answer = client.get(f"{ADDRESS}?{urlencode({'lang': 'en', 'site': SITE, **asked})}")
    assert answer.status_code == 200
    return html_lib.unescape(answer.content.decode())


@pytest.mark.parametrize("role", ROLES)
def test_scans_are_for_those_who_answer_for_the_site(notice: Notice, role: str) -> None:
    record(finding(Rule.UNKNOWN_HOST, subject="new.example"))
    client = signed_in(role)
    response = client.get(ADDRESS)
    assert response.status_code == (200 if role in READERS else 403)
    assert ("new.example" in response.content.decode()) == (role in READERS)
    assert response["Cache-Control"] == "private, no-store"
    way = client.get("/console/simulator/").content.decode()
    assert (f'href="{ADDRESS}' in way) == (role in READERS)


def test_a_stranger_is_asked_to_sign_in_and_nobody_writes(notice: Notice, privacy: Client) -> None:
    assert Client().get(ADDRESS).status_code == 302
    assert privacy.post(ADDRESS).status_code == 405


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("rule", Rule)
def test_every_finding_has_its_words(
    privacy: Client, notice: Notice, rule: Rule, language: str
) -> None:
    record(finding(rule, subject="subject.example", tags=("ads",), about=COOKIE))
    words = page.texts(language)["rules"][rule]

    html = read(privacy, lang=language)

    assert words["todo"] in html
    assert words["what"].partition("{")[0].partition("（")[0].partition("(")[0] in html
    assert "{" not in html.partition("<main>")[2]


def test_both_languages_say_the_same_things() -> None:
    def keys(words: object, path: str = "") -> set[str]:
        if not isinstance(words, dict):
            return {path}
        return {key for name, one in words.items() for key in keys(one, f"{path}.{name}")}

    assert keys(page.texts("ja")) == keys(page.texts("en"))
    assert page.texts("en")["rules"].keys() == {rule.value for rule in Rule}
    assert page.texts("en")["visitors"].keys() == {visitor.value for visitor in Visitor}
    for mode in HoldMode:
        assert f"mode_{mode}" in page.texts("en")


def test_the_newest_scan_is_told_in_words(privacy: Client, notice: Notice) -> None:
    record()
    record(
        finding(Rule.HOST_LEAK, subject="adco.example", tags=("ads",)),
        finding(Rule.LONG_COOKIE, subject="_ga", tags=("stats",), about=COOKIE),
        finding(Rule.STALE_TAG, subject="retargeter.example", tags=("retarget",)),
        now=datetime(2026, 11, 26, 15, 30, tzinfo=UTC),
    )

    html = read(privacy)

    assert "Not as published: 2" in html
    assert "A host is asked although its tag (ads) is held: adco.example" in html
    assert "longer than the 3 days that are published: _ga (shop.example, 9 days, HttpOnly)" in html
    assert "who allowed the essential only" in html
    assert "<code>/items/</code>" in html
    assert re.findall(r'class="mark (\w+)">(?:To mend|Advice)', html) == [
        "rejected", "rejected", "none",
    ]  # fmt: skip
    # Half past midnight in Japan.
    assert "<dd>2026-11-27 00:30</dd>" in html
    assert "<dd>observe: what is sent to undeclared hosts goes.</dd>" in html
    assert "ads（日本語）" in read(privacy, lang="ja")


def test_a_scan_that_found_nothing_says_so(privacy: Client, notice: Notice) -> None:
    record()
    html = read(privacy)
    assert 'class="mark good">As published' in html
    assert "No undeclared host or storage" in html


def test_an_earlier_scan_has_its_own_address(privacy: Client, notice: Notice) -> None:
    old = record(finding(Rule.UNKNOWN_HOST, subject="old.example"))
    record(now=datetime(2026, 11, 26, 15, 30, tzinfo=UTC))

    assert "old.example" not in read(privacy)
    address = f'href="?lang=en&site={SITE}&scan={old}"'
    assert address in read(privacy)
    html = read(privacy, scan=old)
    assert "old.example" in html
    assert f'{address} aria-current="true"' in html


@pytest.mark.parametrize("scan", ["0", "x", "-1", "9" * 30, "１"])
def test_a_scan_that_is_not_there_is_a_404(privacy: Client, notice: Notice, scan: str) -> None:
    assert privacy.get(f"{ADDRESS}?{urlencode({'scan': scan})}").status_code == 404


def test_a_scan_of_another_site_is_not_shown(privacy: Client, notice: Notice) -> None:
    scan = record(finding(Rule.UNKNOWN_HOST, subject="old.example"))
    other = catalogue()
    other["site"]["code"] = "other"
    apply_catalogue(catalogue=other)

    assert privacy.get(f"{ADDRESS}?site=other&scan={scan}").status_code == 404


def test_a_finding_on_many_pages_names_the_first_ones(privacy: Client, notice: Notice) -> None:
    record(finding(Rule.NO_LINK, pages=tuple(f"/{number}" for number in range(8))))
    html = read(privacy)
    assert "<code>/4</code>" in html
    assert "<code>/5</code>" not in html
    assert "and 3 more" in html


def test_the_page_says_how_to_scan(privacy: Client, db: None) -> None:
    assert "No site has been declared yet." in read(privacy)
    make_site()
    forget_everything()
    html = read(privacy)
    assert "has not been scanned yet" in html
    assert "python3 manage.py scan --site shop --start https://shop.example/" in html


def test_what_a_page_is_called_cannot_become_markup(privacy: Client, notice: Notice) -> None:
    record(finding(Rule.UNKNOWN_HOST, subject="<b>x", pages=("/<i>",)))
    html = privacy.get(ADDRESS).content.decode()
    assert "<b>x" not in html
    assert "/<i>" not in html


def test_the_command_line_tells_what_to_do(notice: Notice) -> None:
    record(
        finding(Rule.HOST_LEAK, subject="adco.example", tags=("ads",)),
        finding(Rule.STALE_TAG, subject="x.example", tags=("stats",), pages=()),
    )
    scan = queries.find_last_scan(SITE)
    assert scan is not None

    told = page.lines(scan)

    assert told[0] == "shop: 2 pages against notice 1: 1 to mend, 1 advice"
    assert "[alarm] host_leak: A host is asked although its tag (ads) is held: adco.example" in (
        "\n".join(told)
    )
    assert "  /items/ (who allowed the essential only)" in told
    assert page.as_json(scan)["alarms"] == 1
