"""The parser of what comes after the filter.

    pipes    = [ "|" "stats" stats | "|" "sequence" sequence ] [ "|" "sort" sort ]
               [ "|" "limit" number ] ;
    stats    = [ by ] [ measure *( [ "," ] measure ) ] [ by ] ;
    by       = "by" ( "(" key *( "," key ) ")" | key *( "," key ) ) ;
    key      = field [ ":" bucket ] ;
    bucket   = 1*DIGIT ( "m" | "h" | "d" ) | "day" | "week" | "month" | "year" ;
    measure  = function "(" [ field ] ")" [ "as" name ] ;
    sort     = [ "-" ] column *( "," [ "-" ] column ) ;

Without a measure the events are counted. `parse_sequence` reads a sequence. It does not compute.
"""

import re
from collections.abc import Callable
from typing import get_args

from whodid.errors import QueryError
from whodid.limits import (
    QUERY_LIMIT_ROWS_MAX,
    QUERY_SORT_COLUMNS_MAX,
    STATS_KEYS_MAX,
    STATS_MEASURES_MAX,
)
from whodid.query.countable import (
    FUNCTIONS,
    PERCENTILES,
    SEVERAL,
    why_not_counted,
    why_not_sorted,
)
from whodid.query.fields import SEARCH_FIELDS, suggest_of
from whodid.query.parse_sequence import take_sequence
from whodid.query.pipe_words import WORD, take, take_field, unknown_field
from whodid.query.pipes import Calendar, Function, Key, Limit, Measure, Order, Sort, Stats
from whodid.query.recovery import Problems, skip_stage
from whodid.query.scan import Scanner, fail, shown
from whodid.query.tree import Node, Sequence

_STAGES = ("stats", "sequence", "sort", "limit")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,63}", re.ASCII)
_CALL = re.compile(r"[^\s|(),:]+\s*\(")
_COLUMN = re.compile(r"[^\s|(),]+(?:\([^\s|()]*\))?")
_BUCKET = re.compile(r"([0-9]{1,6})([mhd])", re.ASCII)
_PERCENTILE = re.compile(r"p([1-9][0-9]?)", re.ASCII)
_MINUTE_US = 60_000_000
_UNITS_US = {"m": _MINUTE_US, "h": 60 * _MINUTE_US, "d": 1440 * _MINUTE_US}
_BUCKET_US_MAX = 30 * _UNITS_US["d"]
_BUCKETS = "write 1m to 30d, such as time:15m or time:1h, or day, week, month or year"


def parse_pipes(scanner: Scanner, problems: Problems, step: Callable[[Scanner], Node]) -> "Pipes":
    """Parse the pipes at a `|`, to the end; a stage that cannot be read is a problem more.

    `step` parses the filter of a step.
    """
    pipes = Pipes(scanner, step)
    while not scanner.at_end():
        try:
            pipes.take()
        except QueryError as error:
            problems.add(error)
            skip_stage(scanner)
    return pipes


class Pipes:
    """The stages so far. Behind a table that could not be read nobody knows what can be sorted."""

    __slots__ = ("_scanner", "_seen", "_step", "_unknown", "limit", "sequence", "sort", "stats")

    def __init__(self, scanner: Scanner, step: Callable[[Scanner], Node]) -> None:
        self._scanner = scanner
        self._step = step
        self._seen = -1
        self._unknown = False
        self.sequence: Sequence | None = None
        self.stats: Stats | None = None
        self.sort: Sort | None = None
        self.limit: Limit | None = None

    def take(self) -> None:
        """Take one stage, from its `|`."""
        scanner = self._scanner
        start = scanner.position
        if not scanner.take("|"):
            raise fail(f"'{shown(scanner.run())}' does not belong here", start)
        scanner.skip_space()
        stage = _stage(scanner)
        if _STAGES.index(stage) <= self._seen:
            tail = "there is at most one of each: | stats, then | sort, then | limit"
            raise fail(f"'| {stage}' cannot stand here", start, tail=tail)
        if stage == "sequence" and self._seen == _STAGES.index("stats"):
            raise fail("'| sequence' is made of events, not of a table", start)
        if stage == "sort" and self._seen == _STAGES.index("sequence"):
            raise fail("chains cannot be sorted: the newest is first", start)
        self._seen = _STAGES.index(stage)
        if stage == "sequence":
            self.sequence = take_sequence(scanner, self._step)
        elif stage == "stats":
            self._unknown = True
            self.stats = _stats(scanner)
            self._unknown = False
        elif stage == "sort" and self._unknown:
            skip_stage(scanner)
        elif stage == "sort":
            self.sort = _sort(scanner, self.stats)
        else:
            self.limit = _limit(scanner)
        scanner.skip_space()


