"""Which decisions statistics leave out, and where visitors had come from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tracking.consents import referrers, rules
from tracking.consents.types import Doubt, ReferrerClass
from tracking.lib.impression import Impression

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
GOOD = Impression(
    site_id=1, issued_at=int(NOW.timestamp()) - 60, nonce=b"n" * 12, waited_ms=None, is_shown=True
)
DAY = 86_400


def doubt(
    proof: Impression | None, *, is_machine: bool = False, was_suspect: bool | None = None
) -> Doubt:
    return rules.doubt(impression=proof, is_machine=is_machine, was_suspect=was_suspect, now=NOW)


def test_a_good_proof_takes_the_doubt_away_if_it_was_not_spent() -> None:
    assert doubt(GOOD) == Doubt(is_suspect=True, nonce=GOOD.nonce)
    assert doubt(GOOD, was_suspect=True) == Doubt(is_suspect=True, nonce=GOOD.nonce)


def test_a_known_device_needs_none_and_spends_what_it_brings() -> None:
    assert doubt(None, was_suspect=False) == Doubt(is_suspect=False, nonce=None)
    assert doubt(GOOD, was_suspect=False) == Doubt(is_suspect=False, nonce=GOOD.nonce)
    assert doubt(None, was_suspect=True) == Doubt(is_suspect=True, nonce=None)


@pytest.mark.parametrize(
    "proof",
    [
        None,
        replace(GOOD, issued_at=int(NOW.timestamp()) - DAY),
        replace(GOOD, issued_at=int(NOW.timestamp()) + 301),
        replace(GOOD, waited_ms=149),
        replace(GOOD, waited_ms=0),
    ],
    ids=["none", "expired", "of the future", "too fast", "at once"],
)
def test_without_a_good_proof_a_new_device_is_suspect(proof: Impression | None) -> None:
    assert doubt(proof) == Doubt(is_suspect=True, nonce=None)


@pytest.mark.parametrize(
    "proof",
    [
        replace(GOOD, issued_at=int(NOW.timestamp()) - DAY + 1),
        replace(GOOD, issued_at=int(NOW.timestamp()) + 300),
        replace(GOOD, waited_ms=150),
    ],
    ids=["almost expired", "of a clock that is ahead", "as fast as anybody"],
)
def test_what_is_just_good_enough_is_good(proof: Impression) -> None:
    assert doubt(proof).nonce == GOOD.nonce


@pytest.mark.parametrize("was_suspect", [None, False, True])
def test_a_bot_is_suspect_whatever_it_brings(was_suspect: bool | None) -> None:
    assert doubt(GOOD, is_machine=True, was_suspect=was_suspect) == Doubt(
        is_suspect=True, nonce=None
    )


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "HeadlessChrome/140.0.0.0 Safari/537.36",
        "Mozilla/5.0 (Linux; Android 11) AppleWebKit/537.36 Chrome/140 Chrome-Lighthouse",
        "Mozilla/5.0 (compatible; Baiduspider/2.0)",
        "facebookexternalhit/1.1",
        "curl/8.9.1",
        "python-requests/2.32",
    ],
)
def test_programs_that_say_so_are_bots(agent: str) -> None:
    assert rules.is_bot(agent)


@pytest.mark.parametrize(
    "agent",
    [
        "",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1",
        "Mozilla/5.0 (Linux; Android 12; CUBOT X50) AppleWebKit/537.36 Mobile Safari/537.36",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Line/15.0.1",
    ],
)
def test_peoples_browsers_are_none(agent: str) -> None:
    assert not rules.is_bot(agent)


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        (None, ReferrerClass.UNKNOWN),
        ("", ReferrerClass.DIRECT),
        ("shop.example", ReferrerClass.SAME_SITE),
        ("SHOP.example:8443", ReferrerClass.SAME_SITE),
        ("www.google.co.jp", ReferrerClass.SEARCH),
        ("google.de", ReferrerClass.SEARCH),
        ("com.google.android.googlequicksearchbox", ReferrerClass.SEARCH),
        ("search.yahoo.co.jp", ReferrerClass.SEARCH),
        ("www.yahoo.co.jp", ReferrerClass.OTHER),
        ("mail.google.com", ReferrerClass.OTHER),
        ("google.example.com", ReferrerClass.OTHER),
        ("www.bing.com", ReferrerClass.SEARCH),
        ("t.co", ReferrerClass.SOCIAL),
        ("not.co", ReferrerClass.OTHER),
        ("liff.line.me", ReferrerClass.SOCIAL),
        ("l.facebook.com", ReferrerClass.SOCIAL),
        ("notfacebook.com", ReferrerClass.OTHER),
        ("blog.example", ReferrerClass.OTHER),
        (".", ReferrerClass.DIRECT),
    ],
)
def test_where_a_visitor_came_from_is_told_by_its_kind(
    host: str | None, kind: ReferrerClass
) -> None:
    origins = ("https://shop.example", "https://m.shop.example")

    assert referrers.classify(host=host, origins=origins) is kind
