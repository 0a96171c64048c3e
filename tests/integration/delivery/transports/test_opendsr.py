"""Processors are told as OpenDSR and its dialects say, and their answers are read with care."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.factories import parcels
from tests.factories.parcels import ERASED, NONSENSE, message
from tests.partner_apis import opendsr as partner_api
from tests.partner_apis.base import Answer, ask
from tests.partner_apis.opendsr import PATHS, PROPERTY, SECRET, Processor
from tracking.delivery.transports import TRANSPORTS, base, opendsr
from tracking.delivery.types import AttemptOutcome, Message, Parcel, Reply, Transport

DIALECTS = list(PATHS)
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
HEADERS = {"Content-Type": "application/json"}
BASIC, BEARER = base.basic(SECRET), f"Bearer {SECRET}"
BODY = {
    "subject_request_id": "a7551968-d5d6-44b2-9831-815ac9017798",
    "subject_request_type": "erasure",
    "submitted_time": "2026-04-01T15:00:00Z",
}
IDENTITY = {"identity_type": "email", "identity_value": "ab12", "identity_format": "sha256"}
OPENDSR = {
    **BODY,
    "regulation": "gdpr",
    "api_version": "2.0",
    "subject_identities": [IDENTITY],
}
MEMBER = {"controller_customer_id": {"value": "m1", "encoding": "raw"}}
MPID = {
    "opendsr.mparticle.com": {"subject_identities": {"mpid": {"value": "7", "encoding": "raw"}}}
}
MPARTICLE = {
    **BODY,
    "regulation": "gdpr",
    "api_version": "3.0",
    "subject_identities": MEMBER,
}
APPSFLYER = {
    **BODY,
    "property_id": PROPERTY,
    "api_version": "0.1",
    "subject_identities": [
        {"identity_type": "appsflyer_id", "identity_value": "af", "identity_format": "raw"}
    ],
}


@pytest.fixture(params=DIALECTS)
def partner(request: pytest.FixtureRequest) -> Iterator[Processor]:
    with Processor(dialect=request.param).here() as listening:
        yield listening


@pytest.fixture
def plain() -> Iterator[Processor]:
    with Processor(dialect="opendsr2").here() as listening:
        yield listening


def parcel(partner: Processor, what: Message, **settings: str) -> Parcel:
    settings = {
        "dialect": partner.dialect,
        "auth": "bearer" if partner.dialect == "appsflyer" else "basic",
        "property_id": PROPERTY,
        **settings,
    }
    return parcels.parcel(what, url=partner.url, secret=SECRET, **settings)


def send(partner: Processor, what: Message, **settings: str) -> Reply:
    [reply] = parcels.send(opendsr.WAY, parcel(partner, what, **settings))
    return reply


def check(partner: Processor, what: Message, **settings: str) -> Reply:
    [reply] = parcels.check(opendsr.WAY, parcel(partner, what, **settings))
    return reply


@pytest.mark.parametrize(
    ("dialect", "status", "change"),
    [
        ("opendsr2", 201, {"body": OPENDSR}),
        ("opendsr2", 401, {"body": OPENDSR, "authorization": BEARER}),
        ("opendsr2", 404, {"body": OPENDSR, "path": "/request"}),
        ("opendsr2", 404, {"body": OPENDSR, "method": "PUT"}),
        ("opendsr2", 404, {"method": "GET", "path": f"/requests/{uuid4()}"}),
        ("opendsr2", 400, {"body": OPENDSR, "headers": {"Content-Type": "text/plain"}}),
        ("opendsr2", 400, {"body": b"{"}),
        ("opendsr2", 400, {"body": []}),
        ("opendsr2", 400, {"body": {**OPENDSR, "regulation": "appi"}}),
        ("opendsr2", 400, {"body": {**OPENDSR, "subject_request_id": "7"}}),
        (
            "opendsr2",
            400,
            {"body": {**OPENDSR, "subject_request_id": "c232ab00-9414-11ec-b3c8-9f6bdeced846"}},
        ),
        ("opendsr2", 400, {"body": {**OPENDSR, "subject_request_type": "delete"}}),
        ("opendsr2", 400, {"body": {**OPENDSR, "submitted_time": "2026-04-01"}}),
        ("opendsr2", 400, {"body": {**OPENDSR, "subject_identities": []}}),
        ("opendsr2", 400, {"body": {**OPENDSR, "subject_identities": MEMBER}}),
        (
            "opendsr2",
            400,
            {"body": {**OPENDSR, "subject_identities": [{**IDENTITY, "identity_type": "cookie"}]}},
        ),
        (
            "opendsr2",
            400,
            {"body": {**OPENDSR, "subject_identities": [{**IDENTITY, "identity_format": "hex"}]}},
        ),
        ("mparticle3", 201, {"body": MPARTICLE}),
        ("mparticle3", 400, {"body": {**MPARTICLE, "api_version": "2.0"}}),
        ("mparticle3", 400, {"body": {**MPARTICLE, "subject_identities": [IDENTITY]}}),
        ("mparticle3", 400, {"body": {**MPARTICLE, "extensions": MPID}}),
        (
            "mparticle3",
            400,
            {
                "body": {
                    **MPARTICLE,
                    "subject_identities": {"email": {"value": "ab", "encoding": "sha256"}},
                }
            },
        ),
        ("appsflyer", 201, {"body": APPSFLYER, "authorization": BEARER}),
        ("appsflyer", 401, {"body": APPSFLYER}),
        (
            "appsflyer",
            400,
            {"body": {**APPSFLYER, "property_id": "other"}, "authorization": BEARER},
        ),
        (
            "appsflyer",
            400,
            {"body": {**APPSFLYER, "subject_identities": [IDENTITY]}, "authorization": BEARER},
        ),
        (
            "appsflyer",
            400,
            {
                "method": "GET",
                "path": f"{PATHS['appsflyer']}/{uuid4()}",
                "authorization": BEARER,
            },
        ),
    ],
)
def test_the_fake_refuses_what_the_contract_refuses(
    dialect: str, status: int, change: dict[str, Any]
) -> None:
    asked = {"method": "POST", "headers": HEADERS, "path": PATHS[dialect], **change}
    authorization = {"Authorization": asked.pop("authorization", BASIC)}
    with Processor(dialect=dialect).here() as partner:
        path = partner.url + asked.pop("path")
        asked["headers"] = {**asked["headers"], **authorization}
        assert ask(path, **asked).status == status


@pytest.mark.parametrize(
    ("dialect", "status"), [("opendsr2", 409), ("mparticle3", 409), ("appsflyer", 400)]
)
def test_the_fake_takes_a_request_and_an_identity_once(dialect: str, status: int) -> None:
    body = {"opendsr2": OPENDSR, "mparticle3": MPARTICLE, "appsflyer": APPSFLYER}[dialect]
    headers = {**HEADERS, "Authorization": BEARER if dialect == "appsflyer" else BASIC}
    with Processor(dialect=dialect).here() as partner:
        url = partner.url + PATHS[dialect]
        assert ask(url, headers=headers, body=body).status == 201
        assert ask(url, headers=headers, body=body).status == 400
        other = {**body, "subject_request_id": str(uuid4())}
        assert ask(url, headers=headers, body=other).status == status


def test_the_transport_is_in_the_table() -> None:
    assert TRANSPORTS[Transport.OPENDSR] is opendsr.WAY


def test_an_erasure_is_asked_for_and_asked_about(partner: Processor) -> None:
    what = message(user_id="m1")
    sent = send(partner, what)

    assert (sent.outcome, sent.ticket) == (AttemptOutcome.ACCEPTED, str(what.key))
    assert sent.check_after == opendsr.CHECK_AFTER
    [request] = partner.requests.values()
    assert request["subject_request_type"] == "erasure"
    assert request["submitted_time"] == "2026-04-01T15:00:00Z"

    asked = message(ticket=sent.ticket)
    assert check(partner, asked).outcome is AttemptOutcome.PENDING
    assert check(partner, asked).check_after == opendsr.CHECK_AFTER
    partner.status = "completed"
    done = check(partner, asked)
    assert (done.outcome, done.check_after) == (AttemptOutcome.DONE, None)


@pytest.mark.parametrize(
    ("dialect", "held", "identities"),
    [
        (
            "opendsr2",
            {"user_id": "m1", "email_sha256": "ab"},
            [
                {
                    "identity_type": "controller_customer_id",
                    "identity_value": "m1",
                    "identity_format": "raw",
                }
            ],
        ),
        (
            "opendsr2",
            {"email_sha256": "ab"},
            [{"identity_type": "email", "identity_value": "ab", "identity_format": "sha256"}],
        ),
        ("mparticle3", {"user_id": "m1", "cookie_id": "7"}, MEMBER),
        (
            "appsflyer",
            {"user_id": "m1", "cookie_id": "af"},
            [
                {
                    "identity_type": "appsflyer_id",
                    "identity_value": "af",
                    "identity_format": "raw",
                }
            ],
        ),
        (
            "appsflyer",
            {"user_id": "m1"},
            [
                {
                    "identity_type": "customer_user_id",
                    "identity_value": "m1",
                    "identity_format": "raw",
                }
            ],
        ),
    ],
)
def test_the_best_identifier_of_the_dialect_is_named(
    dialect: str, held: dict[str, str], identities: Any
) -> None:
    with Processor(dialect=dialect).here() as partner:
        assert send(partner, message(**held)).outcome is AttemptOutcome.ACCEPTED
        [request] = partner.requests.values()
    assert request["subject_identities"] == identities


def test_mparticles_own_number_goes_alone_into_its_extension() -> None:
    with Processor(dialect="mparticle3").here() as partner:
        assert send(partner, message(ERASED, cookie_id="7")).outcome is AttemptOutcome.ACCEPTED
        [request] = partner.requests.values()
    assert request["extensions"] == MPID
    assert "subject_identities" not in request


@pytest.mark.parametrize(
    ("dialect", "kind"),
    [("opendsr2", "cookie_id"), ("mparticle3", "email_sha256"), ("appsflyer", "email_sha256")],
)
def test_a_kind_that_the_dialect_cannot_use_is_not_held(dialect: str, kind: str) -> None:
    with Processor(dialect=dialect).here() as partner:
        reply = send(partner, message(**{kind: "x"}))
        assert (reply.status, reply.outcome) == (None, AttemptOutcome.NOT_HELD)
        assert partner.api.requests == []


def test_the_regulation_is_named(plain: Processor) -> None:
    send(plain, message(user_id="m1"), regulation="ccpa")
    [request] = plain.requests.values()
    assert request["regulation"] == "ccpa"


def test_a_repetition_is_known_as_one(partner: Processor) -> None:
    what = message(user_id="m1")
    send(partner, what)
    again = send(partner, what)
    assert (again.outcome, again.ticket) == (AttemptOutcome.ACCEPTED, str(what.key))
    assert len(partner.requests) == 1


def test_another_device_of_one_person_has_nothing_to_ask_for(partner: Processor) -> None:
    send(partner, message(user_id="m1"))
    reply = send(partner, message(user_id="m1"))
    assert (reply.outcome, reply.error) == (AttemptOutcome.NOT_NEEDED, "already_open")
    assert reply.ticket == ""


def test_a_plain_400_stays_a_refusal(partner: Processor) -> None:
    partner.api.instead = [Answer(status=400, content={"error": {"code": 400}})]
    reply = send(partner, message(user_id="m1"))
    assert (reply.status, reply.outcome) == (400, None)


@pytest.mark.parametrize(
    ("word", "outcome", "error"),
    [
        ("in_progress", AttemptOutcome.PENDING, ""),
        ("in-progress", AttemptOutcome.PENDING, ""),
        ("cancelled", AttemptOutcome.FAILED, "cancelled"),
        ("canceled", AttemptOutcome.FAILED, "cancelled"),
        ("paused", AttemptOutcome.UNREACHABLE, "unreadable_answer"),
    ],
)
def test_every_state_has_its_outcome(
    plain: Processor, word: str, outcome: AttemptOutcome, error: str
) -> None:
    sent = send(plain, message(user_id="m1"))
    plain.status = word
    reply = check(plain, message(ticket=sent.ticket))
    assert (reply.outcome, reply.error) == (outcome, error)


def test_a_request_that_is_gone(partner: Processor) -> None:
    reply = check(partner, message(ticket=str(uuid4())))
    if partner.dialect == "appsflyer":
        assert (reply.outcome, reply.error) == (AttemptOutcome.FAILED, "not_found")
    else:
        assert (reply.status, reply.outcome) == (404, None)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
def test_a_refusal_is_left_to_the_status(partner: Processor, status: int) -> None:
    partner.api.instead = [Answer(status=status)] * 2
    for reply in (
        send(partner, message(user_id="m1")),
        check(partner, message(ticket=str(uuid4()))),
    ):
        assert (reply.status, reply.outcome) == (status, None)


@pytest.mark.parametrize("answer", NONSENSE)
def test_nonsense_is_no_yes(partner: Processor, answer: Answer) -> None:
    partner.api.instead = [answer] * 2
    for reply in (
        send(partner, message(user_id="m1")),
        check(partner, message(ticket=str(uuid4()))),
    ):
        assert (reply.outcome, reply.error) == (AttemptOutcome.UNREACHABLE, "unreadable_answer")


def test_an_answer_about_another_request_is_none(plain: Processor) -> None:
    other = {"subject_request_id": str(uuid4()), "request_status": "completed"}
    plain.api.instead = [Answer(status=201, content=other), Answer(status=200, content=other)]
    for reply in (send(plain, message(user_id="m1")), check(plain, message(ticket=str(uuid4())))):
        assert reply.outcome is AttemptOutcome.UNREACHABLE


@pytest.mark.parametrize("key", [RSA, EC], ids=["rsa", "ec"])
def test_a_good_signature_is_believed(key: partner_api.SigningKey) -> None:
    certificate = partner_api.certificate(key)
    with Processor(dialect="opendsr2", key=key).here() as partner:
        what = message(user_id="m1")
        sent = send(partner, what, certificate=certificate)
        assert sent.outcome is AttemptOutcome.ACCEPTED
        assert send(partner, what, certificate=certificate).outcome is AttemptOutcome.ACCEPTED
        partner.status = "completed"
        reply = check(partner, message(ticket=sent.ticket), certificate=certificate)
        assert reply.outcome is AttemptOutcome.DONE


@pytest.mark.parametrize("signer", [None, EC, RSA], ids=["none", "ec", "other rsa"])
def test_another_signature_is_not(signer: partner_api.SigningKey | None) -> None:
    pinned = partner_api.certificate(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    with Processor(dialect="opendsr2", key=signer).here() as partner:
        what = message(user_id="m1")
        for reply in (
            send(partner, what, certificate=pinned),
            check(partner, message(ticket=str(what.key)), certificate=pinned),
        ):
            assert (reply.outcome, reply.error) == (AttemptOutcome.REJECTED, "signature")
        again = send(partner, what, certificate=pinned)
        assert (again.status, again.outcome) == (400, None)


@pytest.mark.parametrize(
    "certificate",
    [
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        partner_api.certificate(ed25519.Ed25519PrivateKey.generate()),
    ],
    ids=["no certificate", "a key of another kind"],
)
def test_a_certificate_that_cannot_be_used_stops_it(plain: Processor, certificate: str) -> None:
    reply = send(plain, message(user_id="m1"), certificate=certificate)
    assert (reply.status, reply.error) == (None, "certificate_unreadable")
    assert plain.api.requests == []


@pytest.mark.parametrize(
    ("auth", "secret"), [("basic", "token"), ("basic", ""), ("bearer", "two words"), ("bearer", "")]
)
def test_a_secret_that_cannot_be_one_is_not_sent(plain: Processor, auth: str, secret: str) -> None:
    what = parcels.parcel(
        message(user_id="m1", ticket="t"),
        url=plain.url,
        secret=secret,
        dialect="opendsr2",
        auth=auth,
    )
    for replies in (parcels.send(opendsr.WAY, what), parcels.check(opendsr.WAY, what)):
        assert [(reply.status, reply.error) for reply in replies] == [(None, "secret_unreadable")]
    assert plain.api.requests == []
