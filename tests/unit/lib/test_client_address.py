"""From which address a request came, whatever it says of itself."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.lib.client_address import find_client

PEER = "192.0.2.7"


@pytest.mark.parametrize(
    ("forwarded_for", "proxy_hops", "client"),
    [
        # Nobody in front of us: whatever the header says was written by the visitor.
        ("", 0, PEER),
        ("198.51.100.1", 0, PEER),
        # One proxy: it adds whom it saw, whatever came before.
        ("198.51.100.1", 1, "198.51.100.1"),
        ("203.0.113.9, 198.51.100.1", 1, "198.51.100.1"),
        ("203.0.113.9,198.51.100.1", 1, "198.51.100.1"),
        ("anything; <at> all, 198.51.100.1", 1, "198.51.100.1"),
        ("198.51.100.1, 10.0.0.1", 2, "198.51.100.1"),
        ("203.0.113.9, 198.51.100.1, 10.0.0.1", 2, "198.51.100.1"),
        ("2001:db8:1::9", 1, "2001:db8:1::9"),
        ("::ffff:198.51.100.1", 1, "198.51.100.1"),
        # It did not come through all of them.
        ("", 1, None),
        ("198.51.100.1", 2, None),
        # No address.
        ("198.51.100.1,", 1, None),
        ("198.51.100.1:4711", 1, None),
        ("[2001:db8:1::9]", 1, None),
        ("unknown", 1, None),
        ("198.51.100.256", 1, None),
        ("198.051.100.001", 1, None),
        ("3325256705", 1, None),
    ],
)
def test_the_client_is_whom_our_outermost_proxy_saw(
    forwarded_for: str, proxy_hops: int, client: str | None
) -> None:
    found = find_client(peer=PEER, forwarded_for=forwarded_for, proxy_hops=proxy_hops)

    assert found == (None if client is None else ip_address(client))


@pytest.mark.parametrize("peer", ["", "unix:", "testserver"])
def test_a_peer_without_an_address_is_nobody(peer: str) -> None:
    assert find_client(peer=peer, forwarded_for="", proxy_hops=0) is None


@given(spoofed=st.text(max_size=60))
def test_nothing_that_a_visitor_writes_changes_whom_the_proxy_saw(spoofed: str) -> None:
    seen = "198.51.100.1"

    found = find_client(peer=PEER, forwarded_for=f"{spoofed}, {seen}", proxy_hops=1)

    assert found == ip_address(seen)
