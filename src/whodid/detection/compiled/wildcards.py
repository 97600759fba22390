"""Texts with wildcards → a function that tells whether a text fits; linear in the text."""

import re
from collections.abc import Callable

from whodid.detection.regex import finder

Fits = Callable[[str], bool]
Pieces = tuple[str | bool | None, ...]


def fits_pattern(pieces: Pieces, *, within: bool = False) -> Fits:
    """Return whether a whole text fits literal pieces, `*` (None) and `?` (True).

    With `within` the text is that of all values of a record, and `*` stays inside of one of them.
    """
    if within or any(piece is True for piece in pieces):
        return _by_regex(pieces, within=within)
    literals = [piece for piece in pieces if isinstance(piece, str)]
    first = literals.pop(0) if isinstance(pieces[0], str) else ""
    last = literals.pop() if literals and isinstance(pieces[-1], str) else ""
    if not literals and not last and pieces[-1] is not None:
        return lambda text: text == first

    def fits(text: str) -> bool:
        if not text.startswith(first) or not text.endswith(last):
            return False
        at, end = len(first), len(text) - len(last)
        for literal in literals:
            at = text.find(literal, at, end)
            if at < 0:
                return False
            at += len(literal)
        return at <= end

    return fits


def _by_regex(pieces: Pieces, *, within: bool) -> Fits:
    one = "[^\\x00]" if within else "."
    body = "".join(
        re.escape(piece) if isinstance(piece, str) else one if piece is True else f"{one}*"
        for piece in pieces
    )
    return finder(body if within else f"(?s)^(?:{body})$")


def longest(pieces: Pieces) -> str:
    """Return the longest literal piece, "" when there is none."""
    return max((it for it in pieces if isinstance(it, str)), key=len, default="")
