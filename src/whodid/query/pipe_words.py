"""Words of the pipes: what one is, and the name of a field that can be grouped by."""

import re

from whodid.errors import QueryError
from whodid.query.countable import COUNTED
from whodid.query.fields import SEARCH_FIELDS, Field, suggest
from whodid.query.scan import Scanner, fail, shown

WORD = re.compile(r"[^\s|(),:]+")


def take(scanner: Scanner, pattern: re.Pattern[str]) -> str:
    """Take what fits the pattern; nothing when it does not come next."""
    match = pattern.match(scanner.text, scanner.position)
    if match is None:
        return ""
    scanner.position = match.end()
    return match.group()


def take_field(scanner: Scanner) -> Field:
    """Take the name of a field. Raises QueryError."""
    start = scanner.position
    word = take(scanner, WORD)
    if not word:
        raise fail("a field is missing", start)
    field = SEARCH_FIELDS.get(word.lower())
    if field is None:
        raise unknown_field(word, start)
    return field


def unknown_field(word: str, start: int) -> QueryError:
    """Make the error for a name that is none."""
    closest = suggest(word)
    return fail(f"unknown field '{shown(word)}'", start, closest if closest in COUNTED else None)
