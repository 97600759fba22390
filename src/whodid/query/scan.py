r"""The lexer: a position in the text, and the few shapes that can stand there.

A bare run ends at white space, at `|` and at a closing bracket that it did not open, so that paths,
IPv6 addresses and `count(*)` need no quotes. A quoted stretch may stand anywhere in it
(`"my file"*`); in quotes only `\"` and `\\` are escapes. Stars outside quotes are wildcards.

It does not know fields or values.
"""

import re

from whodid.errors import QueryError
from whodid.query.tree import Pattern

_FIELD = re.compile(r"(@?[A-Za-z_][A-Za-z0-9_.@-]*):")
_RUN = re.compile(r"\S*")
_SPACE = re.compile(r"\s*")
_BARE = re.compile(r'[^\s"()|*]+')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r'\\(["\\])')
_KEYWORD = re.compile(r"(?:AND|OR|NOT)(?=[\s()\"]|$)")
_RANGE_WORD = re.compile(r'[^\s"\]]+')
_SHOWN_CHARS = 40


def fail(message: str, position: int, suggestion: str | None = None, tail: str = "") -> QueryError:
    """Make the error: what, where, and what may have been meant."""
    hint = f", did you mean '{suggestion}'?" if suggestion is not None else ""
    more = f" ({tail})" if tail else ""
    return QueryError(f"{message} at {position}{hint}{more}", position, suggestion)


def shown(text: str) -> str:
    """Shorten foreign text for a message."""
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"


class Scanner:
    """Walks through one text. `position` only grows, and never passes the end."""

    __slots__ = ("position", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def skip_space(self) -> None:
        """Go to the next character that is not white space, or to the end."""
        match = _SPACE.match(self.text, self.position)
        self.position = match.end() if match else self.position

    def at_end(self) -> bool:
        """Tell whether nothing is left."""
        return self.position >= len(self.text)

    def peek(self, length: int = 1) -> str:
        """Return the next characters without taking them."""
        return self.text[self.position : self.position + length]

    def take(self, token: str) -> bool:
        """Take these characters if they come next."""
        if not self.text.startswith(token, self.position):
            return False
        self.position += len(token)
        return True

    def keyword(self) -> str:
        """Return the keyword AND, OR or NOT that comes next, or nothing; does not take it."""
        match = _KEYWORD.match(self.text, self.position)
        return match.group() if match else ""

    def field_name(self) -> str | None:
        """Return the name before a colon that comes next, without taking either."""
        match = _FIELD.match(self.text, self.position)
        return match.group(1) if match else None

    def run(self) -> str:
        """Return the stretch up to the next white space, without taking it."""
        match = _RUN.match(self.text, self.position)
        return match.group() if match else ""

    def quoted(self) -> str:
        """Take a quoted stretch. Raises QueryError when it does not end."""
        match = _QUOTED.match(self.text, self.position)
        if match is None:
            raise fail("a quote is not closed", self.position)
        self.position = match.end()
        return _ESCAPE.sub(r"\1", match.group(1))

    def value(self, *, wildcards: bool = True) -> str | Pattern | None:
        """Take a bare or quoted value; None when none stands here.

        Without `wildcards` a star is a star, and `|` within round brackets belongs to the value
        (a regular expression). Raises QueryError for an open quote.
        """
        start = self.position
        pieces = [""]
        depth = 0
        while not self.at_end():
            if bare := _BARE.match(self.text, self.position):
                pieces[-1] += bare.group()
                self.position = bare.end()
                continue
            char = self.text[self.position]
            if char == '"':
                pieces[-1] += self.quoted()
                continue
            if char.isspace() or (char == ")" and not depth):
                break
            if char == "|" and (wildcards or not depth):
                break
            depth += (char == "(") - (char == ")")
            self.position += 1
            if char == "*" and wildcards:
                if pieces[-1] or len(pieces) == 1:
                    pieces.append("")
            else:
                pieces[-1] += char
        if self.position == start:
            return None
        return pieces[0] if len(pieces) == 1 else Pattern(tuple(pieces))

    def range_word(self) -> str | None:
        """Take one end of a range; None when none stands here."""
        if self.peek() == '"':
            return self.quoted()
        match = _RANGE_WORD.match(self.text, self.position)
        if match is None:
            return None
        self.position = match.end()
        return match.group()
