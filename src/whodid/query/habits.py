"""What people type who know other search languages (Lucene, KQL, SPL, SQL), and what they mean.

Each habit is a shape of the text, what is meant by it in this language, and a sentence that says
why it does not mean that here. They are guesses, for a suggestion only: nothing is searched that
was not typed. What stands in quotes is never one. `habit_values` has those of values, `habit_pipes`
those behind a `|`, and `meant` puts them in.
"""

import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from whodid.query.elsewhere import FIELDS_ELSEWHERE, SINCE
from whodid.query.fields import SEARCH_FIELDS, Field

NAME = r"@?[A-Za-z_][A-Za-z0-9_.@]{0,63}"
VALUE = r'(?:"[^"]*"|[^\s()|"\[\]]+)'
BEGIN = r"(?<![^\s(])"
"""A term begins here: nothing, white space or a bracket stands before it."""

END = r"(?=$|[\s)])"


class Said(NamedTuple):
    """What stands instead of a shape, and why what was typed means something else."""

    instead: str
    why: str


Groups: TypeAlias = Callable[[int], str]
"""The text of a group of the match; nothing for a group that took no part."""


class Habit(NamedTuple):
    """A shape and what is said to it; None says that it is none after all."""

    shape: re.Pattern[str]
    say: Callable[[Groups], Said | None]


def field_of(name: str) -> Field | None:
    """Return the field that a name means here or in another language, None for none."""
    folded = name.lower()
    return SEARCH_FIELDS.get(folded) or SEARCH_FIELDS.get(FIELDS_ELSEWHERE.get(folded, ""))


def _always(instead: str, why: str) -> Callable[[Groups], Said]:
    return lambda _group: Said(instead, why)


def _quote(group: Groups) -> Said:
    why = f'{group(1)} is no quote, only " is: what stands in it is looked for with it'
    return Said(f'"{group(2)}"', why)


def _connector(group: Groups) -> Said:
    typed = group(1)
    meant = {"&&": "AND", "||": "OR", "|": "OR"}.get(typed, typed.upper())
    if typed.isalpha():
        return Said(meant, f"“{typed}” in small letters is a word that is looked for")
    return Said(f" {meant} ", f"{meant} is written as a word")


def _not(group: Groups) -> Said:
    return Said("NOT ", f"“{group(1)}” in small letters is a word that is looked for")


_SIGNS = {
    "=": ":", "==": ":", "!=": ":", "<>": ":", "=~": ":~", "~": ":~",
    ">": ":>", "<": ":<", ">=": ":>=", "<=": ":<=",
}  # fmt: skip


def _compared(group: Groups) -> Said | None:
    typed, sign, value = group(2), group(3), group(4).rstrip(",;")
    field = field_of(typed)
    if (
        field is None
        or not value
        or typed.lower() in SINCE
        or (sign in {"=", "=="} and value[:1] in "<>=~")
    ):
        return None
    name = field.name if typed.lower() not in SEARCH_FIELDS else typed
    excluded = "-" if (sign in {"!=", "<>"}) != bool(group(1)) else ""
    why = f"“{typed}{sign}” is text that is looked for; a field is asked with a colon"
    return Said(f"{excluded}{name}{_SIGNS[sign]}{value}", why)


def _spaced(group: Groups) -> Said | None:
    typed, sign, value = group(1), group(2), group(3)
    asks_another = re.match(rf"{NAME}:", value) and ":" in value
    if field_of(typed) is None or asks_another or value in {"AND", "OR", "NOT"}:
        return None
    return Said(f"{typed}:{sign}{value}", f"no space stands around the colon of “{typed}”")


def _several(group: Groups) -> Said | None:
    typed, inside = group(1), group(2)
    field = field_of(typed)
    values = [value.strip() for value in inside.split(",") if value.strip()]
    if field is None or len(values) < 2 or any(" TO " in value for value in values):
        return None
    if field.kind in {"integer", "time", "ip"} and len(values) == 2 and group(3):
        return Said(f"{typed}:[{values[0]} TO {values[1]}]", "a range is written [low TO high]")
    spaced = [f'"{value}"' if " " in value and value[0] != '"' else value for value in values]
    return Said(f"{typed}:({' OR '.join(spaced)})", "several values are written (a OR b)")


def _either(group: Groups) -> Said | None:
    typed, values = group(1), group(2).split("|")
    if field_of(typed) is None or values[-1] in {"stats", "sequence", "sort", "limit"}:
        return None
    return Said(f"{typed}:({' OR '.join(values)})", "several values are written (a OR b)")


def _negated(group: Groups) -> Said | None:
    if field_of(group(1)) is None:
        return None
    return Said(f"-{group(1)}:{group(2)}", "- before the field excludes a value")


def _slashes(group: Groups) -> Said | None:
    typed, pattern = group(1), group(2)
    field = field_of(typed)
    if (
        field is None
        or field.kind not in {"exact", "words"}
        or not re.search(r"[*+?\\\[^$]", pattern)
    ):
        return None
    return Said(f'{typed}:~"{pattern}"', "a regular expression is written field:~pattern")


def _there(group: Groups) -> Said | None:
    if field_of(group(1)) is None:
        return None
    return Said(f"{group(1)}:*", "field:* finds events that have the field")


HABITS: tuple[Habit, ...] = tuple(
    Habit(re.compile(shape), say)
    for shape, say in (
        (r"([“”„«])([^“”„«»\"|]{1,200})[”“»]", _quote),
        (r"(?<![^\s(:=<>~])(['\u2018])([^'\u2019\"|]{1,200})['\u2019](?=$|[\s),])", _quote),
        (r"\s*(&&|\|\|)\s*", _connector),
        (r"(?<=[\s)])((?i:and|or)(?<!AND)(?<!OR))(?=[\s(])", _connector),
        (BEGIN + r"(not|Not)\s+(?=\S)", _not),
        (BEGIN + r"(!)(?=[A-Za-z_@(\"])", _always("-", "- excludes, and ! is a part of the word")),
        (
            BEGIN + r"(-)\s+(?=[A-Za-z_@(\"])",
            _always("-", "what is excluded stands right behind the -"),
        ),
        (BEGIN + rf"([-!]?)({NAME})\s*(==|=~|!=|<>|>=|<=|=|~|>|<)\s*({VALUE})", _compared),
        (rf"(?<![^\s(-])({NAME})(?:\s+:\s*|:\s+)(>=|<=|>|<|=|~|)\s*({VALUE}|[\[(])", _spaced),
        (rf"(?<![^\s(-])({NAME}):(>=|<=|>|<|=|~)\s+({VALUE})", _spaced),
        (rf"(?<![^\s(-])({NAME})(?:\s+(?i:in)\s*|:)\(([^()\[\]:]{{1,400}})\)", _several),
        (rf"(?<![^\s(-])({NAME}):\[([^()\[\]]{{1,400}})(\])", _several),
        (rf"(?<![^\s(-])({NAME}):([^\s()|\"]+(?:\|[^\s()|\"]+)+){END}", _either),
        (rf"(?<![^\s(-])({NAME}):!({VALUE})", _negated),
        (rf"(?<![^\s(-])({NAME}):/([^/\s\"]+)/{END}", _slashes),
        (rf"(?<![^\s(-])(?:_exists_|has|exists):({NAME}){END}", _there),
        (BEGIN + rf"(\*:\*){END}", _always("*", "* alone finds all events")),
    )
)
"""In the order in which they are tried; where two would change the same stretch, the first does."""
