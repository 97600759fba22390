r"""The records of JSON texts (RFC 8259) in a file, of any length, in bounded memory.

A record is an element of an array at the top, an element of the array under a records key of an
object at the top (`{"Records": [...]}`), or any other object at the top. Texts may follow one
another with or without blanks. Records are verbatim bytes: only brackets and strings are looked
at, so a record may still be no JSON, which is for its format to say. A line between texts that is
none of them is a record as well, so that nothing is lost; other fields of a `{"Records": [...]}`
are.

It does not decode, and does not repair: a string that holds a raw line break is an error that
names its place, because all that follows would be misread.
"""

import re
from collections.abc import Sequence

import msgspec

from whodid.errors import InputError
from whodid.normalize.format import RecordsKey
from whodid.sources.found import Found
from whodid.sources.long_record import LongRecord

_BLANKS = b" \t\r\n"

# The empty alternatives end a possessive group: before Python 3.11.5 it keeps what a turn that
# failed had consumed (gh-106052).
_SKIP = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\\n]++|\\.|)*+"|)*+').match
"""Over whole strings and what is no bracket: to a bracket or a string that does not end here."""
_SKIP_TO_COMMA = re.compile(rb'(?:[^"{}\[\],]++|"(?:[^"\\\n]++|\\.|)*+"|)*+').match
_SKIP_STRING = re.compile(rb"(?:[^\"\\\n]++|\\.|)*+").match
_SKIP_BLANKS = re.compile(rb"[ \t\r\n]*+").match
_SKIP_BETWEEN = re.compile(rb"[ \t\r\n,]*+").match

_QUOTE, _COMMA, _BACKSLASH, _LF = b'",\\\n'
_OPEN_ARRAY, _CLOSE_ARRAY, _OPEN_OBJECT, _CLOSE_OBJECT = b"[]{}"

_decode = msgspec.json.Decoder(msgspec.Raw).decode
_TRAILING = re.compile(r"JSON is malformed: trailing characters \(byte ([0-9]+)\)").fullmatch

_KEY_BYTES_MAX = 300
"""How far before a bracket its key is looked for."""


