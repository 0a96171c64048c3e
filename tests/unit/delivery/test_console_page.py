"""The pages about deliveries, before they are HTML: numbers, words, geometry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tracking.delivery import page, rules
from tracking.delivery.form_page import FormWriter
from tracking.delivery.transports import TRANSPORTS
from tracking.delivery.types import (
    AttemptOutcome,
    BreakerState,
    ConfirmsBy,
    Effect,
    EndpointState,
    EventStanding,
    HourTally,
    Overview,
    PartnerHealth,
    Standing,
    Transport,
)
from tracking.outbox.types import Cursor, EventInfo, EventState, Outcome, Punctuality, Which
from tracking.registry.types import HoldMode, Presentation, SiteInfo

NOW = datetime(2026, 11, 26, 3, 25, tzinfo=UTC)
PROFILES = {transport: way.profile for transport, way in TRANSPORTS.items()}


def site(zone: str = "Asia/Tokyo") -> SiteInfo:
    return SiteInfo(
        id=1,
        code="shop",
        name={"ja": "店", "en": "Shop"},
        origins=frozenset(),
        zone=zone,
        default_country="JP",
        profile="jp-a",
        languages=("ja", "en"),
        presentation=Presentation.BAR,
        quarantines_overdue_partners=True,
        hold_mode=HoldMode.OFF,
        replays_held=False,
    )


def writer(language: str = "ja", profiles: page.Profiles = PROFILES) -> FormWriter:
    return FormWriter(language=language, site=site(), sites=[site()], profiles=profiles, now=NOW)


def standing(
    *,
    punctuality: tuple[int, int] = (0, 0),
    transport: Transport = Transport.WEBHOOK,
    **fields: Any,
) -> Standing:
    health = PartnerHealth(
        **{
            "partner": "adco",
            "legal_name": {"ja": "アドコ", "en": "Adco"},
            "state": EndpointState.ACTIVE,
            "confirms_by": ConfirmsBy.RESPONSE,
            "breaker": BreakerState.CLOSED,
            "opened_until": None,
            "consecutive_failures": 0,
            "last_success_at": None,
            "waiting": 0,
            "dead": 0,
            "overdue": 0,
            "oldest_unsaid_at": None,
            "oldest_due_at": None,
            "unconfirmed": 0,
            "oldest_unconfirmed_at": None,
            **fields,
        }
    )
    confirmed, in_time = punctuality
    return Standing(
        health=health,
        transport=Transport.WEBHOOK,
        punctuality=Punctuality(confirmed=confirmed, in_time=in_time),
    )


def event(**fields: Any) -> EventInfo:
    return EventInfo(
        **{
            "id": 1,
            "site_id": 1,
            "addressee": "adco",
            "kind": "consent",
            "message_key": UUID(int=7),
            "state": EventState.PENDING,
            "outcome": Outcome.NONE,
            "desired_version": 2,
            "acked_version": 1,
            "attempts": 0,
            "ticket": "",
            "created_at": NOW,
            "due_at": NOW + timedelta(hours=1),
            "next_attempt_at": NOW,
            "accepted_at": None,
            "confirmed_at": None,
            **fields,
        }
    )


# --- words


def paths(words: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in words.items():
        if isinstance(value, dict):
            found |= paths(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def test_both_languages_say_the_same_things() -> None:
    ja, en = paths(page.texts("ja")), paths(page.texts("en"))
    # A transport's own name may be English enough.
    assert {name for name in ja.keys() ^ en.keys() if not name.startswith("transports.")} == set()
    for name in ja.keys() & en.keys():
        assert set(re.findall(r"{\w+}", ja[name])) == set(re.findall(r"{\w+}", en[name])), name


@pytest.mark.parametrize("language", ["ja", "en"])
def test_there_is_a_word_for_everything_that_can_be(language: str) -> None:
    text = page.texts(language)
    for prefix, values in {
        "standing": EventStanding,
        "outcome": AttemptOutcome,
        "confirms": ConfirmsBy,
        "effect": Effect,
        "short": Effect,
    }.items():
        for value in values:
            assert text[f"{prefix}_{value}"]
    for outcome in Outcome:
        assert text[f"outcome_{outcome or 'none'}"]
    for which in page.WHICH:
        assert text[f"which_{which}"]


def test_every_outcome_is_in_one_group_of_the_chart() -> None:
    grouped = [outcome for outcomes in page.GROUPS.values() for outcome in outcomes]
    assert sorted(grouped) == sorted(AttemptOutcome)


@pytest.mark.parametrize("transport", TRANSPORTS, ids=str)
def test_every_identifier_that_is_needed_has_a_name(transport: Transport) -> None:
    for language in ("ja", "en"):
        names = page.texts(language)["identifiers"]
        assert set(PROFILES[transport].needs) <= set(names)


# --- standings


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({}, "sending"),
        ({"breaker": BreakerState.PROBING}, "probing"),
        ({"breaker": BreakerState.OPEN, "opened_until": NOW}, "resting"),
        ({"state": EndpointState.PAUSED, "breaker": BreakerState.OPEN}, "paused"),
        ({"state": EndpointState.GONE}, "gone"),
        ({"state": None}, "none"),
    ],
)
def test_a_state_is_told_with_what_it_means(fields: dict[str, Any], key: str) -> None:
    mark = writer().mark(standing(**fields))
    assert mark.key == key
    assert mark.text
    assert mark.note
    assert "{" not in mark.note


def test_the_breaker_says_until_when_in_the_zone_of_the_site() -> None:
    mark = writer().mark(standing(breaker=BreakerState.OPEN, opened_until=NOW))
    assert "11-26 12:25まで" in mark.note


def overview(*standings: Standing, looked_at: datetime | None = NOW) -> page.OverviewPage:
    return writer().overview(Overview(standings=standings, unaddressed={}, looked_at=looked_at))


def test_the_overview_adds_up_its_partners() -> None:
    built = overview(
        standing(
            punctuality=(9, 8), overdue=1, dead=2, oldest_unsaid_at=NOW - timedelta(seconds=41)
        ),
        standing(punctuality=(90, 90), oldest_unconfirmed_at=NOW - timedelta(days=2, hours=1)),
    )
    oldest, share, overdue, dead, looked = built.figures
    assert oldest.value == "2日 01:00:00"
    # 98 of 99 confirmed ones and one that is overdue.
    assert share.value == "98.0%"
    assert (overdue.value, overdue.key, dead.value, dead.key) == ("1", "bad", "2", "bad")
    assert dead.address == "dead/?lang=ja&site=shop"
    assert looked.value == "00:00:00前"
    assert [row.oldest for row in built.rows] == ["00:00:41", "2日 01:00:00"]


def test_a_share_is_rounded_down_so_that_all_means_all() -> None:
    assert overview(standing(punctuality=(100_000, 99_999))).rows[0].share == "99.9%"
    assert overview(standing(punctuality=(5, 5))).rows[0].share == "100.0%"
    assert overview(standing()).rows[0].share == "—"
    assert overview(standing(overdue=3)).rows[0].share == "0.0%"


@pytest.mark.parametrize(("age", "is_said"), [(0, False), (15, False), (16, True), (None, True)])
def test_work_that_nobody_looks_for_is_said(age: int | None, is_said: bool) -> None:
    looked_at = None if age is None else NOW - timedelta(seconds=age)
    assert bool(overview(standing(), looked_at=looked_at).stopped) == is_said


# --- the chart


def tally(hours_ago: int, **requests: int) -> HourTally:
    return HourTally(
        hour=NOW.replace(minute=0) - timedelta(hours=hours_ago),
        requests={AttemptOutcome(name): count for name, count in requests.items()},
        messages=sum(requests.values()),
        total_ms=100 * sum(requests.values()),
    )


def test_bars_stand_in_their_hour_and_on_each_other() -> None:
    chart = writer().chart([tally(47, accepted=50), tally(0, done=20, gone=10, unreachable=20)])
    assert chart is not None
    assert chart.ticks == ("50", "25", "0")
    assert [(bar.x, bar.y, bar.height, bar.key) for bar in chart.bars] == [
        (0, 0.0, 100.0, "good"),
        (470, 60.0, 40.0, "good"),
        (470, 40.0, 20.0, "rejected"),
        (470, 0.0, 40.0, "unreachable"),
    ]
    assert (chart.first, chart.last) == ("11-24 13:00", "11-26 12:00")
    assert chart.rows[0].hour == "11-26 12:00"
    assert chart.rows[0].cells == ("20", "10", "20", "50", "100ミリ秒")


def test_the_smallest_number_can_still_be_seen() -> None:
    chart = writer().chart([tally(0, accepted=10_000, rejected=1)])
    assert chart is not None
    assert chart.bars[1].height == 1.0


def test_where_nothing_was_sent_there_is_nothing_to_draw() -> None:
    assert writer().chart([]) is None


@pytest.mark.parametrize(
    ("count", "top"), [(1, 1), (3, 5), (10, 10), (11, 20), (21, 50), (51, 100), (999, 1000)]
)
def test_the_scale_ends_at_a_round_number(count: int, top: int) -> None:
    chart = writer().chart([tally(0, accepted=count)])
    assert chart is not None
    assert chart.ticks[0] == f"{top:,}"


# --- events


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, EventStanding.WAITING),
        ({"attempts": 3}, EventStanding.RETRYING),
        ({"state": EventState.DEAD, "attempts": 9}, EventStanding.DEAD),
        ({"acked_version": 2}, EventStanding.UNCONFIRMED),
        ({"acked_version": 2, "ticket": "t"}, EventStanding.AT_WORK),
        ({"confirmed_at": NOW, "outcome": Outcome.CONFIRMED}, EventStanding.CONFIRMED),
        ({"confirmed_at": NOW, "outcome": Outcome.IDENTIFIER_NOT_HELD}, EventStanding.NOT_HELD),
        ({"confirmed_at": NOW, "outcome": Outcome.NOT_NEEDED}, EventStanding.NOT_NEEDED),
    ],
)
def test_how_far_an_event_is(fields: dict[str, Any], expected: EventStanding) -> None:
    assert rules.event_standing(event(**fields)) is expected


def test_an_event_is_late_until_it_is_confirmed() -> None:
    late = {"due_at": NOW - timedelta(seconds=1)}
    assert writer().is_late(event(**late))
    assert not writer().is_late(event(**late, confirmed_at=NOW))
    assert not writer().is_late(event(due_at=NOW))


@pytest.mark.parametrize("order", Which)
def test_a_cursor_comes_back_as_it_left(order: Which) -> None:
    cursor = Cursor(order=order, at=NOW + timedelta(microseconds=123_456), id=42)
    assert rules.parse_cursor(rules.cursor_text(cursor)) == cursor


@pytest.mark.parametrize(
    "text",
    ["", "open", "open.x.1", "never.20261126T032500.000000.1", "open.20261399T032500.000000.1",
     "open.20261126T032500.000000.-1", "open.20261126T032500.000000.１"],
)  # fmt: skip
def test_what_is_no_cursor_is_none(text: str) -> None:
    assert rules.parse_cursor(text) is None


@pytest.mark.parametrize(
    ("text", "is_key"),
    [
        (f"msg_{UUID(int=7).hex}", True),
        (f"  {UUID(int=7)} ", True),
        ("msg_", False),
        ("msg_xyz", False),
        ("", False),
    ],
)
def test_a_message_id_is_read_as_people_paste_it(text: str, is_key: bool) -> None:
    assert rules.parse_message_id(text) == (UUID(int=7) if is_key else None)


def test_a_moment_of_a_form_is_meant_in_the_zone_of_the_site() -> None:
    moment = page.parse_moment("2026-11-26T09:30", zone="Asia/Tokyo")
    assert moment is not None
    assert moment.astimezone(UTC) == datetime(2026, 11, 26, 0, 30, tzinfo=UTC)
    assert page.parse_moment("half past nine", zone="Asia/Tokyo") is None
    assert page.parse_moment("", zone="Asia/Tokyo") is None


# --- the form
