"""Removing people from Criteo's contact lists, against the published contract."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.factories import parcels
from tests.factories.parcels import NONSENSE, message
from tests.partner_apis.base import Answer, ask
from tests.partner_apis.criteo import Criteo, problem
from tracking.delivery.transports.criteo import PROFILE, WAY
from tracking.delivery.types import AttemptOutcome, Effect, Message, Reply

EMAIL = hashlib.sha256(b"taro@shop.example").hexdigest()
MADID = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
GUM = "k-9dJ0Xq_aZ"
SETTINGS = {"audience_ids": "111", "gum_caller_id": "42"}


@pytest.fixture
def criteo() -> Iterator[Criteo]:
    with Criteo().here() as listening:
        yield listening


def send(criteo: Criteo, *messages: Message, **how: str) -> list[Reply]:
    place = {"url": criteo.url, "secret": criteo.secret, **SETTINGS, **how}
    return parcels.send(WAY, parcels.parcel(*messages, **place))


def bring_token(criteo: Criteo) -> None:
    send(criteo, message(email_sha256=EMAIL))
    criteo.api.requests.clear()
    criteo.removed.clear()


# --- the fake keeps the contract -------------------------------------------------------------

PATH = "/2026-07/marketing-solutions/audience-segments/111/contact-list"
AMENDMENT = {"operation": "remove", "identifierType": "email", "identifiers": [EMAIL]}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 200),
        ({"attributes": {"identifiers": [MADID], "identifierType": "madid"}}, 200),
        ({"attributes": {"identifierType": "gum", "gumCallerId": 42}}, 200),
        ({"attributes": {"identifierType": "gum"}}, 400),
        ({"attributes": {"identifierType": "gum", "gumCallerId": "42"}}, 400),
        ({"attributes": {"gumCallerId": 42}}, 400),
        ({"attributes": {"identifierType": "email_sha256"}}, 400),
        ({"attributes": {"operation": "delete"}}, 400),
        ({"attributes": {"identifiers": []}}, 400),
        ({"attributes": {"identifiers": [EMAIL] * 50_000}}, 200),
        ({"attributes": {"identifiers": [EMAIL] * 50_001}}, 400),
        ({"attributes": {"identifiers": [1]}}, 400),
        ({"data": {"type": "Audience"}}, 400),
        ({"method": "POST"}, 404),
        ({"path": PATH.replace("2026-07", "2020-07")}, 404),
        ({"path": PATH.replace("111", "333")}, 403),
        ({"headers": {"Authorization": "Bearer other"}}, 401),
        ({"headers": {"Content-Type": "text/plain"}}, 415),
        ({"body": b"x"}, 400),
    ],
)
def test_the_fake_refuses_what_the_contract_refuses(
    criteo: Criteo, change: dict[str, Any], status: int
) -> None:
    criteo.tokens.add("good")
    data = {
        "type": "ContactlistAmendment",
        "attributes": AMENDMENT | change.get("attributes", {}),
    }
    answer = ask(
        criteo.url + change.get("path", PATH),
        method=change.get("method", "PATCH"),
        headers={"Authorization": "Bearer good", "Content-Type": "application/json"}
        | change.get("headers", {}),
        body=change.get("body", {"data": data | change.get("data", {})}),
    )
    assert answer.status == status
    assert len(criteo.removed) == (status == 200)


@pytest.mark.parametrize(
    "form",
    [
        "grant_type=client_credentials&client_id=x&client_secret=y",
        "grant_type=password",
        "",
    ],
)
def test_the_fake_gives_tokens_to_its_client_only(criteo: Criteo, form: str) -> None:
    answer = ask(
        criteo.url + "/oauth2/token",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=form.encode(),
    )
    assert answer.status == 400
    assert criteo.tokens == set()


# --- the transport keeps it ------------------------------------------------------------------


def test_a_person_is_removed(criteo: Criteo) -> None:
    [reply] = send(criteo, message(email_sha256=EMAIL))
    assert (reply.status, reply.outcome, reply.error) == (200, AttemptOutcome.ACCEPTED, "")
    assert criteo.removed == [("111", "email", [EMAIL])]


def test_kinds_are_kept_apart_and_every_list_is_asked(criteo: Criteo) -> None:
    replies = send(
        criteo,
        message(email_sha256=EMAIL, fbp="fb.1.2.3"),
        message(criteo_gum=GUM),
        message(madid=MADID.upper(), criteo_gum=f" {GUM} "),
        audience_ids="111,222",
    )
    assert {reply.outcome for reply in replies} == {AttemptOutcome.ACCEPTED}
    assert criteo.removed == [
        (segment, kind, identifiers)
        for segment in ("111", "222")
        for kind, identifiers in (("gum", [GUM]), ("email", [EMAIL]), ("madid", [MADID]))
    ]
    assert criteo.asked == 1


def test_a_whole_parcel_stays_within_the_limit(criteo: Criteo) -> None:
    people = [message(email_sha256=f"{number:064x}") for number in range(PROFILE.most_at_once)]
    assert {reply.outcome for reply in send(criteo, *people)} == {AttemptOutcome.ACCEPTED}
    assert len(criteo.removed[0][2]) == 10_000


def test_without_a_caller_id_no_cookie_id_is_sent(criteo: Criteo) -> None:
    replies = send(
        criteo,
        message(criteo_gum=GUM),
        message(email_sha256=EMAIL),
        gum_caller_id="",
    )
    assert [(reply.outcome, reply.error) for reply in replies] == [
        (AttemptOutcome.REJECTED, "setting_missing"),
        (AttemptOutcome.ACCEPTED, ""),
    ]
    assert criteo.removed == [("111", "email", [EMAIL])]


def test_the_version_can_be_changed(criteo: Criteo) -> None:
    send(criteo, message(email_sha256=EMAIL), api_version="2027-01")
    assert criteo.api.requests[-1].path == PATH.replace("2026-07", "2027-01")


@pytest.mark.parametrize(
    "identifiers",
    [{"email_sha256": "taro@shop.example"}, {"madid": "x"}, {"criteo_gum": "two words"}],
)
def test_what_is_no_identifier_is_not_sent(criteo: Criteo, identifiers: dict[str, str]) -> None:
    [reply] = send(criteo, message(**identifiers))
    assert (reply.outcome, reply.error) == (AttemptOutcome.REJECTED, "identifier_malformed")
    assert criteo.api.requests == []


# --- answers ---------------------------------------------------------------------------------


def test_who_is_named_as_invalid_is_rejected_alone(criteo: Criteo) -> None:
    replies = send(criteo, message(criteo_gum="a!"), message(criteo_gum=GUM))
    assert [(reply.outcome, reply.error) for reply in replies] == [
        (AttemptOutcome.REJECTED, "invalid_entries"),
        (AttemptOutcome.ACCEPTED, ""),
    ]


def test_where_not_all_invalid_ones_are_named_nobody_is_removed(criteo: Criteo) -> None:
    criteo.samples = 1
    replies = send(
        criteo, message(criteo_gum="a!"), message(criteo_gum="b!"), message(criteo_gum=GUM)
    )
    assert {reply.outcome for reply in replies} == {AttemptOutcome.REJECTED}


def test_an_error_under_a_200_is_an_error(criteo: Criteo) -> None:
    bring_token(criteo)
    criteo.api.instead = [Answer(status=200, content=problem(200, "x", "y").content)]
    [reply] = send(criteo, message(email_sha256=EMAIL))
    assert (reply.outcome, reply.error) == (AttemptOutcome.REJECTED, "refused")


@pytest.mark.parametrize(
    "counts",
    [
        {},
        {"nbValidIdentifiers": 1},
        {"nbValidIdentifiers": "1", "nbInvalidIdentifiers": "0"},
        {"nbValidIdentifiers": 0, "nbInvalidIdentifiers": 0},
    ],
)
def test_a_200_that_does_not_count_us_is_no_success(criteo: Criteo, counts: dict[str, Any]) -> None:
    bring_token(criteo)
    criteo.api.instead = [Answer(status=200, content={"data": {"attributes": counts}})]
    [reply] = send(criteo, message(email_sha256=EMAIL))
    assert (reply.outcome, reply.error) == (AttemptOutcome.UNREACHABLE, "unreadable_answer")


@pytest.mark.parametrize("samples", [None, "x", [5, None, ["x"]], {EMAIL: "x"}])
def test_samples_of_another_type_name_nobody(criteo: Criteo, samples: Any) -> None:
    bring_token(criteo)
    counts = {
        "nbValidIdentifiers": 0,
        "nbInvalidIdentifiers": 1,
        "sampleInvalidIdentifiers": samples,
    }
    criteo.api.instead = [Answer(status=200, content={"data": {"attributes": counts}})]
    [reply] = send(criteo, message(email_sha256=EMAIL))
    assert (reply.outcome, reply.error) == (AttemptOutcome.REJECTED, "invalid_entries")


@pytest.mark.parametrize("answer", NONSENSE)
def test_nonsense_is_no_success(criteo: Criteo, answer: Answer) -> None:
    bring_token(criteo)
    criteo.api.instead = [answer]
    [reply] = send(criteo, message(email_sha256=EMAIL))
    assert (reply.outcome, reply.error) == (AttemptOutcome.UNREACHABLE, "unreadable_answer")


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
def test_refusals_speak_by_their_status(criteo: Criteo, status: int) -> None:
    bring_token(criteo)
    criteo.api.instead = [problem(status, "x", "y")]
    [reply] = send(criteo, message(email_sha256=EMAIL))
    assert (reply.status, reply.outcome) == (status, None)


def test_one_token_is_for_all_who_send_at_once_and_later(criteo: Criteo) -> None:
    what = parcels.parcel(
        message(email_sha256=EMAIL), url=criteo.url, secret=criteo.secret, **SETTINGS
    )
    [reply] = parcels.send(WAY, what, times=2, at_once=5)
    assert reply.outcome is AttemptOutcome.ACCEPTED
    assert (criteo.asked, len(criteo.removed)) == (1, 10)


def test_a_token_that_ended_early_is_replaced(criteo: Criteo) -> None:
    bring_token(criteo)
    criteo.tokens.clear()
    [reply] = send(criteo, message(email_sha256=EMAIL))
    assert reply.outcome is AttemptOutcome.ACCEPTED
    assert criteo.asked == 2


def test_a_wrong_secret_counts_as_a_401(criteo: Criteo) -> None:
    [reply] = send(criteo, message(email_sha256=EMAIL), secret=f"{criteo.client_id}:other")
    assert (reply.status, reply.outcome, reply.error) == (401, None, "credential_refused")


def test_a_secret_that_is_no_pair_sends_nothing(criteo: Criteo) -> None:
    replies = send(criteo, message(email_sha256=EMAIL), message(madid=MADID), secret="no pair")
    assert {(reply.status, reply.error) for reply in replies} == {(None, "secret_unreadable")}
    assert criteo.api.requests == []


# --- what an operator reads ------------------------------------------------------------------


def test_it_never_says_that_it_erases() -> None:
    assert (PROFILE.effect, PROFILE.erasure_effect) == (Effect.STOP, Effect.STOP)


def test_the_examples_fit_their_patterns(criteo: Criteo) -> None:
    for setting in PROFILE.settings:
        assert re.fullmatch(setting.pattern, setting.example)
    assert PROFILE.secret is not None
    assert re.fullmatch(PROFILE.secret.pattern, criteo.secret)
    assert not re.fullmatch(PROFILE.secret.pattern, "only-an-id")


def test_the_sample_can_be_sent(criteo: Criteo) -> None:
    assert PROFILE.sample is not None
    assert send(criteo, message(**PROFILE.sample))[0].outcome is AttemptOutcome.ACCEPTED
