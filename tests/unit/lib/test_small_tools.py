"""Bits, canonical JSON, sealing, short memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.lib import bits, canonical_json, sealing, short_memory

KEYS = {"k1": b"1" * 32}


@given(st.frozensets(st.integers(0, 200)))
def test_bits_come_back(numbers: frozenset[int]) -> None:
    assert bits.unpack(bits.pack(numbers)) == numbers


@pytest.mark.parametrize(
    ("numbers", "text"), [(set(), ""), ({0}, "8"), ({3}, "1"), ({4}, "08"), ({0, 1, 2, 3, 7}, "f1")]
)
def test_hex_counts_bits_from_the_left(numbers: set[int], text: str) -> None:
    assert bits.to_hex(numbers) == text


def test_canonical_json_is_one_spelling() -> None:
    assert (
        canonical_json.dumps({"b": [1, None], "a": "許可"}) == '{"a":"許可","b":[1,null]}'.encode()
    )
    assert canonical_json.sha256({"a": 1, "b": 2}) == canonical_json.sha256({"b": 2, "a": 1})


def test_canonical_json_refuses_floats() -> None:
    with pytest.raises(TypeError):
        canonical_json.dumps({"a": [{"b": 1.5}]})


def test_a_sealed_secret_opens_with_its_key_and_context_only() -> None:
    sealed = sealing.seal(b"secret", keys=KEYS, context="partner 1")

    assert b"secret" not in sealed
    assert sealing.unseal(sealed, keys=KEYS, context="partner 1") == b"secret"
    for keys, context in ((KEYS, "partner 2"), ({"k1": b"2" * 32}, "partner 1"), ({}, "partner 1")):
        with pytest.raises(sealing.CannotOpen):
            sealing.unseal(sealed, keys=keys, context=context)


def test_memory_lasts_for_a_while_and_can_be_emptied() -> None:
    calls: list[int] = []

    @short_memory.remembered(seconds=60)
    def double(*, number: int) -> int:
        calls.append(number)
        return number * 2

    assert [double(number=2), double(number=2), double(number=3)] == [4, 4, 6]
    short_memory.forget_everything()
    double(number=2)
    assert calls == [2, 3, 2]
