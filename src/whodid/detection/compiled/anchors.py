"""Anchors of a rule: looks at single fields of which one must hold when the rule does.

They are proved from the condition: an "all of" needs any one of its parts, an "any of" all of
them; what is negated, or looks for what is missing, proves nothing. Without anchors a rule is
asked of every record.
"""

from typing import NamedTuple

from whodid.detection.compiled.wildcards import longest
from whodid.detection.rule import All, AnyOf, Node, Not, Test

_ACTIONS = frozenset(
    ("eventname", "operationname", "eventtype", "action", "operation", "verb", "methodname",
     "actionname", "event_type", "event_type_id", "method_name")
)  # fmt: skip
"""Names of fields, their last word in small letters, that tell rules apart best."""

_ANCHORS_MAX = 5000


class Anchors(NamedTuple):
    """Looks of which one must hold, and how well they tell records apart (more is better)."""

    tests: tuple[Test, ...]
    worth: float


def anchors_of(node: Node) -> Anchors | None:
    """Return the best anchors of a node, None when nothing is proved."""
    if isinstance(node, Test):
        worth = _worth(node)
        return None if worth is None else Anchors((node,), worth)
    if isinstance(node, Not):
        return anchors_of(node.item.item) if isinstance(node.item, Not) else None
    found = [anchors_of(item) for item in node.items]
    if isinstance(node, All):
        return max((it for it in found if it is not None), key=lambda it: it.worth, default=None)
    return _union(found)


def _union(found: list[Anchors | None]) -> Anchors | None:
    parts = [it for it in found if it is not None]
    if len(parts) < len(found) or not parts:
        return None
    tests = tuple(dict.fromkeys(test for it in parts for test in it.tests))
    if len(tests) > _ANCHORS_MAX:
        return None
    fields = {test.field for test in tests}
    return Anchors(tests, min(it.worth for it in parts) - 5 * (len(fields) - 1))


def _worth(test: Test) -> float | None:
    """Return how well a look tells records apart, None when it may hold for a missing field."""
    if test.op == "null" or (test.op == "exists" and not test.value):
        return None
    if test.field is None:
        text = needle_of(test)
        return None if not text else 15 + min(len(text), 20)
    if test.part is not None or test.op not in _WORTHS:
        return 5
    bonus = 40 if test.field.rpartition(".")[2].lower() in _ACTIONS else 0
    if test.op == "equals" and not isinstance(test.value, str):
        return (10 if isinstance(test.value, bool) else 50) + bonus
    text = needle_of(test)
    return 5 if not text else min(_WORTHS[test.op] + 3 * len(text), 90) + bonus


_WORTHS = {"equals": 75, "startswith": 35, "endswith": 35, "contains": 30, "pattern": 25}


def needle_of(test: Test) -> str:
    """Return a text that stands in every value that passes, in small letters; "" for none."""
    if test.op == "pattern":
        return longest(test.value).lower()
    if test.op in _WORTHS and isinstance(test.value, str):
        return test.value.lower()
    return ""


def groups_of(node: Node) -> list[Anchors]:
    """Return anchors of which each group must hold, two at most, the best first.

    A second one spares a look at rules whose first holds often; it must tell something itself.
    """
    best = anchors_of(node)
    if best is None:
        return []
    others = [
        it
        for part in _parts(node)
        if (it := anchors_of(part)) is not None
        and it.worth >= _SECOND_WORTH_MIN
        and it.tests != best.tests
        and it.tests[0].field is not None
    ]
    return [best, *sorted(others, key=lambda it: -it.worth)[:1]]


def _parts(node: Node) -> list[Node]:
    """Return what must hold, all of it."""
    if isinstance(node, All):
        return [part for item in node.items for part in _parts(item)]
    return [node]


def rest_of(node: Node) -> Node | None:
    """Return what is still to be asked when the groups of anchors hold, None for nothing.

    Parts that are texts and nothing else are what their anchors say.
    """
    told = {group.tests for group in groups_of(node)}
    left = tuple(
        part
        for part in _parts(node)
        if not _is_exact(part) or (it := anchors_of(part)) is None or it.tests not in told
    )
    if not left:
        return None
    return left[0] if len(left) == 1 else All(left)


def _is_exact(node: Node) -> bool:
    if isinstance(node, Test):
        value = node.value
        return (
            node.op in _EXACT
            and node.field is not None
            and node.part is None
            and not node.cased
            and isinstance(value, str)
            and not _NUMERIC.issuperset(value)  # 5.0 is looked for as 5, too
        )
    return isinstance(node, AnyOf) and all(map(_is_exact, node.items))


_SECOND_WORTH_MIN = 25
_EXACT = frozenset(("equals", "contains", "startswith", "endswith"))
_NUMERIC = frozenset("0123456789.e+-")
