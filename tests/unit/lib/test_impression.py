"""The proof of being shown: what we signed is read, and nothing else."""

from __future__ import annotations

import base64
from dataclasses import replace
from uuid import UUID

import pytest

from tracking.lib import device_token, impression
from tracking.lib.device_token import DeviceToken
from tracking.lib.impression import Impression

KEYS = {"2026-11": b"k" * 32, "2026-05": b"o" * 32}
SHOWN = Impression(
    site_id=7, issued_at=1_800_000_000, nonce=b"n" * 12, waited_ms=1200, is_shown=True
)


@pytest.mark.parametrize(
    "one",
    [
        SHOWN,
        replace(SHOWN, waited_ms=None),
        replace(SHOWN, waited_ms=0, is_shown=False),
        replace(SHOWN, variant="first-layer:b", source="search"),
        replace(SHOWN, source="same_site"),
        replace(SHOWN, variant="v" * 64),
    ],
    ids=["pressed", "not pressed", "asked for", "of a variant", "come from", "of a long one"],
)
def test_what_is_signed_can_be_read(one: Impression) -> None:
    text = impression.sign(one, keys=KEYS)

    assert impression.verify(text, keys=KEYS) == one
    assert len(text) < 200
    assert text.replace("-", "").replace("_", "").isalnum()


def test_a_wait_of_weeks_is_a_long_wait() -> None:
    text = impression.sign(replace(SHOWN, waited_ms=2**40), keys=KEYS)

    read = impression.verify(text, keys=KEYS)
    assert read is not None
    assert read.waited_ms == 2**32 - 2


def test_an_older_key_still_verifies_and_a_foreign_one_does_not() -> None:
    old = impression.sign(SHOWN, keys={"2026-05": b"o" * 32})
    foreign = impression.sign(SHOWN, keys={"2026-05": b"x" * 32})

    assert impression.verify(old, keys=KEYS) == SHOWN
    assert impression.verify(foreign, keys=KEYS) is None


def test_each_one_is_good_for_itself() -> None:
    texts = {impression.issue(site_id=7, issued_at=1, keys=KEYS) for _ in range(100)}
    read = {impression.verify(text, keys=KEYS) for text in texts}

    assert len({one.nonce for one in read if one}) == 100


def test_a_changed_byte_anywhere_is_refused() -> None:
    whole = replace(SHOWN, variant="a:b", source="social")
    text = impression.sign(whole, keys=KEYS)
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    for place in range(len(raw)):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        text = base64.urlsafe_b64encode(changed).rstrip(b"=").decode()
        assert impression.verify(text, keys=KEYS) is None, place


@pytest.mark.parametrize("text", ["", "A", "!!", "あ", "AQ", "A" * 60, "A" * 257, "\x00", "Af8A"])
def test_what_is_no_impression_is_refused(text: str) -> None:
    assert impression.verify(text, keys=KEYS) is None


def test_a_device_token_is_none() -> None:
    token = device_token.sign(
        DeviceToken(device=UUID(int=1), site_id=7, serial=1, issued_at=1), keys=KEYS
    )

    assert impression.verify(token, keys=KEYS) is None
    assert device_token.verify(impression.sign(SHOWN, keys=KEYS), keys=KEYS) is None
