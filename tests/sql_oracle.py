"""What a search must find, said in SQL and answered by DuckDB: a second reading of the language.

It shares the tree and the names of fields with whodid, and nothing of how whodid answers. DuckDB
does not fold case as Unicode says, so each text stands beside its folded form in the table.
"""

import ipaddress
import re

import duckdb
import pyarrow as pa

from whodid.event import FIELDS, Change, Redaction
from whodid.query.pipes import Measure
from whodid.query.tree import (
    And,
    Everything,
    Network,
    Not,
    Or,
    Range,
    Span,
    Term,
    Text,
)

NUMBERS = {"rows", "bytes", "port", "mapping", "duration_us"}
TIMES = {"time", "received"}
LISTS = {
    "actor.groups", "resource.labels", "resources", "via", "changes", "params", "labels",
    "redactions",
}  # fmt: skip
WORDS = {"reason", "agent", "endpoint", "message", "changes", "statement", "params", "quarantine"}
ALIASES = {
    "actor": ("actor.id", "actor.name"), "user": ("actor.id", "actor.name"),
    "on_behalf_of": ("actor.on_behalf_of",), "session": ("actor.session",),
    "group": ("actor.groups",), "resource": ("resource.name", "resources"),
    "service": ("service.name",),
}  # fmt: skip
TEXTS = [name for name in FIELDS if name not in NUMBERS | TIMES]
_CLIP = 2**63 - 2
_LETTER = r"\p{L}\p{N}"
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def texts(value):
    """Every text that a stored value holds, in order."""
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    found = []
    for item in value:
        match item:
            case Change():
                found += [t for t in (item.field, item.before, item.after) if t is not None]
            case Redaction():
                found.append(item.rule)
            case _:
                found.append(item)
    return found


def unescaped(raw):
    r"""A raw record with \n, \u0041, \x41 and \" undone, byte by byte."""
    out, at = bytearray(), 0
    while at < len(raw):
        if raw[at : at + 1] != b"\\" or at + 1 == len(raw):
            out += raw[at : at + 1]
            at += 1
            continue
        kind = chr(raw[at + 1])
        digits = re.match(rb"[0-9A-Fa-f]*", raw[at + 2 : at + 6])[0]
        if kind == "u" and len(digits) == 4:
            point, at = int(digits, 16), at + 6
            low = re.match(rb"\\u([Dd][C-Fc-f][0-9A-Fa-f]{2})", raw[at : at + 6])
            if 0xD800 <= point < 0xDC00 and low:
                point, at = 0x10000 + (point - 0xD800) * 1024 + int(low[1], 16) - 0xDC00, at + 6
            out += chr(point).encode("utf-8", "replace")
        elif kind == "x" and len(digits) >= 2:
            out.append(int(digits[:2], 16))
            at += 4
        else:
            out += _ESCAPES[kind].encode() if kind in _ESCAPES else raw[at + 1 : at + 2]
            at += 2
    return out.decode("utf-8", "replace")


def address(text):
    """(version, number) of an address, of IPv4 written as IPv6 that of the IPv4 address."""
    try:
        found = ipaddress.ip_address(text)
    except (ValueError, TypeError):
        return None, None
    if found.version == 6 and int(found) >> 32 == 0xFFFF:
        found = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return found.version, f"{int(found):032x}"


