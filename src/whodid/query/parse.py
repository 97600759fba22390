"""The parser: recursive descent over `scan`, one function per level of precedence.

    filter  = any ;
    any     = all *( "OR" all ) ;
    all     = one *( [ "AND" ] one ) ;
    one     = ( "NOT" | "-" ) one | "(" any ")" | "*" | field ":" asked | text ;
    asked   = [ ":" operator ] value | "[" low "TO" high "]" | "(" any ")" ;

In `field:( … )` the words within ask the same field. Keywords are in capitals. `parse_pipes` reads
what follows a `|`, and `recovery` goes on behind a mistake. It resolves no relative times and does
not ask whether a value exists.
"""

import ipaddress
import re
from collections.abc import Callable
from typing import TypeAlias

from whodid.errors import QueryError
from whodid.limits import QUERY_CHARS_MAX, QUERY_DEPTH_MAX, QUERY_TERMS_MAX
from whodid.query.fields import SEARCH_FIELDS, Field, suggest
from whodid.query.parse_pipes import parse_pipes
from whodid.query.recovery import EndedError, Problems, skip_term
from whodid.query.scan import Scanner, fail, shown
from whodid.query.tree import Everything, Node, Not, Pattern, Query, Text, all_of, any_of
from whodid.query.values import take_operator, take_term

_Part: TypeAlias = Callable[[], Node]

_FORBIDDEN = re.compile("[\0\ud800-\udfff]")
_PASTED = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|arn:", re.ASCII)


def parse(text: str) -> Query:
    """Parse a search.

    Raises QueryError, with the 0-based position and perhaps a suggestion, for every text that is
    no search, that names an unknown field, or that passes a bound of `limits`. It is the first
    mistake; `others` are those behind it, as many as QUERY_ERRORS_MAX in all.
    """
    if len(text) > QUERY_CHARS_MAX:
        raise fail(f"the search has more than {QUERY_CHARS_MAX} characters", QUERY_CHARS_MAX)
    try:
        return _parsed(text)
    except QueryError as error:
        error.text = text
        raise


def _parsed(text: str) -> Query:
    if bad := _FORBIDDEN.search(text):
        raise fail(f"the character U+{ord(bad.group()):04X} cannot be searched", bad.start())
    scanner, problems = Scanner(text), Problems()
    parser = _Parser(scanner, problems)
    try:
        node = parser.filter()
        pipes = parse_pipes(scanner, problems, parser.step)
    except EndedError:
        problems.tell()
        raise
    problems.tell()
    return Query(node, text, pipes.stats, pipes.sort, pipes.limit, sequence=pipes.sequence)


