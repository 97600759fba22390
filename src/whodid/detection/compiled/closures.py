"""Conditions → closures: View → bool. Selections that a condition names often compile once.

Several looks at one field in an "any of" become one closure, with a set of equal texts and tuples
of beginnings and ends.
"""

from whodid.detection.compiled.fields import Field, View
from whodid.detection.compiled.tests import FieldOf, Holds, all_lower, compile_test
from whodid.detection.rule import All, AnyOf, Node, Not, Test

_TEXT_OPS = ("equals", "startswith", "endswith", "contains")


class Closures:
    """Compiles the nodes of one kind of log; `field_of` gives its fields."""

    def __init__(self, field_of: FieldOf) -> None:
        self._field_of = field_of
        self._known: dict[int, tuple[Node, Holds]] = {}

    def compile(self, node: Node) -> Holds:
        """Return the closure of a node."""
        known = self._known.get(id(node))
        if known is None:
            known = self._known[id(node)] = node, self._make(node)
        return known[1]

    def _make(self, node: Node) -> Holds:
        if isinstance(node, Test):
            return compile_test(node, self._field_of)
        if isinstance(node, Not):
            inner = self.compile(node.item)
            return lambda view: not inner(view)
        if isinstance(node, All):
            return _all([self.compile(it) for it in _by_cost(node.items)])
        return self._any(node)

    def _any(self, node: AnyOf) -> Holds:
        groups: dict[tuple[str | None, bool], list[Test]] = {}
        others: list[Node] = []
        for item in node.items:
            if isinstance(item, Test) and item.op in _TEXT_OPS and isinstance(item.value, str):
                groups.setdefault((item.field, item.cased), []).append(item)
            else:
                others.append(item)
        holds = [self._group(tests) for tests in groups.values()]
        return _any_of(holds + [self.compile(it) for it in _by_cost(others)])

    def _group(self, tests: list[Test]) -> Holds:
        if len(tests) == 1:
            return self.compile(tests[0])
        first = tests[0]
        if first.field is None:
            if first.cased:
                return _any_of([self.compile(it) for it in tests])
            needles = tuple(str(it.value).lower() for it in tests)
            return lambda view: _within(needles, all_lower(view))
        return _texts(tests, self._field_of(first.field), cased=first.cased)


def _within(needles: tuple[str, ...], text: str) -> bool:
    for needle in needles:  # noqa: SIM110 - a generator costs more than the looks
        if needle in text:
            return True
    return False


def _texts(tests: list[Test], field: Field, *, cased: bool) -> Holds:
    def values(op: str) -> tuple[str, ...]:
        found = (str(it.value) for it in tests if it.op == op)
        return tuple(dict.fromkeys(it if cased else it.lower() for it in found))

    equal, starts = frozenset(values("equals")), values("startswith")
    ends, needles = values("endswith"), values("contains")
    texts = field.cased if cased else field.lower
    if not starts and not ends and not needles:
        return lambda view: not equal.isdisjoint(texts(view))

    def holds(view: View) -> bool:
        for text in texts(view):
            if (
                text in equal
                or (starts and text.startswith(starts))
                or (ends and text.endswith(ends))
                or (needles and _within(needles, text))
            ):
                return True
        return False

    return holds


def _all(holds: list[Holds]) -> Holds:
    if len(holds) == 1:
        return holds[0]
    if len(holds) == 2:
        one, two = holds
        return lambda view: one(view) and two(view)

    def every(view: View) -> bool:
        for it in holds:  # noqa: SIM110 - as in _within
            if not it(view):
                return False
        return True

    return every


def _any_of(holds: list[Holds]) -> Holds:
    if len(holds) == 1:
        return holds[0]

    def some(view: View) -> bool:
        for it in holds:  # noqa: SIM110 - as in _within
            if it(view):
                return True
        return False

    return some


_COSTS: dict[str, int] = {"equals": 0, "exists": 0, "null": 0, "startswith": 1, "endswith": 1}


def _cost(node: Node) -> int:
    """Return about how dear a node is: plain looks first, keywords and regexes last."""
    if isinstance(node, Test):
        if node.field is None:
            return 1000
        return 200 if node.op == "regex" else _COSTS.get(node.op, 5)
    if isinstance(node, Not):
        return _cost(node.item) + 1
    worst = max(map(_cost, node.items[:8]), default=0)
    return worst + len(node.items)


def _by_cost(items: "tuple[Node, ...] | list[Node]") -> list[Node]:
    return sorted(items, key=_cost)