class SqlOracle:
    """A DuckDB table of events by index, and searches of it."""

    def __init__(self, events, states):
        """`states` returns the names of the states of the event of an index."""
        columns = {"idx": list(events)}
        columns["happened"] = [
            e.when.received if e.when.time is None else e.when.time for e in events.values()
        ]
        columns["own"] = [event.envelope.source == "whodid" for event in events.values()]
        everything = [
            [event.raw.decode("utf-8", "replace").casefold(), unescaped(event.raw).casefold()]
            for event in events.values()
        ]
        for name in FIELDS:
            values = [event.field(name) for event in events.values()]
            if name in NUMBERS:
                columns[name] = [None if value is None else str(value) for value in values]
            elif name in TIMES:
                columns[name] = values
            else:
                found = [texts(value) for value in values]
                folded = [[t.casefold() for t in item] for item in found]
                everything = [[*all_, *item] for all_, item in zip(everything, folded, strict=True)]
                many = name in LISTS
                columns[name] = found if many else [item[0] if item else None for item in found]
                columns[f"{name} folded"] = (
                    folded if many else [item[0] if item else None for item in folded]
                )
        pairs = [address(event.where.ip) for event in events.values()]
        columns["ip version"], columns["ip number"] = (
            list(part) for part in zip(*pairs, strict=True)
        )
        columns["everything folded"] = everything
        for state in ("_quarantined", "_conflict", "_redacted", "_erased", "_amended"):
            columns[state] = [state in states(index) for index in events]
        self._db = duckdb.connect(":memory:", config={"threads": 1})
        self._db.register("arrow", pa.table(columns))
        casts = ", ".join(f'"{name}"::HUGEINT AS "{name}"' for name in sorted(NUMBERS))
        self._db.execute(f"CREATE TABLE e AS SELECT * REPLACE ({casts}) FROM arrow")

    def newest(self, node, *, own):
        """(at, index) of every match, newest first."""
        return self._rows(
            f"SELECT happened, idx FROM e WHERE {_hides(own)} AND {where(node)} "
            "ORDER BY happened DESC, idx DESC"
        )

    def table(self, node, stats, *, own):
        """The rows of a table, as a mapping from the values of its keys to its measures."""
        chosen = f"SELECT * FROM e WHERE {_hides(own)} AND {where(node)}"
        keys = [_key(key) for key in stats.by]
        measures = ", ".join(_measure(measure) for measure in stats.measures)
        named = ", ".join(f"{key} AS k{n}" for n, key in enumerate(keys))
        source = f"(SELECT *{', ' if named else ''}{named} FROM ({chosen}))"
        groups = ", ".join(f"k{n}" for n in range(len(keys)))
        if not groups:
            (row,) = self._rows(f"SELECT {measures} FROM {source}")
            return {(): list(row)}
        rows = self._rows(f"SELECT {groups}, {measures} FROM {source} GROUP BY {groups}")
        return {row[: len(keys)]: list(row[len(keys) :]) for row in rows}

    def _rows(self, sql):
        return self._db.execute(sql).fetchall()


def _hides(own):
    return "true" if own else "NOT own"


# --- filters -------------------------------------------------------------------------------------


def where(node):
    """The condition of a resolved tree; never NULL."""
    match node:
        case Everything():
            return "true"
        case Not():
            return f"(NOT {where(node.item)})"
        case And():
            return "(" + " AND ".join(map(where, node.items)) + ")"
        case Or():
            return "(" + " OR ".join(map(where, node.items)) + ")"
        case Text():
            return _any("everything", _found(node.value), folded=True)
        case Term():
            return f"coalesce({_term(node)}, false)"


def _any(column, condition, *, folded=False):
    """Whether one of the texts in a column satisfies a condition, a function of its name."""
    name = f'"{column} folded"' if folded else f'"{column}"'
    if column not in LISTS and column != "everything":
        return condition(name)
    return f"len(list_filter({name}, lambda x: {condition('x')})) > 0"


def _term(term):
    columns = ALIASES.get(term.field, (term.field,))
    name = f'"{columns[0]}"'
    if term.field.startswith("_"):
        return name if term.op == "exists" or term.value else f"NOT {name}"
    if term.op == "exists":
        tests = [f'len("{c}") > 0' if c in LISTS else f'"{c}" IS NOT NULL' for c in columns]
        return "(" + " OR ".join(tests) + ")"
    if term.field in TIMES:
        return _time("happened" if term.field == "time" else "received", term)
    if term.field in NUMBERS:
        return _number(name, term)
    if isinstance(term.value, Network | Range):
        return _network(term.value)
    return "(" + " OR ".join(_text(column, term) for column in columns) + ")"


def _text(column, term):
    if term.op == "is":
        return _any(column, lambda x: f"{x} = {quoted(term.value)}")
    if term.op == "regex":
        return _any(column, lambda x: f"regexp_matches({x}, {quoted(_re2(term.value))})")
    if column in WORDS:
        return _any(column, _found(term.value), folded=True)
    pieces = (term.value,) if isinstance(term.value, str) else term.value.pieces
    like = "%".join(re.sub(r"([%_!])", r"!\1", piece.casefold()) for piece in pieces)
    return _any(column, lambda x: f"{x} LIKE {quoted(like)} ESCAPE '!'", folded=True)


def _found(value):
    """Whether a folded text has a word, phrase or pattern in it: one regular expression."""
    pieces = (value,) if isinstance(value, str) else value.pieces
    folded = [piece.casefold() for piece in pieces]
    there = [piece for piece in folded if piece]
    begin = f"(^|[^{_LETTER}])" if folded[0] and there[0][0].isalnum() else ""
    end = f"($|[^{_LETTER}])" if folded[-1] and there[-1][-1].isalnum() else ""
    middle = ".*".join(f"{_escaped(piece)}" for piece in there)
    pattern = quoted(f"(?s){begin}{middle}{end}")
    return lambda x: f"regexp_matches({x}, {pattern})"


