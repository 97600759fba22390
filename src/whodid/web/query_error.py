"""A search that does not parse, shown: the places, a caret under each, and the mended search."""

from typing import NamedTuple

from whodid.errors import QueryError
from whodid.query.meant import mended

_WINDOW_CHARS = 60


class Shown(NamedTuple):
    """The text around the first place in three parts, the carets, and perhaps a better search.

    `others` are further mistakes, and `reasons` what the better search changes, as sentences.
    """

    message: str
    before: str
    at: str
    after: str
    caret: str
    mended: str | None
    others: list[str]
    reasons: list[str]


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
    placed = [position, *(max(0, min(one.position, len(text))) for one in error.others)]
    places = {place - position + len(before) for place in placed}
    width = len(before) + len(at) + len(after)
    caret = "".join("^" if column in places else " " for column in range(width)).rstrip()
    better = mended(text, error)
    reasons = [sentence_of(why) for why in better.reasons] if better else []
    return Shown(
        _said(error), before, at, after, caret, better.text if better else None, others, reasons
    )


def _said(error: QueryError) -> str:
    return sentence_of(str(error))


def sentence_of(message: str) -> str:
    """Return a message with a capital and a full stop."""
    return f"{message[:1].upper()}{message[1:]}{'' if message.endswith('?') else '.'}"


def _flat(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
