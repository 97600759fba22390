"""One look at a field → a closure that tells whether a record passes it.

Semantics: docs/reference/rules.md. A field that is missing passes nothing but `null` and
`exists: false`; a field with several values passes when one of them does.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from operator import eq, ge, gt, le, lt
from typing import Any

from whodid.detection.compiled.fields import Field, View, text_of
from whodid.detection.compiled.keywords import GAP, all_texts
from whodid.detection.compiled.timeparts import part_of
from whodid.detection.compiled.wildcards import fits_pattern
from whodid.detection.regex import compile_regex
from whodid.detection.rule import Test
from whodid.limits import REGEX_KEPT_CHARS_MAX, REGEX_KEPT_TEXTS_MAX

Holds = Callable[[View], bool]
FieldOf = Callable[[str], Field]

_NUMBER_CHARS_MAX = 40
_COMPARES: dict[str, Callable[[Any, Any], bool]] = {"lt": lt, "lte": le, "gt": gt, "gte": ge}


def compile_test(test: Test, field_of: FieldOf) -> Holds:
    """Return the closure of one look. Raises InputError for a regex that RE2 does not take."""
    if test.field is None:
        return _keyword(test)
    field = field_of(test.field)
    if test.part is not None:
        return _timed(test, field)
    if test.op in _COMPARES:
        return _compared(test, field)
    if test.op.startswith("fieldref"):
        return _referred(test, field, field_of(str(test.value)))
    if test.op == "equals" and not isinstance(test.value, str):
        return _equal(test.value, field)
    return _MAKERS[test.op](test, field) if test.op in _MAKERS else _text(test, field)


def _keyword(test: Test) -> Holds:
    if test.op == "regex":
        search = compile_regex(str(test.value)).search
        return lambda view: any(search(it) is not None for it in all_texts(view).split(GAP))
    if test.op == "pattern":
        pieces = test.value[1:-1]  # a keyword's text has wildcards around it
        if not test.cased:
            pieces = tuple(it.lower() if isinstance(it, str) else it for it in pieces)
        fits = fits_pattern(pieces, within=True) if pieces else lambda _text: True
        if test.cased:
            return lambda view: fits(all_texts(view))
        return lambda view: fits(all_lower(view))
    needle = str(test.value)
    if test.cased:
        return lambda view: needle in all_texts(view)
    needle = needle.lower()
    return lambda view: needle in all_lower(view)


def all_lower(view: View) -> str:
    """Return all texts of a record in small letters."""
    found = view.lowers.get(-1)
    if found is None:
        found = view.lowers[-1] = (all_texts(view).lower(),)
    return found[0]


def _text(test: Test, field: Field) -> Holds:
    """Return the closure of equals, contains, startswith, endswith or pattern."""
    texts = field.cased if test.cased else field.lower
    if test.op == "pattern":
        pieces = test.value
        if not test.cased:
            pieces = tuple(it.lower() if isinstance(it, str) else it for it in pieces)
        fits = fits_pattern(pieces)
        return lambda view: any(map(fits, texts(view)))
    value = str(test.value) if test.cased else str(test.value).lower()
    if test.op == "equals":
        return lambda view: value in texts(view)
    if test.op == "startswith":
        return lambda view: any([it.startswith(value) for it in texts(view)])  # noqa: C419 - a list costs less
    if test.op == "endswith":
        return lambda view: any([it.endswith(value) for it in texts(view)])  # noqa: C419 - a list costs less
    return lambda view: any([value in it for it in texts(view)])  # noqa: C419 - a list costs less


def _equal(value: Any, field: Field) -> Holds:
    """Return the closure for a number or a truth value: the same, or its text."""
    if isinstance(value, bool):
        said = "true" if value else "false"
        return lambda view: said in field.lower(view)
    said = text_of(value)

    def holds(view: View) -> bool:
        for it in field.raw(view):
            if it.__class__ is str:
                if it == said:
                    return True
            elif it.__class__ is not bool and it == value:
                return True
        return False

    return holds


def _exists(test: Test, field: Field) -> Holds:
    if test.value:
        return lambda view: bool(field.raw(view))
    return lambda view: not field.raw(view)


def _null(_test: Test, field: Field) -> Holds:
    return lambda view: not field.raw(view)


def _regex(test: Test, field: Field) -> Holds:
    search = compile_regex(str(test.value)).search
    known: dict[str, bool] = {}

    def fits(text: str) -> bool:
        # Actions, tables, user agents come again and again: most texts were decided before.
        found = known.get(text)
        if found is None:
            found = search(text) is not None
            if len(text) <= REGEX_KEPT_CHARS_MAX:
                if len(known) >= REGEX_KEPT_TEXTS_MAX:
                    known.clear()
                known[text] = found
        return found

    def holds(view: View) -> bool:
        return any(map(fits, field.cased(view)))

    return holds


def _cidr(test: Test, field: Field) -> Holds:
    network = ip_network(str(test.value), strict=False)

    def holds(view: View) -> bool:
        for it in field.raw(view):
            if it.__class__ is str:
                address = address_of(it)
                if address is not None and address in network:
                    return True
        return False

    return holds


@lru_cache(maxsize=8192)
def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a text is; an IPv4 address that is written as IPv6 is IPv4."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return found if mapped is None else mapped


def _compared(test: Test, field: Field) -> Holds:
    compare, bound = _COMPARES[test.op], test.value

    def holds(view: View) -> bool:
        for it in field.raw(view):
            number = number_of(it)
            if number is not None and compare(number, bound):
                return True
        return False

    return holds


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


def _timed(test: Test, field: Field) -> Holds:
    part = test.part
    assert part is not None
    compare: Callable[[Any, Any], bool] = _COMPARES.get(test.op, eq)
    bound = test.value

    def holds(view: View) -> bool:
        for it in field.raw(view):
            number = part_of(it, part)
            if number is not None and compare(number, bound):
                return True
        return False

    return holds


def _referred(test: Test, field: Field, other: Field) -> Holds:
    how = test.op.removeprefix("fieldref").removeprefix("_")
    one, two = (field.cased, other.cased) if test.cased else (field.lower, other.lower)

    def holds(view: View) -> bool:
        texts = two(view)
        return bool(texts) and any(_alike(it, texts, how) for it in one(view))

    return holds


def _alike(text: str, others: tuple[str, ...], how: str) -> bool:
    if how == "startswith":
        return text.startswith(others)
    if how == "endswith":
        return text.endswith(others)
    if how == "contains":
        return any(it in text for it in others)
    return text in others


_MAKERS: dict[str, Callable[[Test, Field], Holds]] = {
    "exists": _exists, "null": _null, "regex": _regex, "cidr": _cidr,
}  # fmt: skip
