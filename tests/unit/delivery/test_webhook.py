"""Standard Webhooks: our signatures as the library reads them, and theirs as we do."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from tracking.delivery.transports import webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT = datetime.fromtimestamp(1_614_265_330, tz=UTC)
BODY = b'{"test": 2432232314}'


def test_the_published_vector() -> None:
    headers = webhook.sign(key=ID, body=BODY, secrets=[SECRET], attempted_at=AT)
    assert headers == {
        "webhook-id": ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_another_zone_signs_the_same_moment() -> None:
    tokyo = AT.astimezone(timezone(timedelta(hours=9)))
    assert webhook.sign(key=ID, body=BODY, secrets=[SECRET], attempted_at=tokyo) == webhook.sign(
        key=ID, body=BODY, secrets=[SECRET], attempted_at=AT
    )


def test_both_secrets_sign_and_the_library_takes_either() -> None:
    now = datetime.now(tz=UTC)
    headers = webhook.sign(key=ID, body=BODY, secrets=[SECRET, OTHER], attempted_at=now)
    for secret in (SECRET, OTHER):
        assert Webhook(secret).verify(BODY, headers) == {"test": 2432232314}


def check(headers: dict[str, str], *, body: bytes = BODY, now: datetime = AT) -> None:
    webhook.verify(headers=headers, body=body, secrets=[SECRET, OTHER], now=now)


def is_taken(headers: dict[str, str], *, now: datetime = AT) -> bool:
    try:
        check(headers, now=now)
    except webhook.SignatureRefused:
        return False
    return True


def signed(secret: str = SECRET, **changes: str) -> dict[str, str]:
    headers = webhook.sign(key=ID, body=BODY, secrets=[secret], attempted_at=AT)
    return {**headers, **{f"webhook-{name}": value for name, value in changes.items()}}


def test_what_either_secret_signed_is_taken() -> None:
    assert is_taken(signed())
    assert is_taken(signed(OTHER))
    good = signed()["webhook-signature"]
    assert is_taken(signed(signature=f"v1,AAAA v1a,xyz nonsense {good}"))
    assert is_taken(signed(), now=AT + timedelta(minutes=5))
    assert is_taken(signed(), now=AT - timedelta(minutes=5))
    assert not is_taken(signed(), now=AT + timedelta(minutes=5, seconds=1))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {name: value for name, value in signed().items() if name != "webhook-id"},
        signed(id="msg_other"),
        signed(timestamp="1614265331"),
        signed(timestamp="1614265330.0"),
        signed(timestamp="nan"),
        signed(timestamp="1" * 40),
        signed(timestamp="-1614265330"),
        signed(timestamp=""),
        signed(signature=""),
        signed(signature="nonsense"),
        signed(signature="v1"),
        signed(signature="v1,"),
        signed(signature="v1,,"),
        signed(signature="v1,é"),
        signed(signature="v2," + signed()["webhook-signature"][3:]),
        signed("whsec_" + base64.b64encode(b"x" * 32).decode()),
    ],
)
def test_everything_else_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(webhook.SignatureRefused):
        check(headers)


def test_a_changed_body_and_an_old_one_are_refused() -> None:
    for how in (
        {"body": BODY + b" "},
        {"body": b"\xff\xfe"},
        {"now": AT + timedelta(minutes=5, seconds=1)},
        {"now": AT - timedelta(minutes=5, seconds=1)},
    ):
        with pytest.raises(webhook.SignatureRefused):
            check(signed(), **how)  # type: ignore[arg-type]


@given(st.text(max_size=60), st.text(max_size=60), st.binary(max_size=60))
def test_nothing_makes_it_fail_in_another_way(stamp: str, signature: str, body: bytes) -> None:
    signature = signature.encode("utf-8", "replace").decode()
    with pytest.raises(webhook.SignatureRefused):
        check(signed(timestamp=stamp, signature=signature), body=body)


@pytest.mark.parametrize(
    ("secret", "is_usable"),
    [
        (SECRET, True),
        (OTHER, True),
        ("whsec_" + base64.b64encode(b"x" * 64).decode(), True),
        ("whsec_" + base64.b64encode(b"x" * 23).decode(), False),
        ("whsec_" + base64.b64encode(b"x" * 65).decode(), False),
        ("whsec_", False),
        ("whsec_!!!!", False),
        (SECRET.removeprefix("whsec_"), False),
        ("", False),
    ],
)
def test_usable_secrets(secret: str, is_usable: bool) -> None:
    assert webhook.is_usable_secret(secret) is is_usable
