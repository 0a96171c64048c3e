"""The form for an endpoint, before it is HTML: fields, facts, errors."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.delivery.test_console_page import PROFILES, writer
from tracking.delivery import page
from tracking.delivery.form_page import FormPage
from tracking.delivery.transports import TRANSPORTS
from tracking.delivery.types import ConfirmsBy, Effect, Profile, Setting, Transport

MADE_UP = Profile(
    name="Made up",
    effect=Effect.STOP,
    erasure_effect=Effect.ERASE,
    confirms_by=(ConfirmsBy.POLL,),
    source="nowhere",
    url="https://api.example",
    needs=("user_id", "shoe_size"),
    settings=(
        Setting(code="kind", label={"ja": "種類", "en": "Kind"}, help={"ja": "a", "en": "a"},
                pattern="one|two", is_required=False),
        Setting(code="paper", label={"ja": "紙", "en": "Paper"}, help={"ja": "a", "en": "a"},
                pattern=r"BEGIN[\s\S]+END"),
    ),
    secret=Setting(code="secret", label={"ja": "鍵", "en": "Key"}, help={"ja": "a", "en": "a"}),
    sample={"user_id": "nobody"},
)  # fmt: skip


def form(**changes: Any) -> FormPage:
    profiles = {**PROFILES, Transport.SFTP_FILE: MADE_UP}
    return writer(changes.pop("language", "ja"), profiles=profiles).form(
        **{
            "partner": "adco",
            "name": "アドコ",
            "known": None,
            "transport": Transport.SFTP_FILE,
            "values": {},
            "errors": {},
            "proposal": "",
            "trial": None,
            **changes,
        }
    )


def test_a_form_is_made_of_the_profile_alone() -> None:
    built = form()
    assert [(field.code, field.kind) for field in built.fields] == [
        ("url", "text"),
        ("settings.kind", "select"),
        ("settings.paper", "area"),
        ("secret", "secret"),
        ("concurrency", "number"),
        ("is_for_erasures_only", "check"),
    ]
    assert built.fields[0].value == "https://api.example"
    assert [value for value, _ in built.fields[1].options] == ["", "one", "two"]
    facts = dict(built.facts)
    assert facts["取り消すと"] == page.texts("ja")["effect_stop"]
    assert facts["消去を求めると"] == page.texts("ja")["effect_erase"]
    # Where we have no name for an identifier, its code must do.
    assert "会員番号（user_id）、shoe_size" in facts["相手が端末を見つけるために"]


def test_the_form_says_what_the_test_does() -> None:
    assert "user_id = nobody" in form().test_note
    assert "consent.test" in form(transport=Transport.WEBHOOK).test_note


def test_errors_stand_beside_their_fields_and_nothing_but_the_secret_is_lost() -> None:
    built = form(
        values={"url": "http://x", "settings.paper": "", "settings.kind": "three", "secret": "•"},
        errors={"url": 1, "settings.paper": 1, "settings.kind": 1, "secret": 1, "concurrency": 1},
    )
    text = page.texts("ja")
    by_code = {field.code: field for field in built.fields}
    assert by_code["url"].value == "http://x"
    assert by_code["url"].error == text["error_url"]
    assert by_code["settings.paper"].error == text["error_empty"]
    assert by_code["settings.kind"].error == text["error_form"]
    assert by_code["concurrency"].error == text["error_concurrency"]
    assert (by_code["secret"].error, by_code["secret"].value) == (text["error_secret"], "")
    assert text["secret_again"] in by_code["secret"].notes


def test_a_choice_of_ways_comes_first() -> None:
    built = form(transport=None)
    assert built.fields == ()
    assert {way.code for way in built.ways} == {*PROFILES, Transport.SFTP_FILE}
    assert all(way.line for way in built.ways)


@pytest.mark.parametrize("transport", TRANSPORTS, ids=str)
@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_transport_makes_a_form(transport: Transport, language: str) -> None:
    built = form(transport=transport, language=language)
    assert built.fields
    assert all(field.label and field.help for field in built.fields)
    assert built.can_test != PROFILES[transport].is_pulled
