"""One look at a field → what tells whether one value of it passes.

Semantics: docs/reference/rules.md. Values are those of JSON, without null and lists.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from operator import eq, ge, gt, le, lt
from typing import Any

from whodid.detection.compiled.fields import text_of
from whodid.detection.compiled.timeparts import part_of
from whodid.detection.compiled.wildcards import fits_pattern
from whodid.detection.regex import finder
from whodid.detection.rule import Test
from whodid.limits import REGEX_KEPT_CHARS_MAX, REGEX_KEPT_TEXTS_MAX

Passes = Callable[[Any], bool]

_NUMBER_CHARS_MAX = 40
COMPARES: dict[str, Callable[[Any, Any], bool]] = {"lt": lt, "lte": le, "gt": gt, "gte": ge}


def passes_of(test: Test) -> Passes:
    """Return what tells whether a value passes a look that `anchors.is_of_value`.

    Raises InputError for a regex that RE2 does not take.
    """
    if test.part is not None:
        return _timed(test)
    if test.op == "exists":
        return lambda _value: True
    if test.op == "equals" and not isinstance(test.value, str):
        return _equal(test.value)
    return _MAKERS.get(test.op, _text)(test)


def _text(test: Test) -> Passes:
    fits = text_fits(test)
    if test.cased:
        return lambda value: fits(text_of(value))
    return lambda value: fits(text_of(value).lower())


def text_fits(test: Test) -> Callable[[str], bool]:
    """Return what tells whether a text passes equals, contains, startswith, endswith or pattern.

    The text is in small letters unless the look is `cased`.
    """
    if test.op == "pattern":
        pieces = test.value
        if not test.cased:
            pieces = tuple(it.lower() if isinstance(it, str) else it for it in pieces)
        return fits_pattern(pieces)
    said = str(test.value) if test.cased else str(test.value).lower()
    if test.op == "equals":
        return said.__eq__
    if test.op == "startswith":
        return lambda text: text.startswith(said)
    if test.op == "endswith":
        return lambda text: text.endswith(said)
    return lambda text: said in text


def _equal(said: Any) -> Passes:
    """Return the look for a number or a truth value: the same, or its text."""
    if isinstance(said, bool):
        word = "true" if said else "false"
        return lambda value: text_of(value).lower() == word
    text = text_of(said)

    def passes(value: Any) -> bool:
        if value.__class__ is str:
            return bool(value == text)
        return value.__class__ is not bool and bool(value == said)

    return passes


def _regex(test: Test) -> Passes:
    found_in = finder(str(test.value))
    known: dict[str, bool] = {}

    def passes(value: Any) -> bool:
        # Actions, tables, user agents come again and again: most texts were decided before.
        text = text_of(value)
        found = known.get(text)
        if found is None:
            found = found_in(text)
            if len(text) <= REGEX_KEPT_CHARS_MAX:
                if len(known) >= REGEX_KEPT_TEXTS_MAX:
                    known.clear()
                known[text] = found
        return found

    return passes


def _cidr(test: Test) -> Passes:
    network = ip_network(str(test.value), strict=False)
    version, mask, base = network.version, int(network.netmask), int(network.network_address)

    def passes(value: Any) -> bool:
        address = address_of(value) if value.__class__ is str else None
        return address is not None and address.version == version and int(address) & mask == base

    return passes


@lru_cache(maxsize=8192)
def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a text is; an IPv4 address that is written as IPv6 is IPv4."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return found if mapped is None else mapped


def _compared(test: Test) -> Passes:
    compare, bound = COMPARES[test.op], test.value

    def passes(value: Any) -> bool:
        number = number_of(value)
        return number is not None and compare(number, bound)

    return passes


def number_of(value: Any) -> int | float | None:
    """Return a number, also from its text in decimals; None for anything else."""
    if value.__class__ is int or value.__class__ is float:
        return value
    if value.__class__ is not str or not 0 < len(value) <= _NUMBER_CHARS_MAX:
        return None
    if value.isascii() and value.isdigit():
        return int(value)
    if value[-1] not in "0123456789." or not value.isascii() or "_" in value:
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _timed(test: Test) -> Passes:
    part, bound = test.part, test.value
    assert part is not None
    compare: Callable[[Any, Any], bool] = COMPARES.get(test.op, eq)

    def passes(value: Any) -> bool:
        number = part_of(value, part)
        return number is not None and compare(number, bound)

    return passes


_MAKERS: dict[str, Callable[[Test], Passes]] = {
    "regex": _regex, "cidr": _cidr, **dict.fromkeys(COMPARES, _compared),
}  # fmt: skip
