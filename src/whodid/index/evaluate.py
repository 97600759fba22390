"""What the columns of a table say about a search: for each row yes, no, or open it.

A tree becomes two masks: `sure` (matches for certain) and `maybe` (may match; contains `sure`).
Columns give both alike; where rows must be opened, nothing is sure and all may be. Hence AND and
OR work on each, NOT exchanges them. Predicates are asked once per distinct text of a dictionary.
Never answers otherwise than `query.match`, only sooner.
"""

from collections.abc import Callable
from functools import lru_cache, reduce
from typing import Any, TypeAlias

import numpy as np

from whodid.index.builder import uuid_numbers, uuid_texts
from whodid.index.columns import KEYED, KINDS
from whodid.index.dictionary import Sought, containing, digests, equal_to, satisfying
from whodid.index.needles import NO, YES, rows_with, rows_with_value
from whodid.index.table import Array, Table
from whodid.ledger.leaf import LeafFlag
from whodid.ledger.pieces import Pieces
from whodid.query.countable import OPENED
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.match import term_columns, value_predicate
from whodid.query.own import OWN_SOURCE
from whodid.query.times import term_bounds
from whodid.query.tree import And, Everything, Node, Not, Or, Pattern, Range, Term, Text

Masks: TypeAlias = tuple[Any, Any]
"""(sure, maybe): arrays of bool, or one bool for all rows."""

_OPENED_MAX = 16 * 256
"""To open so many rows, of so few blocks, takes less than to read a dictionary."""

_INT64 = np.iinfo(np.int64)
_FLAGS = {
    "_quarantined": (LeafFlag.QUARANTINED, "quarantine"),
    "_redacted": (LeafFlag.REDACTED, "redactions"),
    "_conflict": (LeafFlag.CONFLICT, None),
}


def masks(node: Node, table: Table, *, opening: bool = False) -> Masks:
    """Return (sure, maybe) of a resolved tree over the rows of a table.

    With `opening`, few rows are rather opened than a dictionary looked through.
    """
    match node:
        case Everything():
            return YES, YES
        case Text():
            return NO, rows_with(node, table)
        case Not():
            sure, maybe = masks(node.item, table, opening=opening)
            return ~maybe, ~sure
        case And():
            return _all(sorted(node.items, key=_cost), table, opening=opening)
        case Or():
            parts = [masks(item, table, opening=opening) for item in node.items]
            return _reduced(np.logical_or, parts)
    few = _few_rows(node, table) if opening else None
    return _term(node, table, opening=opening) if few is None else (NO, few)


def _cost(node: Node) -> int:
    """Tell what to ask first: what the summary of a table may answer, then columns, then rows."""
    if isinstance(node, Term) and SEARCH_FIELDS[node.field].kind == "time":
        return 0
    return 2 if opens_rows(node) else 1


def opens_rows(node: Node) -> bool:
    """Tell whether some row may have to be opened to answer this tree."""
    match node:
        case Text():
            return True
        case Term():
            return not (OPENED | {"id"}).isdisjoint(term_columns(node))
        case Not():
            return opens_rows(node.item)
        case And() | Or():
            return any(opens_rows(item) for item in node.items)
    return False


@lru_cache(maxsize=256)
def states_of(flags: int) -> frozenset[str]:
    """Return the names of the states that the flags of a leaf say."""
    return frozenset(name for name, (bit, _) in _FLAGS.items() if flags & bit)


def own_rows(table: Table) -> Any:
    """Return which rows whodid itself wrote."""
    if not table.summary.own:
        return NO
    return _by_text(table, "source", OWN_SOURCE)


def _all(items: list[Node], table: Table, *, opening: bool) -> Masks:
    sure: Any = YES
    maybe: Any = YES
    for item in items:
        part = masks(item, table, opening=opening)
        sure, maybe = sure & part[0], maybe & part[1]
        if not maybe.any():
            return NO, NO
    return sure, maybe


def _reduced(join: Callable[[Any, Any], Any], parts: list[Masks]) -> Masks:
    return reduce(join, (part[0] for part in parts)), reduce(join, (part[1] for part in parts))


def _term(term: Term, table: Table, *, opening: bool) -> Masks:
    columns = term_columns(term)
    kind = SEARCH_FIELDS[term.field].kind
    if not OPENED.isdisjoint(columns):
        return NO, rows_with(term, table)
    if kind == "state":
        return _same(_state(term, table))
    if kind == "time":
        return _same(_time(term, table))
    if kind == "integer":
        return _number(term, table, columns[0])
    if columns == ("id",):
        return _id(term, table, opening=opening)
    found: Any = NO
    for column in columns:
        part = _text(term, table, column, opening=opening)
        found = part if found is NO else found if part is NO else found | part
    return _same(found)


def _same(found: Any) -> Masks:
    return found, found


def _needed(table: Table, name: str) -> Array:
    array = table.array(name)
    assert array is not None
    return array


