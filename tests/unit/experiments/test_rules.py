"""When an experiment has ended, what differs, and what visitors are told of its cookie."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tracking.experiments import rules
from tracking.experiments.types import ARMS, LINES, MOST_DAYS, PRESENTATIONS, Ending
from tracking.notices.queries import default_wording
from tracking.registry.types import Presentation

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("ends", "replaced", "wanted"),
    [
        (NOW + DAY, None, None),
        (NOW + DAY, NOW + DAY / 2, None),
        (NOW, None, (Ending.DAYS_OVER, NOW)),
        (NOW - DAY, NOW, (Ending.DAYS_OVER, NOW - DAY)),
        (NOW, NOW - DAY, (Ending.REPUBLISHED, NOW - DAY)),
        (NOW + DAY, NOW, (Ending.REPUBLISHED, NOW)),
    ],
)
def test_it_ends_with_its_days_or_with_the_next_notice_whichever_is_first(
    ends: datetime, replaced: datetime | None, wanted: tuple[Ending, datetime] | None
) -> None:
    assert rules.find_ending(ends_at=ends, replaced_at=replaced, now=NOW) == wanted


def test_what_differs_is_what_says_something_else() -> None:
    published = {"ja": {"allow": "許可する", "refuse": "許可しない"}}
    written = {"ja": {"allow": " 許可する ", "refuse": "", "choose": "選ぶ"}, "en": {"allow": " "}}
    assert rules.differing(written, published) == {"ja": {"choose": "選ぶ"}}


def test_arms_say_lines_of_the_notice_and_ask_in_ways_that_show_a_refusal() -> None:
    assert set(LINES) <= set(default_wording()["en"])
    assert set(PRESENTATIONS) == set(Presentation) - {Presentation.LINK}


def test_a_variant_fits_where_records_and_counts_keep_it() -> None:
    longest = "x" * 40
    assert rules.CODE.fullmatch(longest)
    assert not rules.CODE.fullmatch(longest + "x")
    assert len(f"{longest}:{ARMS[0]}") <= 64


def test_visitors_are_told_how_long_the_arm_is_remembered_at_most() -> None:
    path = ROOT / "tracking" / "preferences" / "data" / "own_storage.toml"
    entries = tomllib.loads(path.read_text("utf-8"))["entries"]
    (entry,) = (one for one in entries if one["name"] == "cm_arm")
    assert (entry["where"], entry["lifetime_days"]) == (["cookie"], MOST_DAYS)
