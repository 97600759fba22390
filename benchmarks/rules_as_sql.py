"""Rules as DuckDB SQL: one boolean expression each, all of them in one scan; to be compared with.

A field is a column of texts (or of lists of texts, then one of them must fit), and beside it the
same texts folded, for comparisons without case: they are folded once for each distinct text, by the
function that closures use. An expression may be NULL where a field is missing, which is as good as
false up to the next NOT; there, and on top, NULL is made false.

What SQL cannot say of a text (networks, parts of a time) is a `Lookup`: a column of truths that the
caller makes of the distinct texts.
"""

from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import Struct

from whodid.detection.rule import All, AnyOf, Node, Not, Test

FOLDED = "_folded"
_JOINED_MAX = 100
_NUMBER = (
    "CASE WHEN length({0}) <= 40 AND regexp_full_match({0}, "
    "'\\s*[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?') "
    "AND isfinite(TRY_CAST({0} AS DOUBLE)) THEN TRY_CAST({0} AS DOUBLE) END"
)
"""A number from its text in decimals, as `compiled.tests.number_of` reads it."""
_COMPARES = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_REFERENCES = {
    "fieldref": "{0} = {1}",
    "fieldref_contains": "contains({0}, {1})",
    "fieldref_startswith": "starts_with({0}, {1})",
    "fieldref_endswith": "ends_with({0}, {1})",
}
_FUNCTIONS = {"contains": "contains", "startswith": "starts_with", "endswith": "ends_with"}


class SqlColumn(Struct, frozen=True):
    """Where the values of a field are: `name`, and of texts folded `name` + FOLDED.

    Names are ours: plain words. A `state` is there where it is true.
    """

    name: str
    kind: Literal["text", "texts", "number", "state"] = "text"


class Lookup(Struct, frozen=True):
    """A column of truths that is asked for: whether the text in `column` passes `test`."""

    name: str
    column: SqlColumn
    test: Test


ColumnOf = Callable[[str | None], SqlColumn | None]
"""The column of a field (None: of all texts of the record); None: there is none."""


class SqlWriter:
    """Writes expressions over one table. `lookups` are those that they need."""

    def __init__(self, column_of: ColumnOf) -> None:
        self._column_of = column_of
        self.lookups: dict[Lookup, str] = {}

    def expression(self, node: Node) -> str:
        """Return SQL that is true where the node holds, else false; never NULL."""
        return f"coalesce({self._node(node)}, false)"

    def any_of(self, nodes: Sequence[Node]) -> str:
        """Return SQL that is true where one of them holds; never NULL."""
        return _joined("OR", [self.expression(node) for node in nodes], "false")

    def columns(self, node: Node) -> set[SqlColumn]:
        """Return the columns that an expression reads."""
        match node:
            case Test():
                found = {self._column_of(node.field)}
                if node.op in _REFERENCES:
                    found.add(self._column_of(str(node.value)))
                return {column for column in found if column is not None}
            case Not():
                return self.columns(node.item)
        return {column for item in node.items for column in self.columns(item)}

    def _node(self, node: Node) -> str:
        match node:
            case Test():
                return self._test(node)
            case Not():
                return f"NOT coalesce({self._node(node.item)}, false)"
            case All():
                return _joined("AND", [self._node(item) for item in node.items], "true")
        return self._any(node)

    def _any(self, node: AnyOf) -> str:
        """Join alternatives; texts that one field may equal become one IN."""
        equal: dict[tuple[str | None, bool], list[str]] = {}
        others = []
        for item in node.items:
            if isinstance(item, Test) and item.op == "equals" and isinstance(item.value, str):
                equal.setdefault((item.field, item.cased), []).append(item.value)
            else:
                others.append(self._node(item))
        ins = [self._equals(field, values, cased=cased) for (field, cased), values in equal.items()]
        return _joined("OR", [*ins, *others], "false")

    def _equals(self, field: str | None, values: Sequence[str], *, cased: bool) -> str:
        column = self._column_of(field)
        if column is None:
            return "false"
        texts = dict.fromkeys(values if cased else map(str.lower, values))
        listed = ", ".join(map(literal, texts))
        how = f"= {listed}" if len(texts) == 1 else f"IN ({listed})"
        return _over(column, lambda text: f"{text} {how}", folded=not cased)

    def _test(self, test: Test) -> str:
        column = self._column_of(test.field)
        if test.op in {"exists", "null"}:
            there = "false" if column is None else _there(column)
            wanted = bool(test.value) if test.op == "exists" else False
            return there if wanted else f"NOT {there}"
        if column is None:
            return "false"
        if test.op == "equals" and isinstance(test.value, str) and test.part is None:
            return self._equals(test.field, [test.value], cased=test.cased)
        if test.part is not None or test.op == "cidr":
            return self._look_up(column, test)
        if test.op in _REFERENCES:
            return self._reference(column, test)
        return self._of_text(column, test)

    def _of_text(self, column: SqlColumn, test: Test) -> str:
        """Return the look at a column's texts that a test is."""
        value = test.value
        if test.op == "regex":
            pattern = literal(value)
            return _over(column, lambda text: f"regexp_matches({text}, {pattern})", folded=False)
        if test.op == "equals":
            return _equals_number(column, value)
        if test.op in _COMPARES:
            how = f"{_COMPARES[test.op]} {float(value)!r}"
            if column.kind == "number":
                return f"{column.name} {how}"
            return _over(column, lambda text: f"{_NUMBER.format(text)} {how}", folded=False)
        fold = str if test.cased else str.lower
        if test.op == "pattern":
            folded = [fold(piece) if isinstance(piece, str) else piece for piece in value]
            like = literal("".join(map(_like, folded)))
            return _over(
                column, lambda text: f"{text} LIKE {like} ESCAPE '!'", folded=not test.cased
            )
        function, part = _FUNCTIONS[test.op], literal(fold(value))
        return _over(column, lambda text: f"{function}({text}, {part})", folded=not test.cased)

    def _reference(self, column: SqlColumn, test: Test) -> str:
        other = self._column_of(str(test.value))
        if other is None:
            return "false"
        how, folded = _REFERENCES[test.op], not test.cased
        return _over(
            column,
            lambda one: _over(
                other, lambda two: how.format(one, two), folded=folded, item="item_2"
            ),
            folded=folded,
        )

    def _look_up(self, column: SqlColumn, test: Test) -> str:
        number = len(self.lookups)
        asked = Lookup("", column, test)
        return self.lookups.setdefault(asked, f"lookup_{number}")


