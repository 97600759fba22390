"""The syntax of our regular expressions, and the states they compile to.

Recursive descent; what is not on the list of `regex` is refused with its position, never guessed.
It does not match: that is `regex`.
"""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from whodid.errors import QueryError
from whodid.limits import QUERY_DEPTH_MAX, REGEX_REPEAT_MAX, REGEX_STATES_MAX

_REPEAT = re.compile(r"\{([0-9]{1,4})(?:(,)([0-9]{0,4}))?\}", re.ASCII)
_CODE = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})")
_SHORTHANDS = frozenset("dDwWsS")
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}


@dataclass(frozen=True, slots=True)
class Atom:
    """One character of some set; `source` is that set as Python's `re` writes it."""

    source: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """The very start or the very end of the text."""

    at_start: bool


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other; empty matches nothing at all, which is always there."""

    items: "tuple[Part, ...]"


@dataclass(frozen=True, slots=True)
class Alternatives:
    """Any of them."""

    items: "tuple[Part, ...]"


@dataclass(frozen=True, slots=True)
class Repeat:
    """`item` at least `low` and at most `high` times; None is no bound."""

    item: "Part"
    low: int
    high: int | None


Part: TypeAlias = Atom | Anchor | Sequence | Alternatives | Repeat


@dataclass(frozen=True, slots=True)
class Syntax:
    """A parsed pattern."""

    part: Part
    ignore_case: bool


def parse_regex(pattern: str, position: int) -> Syntax:
    """Parse a pattern that stands at `position`. Raises QueryError for what is not supported."""
    ignore_case = pattern.startswith("(?i)")
    reader = _Reader(pattern, position, 4 if ignore_case else 0)
    part = reader.alternatives()
    if reader.at < len(pattern):
        raise reader.fail("a bracket is closed that was not opened")
    return Syntax(part, ignore_case)


class _Reader:
    """Walks through one pattern."""

    __slots__ = ("_depth", "_pattern", "_position", "at")

    def __init__(self, pattern: str, position: int, at: int) -> None:
        self._pattern = pattern
        self._position = position
        self._depth = 0
        self.at = at

    def fail(self, reason: str, at: int | None = None) -> QueryError:
        place = self._position + (self.at if at is None else at)
        return QueryError(f"bad regular expression: {reason} at {place}", place)

    def _peek(self) -> str:
        return self._pattern[self.at : self.at + 1]

    def _next(self, missing: str) -> str:
        char = self._peek()
        if not char:
            raise self.fail(missing)
        self.at += 1
        return char

    def alternatives(self) -> Part:
        items = [self._sequence()]
        while self._peek() == "|":
            self.at += 1
            items.append(self._sequence())
        return items[0] if len(items) == 1 else Alternatives(tuple(items))

    def _sequence(self) -> Part:
        items: list[Part] = []
        while (char := self._peek()) and char not in "|)":
            items.append(self._repeated(self._one()))
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _repeated(self, item: Part) -> Part:
        start = self.at
        low: int = 1
        high: int | None = 1
        char = self._peek()
        if char and char in "*+?":
            self.at += 1
            low, high = {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        elif match := _REPEAT.match(self._pattern, self.at):
            self.at = match.end()
            low = int(match.group(1))
            most = match.group(3) if match.group(2) else match.group(1)
            high = int(most) if most else None
        else:
            return item
        if low > REGEX_REPEAT_MAX or (high or 0) > REGEX_REPEAT_MAX:
            raise self.fail(f"more than {REGEX_REPEAT_MAX} repetitions", start)
        if high is not None and high < low:
            raise self.fail("a repetition has its bounds the wrong way round", start)
        if self._peek() == "?":  # lazy or greedy is the same question
            self.at += 1
        if self._peek() and self._peek() in "*+?{":
            raise self.fail("a quantifier follows a quantifier")
        return Repeat(item, low, high)

    def _one(self) -> Part:
        start = self.at
        char = self._next("it ends too early")
        match char:
            case "(":
                return self._group(start)
            case "[":
                return self._class(start)
            case ".":
                return Atom(r"[^\n]")
            case "^" | "$":
                return Anchor(at_start=char == "^")
            case "\\":
                return Atom(_source(self._escape(start)))
            case "*" | "+" | "?" | "{":
                raise self.fail(f"nothing to repeat before '{char}'", start)
            case _:
                return Atom(re.escape(char))

    def _group(self, start: int) -> Part:
        if self._peek() == "?":
            if not self._pattern.startswith("?:", self.at):
                raise self.fail("only (…) and (?:…) are supported, no look-around, no flags", start)
            self.at += 2
        self._depth += 1
        if self._depth > QUERY_DEPTH_MAX:
            raise self.fail(f"more than {QUERY_DEPTH_MAX} brackets deep", start)
        part = self.alternatives()
        self._depth -= 1
        if self._peek() != ")":
            raise self.fail("a bracket is not closed", start)
        self.at += 1
        return part

    def _escape(self, start: int) -> str:
        r"""Return the escaped character, or the two characters of a shorthand such as `\d`."""
        if match := _CODE.match(self._pattern, self.at):
            self.at = match.end()
            return chr(int(match.group(1) or match.group(2), 16))
        char = self._next("it ends with a backslash")
        if char in _SHORTHANDS:
            return f"\\{char}"
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char.isalnum():
            raise self.fail(f"'\\{char}' is not supported", start)
        return char

    def _class(self, start: int) -> Atom:
        source = "["
        if self._peek() == "^":
            self.at += 1
            source += "^"
        empty = True
        while (char := self._next("a class is not closed with ]")) != "]":
            source += self._class_item(char, start)
            empty = False
        if empty:
            raise self.fail("a class is empty; write \\] for the bracket", start)
        return Atom(source + "]")

    def _class_item(self, char: str, start: int) -> str:
        low = self._escape(self.at - 1) if char == "\\" else char
        if self._peek() != "-" or self._pattern[self.at + 1 : self.at + 2] in {"]", ""}:
            return _source(low)
        self.at += 1
        char = self._next("a class is not closed with ]")
        high = self._escape(self.at - 1) if char == "\\" else char
        if len(low) > 1 or len(high) > 1 or low > high:
            raise self.fail("a range in a class is the wrong way round", start)
        return f"{_source(low)}-{_source(high)}"


def _source(escaped: str) -> str:
    return escaped if len(escaped) > 1 else re.escape(escaped)


Kind: TypeAlias = Literal["char", "split", "start", "end", "accept"]
State: TypeAlias = tuple[Kind, str, int, int]
"""(kind, source of the character set, next state, other next state of a split)."""


def compile_states(part: Part, position: int) -> list[State]:
    """Compile to the states of a Thompson automaton; it starts at state `len - 1`.

    Raises QueryError when there are more than REGEX_STATES_MAX.
    """
    compiler = _Compiler(position)
    begin = compiler.build(part, 0)
    compiler.add("split", "", begin, begin)
    return compiler.states


class _Compiler:
    """Builds states from the end to the start; state 0 accepts."""

    __slots__ = ("_parts", "_position", "states")

    def __init__(self, position: int) -> None:
        self._position = position
        self._parts = 0
        self.states: list[State] = [("accept", "", 0, 0)]

    def add(self, kind: Kind, source: str, after: int, other: int = 0) -> int:
        if len(self.states) >= REGEX_STATES_MAX:
            raise self._too_large()
        self.states.append((kind, source, after, other))
        return len(self.states) - 1

    def build(self, part: Part, after: int) -> int:
        """Return the state at which `part`, followed by `after`, begins."""
        self._parts += 1  # empty parts add no state, but repeating them takes time
        if self._parts > 4 * REGEX_STATES_MAX:
            raise self._too_large()
        match part:
            case Atom():
                return self.add("char", part.source, after)
            case Anchor():
                return self.add("start" if part.at_start else "end", "", after)
            case Sequence():
                for item in reversed(part.items):
                    after = self.build(item, after)
                return after
            case Alternatives():
                begin = self.build(part.items[-1], after)
                for item in reversed(part.items[:-1]):
                    begin = self.add("split", "", self.build(item, after), begin)
                return begin
            case Repeat():
                return self._repeat(part, after)

    def _too_large(self) -> QueryError:
        reason = f"bad regular expression: it needs more than {REGEX_STATES_MAX} states"
        return QueryError(f"{reason} at {self._position}", self._position)

    def _repeat(self, part: Repeat, after: int) -> int:
        begin = after
        if part.high is None:
            begin = self.add("split", "", 0, after)
            self.states[begin] = ("split", "", self.build(part.item, begin), after)
        else:
            for _ in range(part.high - part.low):
                begin = self.add("split", "", self.build(part.item, begin), after)
        for _ in range(part.low):
            begin = self.build(part.item, begin)
        return begin
