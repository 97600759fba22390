"""What can stand at the caret of a search that is being typed.

Pure: names, operators and the values that a field can only have. Other values come from the log,
as its reader may see it: `field` and `typed` say which ones are wanted.

It reads the text before the caret by the shapes of `scan` and never fails: where the text is no
search it offers what would fit best, or nothing. Whether the whole parses is asked by nobody here.
"""

import dataclasses
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from whodid.errors import QueryError
from whodid.query.countable import (
    COUNTED,
    FUNCTIONS,
    PERCENTILES,
    why_not_counted,
    why_not_sorted,
)
from whodid.query.fields import SEARCH_FIELDS, Field, suggest, suggest_of
from whodid.query.parse import parse
from whodid.query.render import to_text
from whodid.query.tree import Term

ChoiceKind: TypeAlias = Literal["field", "value", "operator", "pipe", "function"]

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|\|', re.DOTALL)
_NAME = re.compile(r"(@?[A-Za-z_][A-Za-z0-9_.@-]*):")
_OPERATOR = re.compile(r">=|<=|[=~<>]")
_STRETCH = re.compile(r'(?:"(?:[^"\\]|\\.)*(?:"|$)|[^\s"])*', re.DOTALL)
_REST_OF_NAME = re.compile(r"[A-Za-z0-9_.@-]*:?")
_REST_OF_VALUE = re.compile(r'[^\s()|\]"]*"?')
_LAST_WORD = re.compile(r"[A-Za-z0-9_.]*$")
_BY = re.compile(r"\bby\s*\(([^)]*)$", re.IGNORECASE)
_CHAIN_WORDS = re.compile(r"[A-Za-z0-9_.>-]*$")
_MARK = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]]', re.DOTALL)
_CALL = re.compile(r"([A-Za-z_0-9]+)\(\s*[A-Za-z0-9_.]*$")

_FIRST: tuple[str, ...] = (
    "actor", "action", "access", "resource", "outcome", "ip", "service", "source", "time", "rows",
    "actor.type", "session",
)  # fmt: skip
"""What is offered before anything is typed."""

_STAGES: tuple[tuple[str, str], ...] = (
    ("stats by (", "count events by the values of fields"),
    ("sequence by ", "chains of events, one behind the other"),
    ("sort -", "in another order"),
    ("limit ", "at most so many rows"),
)
_ABOUT_FUNCTIONS: dict[str, str] = {
    "count": "how many events", "count_distinct": "how many different values", "sum": "the sum",
    "avg": "the mean", "min": "the least", "max": "the greatest",
}  # fmt: skip
_TIMES: tuple[tuple[str, str], ...] = (
    ("[now-1h TO now]", "the last hour"),
    ("[now-1d TO now]", "the last 24 hours"),
    ("[now-7d TO now]", "the last 7 days"),
    ("[now-30d TO now]", "the last 30 days"),
    ("today", "since midnight, UTC"),
    ("yesterday", "the day before, UTC"),
)
_NUMBERS: tuple[tuple[str, str], ...] = (
    (">", "more than"), (">=", "at least"), ("<", "less than"), ("[1 TO 100]", "between"),
)  # fmt: skip
_TEXTS: tuple[tuple[str, str], ...] = (
    ("*", "any value"), ("=", "the whole value, in upper and lower case as it is typed"),
    ("~", "a regular expression"),
)  # fmt: skip
_DURATIONS = ("1m", "5m", "15m", "1h", "1d")
_LIMITS = ("10", "20", "50", "100", "1000")


