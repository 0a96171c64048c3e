"""The country of an address, by a file in the MaxMind DB format that the operator brings."""

from __future__ import annotations

import logging
from itertools import islice
from pathlib import Path

import maxminddb

from tracking.lib.client_address import Address

logger = logging.getLogger(__name__)

# So many entries are looked at to say whether a file is about countries at all.
_SAMPLE = 1000

_Stamp = tuple[int, int, int]


class Unreadable(Exception):
    """The file is missing, broken, or does not say countries; its text says which."""


class CountryDatabase:
    """
    An open file, read anew when it changes; it may vanish and come back.

    It is held in memory: a mapped file that somebody overwrites in place would end the process.
    """

    def __init__(self, path: Path) -> None:
        """
        Open the file.

        :raises Unreadable:
        """
        self._path = path
        # Before it is read: what changes meanwhile is read again.
        self._stamp = _stamp(path)
        self._reader: maxminddb.Reader | None = _open(path)

    def find(self, address: Address) -> str:
        """Return the country, or the region as in ISO 3166-2 (`US-CA`); "" if it is not known."""
        self._look_again()
        if self._reader is None:
            return ""
        try:
            return _place(self._reader.get(address))
        except Exception:
            # An IPv6 address in a file of IPv4; or a broken part, which can break anything.
            return ""

    def _look_again(self) -> None:
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        try:
            self._reader = _open(self._path)
        except Unreadable as error:
            # Never the address that was asked for.
            logger.warning("places are not looked up until it is replaced: %s", error)
            self._reader = None
        self._stamp = stamp


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _open(path: Path) -> maxminddb.Reader:
    try:
        reader = maxminddb.open_database(path, maxminddb.MODE_MEMORY)
        has_countries = any(_place(record) for _, record in islice(reader, _SAMPLE))
    except OSError as error:
        raise Unreadable(f"{path} cannot be read ({error.strerror})") from error
    except Exception as error:
        # Whatever its bytes made of the reader: it is no file to go by.
        raise Unreadable(f"{path} is not a whole file in the MaxMind DB format") from error
    if not has_countries:
        raise Unreadable(f"{path} names no countries")
    return reader


def _place(record: object) -> str:
    """
    Return what a record says: `country.iso_code` and `subdivisions` as MaxMind's and DB-IP's,
    `country_code` as IPtoASN's, or `country` alone.
    """
    if not isinstance(record, dict):
        return ""
    country = record.get("country_code") or record.get("country")
    if isinstance(country, dict):
        country = country.get("iso_code")
    if not isinstance(country, str):
        return ""
    regions = record.get("subdivisions")
    largest = regions[0] if isinstance(regions, list) and regions else None
    region = largest.get("iso_code") if isinstance(largest, dict) else None
    return f"{country}-{region}" if isinstance(region, str) else country