def _stage(scanner: Scanner) -> str:
    start = scanner.position
    word = take(scanner, WORD)
    if word.lower() in _STAGES:
        return word.lower()
    tail = f"there are {', '.join(_STAGES)}; a | that is searched for needs quotes"
    if not word:
        raise fail("a stage is missing after '|'", start, tail=tail)
    closest = "limit" if word.lower() in {"head", "top"} else suggest_of(word, _STAGES)
    raise fail(f"there is no stage '{shown(word)}'", start, closest, tail)


# --- stats ---------------------------------------------------------------------------------------


def _stats(scanner: Scanner) -> Stats:
    start = scanner.position
    by: tuple[Key, ...] = ()
    measures: list[Measure] = []
    while True:
        scanner.skip_space()
        if measures and scanner.take(","):
            scanner.skip_space()
        if scanner.at_end() or scanner.peek() == "|":
            break
        if not by and _is_by(scanner):
            scanner.position += 2
            by = _keys(scanner)
        else:
            measures.append(_measure(scanner))
            if len(measures) > STATS_MEASURES_MAX:
                raise fail(f"more than {STATS_MEASURES_MAX} columns are computed", start)
    if not by and not measures:
        tail = "such as | stats by (resource.name) count()"
        raise fail("'| stats' needs something to count or to group by", start, tail=tail)
    stats = Stats(by, tuple(measures) or (Measure("count"),))
    _apart(stats)
    return stats


def _is_by(scanner: Scanner) -> bool:
    after = scanner.text[scanner.position + 2 : scanner.position + 3]
    return scanner.peek(2).lower() == "by" and (after == "(" or after.isspace())


def _apart(stats: Stats) -> None:
    seen: set[str] = set()
    placed = [(item.name, item.position) for item in stats.by]
    placed += [(item.name, item.position) for item in stats.measures]
    for name, position in placed:
        if name in seen:
            tail = "name one of them with 'as'"
            raise fail(f"there are two columns '{name}'", position, tail=tail)
        seen.add(name)
    several = [key for key in stats.by if key.field in SEVERAL]
    if len(several) > 1:
        first, second = several[:2]
        message = f"an event can have several of '{first.field}' and of '{second.field}'"
        raise fail(message, second.position, tail="group by one of such fields at a time")


def _keys(scanner: Scanner) -> tuple[Key, ...]:
    scanner.skip_space()
    start = scanner.position
    inside = scanner.take("(")
    keys: list[Key] = []
    while True:
        scanner.skip_space()
        keys.append(_key(scanner))
        if len(keys) > STATS_KEYS_MAX:
            raise fail(f"events are grouped by at most {STATS_KEYS_MAX} fields", start)
        scanner.skip_space()
        at = scanner.position
        if not scanner.take(","):
            break
        scanner.skip_space()
        if not inside and _CALL.match(scanner.text, scanner.position):
            scanner.position = at
            break
    if inside and not scanner.take(")"):
        raise fail("a bracket is not closed", start)
    if not inside and scanner.peek() == ",":
        scanner.position += 1
    return tuple(keys)


def _key(scanner: Scanner) -> Key:
    start = scanner.position
    field = take_field(scanner)
    reason = why_not_counted(field)
    if reason is not None:
        raise fail(f"cannot group by it: {reason},", start)
    if not scanner.take(":"):
        if field.kind == "time":
            closest = f"{field.name}:1h"
            raise fail(f"'{field.name}' needs a width", start, closest, tail=_BUCKETS)
        return Key(field.name, None, start)
    at = scanner.position
    if field.kind != "time":
        raise fail(f"'{field.name}' is no time and has no width", at)
    return Key(field.name, _bucket(scanner, at), start)


def _bucket(scanner: Scanner, at: int) -> int | Calendar:
    word = take(scanner, WORD)
    for unit in get_args(Calendar):
        if word.lower() in {unit, f"1{unit}"}:
            found: Calendar = unit
            return found
    match = _BUCKET.fullmatch(word)
    width_us = int(match[1]) * _UNITS_US[match[2]] if match else 0
    if not _MINUTE_US <= width_us <= _BUCKET_US_MAX:
        raise fail(f"'{shown(word)}' is no width of time", at, tail=_BUCKETS)
    return width_us


