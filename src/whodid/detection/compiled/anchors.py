"""Anchors of a condition: looks at single fields of which one must hold when the condition does.

They are proved from it: an "all of" needs any one of its parts, an "any of" all of them; what is
negated, or looks for what is missing, proves nothing.
"""

from collections.abc import Hashable
from typing import NamedTuple

from whodid.detection.compiled.wildcards import longest
from whodid.detection.rule import All, Node, Not, Test

_ACTIONS = frozenset(
    ("eventname", "operationname", "eventtype", "action", "operation", "verb", "methodname",
     "actionname", "event_type", "event_type_id", "method_name")
)  # fmt: skip
"""Names of fields, their last word in small letters, that tell rules apart best."""

_COMMON = frozenset(
    ("access", "outcome", "actor.type", "readonly", "useridentity.type", "managementevent")
)
"""Names of fields in small letters that have a few values only, so that none of them is rare."""

_ANCHORS_MAX = 5000
_WORTHS = {"equals": 75, "startswith": 35, "endswith": 35, "contains": 30, "pattern": 25}
_OTHER_WORTHS = {"cidr": 40, "regex": 28, "lt": 15, "lte": 15, "gt": 15, "gte": 15}


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
    tests = tuple({key_of(test): test for it in parts for test in it.tests}.values())
    if len(tests) > _ANCHORS_MAX:
        return None
    fields = {test.field for test in tests}
    return Anchors(tests, min(it.worth for it in parts) - 5 * (len(fields) - 1))


def _worth(test: Test) -> float | None:
    """Return how well a look tells records apart, None when one value does not decide it."""
    if not is_of_value(test):
        text = needle_of(test) if test.field is None else ""
        return None if not text else 15 + min(len(text), 20)
    assert test.field is not None
    name = test.field.lower()
    if test.part is not None or test.op == "exists":
        return 5
    bonus = 40 if name.rpartition(".")[2] in _ACTIONS else 0
    if test.op in _OTHER_WORTHS:
        return _OTHER_WORTHS[test.op] + bonus
    if test.op == "equals" and name in _COMMON:
        return 20
    if test.op == "equals" and not isinstance(test.value, str):
        return (10 if isinstance(test.value, bool) else 50) + bonus
    text = needle_of(test)
    return 5 if not text else min(_WORTHS[test.op] + 3 * len(text), 90) + bonus


def key_of(test: Test) -> Hashable:
    """Return what two looks share that are the same; `true`, 1 and 1.0 are not."""
    return test.field, test.op, test.value.__class__, test.value, test.cased, test.part


def is_of_value(test: Test) -> bool:
    """Tell whether a look is passed by single values of its field, and never by their lack."""
    if test.field is None or test.op == "null" or test.op.startswith("fieldref"):
        return False
    return test.op != "exists" or bool(test.value)


def needle_of(test: Test) -> str:
    """Return a text that stands in every value that passes, in small letters; "" for none."""
    if test.op == "pattern":
        return longest(test.value).lower()
    if test.op in _WORTHS and isinstance(test.value, str):
        return test.value.lower()
    return ""
