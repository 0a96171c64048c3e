"""The verdict sees what can go wrong between a decision and a partner."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.ledger import GATE, Receipt, Try
from tests.faults.verdict import Verdict, judge, percentile, plan

ADS = ("advertising",)


def decision(index: int, what: str, *, device: int = 1, status: int = 201) -> Try:
    at = float(index)
    return Try(device=device, index=index, what=what, sent_at=at, ended_at=at, status=status)


def receipt(version: int, *, granted: tuple[str, ...] = (), **fields: Any) -> Receipt:
    values: dict[str, Any] = {
        "at": version + 0.5,
        "key": f"m{version}",
        "subject": "s1",
        "answer": "204",
    }
    return Receipt(version=version, granted=granted, **(values | fields))


ALLOWED, REVOKED = decision(1, "allow"), decision(2, "revoke")


def count(tries: list[Try], receipts: list[Receipt], *, told: int = 0) -> Verdict:
    return judge(
        tries=tries,
        receipts={"p1": receipts},
        subjects={(1, "p1"): "s1"},
        purposes={"p1": ADS},
        told={("p1", "s1"): told} if told else {},
    )


def test_a_partner_hears_of_a_device_when_it_first_loses_something() -> None:
    tries = [ALLOWED, REVOKED, decision(3, "allow"), decision(4, "revoke p2")]

    news = plan(tries, ["p1", "p2"])

    assert [(one.version, one.is_granted) for one in news["p1"]] == [(2, False), (3, True)]
    assert [one.version for one in news["p2"]] == [2, 3, 4]


def test_a_first_refusal_of_a_partner_that_had_nothing_is_no_news() -> None:
    assert plan([decision(1, "revoke")], ["p1"])["p1"] == []


def test_a_revocation_that_arrived_is_delivered() -> None:
    verdict = count([ALLOWED, REVOKED], [receipt(2)], told=2)

    assert (verdict.recorded, verdict.final_states, verdict.delivered) == (2, 1, 1)
    assert verdict.lost == verdict.unproven == verdict.duplicates == 0
    assert verdict.revocation_waits == [0.5]


def test_a_revocation_that_never_arrived_is_lost() -> None:
    verdict = count([ALLOWED, REVOKED], [])

    assert verdict.lost == 1
    assert verdict.examples == ["p1 s1: version 2, holds 0"]


def test_a_partner_that_only_has_the_older_state_counts_as_lost() -> None:
    tries = [ALLOWED, REVOKED, decision(3, "allow")]

    assert count(tries, [receipt(2)]).lost == 1


@pytest.mark.parametrize("answer", ["500", "302", "429", "410", "reset", "hang"])
def test_what_the_partner_has_not_said_yes_to_is_not_delivered(answer: str) -> None:
    verdict = count([ALLOWED, REVOKED], [receipt(2, answer=answer)], told=2)

    assert verdict.lost == 1
    assert verdict.unproven == 1


def test_a_repetition_under_the_same_id_is_a_duplicate_and_no_more() -> None:
    verdict = count([ALLOWED, REVOKED], [receipt(2, answer="reset"), receipt(2)])

    assert (verdict.duplicates, verdict.second_ids, verdict.lost) == (1, 0, 0)


def test_a_message_that_was_not_taken_is_no_duplicate() -> None:
    assert count([ALLOWED, REVOKED], [receipt(2, answer="500"), receipt(2)]).duplicates == 0


def test_another_id_for_the_same_version_is_seen() -> None:
    assert count([ALLOWED, REVOKED], [receipt(2), receipt(2, key="other")]).second_ids == 1


def test_an_older_message_after_a_newer_one_is_counted_and_as_last_word_too() -> None:
    tries = [ALLOWED, REVOKED, decision(3, "allow")]
    newer = receipt(3, granted=ADS)

    put_right = count(tries, [newer, receipt(2), newer])
    last = count(tries, [newer, receipt(2)])

    assert (put_right.out_of_order, put_right.older_last) == (1, 0)
    assert (last.out_of_order, last.older_last) == (1, 1)


def test_a_message_that_contradicts_its_decision_is_seen() -> None:
    assert count([ALLOWED, REVOKED], [receipt(2, granted=ADS)]).contradictions == 1


def test_messages_that_no_decision_explains_are_seen() -> None:
    verdict = count([ALLOWED, REVOKED], [receipt(2), receipt(7), receipt(2, subject="s9")])

    assert verdict.unexplained == 2


def test_a_decision_that_was_never_acknowledged_is_unanswered() -> None:
    verdict = count([ALLOWED, decision(2, "revoke", status=503)], [])

    assert (verdict.recorded, verdict.unanswered, verdict.final_states) == (1, 1, 0)


def test_a_decision_that_was_sent_again_counts_once() -> None:
    verdict = count([ALLOWED, decision(2, "revoke", status=0), REVOKED, REVOKED], [receipt(2)])

    assert (verdict.recorded, verdict.unanswered) == (2, 0)


def test_questions_to_the_gate_are_no_decisions() -> None:
    assert count([decision(0, GATE)], []).unanswered == 0


def test_bad_signatures_and_followed_redirects_are_counted_apart() -> None:
    receipts = [Receipt(at=1.0, answer="refused"), Receipt(at=1.0, answer="followed"), receipt(2)]

    verdict = count([ALLOWED, REVOKED], receipts)

    assert (verdict.refused, verdict.followed, verdict.unexplained) == (1, 1, 0)


def test_a_wait_ends_with_the_first_yes_to_this_version_or_a_newer_one() -> None:
    tries = [ALLOWED, REVOKED, decision(3, "allow"), decision(4, "revoke")]

    verdict = count(tries, [receipt(2, answer="500"), receipt(3, granted=ADS), receipt(4)])

    assert [(wait.seconds, wait.is_revocation) for wait in verdict.waits] == [
        (1.5, True),
        (0.5, False),
        (0.5, True),
    ]


def test_the_percentile_is_a_value_that_was_measured() -> None:
    assert percentile(range(1, 201), 99) == 198
    assert percentile([5.0], 99) == 5.0
    assert percentile([], 99) == 0.0
