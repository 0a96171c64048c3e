from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.lib import strict_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=4),
        inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(VALUES)
def test_reads_what_json_means_up_to_its_depth(value: Any) -> None:
    body = json.dumps(value).encode()

    if depth(value) > strict_json.MAX_DEPTH:
        with pytest.raises(strict_json.InvalidJSON):
            strict_json.loads(body)
    else:
        assert strict_json.loads(body) == value


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(strict_json.InvalidJSON):
        assert strict_json.loads(body) == json.loads(body)


@pytest.mark.parametrize("brackets", ['["[[[[[[[[["]', '{"a":"}}}}]]]]\\"[[[["}'])
def test_brackets_inside_strings_are_no_nesting(brackets: str) -> None:
    assert strict_json.loads(brackets.encode()) == json.loads(brackets)
