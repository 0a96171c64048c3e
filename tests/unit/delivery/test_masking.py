"""Whatever is shown of a test message, no credential is in it."""

from __future__ import annotations

import base64
import json
from urllib.parse import urlencode

import pytest

from tracking.delivery import masking
from tracking.delivery.masking import MASK
from tracking.delivery.types import Recorded
from tracking.lib.outbound_http import Answer, Record

TOKEN = 'tok/en+with"signs&more'
PEM = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49\n-----END PRIVATE KEY-----"


def seen(
    *,
    url: str = "https://api.example/",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    answer: Answer | None = None,
    secrets: tuple[str, ...] = (TOKEN,),
) -> Recorded:
    record = Record(method="POST", url=url, headers=headers or {}, body=body, answer=answer)
    [one] = masking.as_seen([record], secrets=secrets)
    return one


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {TOKEN}"},
        {"authorization": f"Basic {base64.b64encode(TOKEN.encode()).decode()}"},
        {"X-Api-Key": "another"},
        {"Cookie": "session=another"},
        {"X-Goog-Token": "another"},
        {"X-Anything": f"see {TOKEN} there"},
    ],
)
def test_headers_lose_credentials(headers: dict[str, str]) -> None:
    [(name, value)] = seen(headers=headers).headers
    assert name in headers
    assert MASK in value
    for text in (TOKEN, "another", base64.b64encode(TOKEN.encode()).decode()):
        assert text not in value


def test_the_scheme_of_an_authorization_stays() -> None:
    assert seen(headers={"Authorization": f"Bearer {TOKEN}"}).headers == (
        ("Authorization", f"Bearer {MASK}"),
    )


def test_a_signature_is_no_credential() -> None:
    headers = {"webhook-signature": "v1,K5oZ", "Content-Type": "application/json"}
    assert dict(seen(headers=headers).headers) == headers


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"payload": [1], "access_token": TOKEN}).encode(),
        json.dumps({"deep": {"note": f"it is {TOKEN}"}}).encode(),
        urlencode({"grant_type": "client_credentials", "client_secret": TOKEN}).encode(),
        urlencode({"other": TOKEN}).encode(),
        TOKEN.encode(),
    ],
)
def test_bodies_lose_the_secret_however_it_is_spelled(body: bytes) -> None:
    shown = seen(body=body).body
    assert MASK in shown
    for spelled in (TOKEN, json.dumps(TOKEN)[1:-1], urlencode({"": TOKEN})[1:]):
        assert spelled not in shown


def test_the_url_loses_it_too() -> None:
    url = "https://api.example/?" + urlencode({"x": TOKEN, "access_token": "given", "page": "2"})
    assert seen(url=url).url == f"https://api.example/?x={MASK}&access_token={MASK}&page=2"


def test_both_halves_of_a_pair_are_masked() -> None:
    body = urlencode({"client_id": "my-client", "password": "p", "x": "s3cret-half"}).encode()
    shown = seen(body=body, secrets=("my-client:s3cret-half",)).body
    assert "s3cret-half" not in shown
    assert "my-client" not in shown


def test_every_line_of_a_key_is_masked() -> None:
    shown = seen(body=json.dumps({"k": PEM.splitlines()[1]}).encode(), secrets=(PEM,)).body
    assert "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49" not in shown


def test_a_token_that_was_given_out_is_masked_in_the_request_after() -> None:
    grant = Answer(status=200, headers={}, body=b'{"access_token": "ya29.given-out", "n": 1}')
    first = Record(method="POST", url="https://a.example/", headers={}, body=b"", answer=grant)
    after = Record(
        method="GET", url="https://b.example/ya29.given-out", headers={}, body=b"ya29.given-out"
    )
    one, two = masking.as_seen([first, after], secrets=())
    assert one.answer_body == f'{{"access_token": "{MASK}", "n": 1}}'
    assert (two.url, two.body) == (f"https://b.example/{MASK}", MASK)


def test_an_answer_is_cut_after_it_was_masked() -> None:
    long = b"x" * (masking.MOST_BYTES - 5) + TOKEN.encode() + b"y" * 100
    shown = seen(answer=Answer(status=200, headers={"set-cookie": "a=b"}, body=long))
    assert shown.is_answer_cut
    assert len(shown.answer_body.encode()) <= masking.MOST_BYTES
    assert TOKEN[:5] not in shown.answer_body
    assert shown.answer_headers == (("set-cookie", MASK),)


def test_what_is_no_credential_stays_as_it_was() -> None:
    body = b'{"type":"consent.test","data":{"subject":"test-1"}}'
    shown = seen(url="https://hooks.example/consent?site=shop", body=body)
    assert shown.body == body.decode()
    assert shown.url == "https://hooks.example/consent?site=shop"


def test_bytes_that_are_no_text_can_be_shown() -> None:
    assert seen(answer=Answer(status=200, headers={}, body=b"\xff\x00ok")).answer_body.endswith(
        "ok"
    )
