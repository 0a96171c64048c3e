"""Sets of small numbers as bit strings: bit n from the left is number n."""

from __future__ import annotations

from collections.abc import Iterable


def pack(numbers: Iterable[int]) -> str:
    """Return `{1, 3}` as "0101": what PostgreSQL's `bit varying` reads and writes."""
    chosen = set(numbers)
    return "".join("1" if n in chosen else "0" for n in range(max(chosen, default=-1) + 1))


def unpack(text: str) -> frozenset[int]:
    """Return "0101" as `{1, 3}`."""
    return frozenset(n for n, bit in enumerate(text) if bit == "1")


def to_hex(numbers: Iterable[int]) -> str:
    """Return the bit string in hex, padded to whole digits; "" for the empty set."""
    bits = pack(numbers)
    padded = bits.ljust(-(-len(bits) // 4) * 4, "0")
    return "".join(f"{int(padded[i : i + 4], 2):x}" for i in range(0, len(padded), 4))
