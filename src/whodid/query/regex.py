r"""Regular expressions with a bound: a small syntax, matched in time linear in the text.

Syntax: literals, `.`, classes, `\d \w \s` and their negations, `^ $`, groups, `|`, and the
quantifiers `* + ? {m} {m,} {m,n}`; a leading `(?i)` ignores case. No back-references, no
look-around, no `\b`. A search, not a full match; `$` is the very end; `.` is not a newline.

A Thompson automaton whose sets of states are met lazily (Cox, "Regular Expression Matching Can Be
Simple And Fast", 2007), so that no pattern backtracks; one that takes very many steps all the same
is given up with an error. Where the pattern and the text are short
enough that backtracking is cheap, Python's `re` is asked instead: it knows the same language.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from whodid.limits import REGEX_STEPS_MAX
from whodid.query.regex_syntax import (
    Alternatives,
    Anchor,
    Atom,
    Part,
    Repeat,
    Sequence,
    State,
    compile_states,
    parse_regex,
)
from whodid.query.scan import fail

_STEPS_MAX = 1_000_000
"""Most steps that `re` may take on one text; beyond it the automaton is used."""

_SETS_MAX = 2000
"""Most sets of states kept; when full, they are forgotten and met again."""

_STEPS_CACHED_MAX = 50_000
"""Most steps between sets kept, likewise."""


def compile_regex(pattern: str, position: int = 0) -> Callable[[str], bool]:
    """Return a predicate that tells whether the pattern is found in a text.

    Raises QueryError at `position` plus the offset in the pattern; the predicate raises it too,
    once it has taken REGEX_STEPS_MAX steps.
    """
    syntax = parse_regex(pattern, position)
    flags = re.IGNORECASE if syntax.ignore_case else re.RegexFlag(0)
    found = Automaton(compile_states(syntax.part, position), flags, position).found
    cost = _cost(syntax.part)
    if cost is None:
        return found
    search = re.compile(_source(syntax.part), flags).search
    factor = cost[0] * max(1, len(pattern))
    degree = cost[1] + 1

    def regex_found(text: str) -> bool:
        if factor * (len(text) + 1) ** degree <= _STEPS_MAX:
            return search(text) is not None
        return found(text)

    return regex_found


def _source(part: Part) -> str:
    match part:
        case Atom():
            return part.source
        case Anchor():
            return r"\A" if part.at_start else r"\Z"
        case Sequence():
            return "".join(_source(item) for item in part.items)
        case Alternatives():
            return "(?:" + "|".join(_source(item) for item in part.items) + ")"
        case Repeat():
            high = "" if part.high is None else str(part.high)
            return f"(?:{_source(part.item)}){{{part.low},{high}}}"


def _cost(part: Part) -> tuple[int, int] | None:
    """Bound the ways in which `re` may backtrack: factor * length ** degree; None is no bound."""
    match part:
        case Atom() | Anchor():
            return 1, 0
        case Sequence():
            factor, degree = 1, 0
            for item in part.items:
                inner = _cost(item)
                if inner is None:
                    return None
                factor, degree = factor * inner[0], degree + inner[1]
            return factor, degree
        case Alternatives():
            costs = [_cost(item) for item in part.items]
            if None in costs:
                return None
            known = [cost for cost in costs if cost is not None]
            return sum(cost[0] for cost in known), max(cost[1] for cost in known)
        case Repeat():
            return _repeat_cost(part)


def _repeat_cost(part: Repeat) -> tuple[int, int] | None:
    inner = _cost(part.item)
    if inner is None:
        return None
    if part.high is not None and part.high <= 1:
        return inner[0] + 1, inner[1]
    if inner != (1, 0):  # what it repeats has choices of its own: they multiply each time
        return None
    return (1, 1) if part.high is None else (part.high + 1, 0)


@dataclass(slots=True, eq=False)
class _Set:
    """The states after some character; `next` is where each next character leads, met so far."""

    states: frozenset[int]
    accepted: bool
    at_start: bool = False
    next: "dict[str, _Set]" = field(default_factory=dict)


class Automaton:
    """Runs the states over a text. What it has met is a cache, bounded, and no other state."""

    __slots__ = (
        "_begin",
        "_flags",
        "_matchers",
        "_position",
        "_sets",
        "_states",
        "_steps",
        "_work",
    )

    def __init__(self, states: list[State], flags: re.RegexFlag, position: int = 0) -> None:
        self._states = states
        self._position = position
        self._work = 0
        self._flags = flags
        self._matchers = {
            source: re.compile(source, flags).fullmatch
            for kind, source, _, _ in states
            if kind == "char"
        }
        self._forget()

    def _forget(self) -> None:
        self._sets: dict[frozenset[int], _Set] = {}
        self._steps = 0
        states = self._closure({len(self._states) - 1}, at_start=True, at_end=False)
        self._begin = _Set(states, 0 in states, at_start=True)

    def found(self, text: str) -> bool:
        """Tell whether the pattern is found; linear in the length of the text."""
        here = self._begin
        if here.accepted:
            return True
        for char in text:
            step = here.next.get(char)
            here = self._step(here, char) if step is None else step
            if here.accepted:
                return True
        return 0 in self._closure(here.states, at_start=here.at_start, at_end=True)

    def _closure(
        self, states: "set[int] | frozenset[int]", *, at_start: bool, at_end: bool
    ) -> frozenset[int]:
        """Return all states reached without a character, those that wait at the end included."""
        seen: set[int] = set()
        stack = list(states)
        while stack:
            state = stack.pop()
            if state in seen:
                continue
            seen.add(state)
            kind, _, after, other = self._states[state]
            if kind == "split":
                stack += (after, other)
            elif (kind == "start" and at_start) or (kind == "end" and at_end):
                stack.append(after)
        return frozenset(
            state for state in seen if self._states[state][0] in {"char", "end", "accept"}
        )

    def _step(self, here: _Set, char: str) -> _Set:
        if self._steps >= _STEPS_CACHED_MAX or len(self._sets) >= _SETS_MAX:
            self._forget()
        self._work += len(here.states)
        if self._work > REGEX_STEPS_MAX:
            tail = "make it simpler, or let it look at fewer events"
            raise fail("the regular expression takes too many steps", self._position, tail=tail)
        targets = {len(self._states) - 1}  # a match may begin after any character
        for state in here.states:
            kind, source, after, _ = self._states[state]
            if kind == "char" and self._matchers[source](char):
                targets.add(after)
        states = self._closure(targets, at_start=False, at_end=False)
        there = self._sets.get(states)
        if there is None:
            there = self._sets[states] = _Set(states, 0 in states)
        here.next[char] = there
        self._steps += 1
        return there
