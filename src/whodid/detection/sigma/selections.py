"""The `detection` of a rule (or `filter`): selections and conditions → one node.

pysigma parses selections, modifiers and conditions; here they are put together, so that what a
condition names often is shared, not copied. Spec: sigma-rules-specification 2.1, "Detection".

Differences from pysigma: `utf16le` is known (it is `wide`), `timeframe` is no selection.
"""

import re
from typing import Any

from whodid.detection.regex import compile_regex
from whodid.detection.rule import All, AnyOf, Node, Not, Test
from whodid.detection.sigma.document import Document
from whodid.detection.sigma.values import node_of
from whodid.errors import InputError
from whodid.limits import RULE_CONDITION_CHARS_MAX, RULE_NESTING_MAX, RULE_TESTS_MAX

_OTHER_KEYS = {"condition", "timeframe"}
_WORD = re.compile(r"[()]|[^\s()]+").findall
_DASH = re.compile(r"\B[-/]\b").findall
_AGGREGATION = (
    "aggregations in a condition (`| count() …`) left Sigma: write a correlation of it, see "
    "docs/reference/rules.md"
)


class SelectionError(InputError):
    """What is wrong with a selection or condition; `path` is where."""

    def __init__(self, message: str, *path: str) -> None:
        super().__init__(message)
        self.path = path


def parse_detection(document: Document, key: str, other: frozenset[str] = frozenset()) -> Node:
    """Return what the section `key` of a document asks; keys in `other` are no selections.

    Raises SelectionError.
    """
    section = document.value.get(key)
    if not isinstance(section, dict):
        raise SelectionError(f"`{key}` is a map of selections and a condition", key)
    conditions = section.get("condition")
    conditions = conditions if isinstance(conditions, list) else [conditions]
    if not conditions or not all(isinstance(it, str) and it.strip() for it in conditions):
        raise SelectionError("there is no `condition` that says what must hold", key, "condition")
    names = [name for name in section if name not in _OTHER_KEYS | other]
    if not names:
        raise SelectionError("there is no selection beside the condition", key)
    if any("|" in it for it in conditions):
        raise SelectionError(_AGGREGATION, key, "condition")
    selections = {name: _selection(section[name], key, name) for name in names}
    sizes: dict[int, int] = {}
    nodes = tuple(_condition(text, selections, key) for text in conditions)
    node = nodes[0] if len(nodes) == 1 else AnyOf(nodes)
    if size_of(node, sizes) > RULE_TESTS_MAX:
        raise SelectionError(f"it looks at more than {RULE_TESTS_MAX:,} values", key, "condition")
    return node


def size_of(node: Node, known: dict[int, int]) -> int:
    """Return how many looks at fields a node has, shared ones counted as often as they stand."""
    found = known.get(id(node))
    if found is None:
        if isinstance(node, Test):
            found = 1
        elif isinstance(node, Not):
            found = size_of(node.item, known)
        else:
            found = sum(size_of(item, known) for item in node.items)
        known[id(node)] = found
    return found


def _selection(definition: Any, key: str, name: str) -> Node:
    from sigma.exceptions import SigmaError  # noqa: PLC0415 - slow to load
    from sigma.rule import SigmaDetection  # noqa: PLC0415 - slow to load

    try:
        return _node(SigmaDetection.from_definition(_readable(definition)))
    except SelectionError:
        raise
    except (SigmaError, InputError) as error:
        raise SelectionError(f"`{name}`: {_said(error)}", key, name) from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        # pysigma meets values that it did not think of
        raise SelectionError(f"`{name}` cannot be read: {error!r}"[:300], key, name) from None


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:500]


def _readable(definition: Any) -> Any:
    """Return a selection with the modifiers as pysigma calls them, its regexes checked."""
    if isinstance(definition, list):
        return [_readable(item) for item in definition]
    if not isinstance(definition, dict):
        return definition
    readable: dict[str, Any] = {}
    for key, value in definition.items():
        field, *modifiers = key.split("|")
        if "re" in modifiers:
            value = _regexes(value)  # noqa: PLW2901
        if isinstance(value, dict) or (
            isinstance(value, list) and any(isinstance(it, dict | list) for it in value)
        ):
            raise InputError(f"`{key}` has a map or a list of lists as value; a value is plain")
        if "windash" in modifiers:
            _check_dashes(value)
        known = ["wide" if it == "utf16le" else it for it in modifiers]
        readable["|".join((field, *known))] = value
    return readable


