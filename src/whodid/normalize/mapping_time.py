"""Times of a layout of one's own, for mapping files: `%d.%m.%Y %H:%M:%S`. No locale, no clock.

Directives are those of C's strftime: %Y %m %d %e %b %B %H %I %p %M %S %f (1 to 9 decimals) %z
(+hhmm, +hh:mm or Z) %% and any other character as itself. Names of months are English.
"""

import re
from datetime import datetime, timedelta
from typing import NamedTuple

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FULL = ("january", "february", "march", "april", "may", "june", "july", "august", "september",
         "october", "november", "december")  # fmt: skip
_PARTS = {
    "Y": r"(?P<Y>[0-9]{4})", "m": r"(?P<m>[0-9]{1,2})", "d": r"(?P<d>[0-9]{1,2})",
    "e": r" ?(?P<d>[0-9]{1,2})", "b": f"(?P<b>{'|'.join(_MONTHS)})",
    "B": f"(?P<b>{'|'.join(_FULL)})", "H": r"(?P<H>[0-9]{1,2})", "I": r"(?P<I>[0-9]{1,2})",
    "p": r"(?P<p>am|pm)", "M": r"(?P<M>[0-9]{2})", "S": r"(?P<S>[0-9]{2})",
    "f": r"(?P<f>[0-9]{1,9})", "z": r"(?P<z>z|utc|gmt|[+-][0-9]{2}:?[0-9]{2})", "%": "%",
}  # fmt: skip
_NEEDED = ("Y", "d")
_ZONE = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})").fullmatch
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (the difference of two naive times)
_US = timedelta(microseconds=1)
_MINUTE_US = 60_000_000
_CHARS_MAX = 64


class Layout(NamedTuple):
    """A layout, ready to read; `has_zone` tells whether its times say where they hold."""

    text: str
    match: re.Pattern[str]
    has_zone: bool

    def read(self, written: str, offset_us: int) -> int | None:
        """Return µs UTC, None for another layout; `offset_us` is for times without zone."""
        found = (
            self.match.fullmatch(written.strip().lower()) if len(written) <= _CHARS_MAX else None
        )
        if found is None:
            return None
        part = found.groupdict()
        try:
            month = part.get("m") or str(_MONTHS.index(part["b"][:3]) + 1)
            time = datetime(  # noqa: DTZ001 (its zone follows)
                int(part["Y"]), int(month), int(part["d"]), _hour(part),
                int(part.get("M") or 0), int(part.get("S") or 0),
            )  # fmt: skip
            if part.get("z"):
                offset_us = zone_us(part["z"])
        except (ValueError, KeyError):
            return None
        fraction = int((part.get("f") or "0")[:6].ljust(6, "0"))
        return (time - _EPOCH) // _US + fraction - offset_us


def parse_layout(text: str) -> Layout | str:
    """Return a layout, or the reason why it is none."""
    pattern, seen = "", set[str]()
    at = 0
    while at < len(text):
        char = text[at]
        if char != "%":
            pattern += re.escape(char.lower())
            at += 1
            continue
        name = text[at + 1 : at + 2]
        if name not in _PARTS:
            known = " ".join(f"%{known}" for known in _PARTS)
            return f"%{name} is not known; known: {known}"
        group = {"e": "d", "B": "b"}.get(name, name)
        if group in seen and name != "%":
            return f"%{name} stands twice"
        seen.add(group)
        pattern += _PARTS[name]
        at += 2
    missing = [name for name in _NEEDED if name not in seen]
    if missing or not seen & {"m", "b"} or not seen & {"H", "I"}:
        return "a layout names year (%Y), month (%m, %b or %B), day (%d) and hour (%H or %I)"
    if ("I" in seen) != ("p" in seen):
        return "%I and %p belong together"
    return Layout(text, re.compile(pattern), "z" in seen)


def zone_us(zone: str) -> int:
    """Return the offset of `Z`, `UTC`, `+hh:mm` or `+hhmm`. Raises ValueError for another."""
    if zone.lower() in {"z", "utc", "gmt"}:
        return 0
    found = _ZONE(zone)
    if found is None or int(found[2]) > 23 or int(found[3]) > 59:
        raise ValueError(zone)
    offset_us = (int(found[2]) * 60 + int(found[3])) * _MINUTE_US
    return -offset_us if found[1] == "-" else offset_us


def _hour(part: dict[str, str]) -> int:
    if part.get("H"):
        return int(part["H"])
    hour = int(part["I"])
    if not 1 <= hour <= 12:
        raise ValueError(hour)
    return hour % 12 + (12 if part["p"] == "pm" else 0)
