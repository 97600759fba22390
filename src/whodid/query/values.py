"""What can stand after a field's colon, by the kind of the field.

Raises QueryError with the position of the value for everything else.
"""

import ipaddress
import re
from collections.abc import Callable
from typing import TypeAlias

from whodid.limits import REGEX_CHARS_MAX
from whodid.query.elsewhere import value_elsewhere
from whodid.query.fields import Field, suggest_of
from whodid.query.regex import compile_regex
from whodid.query.scan import Scanner, fail, shown
from whodid.query.times import parse_time
from whodid.query.tree import End, Network, Op, Pattern, Range, Relative, Span, Term, Value

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}(?:_[0-9]{1,3}){0,6}", re.ASCII)
_INT64 = 2**63
_MAPPED_BITS = 96
"""IPv4 addresses written as IPv6 are all in ::ffff:0:0/96 (RFC 4291, 2.5.5.2)."""

_OPERATORS: tuple[tuple[str, Op], ...] = (
    (">=", ">="), ("<=", "<="), (">", ">"), ("<", "<"), ("=", "is"), ("~", "regex"),
)  # fmt: skip
_ALLOWED: dict[str, frozenset[Op]] = {
    "exact": frozenset({"has", "is", "regex", "exists"}),
    "words": frozenset({"has", "is", "regex", "exists"}),
    "integer": frozenset({"has", "is", "exists", ">", ">=", "<", "<=", "range"}),
    "time": frozenset({"has", "is", "exists", ">", ">=", "<", "<=", "range"}),
    "ip": frozenset({"has", "is", "regex", "exists", "range"}),
    "state": frozenset({"has", "is", "exists"}),
}
_KIND_WORDS = {
    "exact": "text",
    "words": "text",
    "integer": "a whole number",
    "time": "a time",
    "ip": "an address",
    "state": "true or false",
}
_SIGNS: dict[Op, str] = {"has": ":", "is": ":=", "regex": ":~", "exists": ":*", "range": ":[ ]"}


def take_operator(scanner: Scanner) -> Op:
    """Take what follows the colon, if it is an operator; otherwise it is `has`."""
    for sign, op in _OPERATORS:
        if scanner.take(sign):
            return op
    return "has"


def take_term(scanner: Scanner, field: Field, op: Op, start: int) -> Term:
    """Take the value of a term of this field and operator. `start` is where the term began."""
    at = scanner.position
    if op == "has" and scanner.peek() == "[":
        _allow(field, "range", at)
        low, high = _take_range(scanner, field)
        if low is None and high is None:
            return Term(field.name, "exists", None, start)
        return Term(field.name, "range", Range(low, high), start)
    _allow(field, op, at)
    text = scanner.value(wildcards=op == "has")
    if text is None or text == "":
        hint = f"-{field.name}:* finds events without it"
        raise fail(f"no value for '{field.name}'", at, tail=hint)
    if isinstance(text, Pattern) and not any(text.pieces):
        return Term(field.name, "exists", None, start)
    if op == "regex":
        return Term(field.name, op, _regex(str(text), at), start)
    return Term(field.name, op, _value(field, op, text, at), start)


def _allow(field: Field, op: Op, at: int) -> None:
    if op not in _ALLOWED[field.kind]:
        sign = _SIGNS.get(op, f":{op}")
        raise fail(f"'{sign}' cannot be used with '{field.name}', {_KIND_WORDS[field.kind]},", at)


def _regex(text: str, at: int) -> str:
    if len(text) > REGEX_CHARS_MAX:
        raise fail(f"a regular expression has more than {REGEX_CHARS_MAX} characters", at)
    compile_regex(text, at)
    return text


