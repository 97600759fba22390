"""The `correlation` of a document → what it says, its rules still by the names it calls them.

Read here and not by pysigma, which has no ranges (`gte` with `lt`), no percentile without its own
key, and does not know our own kinds (`windows.options`). Spec: sigma-correlation-rules-
specification 2.1.
"""

import math
from typing import Any, get_args

from msgspec import Struct

from whodid.detection.rule import Compare, CorrelationKind
from whodid.detection.sigma.reading import (
    FieldError,
    is_number,
    span_us,
    texts,
    unknown_key,
)
from whodid.detection.sigma.rule_condition import parse_condition, rules_of
from whodid.detection.windows.asked import asked_holds
from whodid.detection.windows.options import option_keys, own_options
from whodid.errors import InputError
from whodid.limits import CORRELATION_RULES_MAX, CORRELATION_SPAN_US_MAX

_KINDS: dict[str, CorrelationKind] = {kind: kind for kind in get_args(CorrelationKind)}
_KEYS = {"type", "rules", "group-by", "timespan", "condition", "aliases", "generate", "field"}
_OPS = ("lt", "lte", "gt", "gte", "eq", "neq")
_OF_VALUES = {"value_count", "value_sum", "value_avg", "value_median", "value_percentile"}
_WITH_CONDITION = _OF_VALUES | {"event_count", "ratio"}


class Draft(Struct, frozen=True):
    """A correlation as its document says it; `rules` and `aliases` by names or ids."""

    kind: CorrelationKind
    rules: tuple[str, ...]
    span_us: int
    group_by: tuple[str, ...]
    aliases: dict[str, dict[str, str]]
    compare: tuple[Compare, ...]
    fields: tuple[str, ...]
    percent: int
    generate: bool
    options: dict[str, Any]
    words: tuple[str, ...] = ()


def parse_correlation(section: Any) -> Draft:
    """Return what the value of `correlation` says. Raises FieldError."""
    if not isinstance(section, dict):
        raise FieldError("`correlation` is a map")
    kind = _kind(section)
    own = option_keys(kind)
    unknown_key(section, {*_KEYS, *own})
    options = _options(kind, {key: section[key] for key in own if key in section})
    condition = section.get("condition")
    rules = texts(section, "rules")
    words: tuple[str, ...] = ()
    if isinstance(condition, str):
        words, condition = _words(kind, condition, rules), None
        rules = rules or rules_of(words)
    compare, fields, percent = _condition(kind, condition)
    fields = fields or texts(section, "field")
    _check_rules(kind, rules)
    if kind in _OF_VALUES and not fields:
        raise FieldError(f"{kind} says in `field` of its condition what it is about", "condition")
    if kind in _OF_VALUES - {"value_count"} and len(fields) > 1:
        raise FieldError(f"{kind} is about one field", "condition")
    if kind == "new_value" and not fields:
        raise FieldError("new_value says in `field` which value must be new", "field")
    if kind == "impossible_travel":
        fields = fields or ("ip",)
    generate = section.get("generate", False)
    if not isinstance(generate, bool):
        raise FieldError("`generate` is true or false", "generate")
    return Draft(
        kind, rules, _span(section), texts(section, "group-by"), _aliases(section, rules),
        compare, fields, percent, generate, options, words,
    )  # fmt: skip


def _kind(section: dict[Any, Any]) -> CorrelationKind:
    said = section.get("type")
    if isinstance(said, str) and said in _KINDS:
        return _KINDS[said]
    if said == "temporal_extended":  # what pysigma's backends call one with words
        return "temporal"
    raise FieldError(f"there is no type {said!r} of correlation; {', '.join(_KINDS)}", "type")


