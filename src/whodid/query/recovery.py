"""Going on behind a mistake, so that one parse names all of them.

Panic mode (Aho et al., "Compilers", 4.1.4): the part that cannot be read is skipped to where it
most likely ends, and what stands in its place asks for nothing. A tree with such a part is never
given out. What passes a bound ends the parse at once: its work is what the bound is there for.
"""

import re

from whodid.errors import QueryError
from whodid.limits import QUERY_ERRORS_MAX
from whodid.query.scan import Scanner

_FIELD = re.compile(r"-*(?:@?[A-Za-z_][A-Za-z0-9_.@-]*:)?[=~<>]*")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)', re.DOTALL)
_RANGE = re.compile(r"\[[^\]|]*\]?")
_OTHERS = re.compile(r'[^\s"()|]+')


class EndedError(Exception):
    """Nothing more is read of this text; `Problems.tell` says why. It never leaves the parser."""


class Problems:
    """The mistakes of one text, in the order in which the parser met them."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: list[QueryError] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, error: QueryError) -> None:
        """Keep a mistake; of several at one place the first. Raises EndedError when it is full."""
        if self._found and self._found[-1].position == error.position:
            return
        self._found.append(error)
        if len(self._found) >= QUERY_ERRORS_MAX:
            raise EndedError

    def end(self, error: QueryError) -> EndedError:
        """Keep a mistake behind which nothing is read, and return what to raise."""
        self._found.append(error)
        return EndedError()

    def tell(self) -> None:
        """Raise the first mistake, with the others in it; do nothing when there are none."""
        if self._found:
            first, *others = self._found
            first.others = tuple(others)
            raise first


def skip_term(scanner: Scanner, start: int) -> None:
    """Go behind the term that begins at `start`, but never back."""
    reached = scanner.position
    text = scanner.text
    scanner.position = start
    _pass(scanner, _FIELD)
    if scanner.peek() == "[":
        _pass(scanner, _RANGE)
    depth = 0
    while not scanner.at_end():
        char = scanner.peek()
        if char == '"' and _pass(scanner, _QUOTED):
            continue
        if (char.isspace() and not depth) or char == "|" or (char == ")" and not depth):
            break
        depth += (char == "(") - (char == ")")
        if not _pass(scanner, _OTHERS):
            scanner.position += 1
    if scanner.position <= start:
        scanner.position = min(start + 1, len(text))
    scanner.position = max(scanner.position, reached)


def skip_stage(scanner: Scanner) -> None:
    """Go to the next `|` outside of quotes, or to the end."""
    while not scanner.at_end() and scanner.peek() != "|":
        if not _pass(scanner, _QUOTED):
            scanner.position += 1


def _pass(scanner: Scanner, pattern: re.Pattern[str]) -> bool:
    match = pattern.match(scanner.text, scanner.position)
    scanner.position = match.end() if match else scanner.position
    return match is not None