@dataclass(frozen=True, slots=True)
class Choice:
    """What can be put in. `field` names the field that it is, or is a value of."""

    text: str
    kind: ChoiceKind
    about: str = ""
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What is offered at the caret, the best first.

    A choice replaces the text from `start` to `end` (characters). `typed` is what stands there
    before the caret, without quotes. `field` is the field whose values in the log would fit too,
    None where none would; with `people` the actors do, as `actor:…`.
    """

    start: int
    end: int
    typed: str
    choices: tuple[Choice, ...]
    field: str | None = None
    people: bool = False


def complete(text: str, at: int) -> Completion:
    """Return what can stand at a caret before the character `at`."""
    at = max(0, min(at, len(text)))
    pipe = _last_pipe(text[:at])
    if pipe is not None:
        return _in_pipe(text, at, pipe)
    return _in_filter(text, at)


def value_text(field: str, value: str) -> str:
    """Return a value as it is typed behind `field:`, in quotes where it needs them."""
    return to_text(Term(field, "has", value)).partition(":")[2]


# --- the filter ----------------------------------------------------------------------------------


def _in_filter(text: str, at: int) -> Completion:
    before = text[:at]
    groups: list[Field | None] = []  # the field of each bracket that is open
    place = 0
    while place < at:
        char = before[place]
        if char.isspace():
            place += 1
        elif char == "(":
            groups.append(groups[-1] if groups else None)
            place += 1
        elif char == ")":
            del groups[-1:]
            place += 1
        elif char == "-":
            place += 1
            if place == at:
                return _term(text, at, place, "")
        else:
            name = _NAME.match(before, place)
            field = SEARCH_FIELDS.get(name[1].lower()) if name else None
            if name and field and before[name.end() : name.end() + 1] == "(":
                groups.append(field)
                place = name.end() + 1
                continue
            end = _end_of_term(before, place, name)
            if end >= at and not (before[-1:] == '"' and before.count('"', place) % 2 == 0):
                return _at_term(text, at, place, name, groups[-1] if groups else None)
            place = end
    inside = groups[-1] if groups else None
    return _value(text, at, at, inside, "") if inside else _term(text, at, at, "")


def _end_of_term(before: str, place: int, name: re.Match[str] | None) -> int:
    """Return where the term that begins here ends; the end of all when it is still open."""
    start = name.end() if name else place
    if name and before[start : start + 1] == "[":
        close = before.find("]", start)
        return len(before) + 1 if close < 0 else close + 1
    match = _STRETCH.match(before, start)
    end = match.end() if match else start
    bare = before[start:end]
    if '"' not in bare and bare.count(")") > bare.count("("):
        end = start + bare.index(")")
    return max(end, place + 1)


def _at_term(
    text: str, at: int, place: int, name: re.Match[str] | None, inside: Field | None
) -> Completion:
    if name is None:
        typed = text[place:at]
        return _value(text, at, place, inside, typed) if inside else _term(text, at, place, typed)
    field = SEARCH_FIELDS.get(name[1].lower())
    if field is None:
        return _nothing(at)
    start = name.end()
    if operator := _OPERATOR.match(text, start, at):
        if operator[0] != "=":
            return _nothing(at)
        start = operator.end()
    return _value(text, at, start, field, text[start:at])


def _term(text: str, at: int, start: int, typed: str) -> Completion:
    """Offer fields, and whoever has what is typed in his name."""
    if typed.startswith('"'):
        return _nothing(at)
    rest = _REST_OF_NAME.match(text, at)
    end = rest.end() if rest else at
    choices = [
        Choice(f"{field.name}:", "field", field.about, field.name) for field in _fields(typed)
    ]
    return Completion(start, end, typed, tuple(choices), people=len(typed) > 1)


def _fields(typed: str, known: Iterable[str] = tuple(SEARCH_FIELDS)) -> Iterator[Field]:
    """Yield the fields whose name, or a part of it, begins so; else what others call so."""
    folded, names = typed.lower(), set(known)
    if not folded:
        yield from (SEARCH_FIELDS[name] for name in _FIRST if name in names)
        return
    ranked: list[tuple[int, int, str]] = []
    for name in names:
        if name.startswith(folded):
            ranked.append((0 if name in _FIRST else 1, len(name), name))
        elif any(part.startswith(folded) for part in re.split("[._]", name)):
            ranked.append((2, len(name), name))
    yield from (SEARCH_FIELDS[name] for _, _, name in sorted(ranked))
    meant = None if ranked else suggest(folded)
    # of names that only resemble it, those that begin alike: more is being typed
    if meant in names and (meant[0] == folded[0] or suggest_of(folded, SEARCH_FIELDS) != meant):
        yield SEARCH_FIELDS[meant]


def _value(text: str, at: int, start: int, field: Field, typed: str) -> Completion:
    """Offer values of a field: all that it can have, or forms of them."""
    rest = _REST_OF_VALUE.match(text, at)
    end = rest.end() if rest else at
    bare = typed.removeprefix('"').replace('\\"', '"').replace("\\\\", "\\")
    if field.kind == "time":
        forms = tuple(Choice(form, "value", about, field.name) for form, about in _TIMES)
    elif field.kind == "integer":
        forms = tuple(Choice(form, "operator", about, field.name) for form, about in _NUMBERS)
    else:
        forms = tuple(Choice(value, "value", "", field.name) for value in field.values)
    chosen = tuple(form for form in forms if form.text.startswith(bare.lower()))
    if field.kind != "time" and len(chosen) == 1 and chosen[0].text == bare:
        chosen = ()
    if not typed and text[start - 1 : start] == ":" and field.kind != "time":
        signs = _TEXTS if field.kind in {"exact", "words"} and not field.values else _TEXTS[:1]
        chosen += tuple(Choice(sign, "operator", about, field.name) for sign, about in signs)
    known = field.kind in {"exact", "words", "ip"} and not field.values
    asked = known and why_not_counted(field) is None and "*" not in bare
    return Completion(start, end, bare, chosen, field.name if asked else None)


# --- the pipes -----------------------------------------------------------------------------------


def _last_pipe(before: str) -> int | None:
    """Return where the last `|` outside of quotes stands."""
    found = [match.start() for match in _TOKEN.finditer(before) if match[0] == "|"]
    return found[-1] if found else None


def _in_pipe(text: str, at: int, pipe: int) -> Completion:
    before = text[pipe + 1 : at]
    word = _LAST_WORD.search(before)
    typed = word[0] if word else ""
    start = at - len(typed)
    stage = before.split()[0].lower() if before.split() else ""
    if stage == "sequence" and before.strip() != typed:
        return _in_sequence(text, at, pipe + 1)
    if before.strip() == typed:
        choices = [Choice(form, "pipe", about) for form, about in _STAGES]
    elif stage == "stats":
        choices = list(_stats(before))
    elif stage == "sort":
        choices = list(_columns(text[:pipe], typed))
    elif stage == "limit" and not before.strip().removeprefix(stage).strip().removesuffix(typed):
        choices = [Choice(number, "value") for number in _LIMITS]
    else:
        choices = []
    rest = _REST_OF_NAME.match(text, at)
    fitting = tuple(one for one in choices if _fits(one, typed))
    return Completion(start, rest.end() if rest else at, typed, fitting)


def _in_sequence(text: str, at: int, begin: int) -> Completion:
    """Offer what a chain is made of; within the brackets of a step, what a filter is made of."""
    before = text[begin:at]
    opened: list[int] = []
    closed = 0
    for mark in _MARK.finditer(before):
        if mark[0] == "[":
            opened.append(begin + mark.end())
        elif mark[0] == "]":
            del opened[-1:]
            closed = mark.end()
    if opened:
        inner = _in_filter(text[opened[0] :], at - opened[0])
        return dataclasses.replace(inner, start=inner.start + opened[0], end=inner.end + opened[0])
    word = _CHAIN_WORDS.search(before)
    typed = word[0] if word else ""
    rest = before[closed:].removesuffix(typed).split()
    if closed:
        known = {(): ("-> [", "within "), ("within",): _DURATIONS}.get(tuple(rest), ())
        choices = [Choice(one, "pipe" if one[-1] in " [" else "value") for one in known]
    elif rest == ["sequence"]:
        choices = [Choice("by ", "pipe", "events of a chain have this field in common")]
    elif [one.lower() for one in rest] == ["sequence", "by"]:
        choices = [
            Choice(f"{field.name} [", "field", field.about, field.name)
            for field in _fields(typed)
            if field.kind != "time" and why_not_sorted(field) is None
        ]
    else:
        choices = [Choice("[", "pipe", "a step: what its event must be")] if not typed else []
    fitting = tuple(one for one in choices if _fits(one, typed))
    return Completion(at - len(typed), at, typed, fitting)


def _fits(choice: Choice, typed: str) -> bool:
    if choice.kind == "field":  # they were chosen by it
        return True
    return choice.text.lower().startswith(typed.lower()) and choice.text != typed


def _stats(before: str) -> Iterator[Choice]:
    typed = _LAST_WORD.search(before)
    word = typed[0] if typed else ""
    call = _CALL.search(before)
    if _BY.search(before):
        for field in _fields(word, COUNTED):
            width = ":1h" if field.kind == "time" else ""
            yield Choice(f"{field.name}{width}", "field", field.about, field.name)
    elif call:
        kinds = FUNCTIONS.get("sum" if call[1].lower() in PERCENTILES else call[1].lower(), ())
        for field in _fields(word, COUNTED):
            if field.kind in kinds:
                yield Choice(f"{field.name})", "field", field.about, field.name)
    else:
        if not re.search(r"\bby\b", before, re.IGNORECASE):
            yield Choice("by (", "pipe", "grouped by the values of fields")
        yield Choice("count()", "function", _ABOUT_FUNCTIONS["count"])
        for name in (*FUNCTIONS, *PERCENTILES):
            if name != "count":
                about = _ABOUT_FUNCTIONS.get(name, f"so many in 100 are not greater: {name[1:]}")
                yield Choice(f"{name}(", "function", about)


def _columns(before: str, typed: str) -> Iterator[Choice]:
    """Yield what can be sorted by: columns of the table, or fields."""
    try:
        stats = parse(before).stats
    except QueryError:
        stats = None
    if stats is not None:
        yield from (Choice(name, "value", "a column of the table") for name in stats.columns)
        return
    for field in _fields(typed):
        if why_not_sorted(field) is None:
            yield Choice(field.name, "field", field.about, field.name)


def _nothing(at: int) -> Completion:
    return Completion(at, at, "", ())