def _measure(scanner: Scanner) -> Measure:
    start = scanner.position
    word = take(scanner, WORD)
    name = word.lower()
    known = (*FUNCTIONS, *PERCENTILES)
    percentile = _PERCENTILE.fullmatch(name)
    if name not in FUNCTIONS and not percentile:
        if not word:
            raise fail(f"'{scanner.peek()}' does not belong here", start)
        tail = f"there are {', '.join(known)}"
        raise fail(f"there is no function '{shown(word)}'", start, _function(name), tail)
    scanner.skip_space()
    if not scanner.take("("):
        raise fail(f"'{name}' needs brackets", start, f"{name}()")
    scanner.skip_space()
    field = _argument(scanner, "sum" if percentile else name, start)
    function: Function = "percentile" if percentile else name  # type: ignore[assignment]
    percent = int(percentile[1]) if percentile else 0
    return Measure(function, field, percent, _given(scanner), start)


def _function(name: str) -> str | None:
    others = {"dc": "count_distinct", "distinct": "count_distinct", "mean": "avg", "median": "p50",
              "average": "avg", "perc95": "p95", "distinct_count": "count_distinct"}  # fmt: skip
    return others.get(name) or suggest_of(name, (*FUNCTIONS, *PERCENTILES))


def _argument(scanner: Scanner, function: str, start: int) -> str | None:
    """Take the field and the closing bracket."""
    if scanner.take(")"):
        if function == "count":
            return None
        example = "actor" if function == "count_distinct" else "rows"
        raise fail(f"'{function}' needs a field", start, tail=f"such as {function}({example})")
    if function == "count" and scanner.take("*"):
        name = None
    else:
        at = scanner.position
        field = take_field(scanner)
        reason = why_not_counted(field)
        if reason is not None:
            raise fail(f"cannot compute it: {reason},", at)
        if field.kind not in FUNCTIONS[function]:
            wanted = " or ".join({"integer": "a number"}.get(k, k) for k in FUNCTIONS[function][:2])
            raise fail(f"'{field.name}' is not {wanted}, which '{function}' needs,", at)
        name = field.name
    scanner.skip_space()
    if not scanner.take(")"):
        raise fail("a bracket is not closed", start)
    return name


def _given(scanner: Scanner) -> str:
    """Take `as name`, if it comes next."""
    before = scanner.position
    scanner.skip_space()
    if scanner.peek(2).lower() != "as" or not scanner.peek(3)[2:].isspace():
        scanner.position = before
        return ""
    scanner.position += 3
    scanner.skip_space()
    at = scanner.position
    name = take(scanner, _NAME)
    if not name or WORD.match(scanner.text, scanner.position):
        raise fail("a name has letters, digits, _ and .", at)
    return name


# --- sort and limit ------------------------------------------------------------------------------


def _sort(scanner: Scanner, stats: Stats | None) -> Sort:
    start = scanner.position
    orders: list[Order] = []
    while True:
        scanner.skip_space()
        orders.append(_order(scanner, stats))
        if len(orders) > QUERY_SORT_COLUMNS_MAX:
            raise fail(f"there are more than {QUERY_SORT_COLUMNS_MAX} columns to sort by", start)
        scanner.skip_space()
        if not scanner.take(","):
            break
    names = [order.name for order in orders]
    for number, order in enumerate(orders):
        if order.name in names[:number]:
            raise fail(f"'{order.name}' is sorted by twice", order.position)
    return Sort(tuple(orders))


def _order(scanner: Scanner, stats: Stats | None) -> Order:
    start = scanner.position
    descending = scanner.take("-")
    if not descending:
        scanner.take("+")
    at = scanner.position
    word = take(scanner, _COLUMN)
    if not word:
        raise fail("a column to sort by is missing", at)
    if stats is not None:
        return Order(_column(stats, word, at), descending, start)
    field = SEARCH_FIELDS.get(word.lower())
    if field is None:
        raise unknown_field(word, at)
    reason = why_not_sorted(field)
    if reason is not None:
        raise fail(f"cannot sort events by it: {reason},", at)
    return Order(field.name, descending, start)


def _column(stats: Stats, word: str, at: int) -> str:
    for name in stats.columns:
        if word == name:
            return name
    called = [item.name for item in stats.measures if word.lower() in {item.call, f"{item.name}()"}]
    if called:
        return called[0]
    folded = [name for name in stats.columns if name.lower() == word.lower()]
    if folded:
        return folded[0]
    tail = f"its columns are {', '.join(stats.columns)}"
    raise fail(
        f"the table has no column '{shown(word)}'", at, suggest_of(word, stats.columns), tail
    )


def _limit(scanner: Scanner) -> Limit:
    scanner.skip_space()
    at = scanner.position
    word = take(scanner, WORD)
    number = int(word) if re.fullmatch("[0-9]{1,9}", word) else 0
    if not 1 <= number <= QUERY_LIMIT_ROWS_MAX:
        raise fail(f"'| limit' needs a number from 1 to {QUERY_LIMIT_ROWS_MAX:,}", at)
    return Limit(number)
