"""A condition as alternatives, each of which single values decide almost alone.

"One of two sets of looks" is neither need nor bar of a rule (`parts`), and was asked in full
whenever one of its looks held. As two alternatives each set is needs and bars of its own.
"""

from itertools import product

from whodid.detection.compiled.anchors import is_of_value
from whodid.detection.rule import All, AnyOf, Node, Not, Test
from whodid.limits import RULE_ALTERNATIVES_MAX


def alternatives_of(node: Node) -> tuple[Node, ...]:
    """Return nodes of which one holds just when `node` does; itself when they would be too many."""
    found = _split(node)
    return found if len(found) <= RULE_ALTERNATIVES_MAX else (node,)


def _split(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Test):
        return (node,)
    if isinstance(node, Not):
        return _denied(node, node.item)
    if isinstance(node, All):
        return _every(node, [_split(item) for item in node.items])
    plain = [item for item in node.items if _is_plain(item)]
    others = [item for item in node.items if not _is_plain(item)]
    if not others:
        return (node,)
    first: tuple[Node, ...] = (AnyOf(tuple(plain)),) if plain else ()
    return first + tuple(part for item in others for part in _split(item))


def _denied(node: Node, inner: Node) -> tuple[Node, ...]:
    """Return the alternatives of what `inner` does not hold for; by De Morgan's laws."""
    if isinstance(inner, Not):
        return _split(inner.item)
    if isinstance(inner, All) and len(inner.items) > 1:
        return tuple(part for item in inner.items for part in _split(Not(item)))
    if isinstance(inner, AnyOf) and not _is_plain(inner):
        return _every(node, [_split(Not(item)) for item in inner.items])
    return (node,)


def _every(node: Node, parts: list[tuple[Node, ...]]) -> tuple[Node, ...]:
    """Return the alternatives of what holds when one of each of the parts does."""
    count = 1
    for part in parts:
        count *= len(part)
        if count > RULE_ALTERNATIVES_MAX:
            return (node,)
    if count == 1:
        return (node,)
    return tuple(All(chosen) for chosen in product(*parts))


def _is_plain(node: Node) -> bool:
    """Tell whether a node holds when one of some looks at single values does, and says no more."""
    if isinstance(node, Test):
        return is_of_value(node)
    return isinstance(node, AnyOf) and bool(node.items) and all(map(_is_plain, node.items))
