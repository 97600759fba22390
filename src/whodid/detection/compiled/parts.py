"""The condition of a rule, taken apart: what single values decide, and what is left to closures.

A rule holds when one look of each group of `needs` does, none of `bars`, and `rest`. Looks of
needs and bars are each passed by one value of one field, so that what a value decides can be
remembered (`probes`). Most rules have no rest.
"""

from typing import NamedTuple

from whodid.detection.compiled.anchors import Anchors, anchors_of, is_of_value, key_of
from whodid.detection.rule import All, AnyOf, Node, Not, Test

NEEDS_MAX = 3
"""Groups of needs of one rule; further ones are rest."""

_STRONG = 60
_TESTS_MAX = 5000


class Parts(NamedTuple):
    """`needs` are the groups that tell records apart best, the best first."""

    needs: tuple[tuple[Test, ...], ...]
    bars: tuple[Test, ...]
    rest: Node | None


def parts_of(node: Node) -> Parts:
    """Take a condition apart."""
    needs: list[tuple[Anchors, Node | None]] = []
    bars: list[Test] = []
    rest: list[Node] = []
    for part in _conjuncts(node):
        barred = _looks(part.item) if isinstance(part, Not) else None
        if barred is not None:
            bars += barred
            continue
        found = anchors_of(part)
        exact = found is not None and _looks(part) is not None
        if found is not None:
            needs.append((found, part if exact else None))
        if not exact:
            rest.append(part)
    needs.sort(key=lambda it: -it[0].worth)
    taken, late = _chosen(needs)
    rest += late
    if len(bars) > _TESTS_MAX:
        rest += [Not(test) for test in bars]
        bars = []
    whole = None if not rest else rest[0] if len(rest) == 1 else All(tuple(rest))
    return Parts(taken, tuple(bars), whole)


def _chosen(
    needs: list[tuple[Anchors, Node | None]],
) -> tuple[tuple[tuple[Test, ...], ...], list[Node]]:
    """Return the groups that are asked first, and what is exact but asked later.

    A regex is dear where values are new each time, and waits when something else is telling.
    """
    taken: list[tuple[Test, ...]] = []
    said: set[object] = set()
    late: list[Node] = []
    strong = bool(needs) and needs[0][0].worth >= _STRONG
    for found, exact in needs:
        waits = taken and strong and any(test.op == "regex" for test in found.tests)
        keys = tuple(map(key_of, found.tests))  # `true` and 1 are equal, and not the same
        if keys in said:
            continue  # that one of them holds is known then
        if len(taken) < NEEDS_MAX and not waits:
            taken.append(found.tests)
            said.add(keys)
        elif exact is not None:
            late.append(exact)
    return tuple(taken), late


def _conjuncts(node: Node) -> list[Node]:
    """Return what must hold, all of it; what is missing is said as what may not be there."""
    if isinstance(node, All):
        return [part for item in node.items for part in _conjuncts(item)]
    if isinstance(node, Test) and _is_lack(node):
        return [Not(Test(node.field, "exists", True))]
    return _denied(node.item) if isinstance(node, Not) else [node]


def _denied(inner: Node) -> list[Node]:
    """Return what must hold, all of it, when `inner` may not."""
    if isinstance(inner, Not):
        return _conjuncts(inner.item)
    if isinstance(inner, Test) and _is_lack(inner):
        return [Test(inner.field, "exists", True)]
    if isinstance(inner, AnyOf):
        return [part for item in inner.items for part in _denied(item)]
    if isinstance(inner, All) and len(inner.items) == 1:
        return _denied(inner.items[0])
    return [Not(inner)]


def _is_lack(test: Test) -> bool:
    if test.field is None:
        return False
    return test.op == "null" or (test.op == "exists" and not test.value)


def _looks(node: Node) -> tuple[Test, ...] | None:
    """Return the looks of which one must hold, when the node says that and nothing else."""
    if isinstance(node, Test):
        return (node,) if is_of_value(node) else None
    if isinstance(node, AnyOf):
        found = [_looks(item) for item in node.items]
        if found and all(it is not None for it in found):
            return tuple(test for it in found if it is not None for test in it)
    if isinstance(node, All) and len(node.items) == 1:
        return _looks(node.items[0])
    return None
