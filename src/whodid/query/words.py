r"""Finding words, phrases and wildcards in text and in raw records; all of it ignores case.

A word is a run of letters and digits, so `upload` is found in `FILE_UPLOAD` and in `upload.php`,
but not in `uploaded`; a star at an end lifts the limit there. Case is folded as Unicode says
(`casefold`), without normalisation of accents. Every search is linear in the text.

Raw records are searched as received and, where they hold backslashes, once more with the escapes
of JSON (`\n`, `\u00e9`) and of nginx (`\x22`) undone.
"""

import re
from collections.abc import Callable
from typing import AnyStr

from whodid.query.tree import Pattern

_RUN = re.compile(r"[^\W_]*")
_RUN_BYTES = re.compile(rb"[0-9A-Za-z]*")
_ESCAPES = re.compile(
    rb"\\(?:u([Dd][89ABab][0-9A-Fa-f]{2})\\u([Dd][C-Fc-f][0-9A-Fa-f]{2})"
    rb"|u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|(.))",
    re.DOTALL,
)
_CONTROLS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f"}


def pieces_of(value: str | Pattern) -> tuple[str, ...]:
    """Return the literal pieces around the stars, case folded."""
    pieces = (value,) if isinstance(value, str) else value.pieces
    return tuple(piece.casefold() for piece in pieces)


def whole(value: str | Pattern) -> Callable[[str], bool]:
    """Return whether a whole text equals the value, its stars standing for anything."""
    pieces = pieces_of(value)
    first = pieces[0]
    if len(pieces) == 1:
        return lambda text: text.casefold() == first
    last = pieces[-1]
    middle = pieces[1:-1]
    least = len(first) + len(last)

    def matches(text: str) -> bool:
        folded = text.casefold()
        if len(folded) < least or not (folded.startswith(first) and folded.endswith(last)):
            return False
        at, end = len(first), len(folded) - len(last)
        for piece in middle:
            at = folded.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return True

    return matches


def within(value: str | Pattern) -> Callable[[str], bool]:
    """Return whether the word, phrase or pattern is found in a text."""
    find = _finder(pieces_of(value), _RUN)
    return lambda text: find(text.casefold())


def within_raw(value: str | Pattern) -> Callable[[bytes], bool]:
    """Return whether the word, phrase or pattern is found in a raw record."""
    pieces = pieces_of(value)
    find = _finder(pieces, _RUN)
    find_ascii: Callable[[bytes], bool] | None = None
    if all(piece.isascii() for piece in pieces):
        find_ascii = _finder(tuple(piece.encode("ascii") for piece in pieces), _RUN_BYTES)

    def found(raw: bytes) -> bool:
        if raw.isascii():
            if find_ascii is not None and find_ascii(raw.lower()):
                return True
        elif find(raw.decode("utf-8", "replace").casefold()):
            return True
        return b"\\" in raw and find(unescape(raw).casefold())

    return found


def unescape(raw: bytes) -> str:
    """Return the record as text with the escapes of JSON and nginx undone, never an error."""
    return _ESCAPES.sub(_unescaped, raw).decode("utf-8", "replace")


def _unescaped(match: re.Match[bytes]) -> bytes:
    high, low, code, byte, char = match.groups()
    if char is not None:
        return _CONTROLS.get(char, char)
    if byte is not None:
        return bytes((int(byte, 16),))
    if code is not None:
        return chr(int(code, 16)).encode("utf-8", "replace")
    point = 0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF)
    return chr(point).encode("utf-8")


def _finder(pieces: tuple[AnyStr, ...], run: re.Pattern[AnyStr]) -> Callable[[AnyStr], bool]:
    """Return a search of folded text for the pieces in order.

    The first must begin, and the last end, where a word does, unless a star stands there. The
    leftmost place of each piece is enough, since only the last has a condition after it.
    """
    literal = [piece for piece in pieces if piece]
    begins = bool(pieces[0]) and literal[0][:1].isalnum()
    ends = bool(pieces[-1]) and literal[-1][-1:].isalnum()
    last = len(literal) - 1
    plan = [(piece, begins and i == 0, ends and i == last) for i, piece in enumerate(literal)]
    if len(plan) == 1:
        return lambda text: _find(text, plan[0], 0, run) >= 0

    def found(text: AnyStr) -> bool:
        at = 0
        for part in plan:
            at = _find(text, part, at, run)
            if at < 0:
                return False
        return True

    return found


def _find(
    text: AnyStr, part: tuple[AnyStr, bool, bool], start: int, run: re.Pattern[AnyStr]
) -> int:
    """Return where the first allowed place of the piece ends, or -1."""
    piece, begins, ends = part
    at = text.find(piece, start)
    while at >= 0:
        end = at + len(piece)
        before = begins and text[at - 1 : at].isalnum()
        if not before and not (ends and text[end : end + 1].isalnum()):
            return end
        # where a word must begin, no other place in this run of letters can be it
        skip = run.match(text, at) if begins else None
        at = text.find(piece, max(at + 1, skip.end() if skip else 0))
    return -1
