"""From the tree back to text: `parse(to_text(tree)).filter == tree` for trees in normal form.

Short and unambiguous rather than as typed: brackets only where they are needed, quotes where a
value would read as something else. A text that was near the bounds of `limits` may pass them.
"""

import re

from whodid.errors import QueryError
from whodid.query.parse import parse
from whodid.query.times import time_text
from whodid.query.tree import (
    And,
    End,
    Everything,
    Network,
    Node,
    Not,
    Or,
    Pattern,
    Range,
    Relative,
    Span,
    Term,
    Text,
    Value,
)

_SIGN = {"has": ":", "is": ":=", "regex": ":~", ">": ":>", ">=": ":>=", "<": ":<", "<=": ":<="}
_PLAIN = re.compile(r"[\w./@%+,;#&!?$'^`\\:=~<>{}\[\]-]+")
_BRACKET = re.compile(r"[\[\]]")
_PLAIN_START = re.compile(r"[\w./@%+,;#&!?$'\\]")


def to_text(node: Node) -> str:
    """Write a tree as a search text."""
    return _write(node)


def _write(node: Node) -> str:
    match node:
        case Everything():
            return "*"
        case Text():
            return _text(node.value)
        case Term():
            return _term(node)
        case Not():
            inner = _write(node.item)
            return f"-({inner})" if isinstance(node.item, And | Or) else f"-{inner}"
        case And():
            return " ".join(
                f"({_write(item)})" if isinstance(item, Or) else _write(item) for item in node.items
            )
        case Or():
            return " OR ".join(_write(item) for item in node.items)


def _term(term: Term) -> str:
    if term.op == "exists":
        return f"{term.field}:*"
    if isinstance(term.value, Range):
        low, high = (_end(term.value.low), _end(term.value.high))
        return f"{term.field}:[{low} TO {high}]"
    if term.op == "regex":
        return f"{term.field}:~{_quote(str(term.value))}"
    return f"{term.field}{_SIGN[term.op]}{_value(term.value)}"


def _value(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _piece(value, first=True)
        case Pattern():
            first, *rest = value.pieces
            head = _piece(first, first=True) if first else ""
            return "*".join([head, *(_piece(piece) if piece else "" for piece in rest)])
        case Span() | Relative():
            return time_text(value)
        case Network():
            return value.text
        case _:
            return str(value)


def _end(value: End) -> str:
    return "*" if value is None else _value(value)


def _piece(text: str, *, first: bool = False) -> str:
    """Write one literal piece bare if it reads the same so, in the brackets of a step too."""
    if _PLAIN.fullmatch(text) and not (first and not _PLAIN_START.match(text)) and _paired(text):
        return text
    return _quote(text)


def _paired(text: str) -> bool:
    depth = 0
    for bracket in _BRACKET.findall(text):
        depth += 1 if bracket == "[" else -1
        if depth < 0:
            return False
    return depth == 0


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _text(value: str | Pattern) -> str:
    """Write a bare word; quoted whole when it would read as a field, a keyword or a minus."""
    written = _value(value)
    try:
        again = parse(written).filter
    except QueryError:
        again = None
    if again == Text(value):
        return written
    if isinstance(value, str):
        return _quote(value)
    first, *rest = value.pieces
    return "*".join([_quote(first), *(_piece(piece) if piece else "" for piece in rest)])
