"""What may have been meant by a search: another text, and why the one typed means something else.

`meant` is for a search that is understood, but probably not as its writer thinks; `mended` for one
that is not understood. Both only suggest. Nothing that was not typed is ever searched.
"""

import re
from typing import NamedTuple

from whodid.errors import QueryError
from whodid.limits import QUERY_GUESSED_CHARS_MAX
from whodid.query.habit_pipes import PIPE_HABITS
from whodid.query.habit_values import VALUE_HABITS
from whodid.query.habits import HABITS, Groups, Said
from whodid.query.parse import parse
from whodid.query.tree import Query

_ROUNDS_MAX = 4
_OPAQUE = re.compile(r'"(?:[^"\\]|\\.)*"|(?<=:)~\S+', re.DOTALL)
_PIPE = re.compile(r"(?<!\S)\|(?!\|)")
_WORD = re.compile(r"[^\s:()\[\]\"]+")
_HIDDEN = "\ue000"
_LEADING = re.compile(r"^\s*(?:AND|OR)\b\s*")
_TRAILING = re.compile(r"\s*\b(?:AND|OR|NOT)\s*$")


class Meant(NamedTuple):
    """Another search, and for each difference a sentence without its full stop."""

    text: str
    reasons: tuple[str, ...]


def meant(query: Query) -> Meant | None:
    """Return what may have been meant by a search that parses; None when nothing else was."""
    found = _without_habits(query.text)
    if found.text == query.text:
        return None
    try:
        other = parse(found.text)
    except QueryError:
        return None
    return None if other == query else found


def mended(text: str, error: QueryError) -> Meant | None:
    """Return a text that gets the parser further than the one it failed on; None without one."""
    found, reasons = text, []
    for _ in range(_ROUNDS_MAX):
        changed = _without_habits(found)
        reasons += [why for why in changed.reasons if why not in reasons]
        found = _closed(changed.text)
        try:
            parse(found)
        except QueryError as again:
            suggested = _with_suggestions(found, again)
            if suggested == found:
                break
            found = suggested
        else:
            break
    if found in {text, ""}:
        return None
    try:
        parse(found)
    except QueryError as again:
        if again.position <= error.position:
            return None
    return Meant(found, tuple(reasons))


def corrected(text: str, error: QueryError) -> Meant | None:
    """Return what was meant where that is a search, and not only nearer to one."""
    found = mended(text, error)
    if found is not None:
        try:
            parse(found.text)
        except QueryError:
            return None
    return found


def _without_habits(text: str) -> Meant:
    """Return the text with every habit put as it is meant, until none is left."""
    reasons: list[str] = []
    for _ in range(_ROUNDS_MAX if len(text) <= QUERY_GUESSED_CHARS_MAX else 0):
        hidden = _hidden(text)
        changes = _changes(text, hidden, _head(hidden))
        for start, stop, said in sorted(changes, key=lambda one: one[0], reverse=True):
            text = text[:start] + said.instead + text[stop:]
        reasons += [said.why for _, _, said in changes if said.why not in reasons]
        if not changes:
            break
    return Meant(text, tuple(dict.fromkeys(reasons)))


def _changes(text: str, hidden: str, head: int) -> list[tuple[int, int, Said]]:
    """Return (start, end, what instead) of the habits, in the order of the habits, none twice."""
    changes: list[tuple[int, int, Said]] = []
    for habits, end in ((HABITS, head), (VALUE_HABITS, head), (PIPE_HABITS, len(text))):
        for habit in habits:
            for match in habit.shape.finditer(hidden, 0, end):
                said = habit.say(_groups(text, match))
                free = all(
                    match.end() <= start or stop <= match.start() for start, stop, _ in changes
                )
                if said is not None and free:
                    changes.append((match.start(), match.end(), said))
    return changes


def _groups(text: str, match: re.Match[str]) -> Groups:
    def group(number: int) -> str:
        start, end = match.span(number)
        return text[start:end] if start >= 0 else ""

    return group


def _hidden(text: str) -> str:
    """Return the text with what stands in quotes, and regular expressions, made unrecognisable."""
    return _OPAQUE.sub(lambda m: m[0][0] + _HIDDEN * (len(m[0]) - 2) + m[0][-1], text)


def _head(hidden: str) -> int:
    """Return where the filter ends."""
    pipe = _PIPE.search(hidden)
    return pipe.start() if pipe else len(hidden)


def _closed(text: str) -> str:
    """Return the text with its last quote and its brackets closed, and no word of joining alone."""
    if _hidden(text).count('"') % 2:
        text += '"'
    head = _head(_hidden(text))
    kept, depth = [], 0
    for char, shown in zip(text[:head], _hidden(text)[:head], strict=True):
        depth += (shown == "(") - (shown == ")")
        if depth < 0:
            depth = 0
        else:
            kept.append(char)
    rest = text[head:]
    filtered = _LEADING.sub("", _TRAILING.sub("", "".join(kept)))
    return (filtered.rstrip() + ")" * depth + (f" {rest}" if rest else "")).strip()


def _with_suggestions(text: str, error: QueryError) -> str:
    """Return the text with the suggestions of its mistakes put in."""
    mistakes = (error, *error.others)
    for one in sorted(mistakes, key=lambda mistake: mistake.position, reverse=True):
        word = _WORD.match(text, one.position)
        if one.suggestion is not None and word is not None:
            text = text[: word.start()] + one.suggestion + text[word.end() :]
    return text
