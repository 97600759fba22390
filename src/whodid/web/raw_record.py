"""The raw record for reading: JSON laid out token by token, redactions marked.

Nothing is decoded and written again: every token is shown as it was received, so that duplicate
keys, large numbers and escapes stay visible, and redaction spans stay where they are.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from whodid.event import Redaction
from whodid.limits import NESTING_MAX, WEB_RAW_BYTES_SHOWN

PieceKind: TypeAlias = Literal["plain", "key", "redacted"]

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_INDENT = "  "


class Piece(NamedTuple):
    """A stretch of the record of one kind; `rule` names what replaced a secret there."""

    kind: PieceKind
    text: str
    rule: str = ""


class RawView(NamedTuple):
    """A record laid out. `cut` says that it goes on behind what is shown."""

    pieces: list[Piece]
    is_json: bool
    cut: bool


def raw_view(raw: bytes, redactions: Sequence[Redaction]) -> RawView:
    """Lay out a record: JSON object or array by its structure, everything else as text."""
    shown = raw[:WEB_RAW_BYTES_SHOWN]
    spans = _Spans(shown, redactions)
    is_json = _is_json(raw)
    found = _layout(shown, spans) if is_json else spans.cut(0, len(shown), "plain")
    return RawView(list(_joined(found)), is_json, len(shown) < len(raw))


def _is_json(raw: bytes) -> bool:
    if raw.lstrip()[:1] not in {b"{", b"["}:
        return False
    try:
        msgspec.json.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
    return True


class _Spans:
    """Cuts stretches of a record where secrets were replaced."""

    def __init__(self, raw: bytes, redactions: Sequence[Redaction]) -> None:
        self._raw = raw
        self._spans = sorted(
            (item.offset, item.offset + item.length, item.rule)
            for item in redactions
            if item.length > 0
        )
        self._next = 0

    def cut(self, start: int, end: int, kind: PieceKind) -> Iterator[Piece]:
        """Yield the stretch in pieces. Calls must come in order of `start`."""
        at = start
        while self._next < len(self._spans) and at < end:
            low, high, rule = self._spans[self._next]
            if low >= end:
                break
            if high > at:
                if low > at:
                    yield Piece(kind, self._text(at, low))
                yield Piece("redacted", self._text(max(low, at), min(high, end)), rule)
                at = min(high, end)
            if high > end:
                break
            self._next += 1
        if at < end:
            yield Piece(kind, self._text(at, end))

    def _text(self, start: int, end: int) -> str:
        return self._raw[start:end].decode("utf-8", "backslashreplace")


def _layout(raw: bytes, spans: _Spans) -> Iterator[Piece]:
    depth = 0
    empty = False
    tokens = [match.span() for match in _TOKEN.finditer(raw)]
    for number, (start, end) in enumerate(tokens):
        token = raw[start : start + 1]
        after = raw[tokens[number + 1][0]] if number + 1 < len(tokens) else 0
        if token in b"}]":
            depth -= 1
            if not empty:
                yield Piece("plain", _line(depth))
        is_key = token == b'"' and after == ord(":")
        yield from spans.cut(start, end, "key" if is_key else "plain")
        if token in b"{[":
            depth += 1
            empty = after in b"}]"
            if not empty:
                yield Piece("plain", _line(depth))
        elif token == b",":
            yield Piece("plain", _line(depth))
        elif token == b":":
            yield Piece("plain", " ")
        else:
            empty = False


def _line(depth: int) -> str:
    return "\n" + _INDENT * min(max(depth, 0), NESTING_MAX)


def _joined(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Join plain neighbours, so that a page has few elements."""
    plain: list[str] = []
    for piece in pieces:
        if piece.kind == "plain":
            plain.append(piece.text)
            continue
        if plain:
            yield Piece("plain", "".join(plain))
            plain = []
        yield piece
    if plain:
        yield Piece("plain", "".join(plain))
