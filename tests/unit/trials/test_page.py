"""What is said of an experiment, in both languages; what a form says."""

from __future__ import annotations

import re
import string
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.factories.notices import whole
from tracking.experiments import rules as experiment_rules
from tracking.experiments import statistics
from tracking.experiments.types import (
    LINES,
    PRESENTATIONS,
    Arm,
    Ending,
    Experiment,
    Plan,
    Stage,
    Tally,
)
from tracking.notices import rules as notice_rules
from tracking.notices.types import Notice
from tracking.registry.types import HoldMode, Presentation, SiteInfo
from tracking.trials import page, rules
from tracking.trials.types import Result

TEXTS = tomllib.loads((Path(page.__file__).parent / "data" / "texts.toml").read_text("utf-8"))
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def leaves(table: dict[str, Any], path: str = "") -> dict[str, str]:
    found = {}
    for key, value in table.items():
        if isinstance(value, dict):
            found |= leaves(value, f"{path}{key}.")
        elif isinstance(value, list):
            found |= {f"{path}{key}.{n}": text for n, text in enumerate(value)}
        else:
            found[f"{path}{key}"] = value
    return found


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_say_the_same_with_the_same_values() -> None:
    ja, en = leaves(TEXTS["ja"]), leaves(TEXTS["en"])
    assert ja.keys() == en.keys()
    assert {key for key in ja if fields(ja[key]) != fields(en[key])} == set()


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_line_presentation_and_objection_has_its_words(language: str) -> None:
    words = page.texts(language)
    assert set(words["lines"]) == set(LINES)
    assert set(words["presentations"]) == {*PRESENTATIONS, "link"}
    source = Path(experiment_rules.__file__).read_text("utf-8")
    codes = set(re.findall(r'Objection\(code="(\w+)"', source)) - {"finding"}
    assert codes | {"no_notice", "another_runs"} == set(words["objections"])


# --- numbers in words


SHOP = SiteInfo(
    id=1, code="shop", name={"ja": "店", "en": "Shop"}, origins=frozenset(), zone="Asia/Tokyo",
    default_country="JP", profile="jp-a", languages=("ja", "en"), presentation=Presentation.BAR,
    quarantines_overdue_partners=True, hold_mode=HoldMode.OFF, replays_held=False,
)  # fmt: skip


def notice() -> Notice:
    content = whole()
    terms = notice_rules.read_terms(content)
    numbers = notice_rules.read_numbers(content)
    return Notice(
        id=1, site_id=1, site_code="shop", number=1, hash="", published_at=NOW,
        effective_at=NOW, content=content, terms=terms, numbers=numbers,
        ids={number: id for id, number in numbers.items()},
        asked_ids=notice_rules.list_asked_ids(terms),
    )  # fmt: skip


def result(granted: int, *, shown: int = 1000, left_out: int = 0, **more: Any) -> Result:
    experiment = Experiment(
        site="shop", code="title",
        plan=Plan(name="A title", hypothesis="", purpose="analytics", days=14, difference=3.0),
        arms=(
            Arm(code="a", share=50, wording={}),
            Arm(code="b", share=50, wording={"ja": {"banner_title": "短い"}}, presentation="card"),
        ),
        **{
            "stage": Stage.RUNNING, "revision": 2, "author": "x", "saved_at": NOW, "notice": 1,
            "started_by": "pia", "started_at": NOW - timedelta(days=8),
            "ends_at": NOW + timedelta(days=6), **more,
        },
    )  # fmt: skip
    tallies = (
        Tally(arm="a", shown=1000, decided=600, granted=300),
        Tally(arm="b", shown=shown, decided=600, granted=granted),
    )
    return Result(
        site=SHOP, notice=notice(), experiment=experiment, tallies=tallies,
        comparisons=statistics.compare(tallies=tallies, smallest=0.03),
        mismatch=statistics.find_mismatch(tallies=tallies, shares={"a": 50, "b": 50}),
        left_out=left_out,
    )  # fmt: skip


def write(found: Result, language: str = "en") -> page.ResultPage:
    return page.Writer(site=SHOP, language=language, now=NOW).result(found)


@pytest.mark.parametrize(
    ("granted", "language", "wanted"),
    [
        (20, "en", "Arm B: it is too early. Nothing can be said before"),
        (310, "en", "Arm B: it is too early to speak of a difference. The true one lies between −"),
        (400, "en", "Arm B is better by 10.0 points (3.1 to 16.9)."),
        (200, "en", "Arm B is worse by 10.0 points ("),
        (400, "ja", "案Bのほうが、10.0ポイント高いです（3.1〜16.9）。"),
    ],
)
def test_what_can_be_said_is_said_in_words(granted: int, language: str, wanted: str) -> None:
    (said,) = write(result(granted), language).summary
    assert said.startswith(wanted)
    assert "-" not in said