def _check_dashes(value: Any) -> None:
    """Raise InputError when `windash` would make too many texts: each dash is one of five."""
    texts = [it for it in (value if isinstance(value, list) else [value]) if isinstance(it, str)]
    if sum(5 ** min(len(_DASH(it)), 8) for it in texts) > RULE_TESTS_MAX:
        raise InputError(f"`windash` makes more than {RULE_TESTS_MAX:,} texts of it")


def _regexes(value: Any) -> Any:
    """Return patterns as texts (YAML reads `1` as a number). Raises InputError for a bad one."""
    if isinstance(value, list):
        return [_regexes(item) for item in value]
    if isinstance(value, dict) or value is None:
        raise InputError("a regex is a text")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if "%" not in text:  # a placeholder may stand in it
        compile_regex(text)
    return text


def _node(found: Any) -> Node:
    """Return the node of a SigmaDetection or SigmaDetectionItem."""
    from sigma.rule import SigmaDetection  # noqa: PLC0415 - slow to load

    if isinstance(found, SigmaDetection):
        return _joined([_node(it) for it in found.detection_items], found.item_linking)
    if not found.value:
        if found.field is None:
            raise InputError("an empty list of keywords says nothing")
        return Test(found.field, "null", None)
    node = _joined([node_of(found.field, it) for it in found.value], found.value_linking)
    return Not(node) if found.negated else node


def _joined(nodes: list[Node], linking: Any) -> Node:
    from sigma.conditions import ConditionAND  # noqa: PLC0415 - slow to load

    if len(nodes) == 1:
        return nodes[0]
    return All(tuple(nodes)) if linking is ConditionAND else AnyOf(tuple(nodes))


def _condition(text: str, selections: dict[str, Node], key: str) -> Node:
    """Parse one condition; the selections that it names are shared."""
    from pyparsing import ParseException  # noqa: PLC0415 - slow to load
    from sigma.conditions import condition as grammar  # noqa: PLC0415 - slow to load
    from sigma.exceptions import SigmaError  # noqa: PLC0415 - slow to load

    _check_bounds(text, key)
    try:
        parsed = grammar.parse_string(text, parse_all=True)[0]
    except ParseException as error:
        raise SelectionError(
            f"the condition {text[:120]!r} is not understood at character {error.loc + 1}",
            key, "condition",
        ) from None  # fmt: skip
    except (SigmaError, RecursionError) as error:
        raise SelectionError(f"the condition: {_said(error)}", key, "condition") from None
    return _asked(parsed, selections, key)


def _check_bounds(text: str, key: str) -> None:
    if len(text) > RULE_CONDITION_CHARS_MAX:
        raise SelectionError(
            f"the condition has more than {RULE_CONDITION_CHARS_MAX:,} characters", key, "condition"
        )
    depth = deepest = nots = 0
    for word in _WORD(text):
        depth += (word == "(") - (word == ")")
        nots = nots + 1 if word == "not" else 0
        deepest = max(deepest, depth, nots)
    if deepest > RULE_NESTING_MAX:
        raise SelectionError(
            f"the condition is nested deeper than {RULE_NESTING_MAX}", key, "condition"
        )


def _asked(parsed: Any, selections: dict[str, Node], key: str) -> Node:
    from sigma import conditions  # noqa: PLC0415 - slow to load

    if isinstance(parsed, conditions.ConditionIdentifier):
        if parsed.identifier not in selections:
            raise SelectionError(
                f"the condition names `{parsed.identifier}`, which is no selection", key,
                "condition",
            )  # fmt: skip
        return selections[parsed.identifier]
    if isinstance(parsed, conditions.ConditionSelector):
        return _selected(parsed, selections, key)
    items = tuple(_asked(it, selections, key) for it in parsed.args)
    if isinstance(parsed, conditions.ConditionNOT):
        return Not(items[0])
    return All(items) if isinstance(parsed, conditions.ConditionAND) else AnyOf(items)


def _selected(selector: Any, selections: dict[str, Node], key: str) -> Node:
    """Return what `1 of …` or `all of …` stands for; `them` are all but those with `_` first."""
    from sigma.conditions import ConditionAND  # noqa: PLC0415 - slow to load

    pattern = str(selector.pattern)
    glob = re.escape("*" if pattern == "them" else pattern).replace(r"\*", ".*")
    fits = compile_regex(f"(?s)^(?:{glob})$")
    hidden = pattern.startswith("_")
    found = [
        node
        for name, node in selections.items()
        if fits.search(name) and (hidden or not name.startswith("_"))
    ]
    if not found:
        raise SelectionError(
            f"the condition names `{pattern}`, and no selection is called so", key, "condition"
        )
    return _joined(found, selector.cond_class if selector.cond_class is ConditionAND else None)
