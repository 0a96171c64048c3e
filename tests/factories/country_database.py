"""Country databases as operators bring them, written small."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

# As IPtoASN's file says it, MaxMind's and DB-IP's, and IPinfo's.
NETWORKS: dict[str, Any] = {
    "198.51.100.0/24": {"country_code": "FR"},
    "203.0.113.0/24": {"country": {"iso_code": "US"}, "subdivisions": [{"iso_code": "CA"}]},
    "192.0.2.0/25": {"country": {"iso_code": "US"}, "subdivisions": [{"names": {"en": "Ohio"}}]},
    "192.0.2.128/25": {"country": "KR"},
    "2001:db8:1::/48": {"country_code": "GB"},
}


def write_database(
    path: Path, networks: Mapping[str, Any] = NETWORKS, *, ip_version: int = 6
) -> Path:
    """Write a file in the MaxMind DB format: what is said of each network."""
    writer = MMDBWriter(ip_version, ipv4_compatible=ip_version == 6, database_type="Country")
    for network, record in networks.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return path
