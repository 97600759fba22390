"""What a condition means, as plainly as it can be said; the others are held against it."""

import ipaddress
import re

import re2

from whodid.detection.rule import All, AnyOf, Not

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII).fullmatch


def fold(value):
    return value.lower()


def holds(node, row):
    """Tell whether a condition holds of a row (values or lists of them, by field)."""
    match node:
        case All():
            return all(holds(item, row) for item in node.items)
        case AnyOf():
            return any(holds(item, row) for item in node.items)
        case Not():
            return not holds(node.item, row)
    given = _values(row, node.field)
    if node.op == "exists":
        return bool(given) == node.value
    if node.op == "null":
        return not given
    if node.op == "fieldref":
        return any(
            _text(node, a) == _text(node, b) for a in given for b in _values(row, node.value)
        )
    return any(_fits(node, str(value)) for value in given)


def _values(row, field):
    found = row.get(field)
    found = found if isinstance(found, list) else [found]
    return [value for value in found if value is not None]


def _text(test, value):
    return str(value) if test.cased else fold(str(value))


def _within(text, network):
    try:
        return ipaddress.ip_address(text) in ipaddress.ip_network(network)
    except ValueError:
        return False


def _fits(test, value):
    if test.op == "regex":
        return re2.search(test.value, value) is not None
    if test.op == "cidr":
        return _within(value, test.value)
    if test.op in {"lt", "lte", "gt", "gte"} or isinstance(test.value, int | float):
        if not re.fullmatch(
            r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", value, re.IGNORECASE | re.ASCII
        ):
            return False
        number = float(value)
        return {
            "lt": number < test.value, "lte": number <= test.value, "gt": number > test.value,
            "gte": number >= test.value, "equals": number == test.value,
        }[test.op]  # fmt: skip
    found = _text(test, value)
    if test.op == "pattern":
        parts = [
            re.escape(_text(test, p)) if isinstance(p, str) else ".*" if p is None else "."
            for p in test.value
        ]
        return re.fullmatch("".join(parts), found, re.DOTALL) is not None
    wanted = _text(test, test.value)
    return {
        "equals": found == wanted, "contains": wanted in found,
        "startswith": found.startswith(wanted), "endswith": found.endswith(wanted),
    }[test.op]  # fmt: skip