def _escaped(text):
    return "".join(c if c.isalnum() or c == "_" else rf"\x{{{ord(c):x}}}" for c in text)


def _re2(pattern):
    """Our regular expressions in RE2's words: its classes are ASCII, ours Unicode."""
    pattern = pattern.replace(r"\w", rf"[{_LETTER}_]").replace(r"\d", r"\p{Nd}")
    return pattern.replace(r"\S", r"[^\s\x{b}\x{1c}-\x{1f}\x{85}\x{a0}\x{2000}-\x{200a}\x{3000}]")


def _time(at, term):
    value = term.value
    if isinstance(value, Range):
        low, high = value.low, value.high
        return " AND ".join(
            ([f"{at} >= {low.start_us}"] if low else [])
            + ([f"{at} < {high.end_us}"] if high else [])
        )
    assert isinstance(value, Span)
    match term.op:
        case ">":
            return f"{at} >= {value.end_us}"
        case ">=":
            return f"{at} >= {value.start_us}"
        case "<":
            return f"{at} < {value.start_us}"
        case "<=":
            return f"{at} < {value.end_us}"
    return f"{at} >= {value.start_us} AND {at} < {value.end_us}"


def _number(name, term):
    value = term.value
    if isinstance(value, Range):
        ends = [(">=", value.low), ("<=", value.high)]
        return " AND ".join(f"{name} {op} {_big(end)}" for op, end in ends if end is not None)
    return f"{name} {term.op if term.op in {'>', '>=', '<', '<='} else '='} {_big(value)}"


def _big(number):
    return f"'{number}'::HUGEINT"


def _network(value):
    low, high = (value.low, value.high) if isinstance(value, Range) else (value, value)
    first = None if low is None else address(str(ipaddress.ip_network(low.text)[0]))
    last = None if high is None else address(str(ipaddress.ip_network(high.text)[-1]))
    tests = [f'"ip version" = {(first or last)[0]}']
    tests += [f"\"ip number\" >= '{first[1]}'"] if first else []
    tests += [f"\"ip number\" <= '{last[1]}'"] if last else []
    return " AND ".join(tests)


def quoted(text):
    """A text as SQL writes it, character zero too."""
    parts = ["'" + part.replace("'", "''") + "'" for part in text.split("\0")]
    return parts[0] if len(parts) == 1 else f"({' || chr(0) || '.join(parts)})"


# --- tables --------------------------------------------------------------------------------------


def _values(field):
    """The list of different values of a text field, of all that an alias reads."""
    if field in {"actor", "user"}:
        return 'list_distinct([coalesce("actor.id", "actor.name")])'
    columns = ALIASES.get(field, (field,))
    lists = [f'"{column}"' if column in LISTS else f'["{column}"]' for column in columns]
    return (
        f"list_distinct({lists[0] if len(lists) == 1 else f'list_concat({lists[0]}, {lists[1]})'})"
    )


def _clipped(name):
    clipped = f'greatest(least("{name}", {_big(_CLIP)}), {_big(-_CLIP)})'
    return f'(CASE WHEN "{name}" IS NOT NULL THEN {clipped} END)'


def _key(key):
    field = key.field
    if field in TIMES:
        return _bucket("happened" if field == "time" else "received", key.bucket)
    if field in NUMBERS:
        return _clipped(field)
    if field.startswith("_"):
        return f'"{field}"'
    values = _values(field)
    if not LISTS.intersection(ALIASES.get(field, (field,))):
        return f"({values})[1]"
    return f"unnest(CASE WHEN len({values}) > 0 THEN {values} ELSE [NULL] END)"


def _bucket(at, bucket):
    if isinstance(bucket, int):
        return f"({at} - {at} % {bucket})"
    return f"epoch_us(date_trunc('{bucket}', make_timestamp({at}))::TIMESTAMP)"


def _measure(measure: Measure):
    field = measure.field
    if field is None:
        return "count(*)"
    if field in TIMES:
        at = "happened" if field == "time" else "received"
        return f"{measure.function}({at})"
    if field not in NUMBERS:
        if measure.function == "count":
            return f"count(*) FILTER (len({_values(field)}) > 0)"
        return f"coalesce(len(list_distinct(flatten(list({_values(field)})))), 0)"
    value = _clipped(field)
    match measure.function:
        case "percentile":
            sorted_ = f"list_sort(list({value}) FILTER ({value} IS NOT NULL))"
            return f"{sorted_}[(count({value}) * {measure.percent} + 99) // 100]"
        case "count_distinct":
            return f"count(DISTINCT {value})"
        case "avg":
            return f"sum({value})::DOUBLE / count({value})"
    return f"{measure.function}({value})"