class JsonStream:
    """A framing. Invariants: see `Framing`; memory is one record's bound and one piece.

    `_depth` counts open brackets. `_base` is the depth whose elements are records: 1 in an array,
    2 under a records key, else 0. `_open` tells that a record has begun, `_start` where.
    """

    def __init__(self, records_keys: Sequence[RecordsKey] = (), offset: int = 0) -> None:
        self._keys = tuple((f'"{known.key}"'.encode(), known.mark) for known in records_keys)
        self._offset = offset  # of the piece
        self._depth = 0
        self._base = 0
        self._open = False
        self._document = False  # the object at the top holds records and is none
        self._string = self._escaped = False  # the piece began within a string, after a backslash
        self._start = 0
        self._mark = 0  # where in the piece the bytes of the open record begin
        self._spilled: LongRecord | None = None  # its bytes of earlier pieces
        self._recent = b""  # the end of the last piece

    def feed(self, piece: bytes, found: Found) -> None:
        """Add the records that end in this piece."""
        self._mark = at = 0
        while at < len(piece):
            if self._string:
                at = self._in_string(piece, at)
            elif self._depth == 0:
                at = self._at_top(piece, at, found)
            elif self._depth == self._base and not self._open:
                at = self._before_element(piece, at, found)
            else:
                at = self._in_value(piece, at, found)
        if self._open:
            if self._spilled is None:
                self._spilled = LongRecord()
            self._spilled.add(piece[self._mark :])
        self._recent = (self._recent + piece[-_KEY_BYTES_MAX:])[-_KEY_BYTES_MAX:]
        self._offset += len(piece)

    def pause(self, found: Found) -> None:
        """Hold nothing back but an unfinished text, which has to go on."""

    def finish(self, found: Found) -> None:
        """Add a last line that is no JSON; raise InputError when a text is not complete."""
        if self._depth == 0:
            if self._open:
                self._mark = 0
                self._close(b"", 0, found)
            return
        where = f"; a record begins at byte {self._start}" if self._open else ""
        if self._open and self._depth == self._base and not self._string:
            self._mark = 0
            self._close(b"", 0, found)
        raise InputError(f"the JSON is cut off at byte {self._offset}{where}")

    def _at_top(self, piece: bytes, at: int, found: Found) -> int:
        if self._open:  # a line that is no JSON
            end = piece.find(b"\n", at)
            if end < 0:
                return len(piece)
            self._close(piece, end, found)
            return end + 1
        at = _SKIP_BETWEEN(piece, at).end()  # type: ignore[union-attr]
        if at == len(piece):
            return at
        first = piece[at]
        if first == _OPEN_ARRAY:
            self._depth = self._base = 1
            return at + 1
        if first == _OPEN_OBJECT:
            end = _after_value(piece, at)
            if end and not any(key in piece[at:end] for key, _ in self._keys):
                found.add(self._offset + at, piece[at:end].rstrip(_BLANKS))
                return end
            self._depth = 1
        self._begin(at)
        return at + 1

    def _before_element(self, piece: bytes, at: int, found: Found) -> int:
        at = _SKIP_BLANKS(piece, at).end()  # type: ignore[union-attr]
        if at < len(piece):
            first = piece[at]
            if first == _CLOSE_ARRAY:
                self._leave_array()
                return at + 1
            if first == _COMMA:
                return at + 1
            end = _after_value(piece, at) if first == _OPEN_OBJECT else 0
            if end and piece[end] in (_COMMA, _CLOSE_ARRAY):
                found.add(self._offset + at, piece[at:end].rstrip(_BLANKS))
                return end
            self._begin(at)
        return at

    def _in_value(self, piece: bytes, at: int, found: Found) -> int:
        skip = _SKIP_TO_COMMA if self._depth == self._base else _SKIP
        at = skip(piece, at).end()  # type: ignore[union-attr]
        if at == len(piece):
            return at
        token = piece[at]
        if token == _QUOTE:
            self._string = True
        elif token == _COMMA:
            self._close(piece, at, found)
        elif token in (_OPEN_OBJECT, _OPEN_ARRAY):
            self._depth += 1
            if token == _OPEN_ARRAY and self._depth == 2 and self._after_key(piece, at):
                self._base = 2
                self._document = True
                self._drop()
        elif self._depth == self._base:
            if token == _CLOSE_OBJECT:
                raise InputError(f"byte {self._offset + at} is a }} where a ] should be")
            self._close(piece, at, found)
            self._leave_array()
        else:
            self._depth -= 1
            if self._depth == 0:
                if self._document:
                    self._document = False
                else:
                    self._close(piece, at + 1, found)
        return at + 1

    def _in_string(self, piece: bytes, at: int) -> int:
        """Go on in a string to its end, or to that of the piece."""
        if self._escaped:
            self._escaped = False
            if piece[at] != _LF:
                at += 1
        at = _SKIP_STRING(piece, at).end()  # type: ignore[union-attr]
        if at == len(piece):
            return at
        if piece[at] == _QUOTE:
            self._string = False
        elif piece[at] == _BACKSLASH and at + 1 == len(piece):
            self._escaped = True
        else:
            raise InputError(f"a string that began before byte {self._offset + at} has no end")
        return at + 1

    def _after_key(self, piece: bytes, at: int) -> bool:
        """Tell whether the array that opens at `at` in an object at the top holds the records."""
        if self._base or not self._keys:
            return False
        before = piece[max(0, at - _KEY_BYTES_MAX) : at]
        if at < _KEY_BYTES_MAX:
            before = (self._recent + before)[-_KEY_BYTES_MAX:]
        before = before.rstrip(_BLANKS)
        if before[-1:] != b":":
            return False
        before = before[:-1].rstrip(_BLANKS)
        return any(
            before.endswith(key) and not before.endswith(b"\\" + key) and mark in before
            for key, mark in self._keys
        )

    def _leave_array(self) -> None:
        self._depth -= 1
        self._base = 0

    def _begin(self, at: int) -> None:
        self._open = True
        self._mark = at
        self._start = self._offset + at

    def _drop(self) -> None:
        self._open = False
        self._spilled = None

    def _close(self, piece: bytes, end: int, found: Found) -> None:
        """Add the open record, which ends before `end`."""
        record, reason = piece[self._mark : end], None
        if self._spilled is not None:
            self._spilled.add(record)
            record, reason = self._spilled.end()
        found.add(self._start, record.rstrip(_BLANKS) if reason is None else record, reason)
        self._drop()


def _after_value(piece: bytes, at: int) -> int:
    """Return where the first character after the JSON value at `at` stands; 0 when not known.

    The decoder is ten times as fast as looking for brackets. Where it objects, or the piece ends
    with the value, or its message is worded anew, brackets are looked for, with the same result.
    """
    try:
        _decode(memoryview(piece)[at:])
    except msgspec.MsgspecError as error:
        found = _TRAILING(str(error))
        return at + int(found[1]) - 1 if found else 0
    except (ValueError, RecursionError, OverflowError):
        return 0
    return 0
