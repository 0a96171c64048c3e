"""From which address a request came, past the proxies that are trusted."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

Address = IPv4Address | IPv6Address


def find_client(*, peer: str, forwarded_for: str, proxy_hops: int) -> Address | None:
    """
    Return the client's address, or None where it is not certain.

    `peer`: who connected to us. `forwarded_for`: the value of X-Forwarded-For, to which each proxy
    adds on the right whom it saw. `proxy_hops`: how many of those proxies are ours; with none, the
    header is what anybody writes and is not read. What stands further left came from outside, and
    a header with fewer entries than proxies did not come through them.

    An IPv4 address written as IPv6 (`::ffff:192.0.2.1`) is the IPv4 address.
    """
    if proxy_hops == 0:
        text = peer
    else:
        seen = forwarded_for.split(",")
        if len(seen) < proxy_hops:
            return None
        text = seen[-proxy_hops].strip()
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
