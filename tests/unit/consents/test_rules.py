"""What a decision does to a device's choices, and who must be told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.consents import rules
from tracking.consents.types import AgeBand, Choices, DeviceClass, Method, Submission, Surface
from tracking.notices.types import PartnerTerms, TagTerms, Terms
from tracking.outbox.types import EventState, EventStatus, Outcome
from tracking.regimes.rules import get_regime

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
IDS = [f"purpose:{code}" for code in "abcdef"]
MEANINGS = dict.fromkeys(IDS, 1)
SETS = st.frozensets(st.sampled_from(IDS))


def submission(**changes: object) -> Submission:
    given_values = {
        "site": "shop", "notice": 1, "idempotency_key": "k" * 16, "client_seq": 10,
        "method": Method.CHOOSE, "surface": Surface.BAR, "language": "ja", "gpc": False,
        "granted": frozenset(), "refused": frozenset(), **changes,
    }  # fmt: skip
    return Submission(**given_values)  # type: ignore[arg-type]


def choices(granted: frozenset[str], refused: frozenset[str], *, seq: int = 5) -> Choices:
    return Choices(
        granted=granted, refused=refused, decided_at=0, notice=1, with_signal=False, seq=seq
    )


@given(SETS, SETS, SETS, SETS, st.integers(0, 20), st.sampled_from(list(Method)))
def test_no_decision_grants_what_it_did_not_name(
    granted_before: frozenset[str],
    refused_before: frozenset[str],
    granted: frozenset[str],
    refused: frozenset[str],
    seq: int,
    method: Method,
) -> None:
    before = choices(granted_before - refused_before, refused_before, seq=10)
    sent = submission(granted=granted - refused, refused=refused, client_seq=seq, method=method)

    merged = rules.merge(
        before=before, submission=sent, asked=frozenset(IDS), held=before.granted, meanings=MEANINGS
    )

    if not rules.grants_anew(before=before, submission=sent):
        assert merged.granted <= before.granted
    assert merged.granted <= before.granted | sent.granted
    assert not merged.granted & merged.refused
    assert merged.withdrawn <= before.granted & merged.refused
    assert sent.refused <= merged.refused
    if seq <= 10:
        assert merged.granted <= before.granted | (sent.granted - before.refused)
    if method is Method.REFUSE:
        assert merged.granted == frozenset()


@given(SETS, SETS)
def test_history_changes_nothing(granted: frozenset[str], refused: frozenset[str]) -> None:
    before = choices(frozenset(IDS[:3]), frozenset(IDS[3:]), seq=11)

    merged = rules.merge(
        before=before,
        submission=submission(granted=granted - refused, refused=refused, is_history=True),
        asked=frozenset(IDS),
        held=before.granted,
        meanings=MEANINGS,
    )

    assert merged.is_superseded
    assert (merged.granted, merged.refused) == (before.granted, before.refused)
    assert merged.withdrawn == frozenset()


def test_a_carried_grant_is_dropped_when_it_no_longer_means_the_same() -> None:
    before = choices(frozenset({"purpose:a", "purpose:b"}), frozenset())

    merged = rules.merge(
        before=before,
        submission=submission(notice=2, granted=frozenset({"purpose:c"})),
        asked=frozenset(IDS),
        held=before.granted,
        meanings={**MEANINGS, "purpose:b": 2},
    )

    assert merged.granted == {"purpose:a", "purpose:c"}
    assert merged.has_carried


def tag(code: str, partner: str, purpose: str, *, optional: tuple[str, ...] = ()) -> TagTerms:
    return TagTerms(
        code=code,
        partner=partner,
        purposes=(purpose,),
        required_items=("cookie",),
        optional_items=optional,
        transport="client",
        is_exempt=False,
        is_linkable=False,
        needed_ids=(f"partner:{partner}", f"purpose:{purpose}", "item:cookie"),
    )


TERMS = Terms(
    number=1,
    tags={
        "stats": tag("stats", "one", "analytics", optional=("gender",)),
        "ads": tag("ads", "one", "advertising"),
        "retarget": tag("retarget", "two", "advertising"),
        "mine": tag("mine", "us", "analytics"),
    },
    natures={"analytics": "analytics", "advertising": "advertising"},
    partners={
        "one": PartnerTerms(role="third_party", effective_at=None),
        "two": PartnerTerms(role="third_party", effective_at=None),
        "us": PartnerTerms(role="self", effective_at=None),
    },
    material_since={},
)
ALL = frozenset(
    ["partner:one", "partner:two", "partner:us", "purpose:analytics", "purpose:advertising",
     "item:cookie", "item:gender"]
)  # fmt: skip


def news(held: frozenset[str], refused: set[str]) -> dict[str, set[str]]:
    now_refused = frozenset(refused)
    merged = rules.Merge(
        granted=held - now_refused,
        refused=now_refused,
        withdrawn=held & now_refused,
        has_carried=True,
        is_superseded=False,
    )
    planned = rules.plan_news(terms=TERMS, held=held, merged=merged)
    assert all(outgoing.is_revocation for outgoing in planned)
    return {outgoing.partner: set(outgoing.withdrawn) for outgoing in planned}


def test_whoever_used_the_purpose_is_told() -> None:
    assert news(ALL, {"purpose:advertising"}) == {
        "one": {"purpose:advertising"},
        "two": {"purpose:advertising"},
    }


def test_whoever_could_not_receive_is_not_told() -> None:
    assert set(news(ALL - {"partner:two"}, {"purpose:advertising"})) == {"one"}
    assert news(frozenset(), {"purpose:advertising", "item:cookie"}) == {}


def test_an_item_withheld_is_told_too() -> None:
    assert news(ALL, {"item:gender"}) == {"one": {"item:gender"}}


def test_a_partner_refused_as_such_loses_everything() -> None:
    assert news(ALL, {"partner:one"})["one"] == {
        "partner:one", "purpose:analytics", "purpose:advertising", "item:cookie", "item:gender",
    }  # fmt: skip


def test_the_site_itself_is_no_partner_to_tell() -> None:
    assert "us" not in news(ALL, set(ALL))


def event(**changes: object) -> EventStatus:
    values = {
        "addressee": "one", "subject": "s", "kind": "consent", "desired_version": 3,
        "acked_version": 2, "state": EventState.PENDING, "outcome": Outcome.NONE,
        "due_at": NOW + timedelta(hours=1), "trying_since": NOW - timedelta(minutes=5),
        "accepted_at": None, "confirmed_at": None, **changes,
    }  # fmt: skip
    return EventStatus(**values)  # type: ignore[arg-type]


PAST = NOW - timedelta(seconds=1)
LONG_AGO = NOW - timedelta(minutes=61)
TOLD = event(acked_version=3, accepted_at=PAST)


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (event(), "queued"),
        (event(outcome=Outcome.UNREACHABLE), "queued"),
        (event(outcome=Outcome.UNREACHABLE, trying_since=LONG_AGO), "unreachable"),
        # It answered: no is an answer.
        (event(outcome=Outcome.REJECTED, trying_since=LONG_AGO), "queued"),
        (event(due_at=PAST), "overdue"),
        (event(due_at=PAST, outcome=Outcome.UNREACHABLE, trying_since=LONG_AGO), "overdue"),
        (event(state=EventState.DEAD), "unreachable"),
        (event(state=EventState.DEAD, due_at=PAST), "unreachable"),
        (TOLD, "sent"),
        (replace(TOLD, due_at=PAST), "overdue"),
        (replace(TOLD, confirmed_at=NOW), "confirmed"),
        (replace(TOLD, confirmed_at=NOW, due_at=PAST), "confirmed"),
        (replace(TOLD, confirmed_at=NOW, outcome=Outcome.IDENTIFIER_NOT_HELD),
         "identifier_not_held"),
        (replace(TOLD, confirmed_at=NOW, outcome=Outcome.NOT_NEEDED), "not_needed"),
        # A newer version is on its way: what it meets says nothing of this one.
        (replace(TOLD, desired_version=4, outcome=Outcome.UNREACHABLE, trying_since=LONG_AGO),
         "sent"),
    ],
)  # fmt: skip
def test_the_visitor_is_told_how_far_it_is(found: EventStatus, status: str) -> None:
    assert rules.status_of(event=found, version=3, now=NOW) == status


@pytest.mark.parametrize(
    ("found", "is_open", "sent_at", "confirmed_at"),
    [
        (event(), True, None, None),
        (event(due_at=PAST), True, None, None),
        (event(state=EventState.DEAD), False, None, None),
        (TOLD, True, PAST, None),
        (replace(TOLD, due_at=PAST), True, PAST, None),
        (replace(TOLD, confirmed_at=NOW), False, PAST, NOW),
        (replace(TOLD, confirmed_at=NOW, outcome=Outcome.IDENTIFIER_NOT_HELD), False, None, None),
        (replace(TOLD, confirmed_at=NOW, outcome=Outcome.NOT_NEEDED), False, None, None),
    ],
)
def test_only_what_may_change_by_itself_is_open(
    found: EventStatus, is_open: bool, sent_at: datetime | None, confirmed_at: datetime | None
) -> None:
    status = rules.delivery_status(event=found, version=3, legal_name={}, now=NOW)

    assert (status.is_open, status.sent_at, status.confirmed_at) == (is_open, sent_at, confirmed_at)


def test_the_cookie_is_short_and_says_everything() -> None:
    numbers = {"purpose:a": 0, "purpose:b": 5}
    kept = replace(
        choices(frozenset({"purpose:a"}), frozenset({"purpose:b", "purpose:gone"}), seq=7),
        decided_at=1_795_330_800,
        with_signal=True,
    )

    assert rules.choices_cookie(choices=kept, numbers=numbers) == "1.1.1795330800.1.7.8.04"


@pytest.mark.parametrize(
    ("user_agent", "device_class"),
    [
        ("", DeviceClass.UNKNOWN),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Mobile/15E148", DeviceClass.PHONE),
        ("Mozilla/5.0 (Linux; Android 16; Pixel 11) Mobile Safari/537.36", DeviceClass.PHONE),
        ("Mozilla/5.0 (Linux; Android 16; SM-X900) Safari/537.36", DeviceClass.TABLET),
        ("Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X)", DeviceClass.TABLET),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/156.0", DeviceClass.DESKTOP),
    ],
)
def test_a_user_agent_leaves_only_a_class(user_agent: str, device_class: DeviceClass) -> None:
    assert rules.classify_device(user_agent) is device_class


def test_history_of_a_device_that_is_not_there_refuses_and_grants_nothing() -> None:
    sent = submission(
        granted=frozenset({"purpose:a"}), refused=frozenset({"purpose:b"}), is_history=True
    )
    merged = rules.merge(
        before=None, submission=sent, asked=frozenset(IDS), held=frozenset(), meanings=MEANINGS
    )

    assert (merged.granted, merged.refused) == (frozenset(), {"purpose:b"})
    assert merged.is_superseded


def test_the_number_of_a_decision_is_above_the_last_whatever_the_clocks_say() -> None:
    milliseconds = int(NOW.timestamp() * 1000)
    ahead = choices(frozenset(), frozenset(), seq=milliseconds + 5)

    assert rules.next_seq(choices=None, now=NOW) == milliseconds
    assert rules.next_seq(choices=ahead, now=NOW) == milliseconds + 6


@pytest.mark.parametrize(
    ("age_band", "guardian_below", "is_lacking"),
    [
        (None, 16, False),
        (AgeBand.UNDER_13, 0, False),
        (AgeBand.UNDER_13, 13, True),
        (AgeBand.UNDER_16, 13, False),
        # The line runs through the band: the child may be below it.
        (AgeBand.UNDER_16, 14, True),
        # As in Japan, once its law of 2026 is in force.
        (AgeBand.UNDER_16, 16, True),
        (AgeBand.UNDER_18, 16, False),
        (AgeBand.ADULT, 18, False),
    ],
)
def test_below_an_age_a_yes_needs_a_guardian_and_a_no_does_not(
    age_band: AgeBand | None, guardian_below: int, is_lacking: bool
) -> None:
    regime = replace(get_regime(code="jp-a", on=NOW.date()), guardian_below=guardian_below)

    def lacks(**said: object) -> bool:
        return rules.lacks_guardian(submission=submission(**said), age_band=age_band, regime=regime)

    assert lacks(granted=frozenset({"purpose:a"})) is is_lacking
    assert not lacks(granted=frozenset({"purpose:a"}), guardian_consent=True)
    assert not lacks(refused=frozenset({"purpose:a"}))
    assert not lacks(method=Method.REFUSE)


@given(SETS, SETS, SETS, SETS, st.integers(0, 20), st.sampled_from(list(AgeBand)))
def test_a_childs_silence_shuts_and_never_opens(
    granted_before: frozenset[str],
    refused_before: frozenset[str],
    granted: frozenset[str],
    refused: frozenset[str],
    seq: int,
    age_band: AgeBand,
) -> None:
    asked = granted_before | refused_before | granted | refused
    merged = rules.merge(
        before=choices(granted_before, refused_before - granted_before),
        submission=submission(granted=granted - refused, refused=refused, client_seq=seq),
        asked=asked,
        held=granted_before,
        meanings=dict.fromkeys(asked, 1),
    )
    regime = replace(get_regime(code="us-ca", on=NOW.date()), opt_in_below=16)

    shut = rules.shut_unanswered(
        merged=merged, age_band=age_band, regime=regime, asked=asked, held=granted_before
    )

    assert shut.granted == merged.granted
    assert shut.refused >= merged.refused
    assert shut.withdrawn >= merged.withdrawn
    if age_band.youngest >= 16 or merged.is_superseded:
        assert shut == merged
    else:
        assert shut.granted | shut.refused >= asked
