"""The ledger says what the gate would have allowed because of a grant, at every moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories.registry import item, partner, purpose, tag, text
from tracking.consents import provisions, rules
from tracking.consents.types import Choices, Method, PastDecision, Provision, Submission, Surface
from tracking.gate import rules as gate
from tracking.gate.types import Reason
from tracking.notices import rules as notice_rules
from tracking.notices.types import Notice
from tracking.regimes import rules as regimes

START = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
PURPOSES = [purpose("analytics", "analytics"), purpose("advertising", "advertising")]
ITEMS = [item("id.cookie", "2"), item("activity.url"), item("attr.gender", "1")]
NUMBERS = {
    choice: number
    for number, choice in enumerate(
        [
            *(f"purpose:{p['code']}" for p in PURPOSES),
            *(f"item:{i['code']}" for i in ITEMS),
            *(f"partner:{code}" for code in ("own", "helper", "abroad", "adco", "sister")),
        ]
    )
}


def at(days: float) -> datetime:
    return START + timedelta(seconds=int(days * 86_400))


def partners(**changes: dict[str, Any]) -> list[dict[str, Any]]:
    found = [
        partner("own", role="self", country="JP"),
        partner("helper", role="processor", country="JP"),
        partner("abroad", role="processor", country="US"),
        partner("adco", country="JP", address=text("1-1")),
        partner("sister", role="joint_user", country="JP", effective_at=0),
    ]
    return [{"effective_at": None, **one, **changes.get(one["code"], {})} for one in found]


def tags(**changes: dict[str, Any]) -> list[dict[str, Any]]:
    found = [
        tag("count", "helper", ["analytics"]),
        tag("store", "abroad", ["analytics"], optional_items=["attr.gender"]),
        tag("ads", "adco", ["advertising"], optional_items=["attr.gender"]),
        tag("send", "adco", ["advertising"], required_items=["activity.url"], transport="server"),
        tag("share", "sister", ["advertising"]),
        tag("mine", "own", ["analytics"]),
        tag("guard", "adco", ["analytics"], exemption_code="22-2-30(4)"),
    ]
    return [
        {"transport": "client", "exemption_code": "", **one, **changes.get(one["code"], {})}
        for one in found
    ]


def make_notices(*versions: tuple[float, dict[str, Any]]) -> list[Notice]:
    """Return versions as they are published: `(day on which it takes effect, tables)`."""
    found: list[Notice] = []
    for number, (day, tables) in enumerate(versions, start=1):
        content: dict[str, Any] = {
            "number": number,
            "purposes": [dict(one) for one in PURPOSES],
            "data_items": [dict(one) for one in ITEMS],
            "partners": tables.get("partners", partners()),
            "tags": tables.get("tags", tags()),
        }
        since = notice_rules.material_since(
            previous=found[-1].content if found else None, content=content, number=number
        )
        for kind, table in (
            ("purpose", "purposes"),
            ("item", "data_items"),
            ("partner", "partners"),
        ):
            content[table] = [
                {
                    **entry,
                    "number": NUMBERS[f"{kind}:{entry['code']}"],
                    "material_since": since[f"{kind}:{entry['code']}"],
                }
                for entry in content[table]
            ]
        numbers = notice_rules.read_numbers(content)
        terms = notice_rules.read_terms(content)
        found.append(
            Notice(
                id=number,
                site_id=1,
                site_code="shop",
                number=number,
                hash="",
                published_at=at(day),
                effective_at=at(day),
                content=content,
                terms=terms,
                numbers=numbers,
                ids={n: choice for choice, n in numbers.items()},
                asked_ids=notice_rules.list_asked_ids(terms),
            )
        )
    return found


def decided(
    day: float,
    granted: frozenset[str] | set[str] = frozenset(),
    refused: frozenset[str] | set[str] = frozenset(),
    *,
    notice: int = 1,
    method: Method = Method.CHOOSE,
    regime: str = "jp-a",
    gpc: bool = False,
    seq: int | None = None,
    is_history: bool = False,
) -> PastDecision:
    return PastDecision(
        submission=Submission(
            site="shop",
            notice=notice,
            idempotency_key="k" * 16,
            client_seq=int(day * 1000) + 1000 if seq is None else seq,
            method=method,
            surface=Surface.BAR,
            language="ja",
            gpc=gpc,
            granted=frozenset(granted),
            refused=frozenset(refused),
            is_history=is_history,
        ),
        recorded_at=at(day),
        regime=regime,
    )


EVERYTHING = frozenset(NUMBERS) - {"partner:own"}
ONE = make_notices((0, {}))


def ledger(*decisions: PastDecision, notices: list[Notice] = ONE, until: float = 500.0) -> Any:
    return provisions.list_provisions(decisions=decisions, notices=notices, now=at(until))


def of(found: list[Provision], code: str) -> list[Provision]:
    return [one for one in found if one.recipient.code == code]


def spans(found: list[Provision], code: str) -> list[tuple[datetime, datetime | None]]:
    return [(one.opened_at, one.closed_at) for one in of(found, code)]


# --- when a provision begins and ends


def test_without_a_decision_there_is_nothing() -> None:
    assert ledger() == []


def test_a_refusal_opens_nothing() -> None:
    assert ledger(decided(1, method=Method.REFUSE)) == []


def test_a_grant_opens_until_it_is_withdrawn() -> None:
    found = ledger(
        decided(1, EVERYTHING), decided(40, refused={"partner:adco"}, method=Method.WITHDRAW)
    )

    assert spans(found, "adco") == [(at(1), at(40))]
    assert spans(found, "sister")[0][0] == at(1)


def test_what_is_open_now_has_no_end_yet() -> None:
    assert spans(ledger(decided(1, EVERYTHING), until=20), "adco") == [(at(1), None)]


@pytest.mark.parametrize(("regime", "days"), [("jp-a", 365), ("eu", 180)])
def test_a_grant_ends_with_its_life_under_the_rules_it_was_given_under(
    regime: str, days: int
) -> None:
    found = ledger(decided(1, EVERYTHING, regime=regime))

    assert spans(found, "adco") == [(at(1), at(1 + days))]


def test_who_uses_it_for_itself_or_sits_abroad_is_in_the_ledger() -> None:
    found = ledger(decided(1, EVERYTHING))

    assert {one.recipient.code for one in found} == {"adco", "sister", "abroad"}


def test_an_optional_item_that_is_refused_ends_one_line_and_begins_the_next() -> None:
    found = ledger(
        decided(1, EVERYTHING),
        decided(9, refused={"item:attr.gender"}, method=Method.WITHDRAW),
        until=10,
    )

    first, second = of(found, "adco")
    assert list(first.items) == ["activity.url", "attr.gender", "id.cookie"]
    assert list(second.items) == ["activity.url", "id.cookie"]
    assert first.closed_at == second.opened_at == at(9)
    assert second.closed_at is None


def test_a_tag_that_is_published_no_more_closes_its_partner() -> None:
    notices = make_notices(
        (0, {}), (30, {"tags": [one for one in tags() if one["partner"] != "adco"]})
    )

    assert spans(ledger(decided(1, EVERYTHING), notices=notices), "adco") == [(at(1), at(30))]


def test_a_notice_that_means_something_else_to_a_partner_closes_it() -> None:
    more = tags(ads={"required_items": ["id.cookie", "activity.url", "attr.gender"]})
    notices = make_notices((0, {"tags": tags(ads={"optional_items": []})}), (30, {"tags": more}))

    found = ledger(decided(1, EVERYTHING), notices=notices)

    assert spans(found, "adco") == [(at(1), at(30))]
    assert spans(found, "sister") == [(at(1), at(366))]


def test_a_new_address_begins_a_line_with_the_text_of_its_time() -> None:
    notices = make_notices((0, {}), (30, {"partners": partners(adco={"address": text("2-2")})}))

    first, second = of(ledger(decided(1, EVERYTHING), notices=notices, until=40), "adco")

    assert (first.recipient.address, first.notice) == (text("1-1"), 1)
    assert (second.recipient.address, second.notice) == (text("2-2"), 2)
    assert first.agreed_on == second.agreed_on == 1
    assert (first.closed_at, second.closed_at) == (at(30), None)


def test_a_version_that_repeats_what_was_said_changes_nothing() -> None:
    found = ledger(decided(1, EVERYTHING), notices=make_notices((0, {}), (30, {})), until=40)

    assert spans(found, "adco") == [(at(1), None)]


def test_a_joint_user_waits_until_its_notice_takes_effect() -> None:
    later = partners(sister={"effective_at": int(at(20).timestamp())})
    found = ledger(decided(1, EVERYTHING), notices=make_notices((0, {"partners": later})), until=30)

    assert spans(found, "sister") == [(at(20), None)]


def test_a_late_decision_that_took_no_effect_opens_nothing() -> None:
    found = ledger(
        decided(5, method=Method.REFUSE),
        decided(6, EVERYTHING, seq=1, is_history=True),
    )

    assert found == []


def test_what_was_sent_before_the_first_decision_arrived_opens_nothing() -> None:
    assert ledger(decided(1, EVERYTHING, is_history=True)) == []


def test_a_partial_answer_leaves_the_rest_its_own_age() -> None:
    found = ledger(
        decided(1, EVERYTHING), decided(300, refused={"partner:sister"}, method=Method.WITHDRAW)
    )

    assert spans(found, "adco") == [(at(1), at(366))]


def test_days_are_those_of_the_site() -> None:
    # 21:00 on the sixth in London is the seventh in Tokyo.
    [one] = of(ledger(decided(1.75, EVERYTHING), until=2), "adco")

    assert provisions.in_days(provision=one, zone="Asia/Tokyo").first_day == date(2026, 1, 7)
    assert provisions.in_days(provision=one, zone="Europe/London").first_day == date(2026, 1, 6)
    assert provisions.in_days(provision=one, zone="Asia/Tokyo").last_day is None


@pytest.mark.parametrize(
    ("since", "until", "is_in"),
    [
        (None, None, True),
        (date(2026, 1, 10), date(2026, 1, 10), True),
        (date(2026, 1, 20), None, True),
        (date(2026, 1, 21), None, False),
        (None, date(2026, 1, 10), True),
        (None, date(2026, 1, 9), False),
    ],
)
def test_a_period_takes_both_its_ends_in(
    since: date | None, until: date | None, is_in: bool
) -> None:
    found = ledger(
        decided(5, EVERYTHING), decided(15, refused={"partner:adco"}, method=Method.WITHDRAW)
    )
    days = provisions.in_days(provision=of(found, "adco")[0], zone="UTC")

    assert (days.first_day, days.last_day) == (date(2026, 1, 10), date(2026, 1, 20))
    assert provisions.overlaps(days=days, since=since, until=until) is is_in


# --- the ledger and the gate


VERSIONS: list[dict[str, Any]] = [
    {},
    {"tags": tags(ads={"required_items": ["id.cookie", "activity.url"]})},
    {"tags": tags(send={"transport": "client"}, store={"optional_items": []})},
    {"tags": [one for one in tags() if one["code"] not in {"send", "share"}]},
    {"partners": partners(adco={"address": text("3-3")})},
    {"partners": partners(adco={"country": "US"}, helper={"role": "third_party"})},
    {"partners": partners(sister={"effective_at": int(at(120).timestamp())})},
    {"partners": partners(sister={"effective_at": None})},
]
days = st.integers(min_value=1, max_value=600).map(float)
choices_of = st.frozensets(st.sampled_from(sorted(NUMBERS)))


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Notice], list[PastDecision]]:
    later = draw(st.lists(st.tuples(days, st.sampled_from(VERSIONS)), max_size=3))
    notices = make_notices((0, {}), *sorted(later, key=lambda one: one[0]))
    found = []
    for day in sorted(draw(st.lists(days, max_size=6))):
        method = draw(st.sampled_from([Method.ALLOW, Method.CHOOSE, Method.REFUSE]))
        in_effect = [notice.number for notice in notices if notice.effective_at <= at(day)]
        number = draw(st.sampled_from(in_effect))
        # Grants come on the version in effect only: the operation refuses others.
        granted = frozenset[str]()
        if method is not Method.REFUSE and number == in_effect[-1]:
            granted = draw(st.one_of(st.just(EVERYTHING), choices_of))
        found.append(
            decided(
                day,
                granted,
                draw(choices_of) - granted,
                notice=number,
                method=method,
                regime=draw(st.sampled_from(["jp-a", "eu", "uk", "unknown"])),
                gpc=draw(st.booleans()),
                seq=draw(st.integers(min_value=1, max_value=6)) * 1000,
                is_history=draw(st.booleans()),
            )
        )
    return notices, found


def device_at(
    moment: datetime, notices: list[Notice], decisions: list[PastDecision]
) -> tuple[Choices | None, str]:
    """Return a device as it stands, made decision by decision, and the rules of its last one."""
    choices: Choices | None = None
    regime = "unknown"
    for one in decisions:
        if one.recorded_at > moment:
            break
        notice = notices[one.submission.notice - 1]
        merged = rules.merge(
            before=choices,
            submission=one.submission,
            asked=notice.asked_ids,
            held=frozenset(),
            meanings=notice.terms.material_since,
        )
        if not (merged.is_superseded and choices is not None):
            regime = one.regime
        choices = rules.choices_after(
            before=choices, merged=merged, submission=one.submission, now=one.recorded_at
        )
    return choices, regime


def read_back(decisions: list[PastDecision], notices: list[Notice]) -> list[PastDecision]:
    """Return decisions as records tell them: history is what took no effect."""
    found, choices = [], None
    for one in decisions:
        notice = notices[one.submission.notice - 1]
        merged = rules.merge(
            before=choices,
            submission=one.submission,
            asked=notice.asked_ids,
            held=frozenset(),
            meanings=notice.terms.material_since,
        )
        choices = rules.choices_after(
            before=choices, merged=merged, submission=one.submission, now=one.recorded_at
        )
        found.append(
            replace(one, submission=replace(one.submission, is_history=merged.is_superseded))
        )
    return found


@settings(max_examples=300, deadline=None)
@given(history=histories(), asked=st.lists(days, min_size=1, max_size=8))
def test_the_ledger_is_what_the_gate_would_have_allowed_because_of_a_grant(
    history: tuple[list[Notice], list[PastDecision]], asked: list[float]
) -> None:
    notices, decisions = history
    end = at(1000)
    found = provisions.list_provisions(
        decisions=read_back(decisions, notices), notices=notices, now=end
    )
    edges = {moment for one in found for moment in (one.opened_at, one.closed_at) if moment}
    second = timedelta(seconds=1)
    moments = {at(day) for day in asked} | edges | {edge - second for edge in edges}
    for moment in sorted(moments):
        notice = [one for one in notices if one.effective_at <= moment][-1:]
        if not notice:
            continue
        terms = notice[0].terms
        choices, regime_code = device_at(moment, notices, decisions)
        expected: dict[str, tuple[set[str], set[str]]] = {}
        for code, terms_of_tag in terms.tags.items():
            recipient = next(
                p for p in notice[0].content["partners"] if p["code"] == terms_of_tag.partner
            )
            decision = gate.decide(
                tag_code=code,
                terms=terms,
                regime=regimes.get_regime(code=regime_code, on=moment.date()),
                choices=choices,
                gpc=False,
                shown_notice=notice[0].number,
                overdue=(),
                now=int(moment.timestamp()),
            )
            if decision.reason is Reason.GRANTED and provisions.is_kept(
                role=recipient["role"], country=recipient["country"]
            ):
                codes, items = expected.setdefault(recipient["code"], (set(), set()))
                codes.add(code)
                items.update(terms_of_tag.required_items)
                items.update(set(terms_of_tag.optional_items) - set(decision.withheld))
        running = [
            one
            for one in found
            if one.opened_at <= moment and (one.closed_at is None or moment < one.closed_at)
        ]
        # One line per partner at a time, and it says what the gate says.
        assert {
            one.recipient.code: ({t.code for t in one.tags}, set(one.items)) for one in running
        } == expected
        assert len(running) == len(expected)


@settings(max_examples=200, deadline=None)
@given(history=histories())
def test_lines_of_one_partner_never_overlap(
    history: tuple[list[Notice], list[PastDecision]],
) -> None:
    notices, decisions = history
    found = provisions.list_provisions(
        decisions=read_back(decisions, notices), notices=notices, now=at(1000)
    )

    for code in {one.recipient.code for one in found}:
        for before, after in pairwise(of(found, code)):
            assert before.closed_at is not None
            assert before.opened_at < before.closed_at <= after.opened_at
