"""What a token is made of, and what it may do."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from tests.factories.clock import NOW
from tracking.access import page, rules
from tracking.access.types import ApiTokenInfo, NewApiToken, Scope, State

TOKEN = f"cmt_{'0123456789abcdef' * 4}"


def info(**fields: Any) -> ApiTokenInfo:
    whole: dict[str, Any] = {
        "id": 1,
        "name": "Report",
        "tail": "cdef",
        "scopes": frozenset(Scope),
        "site": None,
        "created_by": "dev",
        "created_at": NOW,
        "expires_at": None,
        "revoked_at": None,
        "last_used_on": None,
    }
    return ApiTokenInfo(**{**whole, **fields})


def test_a_token_is_kept_under_its_sha256() -> None:
    assert rules.digest(TOKEN) == hashlib.sha256(TOKEN.encode()).hexdigest()


@pytest.mark.parametrize(
    "text",
    ["", "cmt_", TOKEN[:-1], f"{TOKEN}0", f"{TOKEN}\n", TOKEN.upper(), TOKEN[4:], f" {TOKEN}"],
)
def test_what_cannot_be_a_token_is_none(text: str) -> None:
    assert rules.is_token(TOKEN)
    assert not rules.is_token(text)


@pytest.mark.parametrize(("lifetime", "days"), [("90", 90), ("365", 365), ("7", 90), ("", 90)])
def test_a_token_ends_after_its_time_and_after_the_shortest_on_doubt(
    lifetime: str, days: int
) -> None:
    assert rules.expiry(lifetime=lifetime, now=NOW) == NOW + timedelta(days=days)


def test_a_token_has_no_end_only_where_that_was_chosen() -> None:
    assert rules.expiry(lifetime="none", now=NOW) is None


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, State.LIVE),
        ({"expires_at": NOW + timedelta(microseconds=1)}, State.LIVE),
        ({"expires_at": NOW}, State.EXPIRED),
        ({"revoked_at": NOW}, State.REVOKED),
        ({"revoked_at": NOW, "expires_at": NOW}, State.REVOKED),
    ],
)
def test_how_a_token_stands(fields: dict[str, Any], state: State) -> None:
    assert rules.state(token=info(**fields), now=NOW) is state


@pytest.mark.parametrize(
    ("fields", "allowed"),
    [
        ({}, True),
        ({"site": "shop"}, True),
        ({"site": "other"}, False),
        ({"scopes": frozenset()}, False),
        ({"site": "shop", "scopes": frozenset()}, False),
    ],
)
def test_a_token_is_for_its_scopes_and_its_site(fields: dict[str, Any], allowed: bool) -> None:
    given = {"token": info(**fields), "scope": Scope.INSIGHTS_READ, "site": "shop"}
    assert rules.is_allowed(**given) is allowed


def test_a_token_is_not_printed_by_accident() -> None:
    made = NewApiToken(name="Report", token=TOKEN, scopes=frozenset(Scope), site=None)
    built = page.build_page(
        tokens=[],
        sites=[],
        form=page.TokenForm(),
        made=made,
        origin="https://consent.shop.example",
        language="en",
        now=NOW,
    )

    assert built.made is not None
    assert TOKEN in built.made.commands[0]
    assert TOKEN not in repr(made) + repr(built)


def test_both_languages_say_the_same_things() -> None:
    def keys(words: object, path: str = "") -> set[str]:
        if not isinstance(words, dict):
            return {path}
        return {key for name, one in words.items() for key in keys(one, f"{path}.{name}")}

    assert keys(page.texts("ja")) == keys(page.texts("en"))
    assert page.texts("en")["scopes"].keys() == {scope.value for scope in Scope}
    assert page.texts("en")["states"].keys() == {state.value for state in State}
    assert page.texts("en")["lifetimes"].keys() == rules.LIFETIMES.keys()