def _options(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    try:
        return own_options(kind, given)
    except InputError as error:
        key = str(error).partition("correlation.")[2].partition(" ")[0]
        raise FieldError(str(error), *([key] if key else [])) from None


def _check_rules(kind: str, rules: tuple[str, ...]) -> None:
    if not rules:
        raise FieldError("`rules` names the rules that it is about, by name or id", "rules")
    if len(rules) > CORRELATION_RULES_MAX:
        raise FieldError(f"it is about more than {CORRELATION_RULES_MAX} rules", "rules")
    if kind == "ratio" and len(rules) != 2:
        raise FieldError("ratio is about two rules: the part and the whole", "rules")
    if kind == "absence" and len(rules) > 2:
        raise FieldError("absence is about an event and what is expected, or about one", "rules")
    if len(set(rules)) != len(rules):
        raise FieldError("`rules` names a rule twice", "rules")


def _span(section: dict[Any, Any]) -> int:
    said = section.get("timespan")
    if said is None:
        raise FieldError("there is no `timespan`, such as 10m, 1h or 7d", "timespan")
    span = span_us(said, "timespan")
    if span > CORRELATION_SPAN_US_MAX:
        days = CORRELATION_SPAN_US_MAX // 86_400_000_000
        raise FieldError(f"`timespan` is at most {days} days", "timespan")
    return span


def _condition(kind: str, said: Any) -> tuple[tuple[Compare, ...], tuple[str, ...], int]:
    """Return comparisons, fields and the percentage of the condition."""
    if said is None:
        if kind in _WITH_CONDITION:
            raise FieldError(f"{kind} needs a `condition`, such as `gte: 10`", "condition")
        return (), (), 50
    if not isinstance(said, dict):
        raise FieldError("`condition` is a map, such as `gte: 10`", "condition")
    unknown_key(said, {*_OPS, "field", "percentile"}, "condition")
    found = tuple(Compare(op, _bound(said[op], op)) for op in _OPS if op in said)  # type: ignore[arg-type]
    if not found and kind in _WITH_CONDITION:
        raise FieldError(
            "`condition` compares with nothing: lt, lte, gt, gte, eq, neq", "condition"
        )
    percent = said.get("percentile", 50)
    if isinstance(percent, bool) or not isinstance(percent, int) or not 0 <= percent <= 100:
        raise FieldError("`percentile` is a whole number from 0 to 100", "condition")
    return found, texts(said, "field", "condition"), percent


def _words(kind: str, said: str, rules: tuple[str, ...]) -> tuple[str, ...]:
    """Return a condition in words; every rule stands in it, and something must have matched."""
    if kind != "temporal":
        raise FieldError(f"{kind} has no condition in words; temporal has", "condition")
    words = parse_condition(said)
    named = rules_of(words)
    if odd := sorted(set(named) ^ set(rules) if rules else ()):
        where = "`rules`" if odd[0] in named else "the condition"
        raise FieldError(f"{odd[0]!r} does not stand in {where}", "condition")
    places = {name: str(place) for place, name in enumerate(named)}
    if asked_holds([places.get(word, word) for word in words], 0):
        raise FieldError("the condition holds when nothing matched; say what must", "condition")
    return words


def _bound(value: Any, op: str) -> float:
    if not is_number(value) or not math.isfinite(value):
        raise FieldError(f"`{op}` is a number, not {str(value)[:40]!r}", "condition")
    return float(value)


def _aliases(section: dict[Any, Any], rules: tuple[str, ...]) -> dict[str, dict[str, str]]:
    said = section.get("aliases")
    if said is None:
        return {}
    if not isinstance(said, dict):
        raise FieldError("`aliases` is a map: alias → (rule → field)", "aliases")
    for alias, fields in said.items():
        if not isinstance(fields, dict) or not all(
            isinstance(it, str) for pair in fields.items() for it in pair
        ):
            raise FieldError(f"the alias {alias!r} is a map of rule → field", "aliases")
        for name in fields:
            if name not in rules:
                raise FieldError(f"the alias {alias!r} names {name!r}, not in `rules`", "aliases")
    return {str(alias): dict(fields) for alias, fields in said.items()}