def test_worse_is_told_without_signs() -> None:
    better = write(result(400)).rows[1].says
    worse = write(result(200))
    assert better.startswith("+10.0 (+")
    assert worse.rows[1].says.startswith("−10.0 (−")
    numbers = re.findall(r"[\d.]+\d", worse.summary[0])
    assert float(numbers[1]) < float(numbers[0]) < float(numbers[2])


def test_the_drawing_holds_the_interval_and_zero() -> None:
    interval = write(result(400)).rows[1].interval
    assert interval is not None
    assert interval.zero == page.WIDTH / 2 < interval.left < interval.middle
    assert interval.left + interval.width == pytest.approx(page.WIDTH, abs=0.2)
    assert write(result(20)).rows[1].interval is None


def test_what_cannot_be_trusted_is_warned_of() -> None:
    assert write(result(400)).warnings == ()
    (mismatch,) = write(result(400, shown=1300)).warnings
    assert "shares" in mismatch
    # Five percent of those who are told of.
    assert not rules.is_thin(result(400, left_out=100))
    (thin,) = write(result(400, left_out=101)).warnings
    assert "101" in thin


def test_an_arm_can_be_promoted_after_seven_days() -> None:
    assert [code for code, _ in write(result(400)).can_promote] == ["b"]
    young = write(result(400, started_at=NOW - timedelta(days=6)))
    assert young.can_promote == ()
    assert "Fri 27 Nov 2026" in young.promotable_from
    stopped = write(
        result(
            400, started_at=NOW - timedelta(days=9), stage=Stage.STOPPED,
            stopped_at=NOW - timedelta(days=3), ending=Ending.REPUBLISHED,
        )
    )  # fmt: skip
    assert stopped.can_promote == ()
    assert stopped.promotable_from.startswith("It ran for fewer than 7 days")
    assert stopped.standing == "Ended, because another version was published"


def test_what_an_arm_shows_stands_beside_what_is_published() -> None:
    published, b = write(result(400)).shown
    assert published.said == ()
    assert [(one.label, one.after) for one in b.said] == [
        ("Title", "短い"),
        ("Presentation", "card in the corner"),
    ]


# --- forms


def test_a_form_says_what_is_typed() -> None:
    typed = page.read_form({
        "name": " A ", "hypothesis": "B", "purpose": "analytics", "days": "14",
        "difference": "2.5", "revision": "3", "share.a": "60", "share.b": "40",
        "presentation.b": "card", "line.b.ja.allow": " 許可\r\nする ", "line.z.ja.allow": "x",
        "csrfmiddlewaretoken": "x",
    })  # fmt: skip
    assert typed.plan == Plan(
        name="A", hypothesis="B", purpose="analytics", days=14, difference=2.5
    )
    assert typed.arms == (
        Arm(code="a", share=60, wording={}),
        Arm(code="b", share=40, wording={"ja": {"allow": "許可 する"}}, presentation="card"),
    )
    assert typed.revision == 3


@pytest.mark.parametrize("text", ["", "-1", "1e3", "nan", "1.2.3", "9" * 12])
def test_what_is_no_number_is_none(text: str) -> None:
    assert page.read_number(text) is None
    typed = page.read_form({"days": text, "difference": text, "share.a": text})
    assert (typed.plan.days, typed.plan.difference, typed.arms[0].share) == (0, 0.0, 0)


def test_digits_may_be_those_of_a_japanese_keyboard() -> None:
    assert page.read_number("１４") == 14


def test_the_last_two_arms_stay_and_no_fifth_comes() -> None:
    two = {"share.a": "50", "share.b": "50"}
    assert len(page.read_form({**two, "remove": "b"}).arms) == 2
    four = {**two, "share.c": "0", "share.d": "0"}
    assert len(page.read_form({**four, "add": "1"}).arms) == 4
    three = page.read_form({**four, "remove": "c"}).arms
    assert [(arm.code, arm.share) for arm in three] == [("a", 34), ("b", 33), ("c", 33)]


def test_a_guess_that_is_none_leaves_the_sites_own_numbers() -> None:
    assert page.read_guess({"baseline": "0", "visitors": "x"}) == page.Guess()
    assert page.read_guess({"baseline": "30", "visitors": "0"}) == page.Guess(
        baseline=30, visitors=0
    )
