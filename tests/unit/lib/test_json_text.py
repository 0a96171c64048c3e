"""A JSON object that is parsed when somebody looks into it."""

from __future__ import annotations

from tracking.lib.json_text import JSONObject


def test_it_reads_like_the_object() -> None:
    value = JSONObject('{"type": "consent.revoked", "data": {"version": 2}}')

    assert value["type"] == "consent.revoked"
    assert {**value} == {"type": "consent.revoked", "data": {"version": 2}}
    assert value == {"type": "consent.revoked", "data": {"version": 2}}
    assert len(value) == 2
    assert "other" not in value


def test_who_passes_it_on_never_parses_it() -> None:
    assert JSONObject("{broken").text == "{broken"
