"""Where an address is, by a file that an operator brings, and what becomes of a bad one."""

from __future__ import annotations

import logging
import os
import random
from ipaddress import IPv6Address, ip_address
from pathlib import Path

import pytest

from tests.factories.country_database import write_database
from tracking.lib.country_database import CountryDatabase, Unreadable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_database(tmp_path / "country.mmdb")


def find(path: Path, address: str) -> str:
    return CountryDatabase(path).find(ip_address(address))


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("198.51.100.1", "FR"),
        ("203.0.113.255", "US-CA"),
        # A region that the file only names in words.
        ("192.0.2.1", "US"),
        ("192.0.2.200", "KR"),
        ("2001:db8:1::9", "GB"),
        ("2001:db8:2::9", ""),
        ("10.0.0.1", ""),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("fe80::1%eth0", ""),
        ("255.255.255.255", ""),
    ],
)
def test_an_address_is_looked_up(path: Path, address: str, place: str) -> None:
    assert find(path, address) == place


def test_a_file_of_ipv4_knows_no_other(tmp_path: Path) -> None:
    path = write_database(
        tmp_path / "v4.mmdb", {"198.51.100.0/24": {"country_code": "FR"}}, ip_version=4
    )

    assert find(path, "198.51.100.1") == "FR"
    assert find(path, "2001:db8:1::9") == ""


@pytest.mark.parametrize(
    "record",
    ["FR", ["FR"], {"country": 250}, {"country": {"names": {"en": "France"}}}, {"asn": 64496}],
)
def test_a_record_that_says_no_country_says_nothing(tmp_path: Path, record: object) -> None:
    path = write_database(
        tmp_path / "odd.mmdb",
        {"198.51.100.0/24": record, "203.0.113.0/24": {"country_code": "JP"}},
    )

    assert find(path, "198.51.100.1") == ""


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"absent\.mmdb cannot be read \(No such file"):
        CountryDatabase(tmp_path / "absent.mmdb")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"country,from,to\n" * 1000):
        path = tmp_path / "country.csv"
        path.write_bytes(content)
        with pytest.raises(Unreadable, match="not a whole file in the MaxMind DB format"):
            CountryDatabase(path)


def test_half_a_file_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(Unreadable, match="not a whole file"):
        CountryDatabase(path)


def test_a_file_about_something_else_is_refused(tmp_path: Path) -> None:
    path = write_database(tmp_path / "asn.mmdb", {"198.51.100.0/24": {"asn": 64496}})

    with pytest.raises(Unreadable, match="names no countries"):
        CountryDatabase(path)


def test_a_newer_file_is_read_without_a_restart(path: Path, tmp_path: Path) -> None:
    database, address = CountryDatabase(path), ip_address("198.51.100.1")
    assert database.find(address) == "FR"

    newer = write_database(tmp_path / "newer.mmdb", {"198.51.100.0/24": {"country_code": "DE"}})
    os.replace(newer, path)

    assert database.find(address) == "DE"


def test_a_file_that_is_overwritten_in_place_costs_nothing_but_answers(path: Path) -> None:
    whole = path.read_bytes()
    database, address = CountryDatabase(path), ip_address("198.51.100.1")

    path.write_bytes(b"")
    assert database.find(address) == ""
    path.write_bytes(whole)
    assert database.find(address) == "FR"


def test_what_was_read_holds_whatever_is_written_over_it_meanwhile(path: Path) -> None:
    database, address = CountryDatabase(path), ip_address("198.51.100.1")
    before = path.stat()

    path.write_bytes(bytes(before.st_size))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert database.find(address) == "FR"


def test_a_file_that_vanishes_is_missed_and_reported_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = path.read_bytes()
    database, address = CountryDatabase(path), ip_address("198.51.100.1")
    path.unlink()

    with caplog.at_level(logging.DEBUG):
        assert [database.find(address) for _ in range(3)] == ["", "", ""]

    assert len(caplog.records) == 1
    assert "198.51.100" not in caplog.text
    path.write_bytes(whole)
    assert database.find(address) == "FR"


def test_no_broken_byte_raises(path: Path) -> None:
    whole = path.read_bytes()
    chance = random.Random(20261126)  # noqa: S311  # the same bytes every time
    addresses = [ip_address(text) for text in ("198.51.100.1", "203.0.113.1", "2001:db8:1::9")]
    addresses += [IPv6Address(chance.getrandbits(128)) for _ in range(5)]
    survivors = 0
    for _ in range(400):
        broken = bytearray(whole)
        for _ in range(4):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        path.write_bytes(broken)
        try:
            database = CountryDatabase(path)
        except Unreadable:
            continue
        survivors += 1
        for address in addresses:
            assert isinstance(database.find(address), str)
    assert survivors > 50
