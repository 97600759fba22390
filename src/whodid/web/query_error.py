"""A search that does not parse, shown: the place, a caret under it, and the mended search."""

import re
from typing import NamedTuple

from whodid.errors import QueryError
from whodid.query.parse import parse

_WINDOW_CHARS = 60
_WORD = re.compile(r"[^\s:()\[\]\"]+")


class Shown(NamedTuple):
    """The text around the place in three parts, the caret's line, and perhaps a better search.

    `others` are further mistakes, as sentences.
    """

    message: str
    before: str
    at: str
    after: str
    caret: str
    mended: str | None
    others: list[str]


def show(text: str, error: QueryError) -> Shown:
    """Return the error as the page shows it; characters that break a line are flattened."""
    position = max(0, min(error.position, len(text)))
    start = max(0, position - _WINDOW_CHARS)
    before = ("…" if start else "") + _flat(text[start:position])
    at = _flat(text[position : position + 1]) or " "
    after = _flat(text[position + 1 : position + _WINDOW_CHARS])
    if position + _WINDOW_CHARS < len(text):
        after += "…"
    others = [_said(other) for other in error.others]
    caret = " " * len(before) + "^"
    return Shown(_said(error), before, at, after, caret, _mended(text, error), others)


def _said(error: QueryError) -> str:
    message = str(error)
    return f"{message[:1].upper()}{message[1:]}{'' if message.endswith('?') else '.'}"


def _flat(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def _mended(text: str, error: QueryError) -> str | None:
    """Return the text with the suggestions put in, if that gets the parser further."""
    mended = text
    for one in sorted((error, *error.others), key=lambda one: one.position, reverse=True):
        word = _WORD.match(text, one.position)
        if one.suggestion is not None and word is not None:
            mended = mended[: word.start()] + one.suggestion + mended[word.end() :]
    if mended == text:
        return None
    try:
        parse(mended)
    except QueryError as again:
        if again.position <= error.position:
            return None
    return mended
