"""The page views' page: what it prints adds up, in both languages."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from tracking.insights.loss import PageReport, Step, Sum, explain
from tracking.insights.loss_page import PagesPage, _texts, build_file, build_page
from tracking.registry.types import HoldMode, Presentation, SiteInfo

UNTIL = date(2026, 11, 22)
SITE = SiteInfo(
    id=1,
    code="shop",
    name={"ja": "店", "en": "Shop"},
    origins=frozenset({"https://shop.example"}),
    zone="Asia/Tokyo",
    default_country="JP",
    profile="jp-a",
    languages=("ja", "en"),
    presentation=Presentation.BAR,
    quarantines_overdue_partners=True,
    hold_mode=HoldMode.OFF,
    replays_held=True,
    counts_page_views=True,
)


def page_of(report: PageReport, language: str) -> PagesPage:
    return build_page(report=report, sites={"shop": SITE.name}, language=language)


def span(back: int, *, views: int, seen: int, days: int = 7, is_partial: bool = False) -> Sum:
    last = UNTIL - timedelta(days=back)
    return Sum(
        first=last - timedelta(days=days - 1),
        last=last,
        days=days,
        views=views,
        seen=seen,
        is_partial=is_partial,
    )


def report(*, lines: tuple[Sum, ...], step: Step = Step.WEEK) -> PageReport:
    return PageReport(
        site=SITE,
        step=step,
        device_class="",
        purpose="analytics",
        purposes={"analytics": {"ja": "アクセス解析", "en": "Analytics"}},
        lines=lines,
        change=explain(before=lines[-2], after=lines[-1]) if len(lines) > 1 else None,
        has_any=True,
    )


MORE_TRAFFIC_LESS_CONSENT = report(
    lines=(span(7, views=7000, seen=4200), span(0, views=9333, seen=3733))
)


def test_the_printed_parts_add_up_to_the_printed_change() -> None:
    page = page_of(MORE_TRAFFIC_LESS_CONSENT, "en")

    changed, because, cause = page.reasons
    assert "from 600 to 533 a day" in changed
    assert "−67" in changed
    assert "+163 come from how many pages" in because
    assert "−230 from the share" in because
    assert "(60.0% → 40.0%)" in because
    assert cause.startswith("The main reason is consent.")


def test_the_newest_line_comes_first_and_says_its_share() -> None:
    newest, older = build_page(
        report=MORE_TRAFFIC_LESS_CONSENT, sites={"shop": SITE.name}, language="ja"
    ).lines

    assert newest.head == "11月16日（月）〜11月22日（日）"
    assert (newest.views, newest.seen, newest.unseen, newest.share) == (
        "9,333", "3,733", "5,600", "40.0%",
    )  # fmt: skip
    assert newest.width == pytest.approx(40, abs=0.1)
    assert older.share == "60.0%"


@pytest.mark.parametrize(("language", "words"), [("ja", "10未満"), ("en", "<10")])
def test_a_day_too_small_to_tell_says_so_and_is_in_no_sum(language: str, words: str) -> None:
    small = report(
        lines=(
            span(1, views=0, seen=0, days=0, is_partial=True),
            span(0, views=100, seen=50, days=1),
        ),
        step=Step.DAY,
    )
    page = page_of(small, language)

    assert (page.lines[1].views, page.lines[1].share, page.lines[1].width) == (words, "—", None)
    assert "100" in page.summary
    assert any("10" in note for note in page.notes)
    assert page.reasons == ()
    csv = build_file("csv", report=small, language=language).content.decode()
    assert csv.splitlines()[1].endswith(",,,,yes")


def test_a_day_without_views_is_not_called_too_small_and_none_is_printed_from_before() -> None:
    nothing = [span(back, views=0, seen=0, days=0) for back in (3, 2, 0)]
    some = span(1, views=100, seen=50, days=1)
    page = page_of(report(lines=(*nothing[:2], some, nothing[2]), step=Step.DAY), "en")
    assert [line.views for line in page.lines] == ["—", "100"]
    assert page.notes == ()

    page = page_of(report(lines=tuple(nothing), step=Step.DAY), "en")
    assert (page.lines, page.summary) == ((), "")


def test_both_languages_have_the_same_words_with_the_same_places() -> None:
    ja, en = _texts()["ja"], _texts()["en"]

    assert ja.keys() == en.keys()
    for key in ja:
        assert set(re.findall(r"\{(\w+)\}", ja[key])) == set(re.findall(r"\{(\w+)\}", en[key])), key


def test_every_word_is_printed_somewhere() -> None:
    root = Path(__file__).parents[3]
    printed = (root / "templates/insights/loss.html").read_text("utf-8")
    printed += (root / "templates/insights/no_site.html").read_text("utf-8")
    printed += (root / "tracking/insights/loss_page.py").read_text("utf-8")
    for key in _texts()["ja"]:
        found = f"text.{key} " in printed or f'"{key}"' in printed
        assert found or key.startswith(("step_", "cause_")), key
