"""Recipients get signed requests as the IAB's framework wants them, and must sign their answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from tests.factories import parcels
from tests.factories.parcels import ATTEMPTED_AT, DECIDED_AT, NONSENSE, message
from tests.partner_apis import iab_deletion as partner_api
from tests.partner_apis.base import Answer, ask
from tests.partner_apis.iab_deletion import ENDPOINT, SITE, SITE_KEY_ID, Recipient
from tracking.delivery.transports import TRANSPORTS, iab_deletion
from tracking.delivery.types import AttemptOutcome, Message, Reply, Transport

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
STRANGER = ec.generate_private_key(ec.SECP256R1())
EMAIL = "ab" * 32
SUBJECT = {"identifierValue": EMAIL, "identifierType": "email", "identifierFormat": "sha256"}
HEADERS = {"Content-Type": "application/json"}


@pytest.fixture
def partner() -> Iterator[Recipient]:
    iab_deletion._participants.clear()
    with Recipient(key=EC, site_key=EC).here() as listening:
        listening.now = ATTEMPTED_AT
        yield listening


def send(
    partner: Recipient, what: Message, *, secret: str = "", url: str = "", **settings: str
) -> Reply:
    settings = {
        "issuer": SITE,
        "key_id": SITE_KEY_ID,
        "cookie_type": "partner_cookie",
        **settings,
    }
    what_to_send = parcels.parcel(
        what,
        url=url or partner.url,
        secret=secret or partner_api.pem(partner.site_key),
        **settings,
    )
    [reply] = parcels.send(iab_deletion.WAY, what_to_send)
    return reply


def token(key: partner_api.Key = EC, key_id: str = SITE_KEY_ID, **claims: Any) -> str:
    content = {
        "version": "1.0",
        "jti": "j",
        "iss": SITE,
        "sub": SUBJECT,
        "iat": int(ATTEMPTED_AT.timestamp()),
        **claims,
    }
    content = {name: value for name, value in content.items() if value is not None}
    return jwt.encode(content, key, algorithm=partner_api.algorithm(key), headers={"kid": key_id})


def request_token(key: partner_api.Key = EC, **claims: Any) -> str:
    return token(key, **{"idJWT": token(), **claims})


@pytest.mark.parametrize(
    ("result", "sent"),
    [
        (partner_api.OK, request_token()),
        (partner_api.MALFORMED, request_token(idJWT=None)),
        (partner_api.MALFORMED, request_token(version="0.9")),
        (partner_api.MALFORMED, request_token(iss="other.example")),
        (partner_api.MALFORMED, request_token(sub=EMAIL)),
        (partner_api.MALFORMED, request_token(idJWT=token(sub={"identifierValue": EMAIL}))),
        (partner_api.SIGNATURE, request_token(STRANGER)),
        (partner_api.SIGNATURE, request_token(idJWT=token(STRANGER))),
        (partner_api.SIGNATURE, request_token(idJWT=token(key_id="other"))),
        (partner_api.TOKEN, "a.b.c"),
        (partner_api.TOKEN, request_token(idJWT="nonsense")),
        (partner_api.TOKEN, request_token(RSA)),
        (partner_api.TOKEN, request_token(jti=None)),
        (partner_api.TYPE, request_token(sub={**SUBJECT, "identifierType": "phone"})),
        (partner_api.FORMAT, request_token(sub={**SUBJECT, "identifierFormat": "md5"})),
        (partner_api.TIMESTAMP, request_token(iat=int(ATTEMPTED_AT.timestamp()) - 301)),
    ],
)
def test_the_fake_refuses_what_the_framework_refuses(
    partner: Recipient, result: int, sent: str
) -> None:
    answer = ask(partner.url + ENDPOINT, headers=HEADERS, body={"rqJWT": sent})
    acknowledgement = json.loads(answer.content)["acJWT"]
    claims = jwt.decode(acknowledgement, EC.public_key(), algorithms=["ES256"])
    assert (answer.status, claims["raResultCode"]) == (202 if result == 0 else 400, result)
    assert claims["rqJWT"] == sent


@pytest.mark.parametrize(
    ("status", "change"),
    [
        (400, {"body": b"{"}),
        (400, {"body": {"rqJWT": 7}}),
        (400, {"body": {"rqJWT": request_token(), "more": 1}}),
        (400, {"headers": {"Content-Type": "text/plain"}}),
        (404, {"method": "PUT"}),
        (404, {"path": "/delete"}),
    ],
)
def test_the_fake_takes_one_wrapping_only(
    partner: Recipient, status: int, change: dict[str, Any]
) -> None:
    asked = {"method": "POST", "headers": HEADERS, "body": {"rqJWT": request_token()}, **change}
    path = asked.pop("path", ENDPOINT)
    assert ask(partner.url + path, **asked).status == status


def test_a_subject_that_is_an_object_needs_the_switch() -> None:
    with pytest.raises(jwt.exceptions.InvalidSubjectError):
        jwt.decode(token(), EC.public_key(), algorithms=["ES256"])


def test_the_transport_is_in_the_table() -> None:
    assert TRANSPORTS[Transport.IAB_DELETION] is iab_deletion.WAY


@pytest.mark.parametrize("site_key", [RSA, EC], ids=["site rsa", "site ec"])
@pytest.mark.parametrize("key", [RSA, EC], ids=["partner rsa", "partner ec"])
@pytest.mark.parametrize("is_bare", [False, True], ids=["json", "bare"])
def test_a_request_is_signed_twice_and_acknowledged(
    key: partner_api.Key, site_key: partner_api.Key, is_bare: bool
) -> None:
    iab_deletion._participants.clear()
    with Recipient(key=key, site_key=site_key).here() as partner:
        partner.now, partner.is_bare = ATTEMPTED_AT, is_bare
        what = message(email_sha256=EMAIL)
        reply = send(partner, what)

    assert (reply.status, reply.outcome, reply.error) == (202, AttemptOutcome.ACCEPTED, "")
    [taken] = partner.taken
    assert taken["sub"] == taken["idJWT"]["sub"] == SUBJECT
    assert taken["idJWT"]["jti"] == str(what.key)
    assert taken["idJWT"]["iat"] == int(DECIDED_AT.timestamp())
    assert taken["iat"] == int(ATTEMPTED_AT.timestamp())


def test_a_retry_bears_the_same_ids(partner: Recipient) -> None:
    what = message(email_sha256=EMAIL)
    send(partner, what)
    send(partner, what)
    first, second = partner.taken
    assert first["jti"] == second["jti"]
    assert first["jti"] != first["idJWT"]["jti"] == second["idJWT"]["jti"]
    send(partner, message(email_sha256=EMAIL))
    assert partner.taken[2]["jti"] != first["jti"]


def test_the_file_is_fetched_once_an_hour(
    partner: Recipient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        send(partner, message(email_sha256=EMAIL))
    assert (partner.fetches, len(partner.taken)) == (1, 3)
    monkeypatch.setattr(iab_deletion, "REMEMBERED_FOR", timedelta(0))
    iab_deletion._participants.clear()
    for _ in range(2):
        send(partner, message(email_sha256=EMAIL))
    assert partner.fetches == 3


@pytest.mark.parametrize(
    ("held", "identifiers", "subject"),
    [
        (
            {"cookie_id": "c1", "email_sha256": EMAIL},
            [("email", "sha256"), ("partner_cookie", "raw")],
            ("c1", "partner_cookie", "raw"),
        ),
        (
            {"cookie_id": "c1", "email_sha256": EMAIL},
            [("email", "sha256")],
            (EMAIL, "email", "sha256"),
        ),
        ({"email_sha256": EMAIL}, [("Email", "SHA-256")], (EMAIL, "Email", "SHA-256")),
        ({"phone_sha256": EMAIL}, [("phone", "sha256")], (EMAIL, "phone", "sha256")),
    ],
)
def test_the_best_identifier_that_the_partner_takes_is_named(
    partner: Recipient,
    held: dict[str, str],
    identifiers: list[tuple[str, str]],
    subject: tuple[str, str, str],
) -> None:
    partner.file["identifiers"] = [{"type": one, "format": two} for one, two in identifiers]
    assert send(partner, message(**held)).outcome is AttemptOutcome.ACCEPTED
    [taken] = partner.taken
    assert tuple(taken["sub"].values()) == subject


def test_a_device_without_a_usable_identifier_is_not_held(partner: Recipient) -> None:
    reply = send(partner, message(phone_sha256=EMAIL))
    assert (reply.status, reply.outcome) == (None, AttemptOutcome.NOT_HELD)
    assert partner.taken == []


@pytest.mark.parametrize(
    ("file", "error"),
    [
        ({"identifiers": [{"type": "email", "format": "md5"}]}, "identifier_unsupported"),
        ({"identifiers": []}, "identifier_unsupported"),
        ({"identifiers": [None, {"type": "email"}]}, "identifier_unsupported"),
        ({"vendorScriptRequirement": True}, "script_required"),
        ({"endpoint": "https://elsewhere.example/delete"}, "endpoint_elsewhere"),
        ({"endpoint": "https://xn--127.0.0.1/delete"}, "endpoint_elsewhere"),
        ({"endpoint": "https://[::1/delete"}, "endpoint_elsewhere"),
        ({"endpoint": "/delete"}, "endpoint_elsewhere"),
    ],
)
def test_a_file_that_leaves_no_way_is_for_the_operator(
    partner: Recipient, file: dict[str, Any], error: str
) -> None:
    partner.file = file
    reply = send(partner, message(email_sha256=EMAIL))
    assert (reply.status, reply.outcome, reply.error) == (None, AttemptOutcome.REJECTED, error)
    assert partner.taken == []


def test_an_endpoint_elsewhere_is_used_where_the_operator_says_so(partner: Recipient) -> None:
    partner.file["endpoint"] = partner.url.replace("127.0.0.1", "localhost") + ENDPOINT
    reply = send(partner, message(email_sha256=EMAIL))
    assert reply.error == "endpoint_elsewhere"
    reply = send(partner, message(email_sha256=EMAIL), endpoint_host="localhost")
    assert reply.outcome is AttemptOutcome.ACCEPTED


@pytest.mark.parametrize(
    ("endpoint", "is_its_own"),
    [
        ("https://partner.example/delete", True),
        ("https://api.partner.example/delete", True),
        ("https://notpartner.example/delete", False),
        ("https://partner.example.evil.example/delete", False),
        ("https://partner.example@evil.example/delete", False),
    ],
)
def test_only_the_partners_domain_is_its_own(endpoint: str, is_its_own: bool) -> None:
    place = parcels.parcel(url="https://partner.example", secret="x").place
    assert iab_deletion._is_its_own(endpoint, place) is is_its_own


@pytest.mark.parametrize(
    ("result", "error"),
    [
        (1, "malformed"),
        (2, "signature_refused"),
        (3, "token_refused"),
        (4, "identifier_unsupported"),
        (5, "identifier_format"),
        (6, "timestamp_refused"),
        (99, "result_unknown"),
    ],
)
def test_every_refusal_has_its_name(partner: Recipient, result: int, error: str) -> None:
    partner.claims = {"raResultCode": result}
    reply = send(partner, message(email_sha256=EMAIL))
    assert (reply.outcome, reply.error) == (AttemptOutcome.REJECTED, error)


def test_a_clock_that_differs_is_named(partner: Recipient) -> None:
    partner.now = ATTEMPTED_AT + timedelta(hours=1)
    reply = send(partner, message(email_sha256=EMAIL))
    assert (reply.status, reply.outcome) == (400, AttemptOutcome.REJECTED)
    assert reply.error == "timestamp_refused"


@pytest.mark.parametrize("result", [None, "0", True, 0.0, [0]])
def test_an_acknowledgement_without_a_result_is_none(partner: Recipient, result: Any) -> None:
    partner.claims = {"raResultCode": result}
    reply = send(partner, message(email_sha256=EMAIL))
    assert (reply.outcome, reply.error) == (AttemptOutcome.UNREACHABLE, "unreadable_answer")


@pytest.mark.parametrize(
    "claims",
    [
        {"rqJWT": request_token()},
        {"rqJWT": None},
        {"iss": "other.example"},
        {"iss": "7.0.0.1"},
        {"iat": int(ATTEMPTED_AT.timestamp()) + 10**9},
        {"iat": "now"},
    ],
)
def test_an_acknowledgement_of_something_else_is_not_believed(
    partner: Recipient, claims: dict[str, Any]
) -> None:
    partner.claims = claims
    reply = send(partner, message(email_sha256=EMAIL))
    assert (reply.outcome, reply.error) == (AttemptOutcome.REJECTED, "signature")


def test_a_strangers_signature_is_not_believed_and_the_file_read_anew(partner: Recipient) -> None:
    partner.signs_with = STRANGER
    reply = send(partner, message(email_sha256=EMAIL))
    assert (reply.status, reply.outcome, reply.error) == (
        202,
        AttemptOutcome.REJECTED,
        "signature",
    )
    # The partner has changed its key, and now says so.
    partner.file["publicKey"] = [partner_api.jwk(STRANGER, partner_api.OWN_KEY_ID)]
    assert send(partner, message(email_sha256=EMAIL)).outcome is AttemptOutcome.ACCEPTED
    assert partner.fetches == 2


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [None, "key", {}],
        [{"kty": "RSA", "n": "!", "e": "AQAB"}],
        [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}],
        [{"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA"}],
        [partner_api.jwk(STRANGER, "other")],
    ],
)
def test_keys_that_cannot_be_used_prove_nothing(partner: Recipient, keys: list[Any]) -> None:
    partner.file["publicKey"] = keys
    reply = send(partner, message(email_sha256=EMAIL))
    assert (reply.outcome, reply.error) == (AttemptOutcome.REJECTED, "signature")


@pytest.mark.parametrize("secret", [b"shared-" * 6, b""], ids=["HS256", "none"])
def test_what_anybody_could_sign_is_not_believed(partner: Recipient, secret: bytes) -> None:
    shared = jwt.utils.base64url_encode(secret).decode()
    partner.file["publicKey"] = [
        {"kty": "oct", "k": shared, "kid": partner_api.OWN_KEY_ID},
        partner_api.jwk(EC, "2"),
    ]
    partner.signs_with = secret
    reply = send(partner, message(email_sha256=EMAIL))
    assert (reply.outcome, reply.error) == (AttemptOutcome.REJECTED, "signature")


def test_a_yes_under_a_no_is_left_to_the_status(partner: Recipient) -> None:
    partner.status = 400
    reply = send(partner, message(email_sha256=EMAIL))
    assert (reply.status, reply.outcome) == (400, None)


@pytest.mark.parametrize("answer", NONSENSE)
def test_nonsense_is_no_file_and_no_yes(partner: Recipient, answer: Answer) -> None:
    partner.api.instead = [answer]
    reply = send(partner, message(email_sha256=EMAIL))
    assert (reply.outcome, reply.error) == (AttemptOutcome.UNREACHABLE, "unreadable_answer")
    partner.api.instead = [Answer(status=200, content=partner.published()), answer]
    reply = send(partner, message(email_sha256=EMAIL))
    assert (reply.outcome, reply.error) == (AttemptOutcome.UNREACHABLE, "unreadable_answer")
    assert partner.taken == []


@pytest.mark.parametrize("status", [400, 401, 404, 410, 429, 500])
def test_a_refusal_without_an_acknowledgement_is_left_to_the_status(
    partner: Recipient, status: int
) -> None:
    partner.api.instead = [Answer(status=status)]
    reply = send(partner, message(email_sha256=EMAIL))
    assert (reply.status, reply.outcome) == (status, None)
    partner.api.instead = [Answer(status=200, content=partner.published()), Answer(status=status)]
    reply = send(partner, message(email_sha256=EMAIL))
    assert (reply.status, reply.outcome) == (status, None)


def encrypted() -> str:
    return EC.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")
    ).decode()


@pytest.mark.parametrize(
    "secret",
    [
        "token",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        encrypted(),
        partner_api.pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505  # too short on purpose
        partner_api.pem(ec.generate_private_key(ec.SECP384R1())),
        partner_api.pem(ed25519.Ed25519PrivateKey.generate()),  # type: ignore[arg-type]
    ],
    ids=["no pem", "no key", "locked", "short rsa", "other curve", "ed25519"],
)
def test_a_secret_that_cannot_be_one_is_not_used(partner: Recipient, secret: str) -> None:
    reply = send(partner, message(email_sha256=EMAIL), secret=secret)
    assert (reply.status, reply.error) == (None, "secret_unreadable")
    assert partner.api.requests == []


def test_nobody_at_home_is_a_reply_too(partner: Recipient) -> None:
    reply = send(partner, message(email_sha256=EMAIL), url="http://127.0.0.1:1")
    assert (reply.status, reply.outcome) == (None, None)
