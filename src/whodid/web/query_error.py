"""A search that does not parse, shown: the place, a caret under it, and the mended search."""

import re
from typing import NamedTuple

from whodid.errors import QueryError
from whodid.query.parse import parse

_WINDOW_CHARS = 60
_WORD = re.compile(r"[^\s:()\[\]\"]+")


class Shown(NamedTuple):
    """The text around the place in three parts, the caret's line, and perhaps a better search."""

    message: str
    before: str
    at: str
    after: str
    caret: str
    mended: str | None


def show(text: str, error: QueryError) -> Shown:
    """Return the error as the page shows it; characters that break a line are flattened."""
    position = max(0, min(error.position, len(text)))
    start = max(0, position - _WINDOW_CHARS)
    before = ("…" if start else "") + _flat(text[start:position])
    at = _flat(text[position : position + 1]) or " "
    after = _flat(text[position + 1 : position + _WINDOW_CHARS])
    if position + _WINDOW_CHARS < len(text):
        after += "…"
    message = str(error)
    message = f"{message[:1].upper()}{message[1:]}."
    return Shown(message, before, at, after, " " * len(before) + "^", _mended(text, error))


def _flat(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def _mended(text: str, error: QueryError) -> str | None:
    """Return the text with the suggestion put in, if that gets the parser further."""
    word = _WORD.match(text, error.position)
    if error.suggestion is None or word is None:
        return None
    mended = text[: word.start()] + error.suggestion + text[word.end() :]
    try:
        parse(mended)
    except QueryError as again:
        if again.position <= error.position:
            return None
    return mended
