"""Places of addresses: a file in the format of MaxMind that the user names.

Read are `country.iso_code` (or `country` as text), `city.names.en` (or `city`), and
`location.latitude`, `location.longitude` (or `lat`/`lng`): what GeoLite2, DB-IP and IPinfo write.
Format: https://maxmind.github.io/MaxMind-DB/.
"""

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any

from msgspec import Struct

from whodid.errors import InputError
from whodid.limits import PLACES_KEPT

_LOOKED_AT = 1000
_DAMAGED = (ValueError, LookupError, TypeError, OverflowError, RecursionError, struct.error)


class Place(Struct, frozen=True):
    """Where an address is, as far as the file says; `country` is an ISO code."""

    country: str = ""
    city: str = ""
    latitude: float | None = None
    longitude: float | None = None

    @property
    def words(self) -> str:
        """Its name, e.g. `Berlin, DE`."""
        return ", ".join(part for part in (self.city, self.country) if part) or "somewhere"


NOWHERE = Place()


class Places:
    """A file of places. Not safe for threads.

    `countries` and `coordinates` say whether the file tells them at all.
    Raises InputError for a file that cannot be read.
    """

    def __init__(self, path: Path) -> None:
        import maxminddb  # noqa: PLC0415 - few need it

        self._damaged = (*_DAMAGED, maxminddb.InvalidDatabaseError)
        try:
            # in Python: the C library ends the process when it meets some damaged files
            self._reader = maxminddb.open_database(path, maxminddb.MODE_MMAP)
        except (OSError, *self._damaged) as error:
            raise InputError(f"{path}: no file of places in MaxMind's format ({error})") from None
        self._kept: dict[str, Place] = {}
        self.countries = self.coordinates = False
        for first in (IPv4Address("0.0.0.0"), IPv6Address("2000::")):  # noqa: S104 - no socket
            if not (self.countries and self.coordinates):
                self._look_around(first)

    def of(self, address: str) -> Place:
        """Return the place of an address; NOWHERE for what is none, or is not in the file."""
        found = self._kept.get(address)
        if found is None:
            if len(self._kept) >= PLACES_KEPT:
                self._kept.clear()
            found = self._kept[address] = self._look_up(address)
        return found

    def _look_up(self, address: str) -> Place:
        try:
            return _place(self._reader.get(address))
        except self._damaged:
            return NOWHERE

    def _look_around(self, address: IPv4Address | IPv6Address) -> None:
        """See what the first networks at and behind an address tell, however empty it is."""
        for _ in range(_LOOKED_AT):
            try:
                record, length = self._reader.get_with_prefix_len(address)
                place = _place(record)
                after = int(ip_network((address, length), strict=False).broadcast_address) + 1
                self.countries = self.countries or bool(place.country)
                self.coordinates = self.coordinates or place.latitude is not None
                if self.countries and self.coordinates:
                    return
                address = type(address)(after)
            except self._damaged:
                return


def _place(record: Any) -> Place:
    if not isinstance(record, dict):
        return NOWHERE
    location = record.get("location")
    where = location if isinstance(location, dict) else record
    return Place(
        _named(record.get("country"), "iso_code") or _named(record.get("country_code"), ""),
        _named(record.get("city"), "names"),
        _degrees(where.get("latitude", where.get("lat")), 90),
        _degrees(where.get("longitude", where.get("lng")), 180),
    )


def _named(value: Any, key: str) -> str:
    if isinstance(value, dict):
        value = value.get(key)
        if isinstance(value, dict):
            value = value.get("en")
    return value[:100] if isinstance(value, str) else ""


def _degrees(value: Any, most: int) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if -most <= number <= most else None


def network_of(address: str) -> str:
    """Return the network an address is in: its /24, or its /48; empty for what is no address."""
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    if found.version == 6 and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if found.version == 4:
        head, _, _ = str(found).rpartition(".")
        return f"{head}.0/24"
    head48 = int(found) >> 80 << 80
    return f"{ip_address(head48)}/48"