def _value(field: Field, op: Op, text: str | Pattern, at: int) -> Value:
    if isinstance(text, Pattern):
        if field.kind in {"exact", "words", "ip"}:
            return text
        raise fail(f"'{field.name}' is {_KIND_WORDS[field.kind]} and takes no wildcard", at)
    if field.values and field.kind != "state":
        known = text in field.values if op == "is" else text.casefold() in field.values
        if not known:
            options = ", ".join(field.values)
            closest = value_elsewhere(field.name, text) or suggest_of(text, field.values)
            raise fail(f"'{field.name}' is never '{shown(text)}', only {options},", at, closest)
    if field.kind in {"exact", "words"}:
        return text
    return _READERS[field.kind](field, text, at)


def _integer(field: Field, text: str, at: int) -> int:
    number = int(text.replace("_", "")) if _INTEGER.fullmatch(text) else None
    if number is None or not -_INT64 <= number < _INT64:
        raise fail(f"'{field.name}' needs a whole number, not '{shown(text)}',", at)
    return number


def _time(field: Field, text: str, at: int) -> Span | Relative:
    value = parse_time(text)
    if value is None:
        forms = "write 2026-11-22, 2026-11-22T10:30:00Z, now-7d, today or yesterday"
        raise fail(f"'{field.name}' needs a time, not '{shown(text)}',", at, tail=forms)
    return value


def _network(field: Field, text: str, at: int) -> Network:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        forms = "write 10.1.2.3, 10.0.0.0/8, 10.1.*, 2001:db8::1 or 2001:db8::/32"
        message = f"'{field.name}' needs an address or network, not '{shown(text)}',"
        raise fail(message, at, tail=forms) from None
    address = _unmapped(network.network_address)
    if address.version != network.version and network.prefixlen >= _MAPPED_BITS:
        network = ipaddress.ip_network((address, network.prefixlen - _MAPPED_BITS))
    if network.prefixlen != network.max_prefixlen:
        return Network(str(network))
    return Network(str(network.network_address))


def _unmapped(address: _Address) -> _Address:
    """Return the IPv4 address of one that is written as IPv6, else the same."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _state(field: Field, text: str, at: int) -> bool:
    if text.lower() not in field.values:
        raise fail(f"'{field.name}' is true or false, not '{shown(text)}',", at)
    return text.lower() == "true"


_READERS: dict[str, Callable[[Field, str, int], int | bool | Span | Relative | Network]] = {
    "integer": _integer,
    "time": _time,
    "ip": _network,
    "state": _state,
}


def _take_range(scanner: Scanner, field: Field) -> tuple[End, End]:
    start = scanner.position
    scanner.take("[")
    low = _take_end(scanner, field, start)
    scanner.skip_space()
    if not (scanner.take("TO") and scanner.peek().isspace()):
        raise fail("a range is written [low TO high]; TO is missing", scanner.position)
    high = _take_end(scanner, field, start)
    scanner.skip_space()
    if not scanner.take("]"):
        raise fail("a range is not closed with ]", start)
    if _upside_down(low, high):
        raise fail("the range ends before it begins", start)
    return low, high


def _take_end(scanner: Scanner, field: Field, start: int) -> End:
    scanner.skip_space()
    at = scanner.position
    if scanner.at_end():
        raise fail("a range is not closed with ]", start)
    text = scanner.range_word()
    if text is None or text == "TO":
        raise fail("a range is written [low TO high]; an end is missing (* is open)", at)
    if text == "*":
        return None
    value = _READERS[field.kind](field, text, at)
    if isinstance(value, Network) and "/" in value.text:
        raise fail("a range of addresses has no networks in it", at)
    return value


def _upside_down(low: End, high: End) -> bool:
    if isinstance(low, Span) and isinstance(high, Span):
        return low.start_us >= high.end_us
    if isinstance(low, Network) and isinstance(high, Network):
        first, last = ipaddress.ip_address(low.text), ipaddress.ip_address(high.text)
        return first.version != last.version or int(first) > int(last)
    return isinstance(low, int) and isinstance(high, int) and low > high


def one_address(text: str) -> Network | None:
    """Return a single address as a search asks for it, None for what is none."""
    try:
        return Network(str(_unmapped(ipaddress.ip_address(text))))
    except ValueError:
        return None
