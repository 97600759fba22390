"""What a search asks beside its subject, in English: `that failed`, `with “x” in message`."""

from whodid.query.fields import SEARCH_FIELDS
from whodid.query.phrase_words import (
    COUNTS,
    PLURALS,
    a_name,
    counted,
    duration,
    either,
    joined,
    name_of,
    quoted,
    range_words,
    shown,
    time_words,
)
from whodid.query.tree import And, Everything, Node, Not, Or, Pattern, Range, Term, Text

_OUTCOMES = {
    ("success", True): "that succeeded", ("success", False): "that did not succeed",
    ("failure", True): "that failed", ("failure", False): "that did not fail",
    ("denied", True): "that were denied", ("denied", False): "that were not denied",
    ("unknown", True): "whose outcome is unknown", ("unknown", False): "whose outcome is known",
}  # fmt: skip
NOUNS = {
    "create": "creations", "read": "reads", "update": "changes", "delete": "deletions",
    "execute": "executions", "authenticate": "log-ins", "administer": "administrative acts",
    "other": "other accesses",
}  # fmt: skip
"""Kinds of access as what is found."""

_STATES = {
    "_quarantined": "quarantined", "_conflict": "in conflict with another record",
    "_redacted": "redacted", "_erased": "erased", "_amended": "amended",
}  # fmt: skip
_ACTORS = {
    "user": "a person", "service": "a service", "agent": "an AI agent", "system": "the system",
    "anonymous": "nobody known",
}  # fmt: skip
PLACES = {
    "resource": "of", "resource.name": "of", "resources": "of", "actor": "by", "user": "by",
    "actor.id": "by", "actor.name": "by", "on_behalf_of": "on behalf of",
    "actor.on_behalf_of": "on behalf of", "ip": "from", "host": "on", "service": "in",
    "service.name": "in", "source": "sent by",
}  # fmt: skip
"""Fields that have a place of their own in the phrase, and the word before their value."""

_BEFORE = {
    "labels": "labelled", "resource.labels": "labelled", "via": "through",
    "actor.groups": "by a member of", "group": "by a member of",
}  # fmt: skip
"""The same for fields that stand behind."""

_COMPARED = {">": "above", ">=": "at least", "<": "below", "<=": "at most"}
_MORE = {">": "more than ", ">=": "at least ", "<": "less than ", "<=": "at most "}


def place(node: Node) -> tuple[str, str] | None:
    """Return (word, value) of a term, or of an OR of terms, that has a place in the phrase."""
    items = node.items if isinstance(node, Or) else (node,)
    terms = [item for item in items if isinstance(item, Term) and item.op in {"has", "is"}]
    words = {PLACES.get(term.field) for term in terms}
    word = words.pop() if len(words) == 1 else None
    if word is None or len(terms) != len(items):
        return None
    return word, either(shown(term.value) for term in terms)


def clause(node: Node, *, positive: bool = True, inside: bool = False) -> str:
    """Return a clause; `inside` another one an AND or OR stands in brackets."""
    match node:
        case Everything():
            return "that exist" if positive else "that do not exist"
        case Not():
            return clause(node.item, positive=not positive, inside=inside)
        case Text():
            return f"that {'' if positive else 'do not '}mention {quoted(node.value)}"
        case Term():
            return _term(node, positive)
        case And() | Or():
            return _several(node, positive=positive, inside=inside)


def _several(node: And | Or, *, positive: bool, inside: bool) -> str:
    # by De Morgan, a NOT turns the word round
    word = "and" if isinstance(node, And) is positive else "or"
    if word == "or" and positive and (found := place(node)) is not None:
        return " ".join(found)
    text = joined([clause(item, positive=positive, inside=True) for item in node.items], word)
    text = f"either {text}" if word == "or" and not text.startswith("that ") else text
    return f"({text})" if inside else text


def _term(term: Term, positive: bool) -> str:
    kind = SEARCH_FIELDS[term.field].kind
    if kind == "state":
        holds = (term.op == "exists" or term.value is True) is positive
        return f"that are {'' if holds else 'not '}{_STATES[term.field]}"
    if term.op == "exists":
        return f"{'with' if positive else 'without'} {a_name(term.field)}"
    if kind == "time":
        what = "" if term.field == "time" else "received "
        return f"{'' if positive else 'not '}{what}{time_words(term.op, term.value)}"
    if kind == "integer":
        return _number(term, positive)
    return _known_value(term, positive) or _whose(term, kind, positive)


def _known_value(term: Term, positive: bool) -> str | None:
    """Return the clause of a value that has words of its own, None for others."""
    if term.op not in {"has", "is"}:
        return None
    no = "" if positive else "not "
    word = PLACES.get(term.field) or _BEFORE.get(term.field)
    if word is not None:
        return f"{no}{word} {shown(term.value)}"
    value = term.value.casefold() if isinstance(term.value, str) else ""
    if term.field == "outcome":
        return _OUTCOMES.get((value, positive))
    if term.field == "actor.type" and value in _ACTORS:
        return f"whose actor is {no}{_ACTORS[value]}"
    if term.field == "access" and value in NOUNS:
        return f"that are {no}{NOUNS[value]}"
    return None


def _number(term: Term, positive: bool) -> str:
    """Return a clause about a number: how many rows or bytes, how long, or what it is."""
    value = term.value
    if term.field == "duration_us":
        return _lasting(term, positive)
    if term.field not in COUNTS:
        return _whose(term, "integer", positive)
    have = "that had" if positive else "that did not have"
    noun = name_of(term.field)
    if isinstance(value, Range):
        low, high = (None if end is None else shown(end) for end in (value.low, value.high))
        return f"{have} {_between(low, high, f' {noun}')}"
    assert isinstance(value, int)
    words = _MORE.get(term.op, "").replace("less", "fewer")
    return f"{have} {words}{counted(value, noun)}"


def _lasting(term: Term, positive: bool) -> str:
    take = "that took" if positive else "that did not take"
    value = term.value
    if isinstance(value, Range):
        low, high = (None if end is None else _long(end) for end in (value.low, value.high))
        return f"{take} {_between(low, high)}"
    return f"{take} {_MORE.get(term.op, '')}{_long(value)}"


def _between(low: str | None, high: str | None, noun: str = "") -> str:
    if low is None:
        return f"at most {high}{noun}"
    return f"{low} to {high}{noun}" if high is not None else f"at least {low}{noun}"


def _long(value: object) -> str:
    assert isinstance(value, int)
    return duration(value, "one ") if value > 0 else f"{value:,} microseconds"


def _whose(term: Term, kind: str, positive: bool) -> str:
    value = term.value
    name = name_of(term.field)
    be = f"{'are' if term.field in PLURALS else 'is'}{'' if positive else ' not'}"
    if isinstance(value, Range):
        return f"whose {name} {be} {range_words(value)}"
    if term.op in _COMPARED:
        return f"whose {name} {be} {_COMPARED[term.op]} {shown(value)}"
    if term.op == "regex":
        does = "matches" if positive else "does not match"
        return f"whose {name} {does} /{shown(value)}/"
    if kind == "words" and term.op == "has" and isinstance(value, str | Pattern):
        article = "the " if term.field not in {"changes", "params"} else ""
        return f"with {'' if positive else 'no '}{quoted(value)} in {article}{name}"
    return f"whose {name} {be} {shown(value)}"