def _state(term: Term, table: Table) -> Any:
    holds: Any = NO
    if term.field in _FLAGS:
        bit, column = _FLAGS[term.field]
        holds = (_needed(table, "flags") & np.uint16(bit)) != 0
        codes = table.array(column) if column else None
        if codes is not None:
            holds = holds | (codes != 0)
    predicate = value_predicate(term)
    return _where(holds, predicate(True), predicate(False))


def _where(holds: Any, if_true: bool, if_false: bool) -> Any:
    if if_true == if_false:
        return np.bool_(if_true)
    return holds if if_true else ~holds


def _time(term: Term, table: Table) -> Any:
    if term.op == "exists":
        return _needed(table, "timed") if term.field == "time" else YES
    low, high = term_bounds(term)
    if term.field == "time":
        summary = table.summary
        if not summary.events or _apart(low, high, summary.at_min, summary.at_max):
            return NO
        if (low is None or low <= summary.at_min) and (high is None or summary.at_max < high):
            return YES
    values = _needed(table, "at" if term.field == "time" else "received")
    found: Any = YES
    if low is not None:
        found = found & (values >= low)
    if high is not None:
        found = found & (values < high)
    return found


def _apart(low: int | None, high: int | None, least: int, most: int) -> bool:
    return (low is not None and most < low) or (high is not None and least >= high)


def _number(term: Term, table: Table, column: str) -> Masks:
    values = table.array(column)
    if values is None:
        return _same(NO)
    present = _needed(table, f"{column}?")
    if term.op == "exists":
        return _same(present)
    low, high = _integer_bounds(term)
    found = present & (values >= low) & (values <= high)
    edge = present & ((values == _INT64.max) | (values == _INT64.min))
    if not edge.any():
        return _same(found)
    return found & ~edge, found | edge  # a number there may be a greater one


def _integer_bounds(term: Term) -> tuple[int, int]:
    """Return the least and the greatest number that satisfy a term, both within int64."""
    value: Any = term.value
    least, most = int(_INT64.min), int(_INT64.max)
    if isinstance(value, Range):
        low: Any = least if value.low is None else value.low
        high: Any = most if value.high is None else value.high
        return low, high
    return {
        ">": (value + 1, most) if value < most else (most, least),
        ">=": (value, most),
        "<": (least, value - 1) if value > least else (most, least),
        "<=": (least, value),
    }.get(term.op, (value, value))


def _text(term: Term, table: Table, column: str, *, opening: bool) -> Any:
    exact, _ = _literal(term)
    listed = None if exact is None else table.listed(column, exact)
    if listed is not None and not len(listed):
        return NO  # before the column is opened
    codes = table.array(column)
    if codes is None:
        return NO
    if term.op == "exists":
        return codes != 0
    if listed is not None:
        return _among(listed, table, column, value_predicate(term))
    if not _near(term, table, column, exact).any():
        return NO
    return _rows_of(table, column, _texts_of(term, table, column, opening=opening))


def _texts_of(term: Term, table: Table, column: str, *, opening: bool) -> Array:
    """Return the numbers of the texts of a dictionary that satisfy a term."""
    exact, piece = _literal(term)
    if exact is None and (table.is_numbered(column) or not opening):  # numbering is for later
        found = table.matching(column, Sought(term, value_predicate(term), piece))
        if found is not None:
            return found
    return table.kept(
        (column, term),
        lambda: _texts_found(table, column, value_predicate(term), exact=exact, piece=piece),
    )


def _few_rows(term: Term, table: Table) -> Any:
    """Return the rows that may satisfy a pattern, to open; None where the dictionary is cheaper."""
    columns = term_columns(term)
    if _literal(term)[1] is None or not all(column in KINDS for column in columns):
        return None
    if any(table.at_hand(f"{column}$") or table.is_numbered(column) for column in columns):
        return None
    rows = rows_with(term, table)
    return None if rows is YES or np.count_nonzero(rows) > _OPENED_MAX else rows


def _near(term: Term, table: Table, column: str, exact: str | None) -> Any:
    """Return which rows may have the text of a term, as far as that is cheaper to know."""
    if exact is None:
        return rows_with(term, table)
    if table.at_hand(f"{column}$"):
        return YES
    if column in KEYED:
        return rows_with_value(column, exact, table)
    return rows_with(term, table)


def _among(rows: Array, table: Table, column: str, predicate: Callable[[Any], bool]) -> Any:
    """Return which rows satisfy a predicate, of these few of a table."""
    codes = _needed(table, column)[rows].astype(np.int64)
    rows, codes = rows[codes > 0], codes[codes > 0]
    if KINDS.get(column) == "texts":
        flat, bounds = _needed(table, f"{column}>"), _needed(table, f"{column}<").astype(np.int64)
        lists = [flat[bounds[code - 1] : bounds[code]].astype(np.int64) for code in codes.tolist()]
    else:
        lists = [np.array([code - 1]) for code in codes.tolist()]
    texts = [table.texts(column, numbers) for numbers in lists]
    found = [any(predicate(text.decode("utf-8", "replace")) for text in row) for row in texts]
    holds = np.zeros(table.count, dtype=np.bool_)
    holds[rows] = found
    return holds