def literal(text: str) -> str:
    """Return a text as SQL."""
    quoted = text.replace("'", "''")
    if "\0" not in quoted:
        return f"'{quoted}'"
    return "(" + " || chr(0) || ".join(f"'{part}'" for part in quoted.split("\0")) + ")"


def _like(piece: str | bool | None) -> str:
    if piece is None:
        return "%"
    if piece is True:
        return "_"
    text = str(piece)
    for char in "!%_":
        text = text.replace(char, f"!{char}")
    return text


def _equals_number(column: SqlColumn, value: object) -> str:
    """Return the look for a number or a truth value: as closures, the same text of a text."""
    if isinstance(value, bool):
        said = "true" if value else "false"
        return _over(column, lambda text: f"{text} = '{said}'", folded=True)
    if column.kind == "number":
        return f"{column.name} = {value!r}"
    said = literal(str(value) if isinstance(value, int) else repr(value))
    return _over(column, lambda text: f"{text} = {said}", folded=False)


def _name(column: SqlColumn, *, folded: bool) -> str:
    return column.name + FOLDED if folded else column.name


def _over(column: SqlColumn, how: Callable[[str], str], *, folded: bool, item: str = "item") -> str:
    """Return a look at a column's text, or at each item of its lists."""
    name = _name(column, folded=folded)
    if column.kind == "text":
        return how(name)
    if column.kind in {"number", "state"}:
        return how(f"CAST({column.name} AS VARCHAR)")
    return f"len(list_filter({name}, lambda {item}: {how(item)})) > 0"


def _there(column: SqlColumn) -> str:
    if column.kind == "state":
        return column.name
    if column.kind != "texts":
        return f"({column.name} IS NOT NULL)"
    return f"(coalesce(len({column.name}), 0) > 0)"


def _joined(word: str, parts: Sequence[str], empty: str) -> str:
    if not parts:
        return empty
    while len(parts) > _JOINED_MAX:  # DuckDB bounds how deep an expression is
        parts = [
            _joined(word, parts[at : at + _JOINED_MAX], empty)
            for at in range(0, len(parts), _JOINED_MAX)
        ]
    return parts[0] if len(parts) == 1 else "(" + f" {word} ".join(parts) + ")"
