"""Texts that only we can make."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tracking.lib import signed_text

KEYS = {"k1": b"1" * 32}
VALUES: dict[str, str | int] = {"partner": "adco", "at": 1_775_055_600, "名": "あ"}


def test_what_was_signed_comes_back() -> None:
    text = signed_text.sign(VALUES, purpose="p", keys=KEYS)
    assert signed_text.verify(text, purpose="p", keys=KEYS) == VALUES
    assert signed_text.verify(text, purpose="p", keys={"k0": b"0" * 32, **KEYS}) == VALUES
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def test_another_purpose_or_key_does_not_open_it() -> None:
    text = signed_text.sign(VALUES, purpose="p", keys=KEYS)
    assert signed_text.verify(text, purpose="q", keys=KEYS) is None
    assert signed_text.verify(text, purpose="p", keys={"k1": b"2" * 32}) is None
    assert signed_text.verify(text, purpose="p", keys={"k2": b"1" * 32}) is None


def test_every_changed_character_is_noticed() -> None:
    text = signed_text.sign(VALUES, purpose="p", keys=KEYS)
    key_id, body, mac = text.split(".")
    for part in (0, 1, 2):
        whole = [key_id, body, mac]
        # The last character may hold bits that mean nothing.
        for place in range(len(whole[part]) - 1):
            old = whole[part][place]
            changed = whole[part][:place] + ("A" if old != "A" else "B") + whole[part][place + 1 :]
            again = ".".join([*whole[:part], changed, *whole[part + 1 :]])
            assert signed_text.verify(again, purpose="p", keys=KEYS) is None


@given(st.text(max_size=80))
def test_nothing_else_is_taken_nor_breaks_it(text: str) -> None:
    assert signed_text.verify(text, purpose="p", keys=KEYS) is None
    assert signed_text.verify(f"k1.{text}.{text}", purpose="p", keys=KEYS) is None
