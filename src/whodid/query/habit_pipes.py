"""Habits of what follows a `|`, most of them of SPL and of SQL."""

import re

from whodid.query.fields import SEARCH_FIELDS
from whodid.query.habits import Groups, Habit, Said

_END = r"(?=\s*(?:\||$))"
_WORD = r"[^\s|(),:]+"
_LIST = rf"(\(?{_WORD}(?:\s*,\s*{_WORD})*\)?)"


def _keys(text: str) -> str:
    return "(" + text.strip("() ") + ")"


def _head(group: Groups) -> Said:
    return Said(f"| limit {group(2) or '10'}", f"“{group(1)}” is called limit here")


def _counted(group: Groups) -> Said:
    by = f" by {_keys(group(1))}" if group(1) else ""
    return Said(f"| stats{by} count()", "events are counted by | stats count()")


def _top(group: Groups) -> Said:
    said = "the most frequent are | stats by (field) count() | limit 10"
    return Said(f"| stats by {_keys(group(2))} count() | limit {group(1) or '10'}", said)


def _bare_count(group: Groups) -> Said:
    return Said(f"| stats count(){group(1)}", "a function has brackets: count()")


def _sorted(group: Groups) -> Said | None:
    column, way = group(2), group(3).lower()
    if not (group(1) or way):
        return None
    sign = "-" if way.startswith("desc") and not column.startswith("-") else ""
    return Said(f"| sort {sign}{column}", "- before a column sorts it from the greatest down")


def _unpiped(group: Groups) -> Said:
    return Said(f"| {group(1)} ", "| stands before stats")


def _columns(group: Groups) -> Said:
    return Said("", f"columns are chosen above the list of events, not by “{group(1)}”")


def _distinct(group: Groups) -> Said | None:
    if group(1).lower() not in SEARCH_FIELDS:
        return None
    return Said(f"| stats by ({group(1)}) count()", "| stats by (field) tells each value once")


def _condition(group: Groups) -> Said:
    return Said(f" {group(1).strip()} ", "what events must fit stands before the first |")


PIPE_HABITS: tuple[Habit, ...] = tuple(
    Habit(re.compile(shape), say)
    for shape, say in (
        (rf"\|\s*(head|first|take)(?:\s+(\d{{1,6}}))?{_END}", _head),
        (rf"\|\s*count(?:\(\))?(?:\s+by\s+{_LIST})?{_END}", _counted),
        (rf"\|\s*top\s+(?:(\d{{1,4}})\s+)?{_LIST}{_END}", _top),
        (rf"\|\s*stats\s+count((?:\s+by\s+{_LIST})?){_END}", _bare_count),
        (rf"\|\s*(?:sort|order)\s+(by\s+)?([-+]?{_WORD})(?:\s+(asc|ascending|desc|descending))?{_END}",
         _sorted),
        (rf"\s*\|\s*(fields|table|columns|select|project)\s+[^|]+{_END}", _columns),
        (rf"\|\s*(?:dedup|distinct|uniq)\s+({_WORD}){_END}", _distinct),
        (rf"\s*\|\s*(?:where|filter|search)\s+([^|]+){_END}", _condition),
        (r"^\s*(stats)\s+(?=by[\s(]|count|sum|avg|min|max)", _unpiped),
    )
)  # fmt: skip
