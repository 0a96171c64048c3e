"""Access tokens: asked for once, kept, forgotten when refused, and never shown."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.factories.parcels import NONSENSE
from tests.partner_apis.base import Answer
from tests.partner_apis.google_accounts import PATH, GoogleAccounts, private_key
from tests.partner_apis.google_analytics import SCOPE, GoogleAnalytics
from tracking.delivery.transports import oauth
from tracking.delivery.transports.base import Exchange
from tracking.lib.outbound_http import OutboundClient


@pytest.fixture
def google() -> Iterator[GoogleAnalytics]:
    with GoogleAnalytics().here() as listening:
        yield listening


def grant(
    google: GoogleAnalytics, *, scope: str = SCOPE, at: datetime | None = None, **changes: Any
) -> oauth.Grant:
    found = oauth.service_account(
        secret=google.accounts.secret(google.url, **changes),
        scope=scope,
        at=at or datetime.now(tz=UTC),
    )
    assert found is not None
    return found


def calls(google: GoogleAnalytics, *grants: oauth.Grant | None) -> list[Exchange]:
    """Make one call after another."""

    async def run() -> list[Exchange]:
        async with OutboundClient(allow_loopback=True) as client:
            return [await _call(client, google, one) for one in grants]

    return asyncio.run(run())


async def _call(
    client: OutboundClient, google: GoogleAnalytics, one: oauth.Grant | None
) -> Exchange:
    return await oauth.call(
        client,
        grant=one,
        url=f"{google.url}/v1alpha/properties/123456789:submitUserDeletion",
        headers={"Content-Type": "application/json"},
        body=b'{"userId":"member-7"}',
    )


def paths(google: GoogleAnalytics) -> list[str]:
    return ["token" if request.path == PATH else "call" for request in google.api.requests]


def test_a_token_is_asked_for_once_and_kept(google: GoogleAnalytics) -> None:
    one = grant(google)
    assert [exchange.status for exchange in calls(google, one, one)] == [200, 200]
    # Another loop, another client, the same process.
    assert calls(google, grant(google))[0].status == 200
    assert paths(google) == ["token", "call", "call", "call"]


def test_many_who_want_one_at_once_ask_once(google: GoogleAnalytics) -> None:
    async def run() -> list[Exchange]:
        async with OutboundClient(allow_loopback=True) as client:
            return await asyncio.gather(*(_call(client, google, grant(google)) for _ in range(20)))

    assert {exchange.status for exchange in asyncio.run(run())} == {200}
    assert google.accounts.asked == 1


def test_many_who_want_one_get_the_same_refusal(google: GoogleAnalytics) -> None:
    google.api.instead = [Answer(status=503)]

    async def run() -> list[Exchange]:
        async with OutboundClient(allow_loopback=True) as client:
            return await asyncio.gather(*(_call(client, google, grant(google)) for _ in range(20)))

    assert {(one.status, one.error) for one in asyncio.run(run())} == {(503, "token_refused")}
    assert paths(google) == ["token"]


@pytest.mark.parametrize("lifetime", [0, 60, None, "soon", float("nan"), [3600]])
def test_a_token_about_to_end_is_not_kept(google: GoogleAnalytics, lifetime: Any) -> None:
    google.accounts.lifetime = lifetime
    one = grant(google)
    assert [exchange.status for exchange in calls(google, one, one)] == [200, 200]
    assert paths(google) == ["token", "call", "token", "call"]


def test_a_lifetime_written_as_text_is_understood(google: GoogleAnalytics) -> None:
    google.accounts.lifetime = "3600"
    one = grant(google)
    calls(google, one, one)
    assert google.accounts.asked == 1


def test_a_kept_token_that_is_refused_is_replaced_within_the_same_call(
    google: GoogleAnalytics,
) -> None:
    one = grant(google)
    calls(google, one)
    google.accounts.tokens.clear()
    assert calls(google, one)[0].status == 200
    assert paths(google) == ["token", "call", "call", "token", "call"]


def test_a_fresh_token_that_is_refused_is_not_tried_twice(google: GoogleAnalytics) -> None:
    one = grant(google)
    unauthenticated = Answer(status=401)
    google.api.instead = [
        Answer(status=200, content={"access_token": "odd", "expires_in": 3600}),
        unauthenticated,
    ]
    assert calls(google, one)[0].status == 401
    assert paths(google) == ["token", "call"]
    # And it was not kept.
    assert calls(google, one)[0].status == 200
    assert paths(google)[2:] == ["token", "call"]


def test_tokens_of_other_scopes_secrets_and_endpoints_stay_apart(google: GoogleAnalytics) -> None:
    first = grant(google)
    names = {
        first.name,
        grant(google, scope="other").name,
        grant(google, private_key_id="other").name,
        grant(google, token_uri="https://other.example/token").name,
    }
    assert len(names) == 4
    assert first.name == grant(google, at=datetime.now(tz=UTC) + timedelta(hours=1)).name


@pytest.mark.parametrize(
    "change",
    [
        {"scope": "https://www.googleapis.com/auth/other"},
        {"client_email": "somebody@else.example"},
        {"private_key_id": "unknown"},
        {"private_key_id": ""},
        {"at": datetime.now(tz=UTC) - timedelta(hours=2)},
        {"at": datetime.now(tz=UTC) + timedelta(hours=2)},
    ],
)
def test_a_refused_assertion_is_a_refused_credential(
    google: GoogleAnalytics, change: dict[str, Any]
) -> None:
    [exchange] = calls(google, grant(google, **change))
    assert (exchange.status, exchange.error) == (401, "credential_refused")
    assert paths(google) == ["token"]


def test_the_token_endpoint_refuses_other_forms(google: GoogleAnalytics) -> None:
    one = grant(google)
    good = one.form()
    assert good is not None
    for form in ({**good, "grant_type": "password"}, {**good, "assertion": "a.b.c"}, {}):
        [exchange] = calls(google, replace(one, form=lambda form=form: form))
        assert exchange.error == "credential_refused"
    assert google.accounts.tokens == set()


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Answer(status=429, headers={"Retry-After": "7"}), 429),
        (Answer(status=500), 500),
        (Answer(status=302, headers={"Location": "/elsewhere"}), 302),
        (Answer(status=403), 403),
    ],
)
def test_trouble_at_the_token_endpoint_is_passed_on(
    google: GoogleAnalytics, answer: Answer, status: int
) -> None:
    google.api.instead = [answer]
    [exchange] = calls(google, grant(google))
    assert (exchange.status, exchange.error) == (status, "token_refused")
    assert exchange.retry_after == answer.headers.get("Retry-After", "")
    assert paths(google) == ["token"]


@pytest.mark.parametrize(
    "answer",
    [
        *NONSENSE,
        Answer(status=200, content={"access_token": ""}),
        Answer(status=200, content={"access_token": ["a"]}),
        Answer(status=200, content={"access_token": "a\r\nX-Evil: b", "expires_in": 3600}),
        Answer(status=200, content={"access_token": "日本", "expires_in": 3600}),
    ],
)
def test_a_token_that_cannot_be_read_is_for_later(google: GoogleAnalytics, answer: Answer) -> None:
    google.api.instead = [answer]
    [exchange] = calls(google, grant(google))
    assert (exchange.status, exchange.error) == (None, "token_unreadable")
    assert paths(google) == ["token"]


def _elliptic() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _locked() -> str:
    return (
        private_key()
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"x"),
        )
        .decode()
    )


@pytest.mark.parametrize(
    "key",
    [
        "",
        "x",
        "\ud800",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        pytest.param(_elliptic(), id="elliptic"),
        pytest.param(_locked(), id="locked"),
    ],
)
def test_a_key_that_is_none_sends_nothing(google: GoogleAnalytics, key: str) -> None:
    [exchange] = calls(google, grant(google, private_key=key))
    assert (exchange.status, exchange.error) == (None, "secret_unreadable")
    assert google.api.requests == []


@pytest.mark.parametrize(
    "secret",
    ["", "x", "[]", "null", "{}", "[" * 5000, '{"token_uri":1,"client_email":"","private_key":""}'],
)
def test_a_text_that_is_no_key_file_sends_nothing(google: GoogleAnalytics, secret: str) -> None:
    none = oauth.service_account(secret=secret, scope=SCOPE, at=datetime.now(tz=UTC))
    assert none is None
    [exchange] = calls(google, none)
    assert (exchange.status, exchange.error) == (None, "secret_unreadable")


@pytest.mark.parametrize("secret", ["", "id", ":secret", "id:", "id:two words", "ｉｄ:secret"])
def test_a_text_that_is_no_pair_is_no_client(secret: str) -> None:
    assert oauth.client_credentials(url="https://api.example/token", secret=secret) is None


def test_nothing_that_is_printed_shows_a_secret() -> None:
    accounts = GoogleAccounts(scope=SCOPE)
    url = "https://oauth.example"
    shown = [
        oauth.service_account(secret=accounts.secret(url), scope=SCOPE, at=datetime.now(tz=UTC)),
        oauth.client_credentials(url=url, secret="client:hunter2"),
        oauth._Token(text="hunter2", until=1.0),
    ]
    assert "PRIVATE KEY" not in repr(shown)
    assert "hunter2" not in repr(shown)
