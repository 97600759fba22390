"""Words of the English of a search: values, times, lengths, fields, and how clauses are joined."""

from collections.abc import Iterable, Sequence

from whodid.query.times import DAY_US, time_text
from whodid.query.tree import Network, Pattern, Range, Relative, Span, Value

_SECOND_US = 1_000_000
_UNITS = (("week", 7 * DAY_US), ("day", DAY_US), ("hour", DAY_US // 24),
          ("minute", 60 * _SECOND_US), ("second", _SECOND_US), ("millisecond", 1000))  # fmt: skip
_SMALL = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
          "eleven", "twelve")  # fmt: skip
_MONTH_US = 28 * DAY_US
PLURALS = frozenset({"rows", "bytes", "resources", "labels", "resource.labels", "redactions"})
COUNTS = frozenset({"rows", "bytes"})
_NAMES = {
    "duration_us": "duration", "ip": "address", "actor.on_behalf_of": "principal",
    "on_behalf_of": "principal", "actor.groups": "group", "actor.session": "session",
    "actor.type": "kind of actor", "agent": "user agent", "native_id": "id of its own",
    "original_time": "time as written", "service.name": "service",
    "quarantine": "reason of quarantine", "redactions": "replaced secrets", "via": "proxy",
    "time": "time of their own",
}  # fmt: skip


def name_of(field: str) -> str:
    """Return a field as words."""
    return _NAMES.get(field) or field.strip("_").replace(".", " ").replace("_", " ")


def a_name(field: str) -> str:
    """Return a field as words with their article."""
    name = name_of(field)
    if field in COUNTS:
        return f"a number of {name}"
    if field in PLURALS:
        return name
    return f"{'an' if name[0] in 'aeio' else 'a'} {name}"


def shown(value: Value) -> str:
    """Return a value as people write it."""
    if isinstance(value, int):
        return str(value).lower() if isinstance(value, bool) else f"{value:,}"
    if isinstance(value, Span | Relative):
        return _relative(value) if isinstance(value, Relative) else time_text(value)
    if isinstance(value, Pattern):
        return "*".join(value.pieces)
    return value.text if isinstance(value, Network) else str(value)


def quoted(value: str | Pattern) -> str:
    """Return a text within quotation marks."""
    return f"“{shown(value)}”"


def counted(count: int, noun: str) -> str:
    """Return so many of a noun that is given in the plural."""
    return f"{count:,} {noun.removesuffix('s') if count == 1 else noun}"


def duration(us: int, one: str = "") -> str:
    """Return a length of time; `one` stands before a single unit."""
    for unit, unit_us in _UNITS:
        if us % unit_us == 0 and us and (unit != "week" or us > unit_us):
            count = us // unit_us
            if count == 1:
                return f"{one}{unit}"
            return f"{_SMALL[count] if count < len(_SMALL) else f'{count:,}'} {unit}s"
    return f"{us:,} microseconds"


def range_words(value: Range) -> str:
    """Return a range."""
    if value.low is None:
        return f"up to {shown(value.high)}"
    if value.high is None:
        return f"from {shown(value.low)} on"
    return f"between {shown(value.low)} and {shown(value.high)}"


def time_words(op: str, value: Value) -> str:
    """Return when, for a term of a time."""
    if isinstance(value, Range):
        if isinstance(value.low, Relative) and value.high in {None, Relative()}:
            return _since(value.low)
        return range_words(value)
    words = {">": "after", ">=": "since", "<": "before", "<=": "until"}
    if isinstance(value, Relative) and op in {">", ">="}:
        return _since(value)
    if op in words:
        return f"{words[op]} {shown(value)}"
    if isinstance(value, Relative) and value.day:
        return shown(value)
    return f"{_preposition(value)} {shown(value)}"


def _preposition(value: Value) -> str:
    if not isinstance(value, Span):
        return "at"
    width_us = value.end_us - value.start_us
    return "in" if width_us >= _MONTH_US else "on" if width_us == DAY_US else "at"


def _since(value: Relative) -> str:
    ago_us = -value.offset_us
    if value.day or ago_us <= 0:
        return f"since {shown(value)}"
    return f"in the last {duration(ago_us)}"


def _relative(value: Relative) -> str:
    if value.day or value.offset_us == 0:
        return time_text(value)
    ago = value.offset_us < 0
    return f"{duration(abs(value.offset_us), 'one ')} {'ago' if ago else 'from now'}"


def either(options: Iterable[str]) -> str:
    """Return one or several nouns: `a, b or c`."""
    return listed(list(options), "or")


def listed(items: Sequence[str], word: str) -> str:
    """Return items as a list whose last stands behind the word."""
    if len(items) == 1:
        return items[0]
    space = "" if word.startswith(",") else " "
    return f"{', '.join(items[:-1])}{space}{word} {items[-1]}"


def joined(clauses: Sequence[str], word: str) -> str:
    """Return clauses as a list; `that … and that …` becomes `that … and …`.

    Where one has an OR in it a comma before the AND keeps them apart.
    """
    found: list[str] = []
    for place, clause in enumerate(clauses):
        follows = place and clauses[place - 1].startswith("that ") and "(" not in clause
        found.append(clause.removeprefix("that ") if follows else clause)
    apart = word == "and" and any(" or " in clause for clause in clauses)
    return listed(found, f", {word}" if apart else word)