def exact_value(term: Term) -> str | None:
    """Return the text that what satisfies a term equals, case apart; None for other terms."""
    columns = SEARCH_FIELDS[term.field].columns
    kinds = {KINDS.get(column) for column in columns}
    if not columns or not kinds <= {"text", "texts"} or not OPENED.isdisjoint(columns):
        return None
    return _literal(term)[0]


def _literal(term: Term) -> tuple[str | None, str | None]:
    """Return (text that a match equals, case apart; ASCII piece that a match contains)."""
    kind, value = SEARCH_FIELDS[term.field].kind, term.value
    if isinstance(value, str) and term.op in {"has", "is"}:
        if kind == "exact" or term.op == "is":
            return value, None
        return None, _piece((value,))
    if isinstance(value, Pattern):
        return None, _piece(value.pieces)
    return None, None


def _piece(pieces: tuple[str, ...]) -> str | None:
    ascii_pieces = [piece.casefold() for piece in pieces if piece.isascii() and piece]
    return max(ascii_pieces, key=len, default=None)


class _Dictionary:
    """The dictionary of a column of a table; one of `once` is not kept for it."""

    def __init__(self, table: Table, column: str, *, once: bool = False) -> None:
        self._table = table
        self._column = column
        self._once = once

    def at(self) -> Array:
        return self._part("@")

    def blob(self) -> Array:
        return self._part("$")

    def _part(self, end: str) -> Array:
        if not self._once:
            return _needed(self._table, f"{self._column}{end}")
        found = self._table.once(f"{self._column}{end}")
        assert found is not None
        return found

    def digests(self) -> Array:
        return self._table.kept((self._column, "digests"), self._digests)

    def _digests(self) -> Array:
        at = self.at().astype(np.int64)
        return digests(Pieces(self.blob().tobytes(), at[:-1], at[1:]))


def _by_text(table: Table, column: str, text: str) -> Any:
    """Return which rows have exactly this text in this column."""
    found = table.kept(
        (column, "=", text),
        lambda: _texts_found(table, column, lambda value: value == text, exact=text),
    )
    return _rows_of(table, column, found)


def _texts_found(
    table: Table,
    column: str,
    predicate: Callable[[Any], bool],
    *,
    exact: str | None = None,
    piece: str | None = None,
) -> Array:
    """Return the numbers of the texts of the dictionary that satisfy the predicate, ascending."""
    texts = _Dictionary(table, column, once=exact is None)  # patterns look at all, and pass by
    if exact is not None:
        return equal_to(texts, exact, predicate)
    found = containing(texts, piece, predicate) if piece else satisfying(texts, predicate)
    return np.flatnonzero(found).astype(np.uint32)


def _rows_of(table: Table, column: str, numbers: Array) -> Any:
    """Return which rows have one of these texts."""
    if not len(numbers):
        return NO
    codes = _needed(table, column)
    if KINDS.get(column) == "texts":
        texts = len(_needed(table, f"{column}@")) - 1
        lists = _lists(table, column, _at(numbers, texts))
        return np.concatenate((np.zeros(1, dtype=np.bool_), lists))[codes]
    if len(numbers) == 1:
        return codes == codes.dtype.type(numbers[0] + 1)
    return _at(numbers + np.uint32(1), len(_needed(table, f"{column}@")))[codes]


def _at(numbers: Array, size: int) -> Array:
    found = np.zeros(size, dtype=np.bool_)
    found[numbers] = True
    return found


def _lists(table: Table, column: str, found: Array) -> Array:
    """Return which lists hold a text that was found. No list is empty."""
    flat = found[_needed(table, f"{column}>")]
    bounds = _needed(table, f"{column}<").astype(np.int64)
    lists: Array = np.logical_or.reduceat(flat, bounds[:-1])
    return lists


def _id(term: Term, table: Table, *, opening: bool) -> Masks:
    if term.op == "exists":
        return _same(_needed(table, "live"))
    if table.array("id") is not None:
        return _same(_text(term, table, "id", opening=opening))
    high, low = table.array("id.high"), table.array("id.low")
    if high is None or low is None:
        return NO, rows_with(term, table)
    if term.op in {"has", "is"} and isinstance(term.value, str):
        wanted = term.value if term.op == "is" else term.value.casefold()
        return _same(rows_of_id(table, wanted))
    predicate = value_predicate(term)
    texts = uuid_texts(high, low)
    return _same(np.fromiter((predicate(text) for text in texts), np.bool_, count=len(texts)))


def rows_of_id(table: Table, event_id: str) -> Any:
    """Return which rows have this id, written as we write it; of a segment, which may."""
    if table.array("id") is not None:
        return _by_text(table, "id", event_id)
    if table.array("id.high") is None:
        return rows_with(Term("id", "is", event_id), table)
    pair = uuid_numbers([event_id])
    if pair is None:
        return NO
    summary = table.summary
    if summary.id_min is None or summary.id_max is None:
        return NO
    if not summary.id_min <= int(pair[0][0]) <= summary.id_max:
        return NO
    return (_needed(table, "id.high") == pair[0][0]) & (_needed(table, "id.low") == pair[1][0])