class _Parser:
    """One parse of a filter. `depth` counts open brackets and NOTs, `terms` the leaves so far.

    What cannot be read becomes Everything in the tree and one more problem.
    """

    __slots__ = ("_depth", "_field", "_problems", "_scanner", "_terms")

    def __init__(self, scanner: Scanner, problems: Problems) -> None:
        self._scanner = scanner
        self._problems = problems
        self._depth = 0
        self._terms = 0
        self._field: Field | None = None

    def filter(self) -> Node:
        scanner = self._scanner
        scanner.skip_space()
        if scanner.at_end():
            return Everything()
        node: Node = Everything() if scanner.peek() == "|" else self._any()
        while not scanner.at_end() and scanner.peek() != "|":
            self._problems.add(fail("a bracket is closed that was not opened", scanner.position))
            scanner.position += 1
            scanner.skip_space()
            if scanner.keyword() in {"AND", "OR"}:
                scanner.take(scanner.keyword())
            if not scanner.at_end() and scanner.peek() not in {")", "|"}:
                self._any()
        return node

    def step(self, scanner: Scanner) -> Node:
        """Parse the filter of a step, up to a `|` or the end; its terms count as all do."""
        outer, self._scanner = self._scanner, scanner
        node = self.filter()
        self._scanner = outer
        return node

    def _any(self) -> Node:
        items = [self._all()]
        while self._scanner.keyword() == "OR":
            self._scanner.take("OR")
            items.append(self._all())
        return any_of(items)

    def _all(self) -> Node:
        scanner = self._scanner
        items = [self._one()]
        while True:
            scanner.skip_space()
            if scanner.keyword() == "AND":
                scanner.take("AND")
            elif scanner.at_end() or scanner.peek() in {")", "|"} or scanner.keyword() == "OR":
                return all_of(items)
            items.append(self._one())

    def _one(self) -> Node:
        scanner = self._scanner
        scanner.skip_space()
        start = scanner.position
        word = scanner.keyword()
        if word == "NOT" or scanner.peek() == "-":
            scanner.take(word or "-")
            if not word and (scanner.at_end() or scanner.peek().isspace()):
                self._problems.add(fail("'-' needs something to exclude right after it", start))
                return Everything()
            return Not(self._deeper(self._one, start))
        if word or scanner.at_end() or scanner.peek() in {")", "|"}:
            self._problems.add(self._missing(word, start))
            return Everything()
        if scanner.take("("):
            return self._brackets(start)
        try:
            return self._counted(start)
        except QueryError as error:
            self._problems.add(error)
            skip_term(scanner, start)
            return Everything()

    def _counted(self, start: int) -> Node:
        scanner = self._scanner
        self._terms += 1
        if self._terms > QUERY_TERMS_MAX:
            message = f"the search has more than {QUERY_TERMS_MAX} terms"
            raise self._problems.end(fail(message, start))
        if self._field is not None:
            name = scanner.field_name()
            if name is not None and name.lower() in SEARCH_FIELDS:
                tail = "close the bracket before it, or put it in quotes"
                raise fail(f"a field within '{self._field.name}:( )'", start, tail=tail)
            op = take_operator(scanner)
            return take_term(scanner, self._field, op, start)
        return self._leaf(start)

    def _leaf(self, start: int) -> Node:
        scanner = self._scanner
        name = scanner.field_name()
        if name is not None:
            field = SEARCH_FIELDS.get(name.lower())
            if field is not None:
                return self._term(field, name, start)
            if not _is_text(scanner.run()):
                tail = "to search for this text, put it in quotes"
                raise fail(f"unknown field '{shown(name)}'", start, suggest(name), tail)
        value = scanner.value()
        if value is None or value == "":
            raise fail("there is nothing to search for", start)
        if isinstance(value, Pattern) and not any(value.pieces):
            return Everything()
        return Text(value, start)

    def _term(self, field: Field, name: str, start: int) -> Node:
        scanner = self._scanner
        scanner.take(name)
        scanner.take(":")
        op = take_operator(scanner)
        at = scanner.position
        if op == "has" and scanner.take("("):
            self._field = field
            node = self._brackets(at)
            self._field = None
            return node
        return take_term(scanner, field, op, start)

    def _brackets(self, start: int) -> Node:
        node = self._deeper(self._any, start)
        if not self._scanner.take(")"):
            self._problems.add(fail("a bracket is not closed", start))
        return node

    def _deeper(self, part: _Part, start: int) -> Node:
        self._depth += 1
        if self._depth > QUERY_DEPTH_MAX:
            message = f"the search is nested more than {QUERY_DEPTH_MAX} deep"
            raise self._problems.end(fail(message, start))
        node = part()
        self._depth -= 1
        return node

    def _missing(self, word: str, start: int) -> QueryError:
        if word:
            return fail(f"{word} needs something before it", start)
        return fail("something to search for is missing", start)


def _is_text(run: str) -> bool:
    """Tell whether a run with a colon in it was pasted: a URL, an ARN or an IPv6 address."""
    if _PASTED.match(run):
        return True
    try:
        ipaddress.ip_network(run, strict=False)
    except ValueError:
        return False
    return True
