"""A search in English: "reads of customers by alice, in the last 7 days, that did not succeed".

As far as reasonable: common terms have their own place in the phrase, the others follow as "with
…", and brackets become "either … or …". It explains; the text of a search is what defines it.
"""

from collections.abc import Iterable

from whodid.query.fields import SEARCH_FIELDS
from whodid.query.phrase_pipes import field_words, with_pipes
from whodid.query.times import DAY_US, time_text
from whodid.query.tree import (
    And,
    Everything,
    Network,
    Node,
    Not,
    Or,
    Pattern,
    Query,
    Range,
    Relative,
    Sequence,
    Span,
    Term,
    Text,
    Value,
)

_NOUNS = {
    "create": "creations", "read": "reads", "update": "changes", "delete": "deletions",
    "execute": "executions", "authenticate": "log-ins", "administer": "administrative acts",
    "other": "other accesses",
}  # fmt: skip
_OUTCOMES = {
    ("success", True): "that succeeded", ("success", False): "that did not succeed",
    ("failure", True): "that failed", ("failure", False): "that did not fail",
    ("denied", True): "that were denied", ("denied", False): "that were not denied",
    ("unknown", True): "whose outcome is unknown", ("unknown", False): "whose outcome is known",
}  # fmt: skip
_STATES = {
    "_quarantined": "quarantined", "_conflict": "in conflict with another record",
    "_redacted": "redacted", "_erased": "erased", "_amended": "amended",
}  # fmt: skip
_PLACES = {
    "resource": "of", "resource.name": "of", "actor": "by", "user": "by", "actor.id": "by",
    "actor.name": "by", "on_behalf_of": "on behalf of", "actor.on_behalf_of": "on behalf of",
    "ip": "from", "host": "on", "service": "in", "service.name": "in", "source": "sent by",
}  # fmt: skip
_ORDER = ("of", "by", "on behalf of", "from", "on", "in", "sent by")
_PLURALS = frozenset({"rows", "bytes", "resources", "labels", "resource.labels", "redactions"})
_COMPARED = {">": "above", ">=": "at least", "<": "below", "<=": "at most"}
_UNITS = (("week", 7 * DAY_US), ("day", DAY_US), ("hour", DAY_US // 24), ("minute", 60_000_000),
          ("second", 1_000_000))  # fmt: skip
_SMALL = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
          "eleven", "twelve")  # fmt: skip


def query_sentence(query: Query) -> str:
    """Return the search as an English noun phrase, without a full stop."""
    made = query.stats is not None or query.sequence is not None
    plain = made and isinstance(query.filter, Everything)
    events = "events" if plain else _events(query.filter)
    if query.sequence is not None:
        events = _sequence(query.sequence, "" if plain else events)
    return with_pipes(query, events)


def _sequence(sequence: Sequence, among: str) -> str:
    steps = ", then ".join(
        f"({step})" if ", " in (step := _events(node)) else step for node in sequence.steps
    )
    within = f"within {_duration(sequence.span_us, one='one ')}"
    phrase = f"{steps}, {within}, with the same {field_words(sequence.by)}"
    return f"{phrase}, among {among}" if among else phrase


def _events(node: Node) -> str:
    if isinstance(node, Everything):
        return "all events"
    items = node.items if isinstance(node, And) else (node,)
    subject = ""
    places: dict[str, str] = {}
    when: list[str] = []
    clauses: list[str] = []
    for item in items:
        noun = "" if subject else _subject(item)
        place = _place(item)
        if noun:
            subject = noun
        elif place is not None and place[0] not in places:
            places[place[0]] = place[1]
        elif isinstance(item, Term) and item.field == "time" and not when:
            when.append(_clause(item))
        else:
            clauses.append(_clause(item))
    where = [f"{word} {places[word]}" for word in _ORDER if word in places]
    what = " ".join([subject or "events", *where])
    more = [*when, *clauses]
    if len(more) == 1 and not more[0].startswith("either"):
        return f"{what} {more[0]}"
    return ", ".join([what, *more])


def _subject(node: Node) -> str:
    """Return the noun for the kind of access asked for, one or several."""
    items = node.items if isinstance(node, Or) else (node,)
    nouns = [
        _NOUNS.get(item.value.casefold(), "")
        for item in items
        if isinstance(item, Term) and item.field == "access" and isinstance(item.value, str)
    ]
    return _either(nouns) if len(nouns) == len(items) and all(nouns) else ""


def _place(node: Node) -> tuple[str, str] | None:
    items = node.items if isinstance(node, Or) else (node,)
    terms = [item for item in items if isinstance(item, Term) and item.op in {"has", "is"}]
    words = {_PLACES.get(term.field) for term in terms}
    word = words.pop() if len(words) == 1 else None
    if word is None or len(terms) != len(items):
        return None
    return word, _either(_shown(term.value) for term in terms)


def _either(options: Iterable[str]) -> str:
    known = list(options)
    return known[0] if len(known) == 1 else f"{', '.join(known[:-1])} or {known[-1]}"


def _clause(node: Node, *, positive: bool = True) -> str:
    match node:
        case Everything():
            return "that exist" if positive else "that do not exist"
        case Not():
            return _clause(node.item, positive=not positive)
        case Text():
            return f"that {'' if positive else 'do not '}mention {_quoted(node.value)}"
        case Term():
            return _term(node, positive)
        case And() | Or():
            # by De Morgan, a NOT turns the word round
            word = " and " if isinstance(node, And) is positive else " or "
            inner = word.join(_clause(item, positive=positive) for item in node.items)
            return f"either ({inner})" if word == " or " else f"({inner})"


def _term(term: Term, positive: bool) -> str:
    kind = SEARCH_FIELDS[term.field].kind
    if kind == "state":
        holds = (term.op == "exists" or term.value is True) is positive
        return f"that are {'' if holds else 'not '}{_STATES[term.field]}"
    if term.op == "exists":
        return f"{'with' if positive else 'without'} {_name(term.field)}"
    if term.field == "time":
        return _time(term) if positive else f"not {_time(term)}"
    if term.field == "outcome" and isinstance(term.value, str):
        return _OUTCOMES.get((term.value.casefold(), positive)) or _whose(term, kind, positive)
    word = _PLACES.get(term.field)
    if word is not None and term.op in {"has", "is"}:
        return f"{'' if positive else 'not '}{word} {_shown(term.value)}"
    return _whose(term, kind, positive)


def _whose(term: Term, kind: str, positive: bool) -> str:
    value = term.value
    name = _name(term.field)
    be = f"{'are' if term.field in _PLURALS else 'is'}{'' if positive else ' not'}"
    if isinstance(value, Range):
        return f"whose {name} {be} {_range(value)}"
    if term.op in _COMPARED:
        return f"whose {name} {be} {_COMPARED[term.op]} {_shown(value)}"
    if term.op == "regex":
        does = "matching" if positive else "not matching"
        return f"with {name} {does} /{_shown(value)}/"
    if kind == "words" and term.op == "has" and isinstance(value, str | Pattern):
        return f"with {'' if positive else 'no '}{_quoted(value)} in {name}"
    return f"whose {name} {be} {_shown(value)}"


def _name(field: str) -> str:
    return "duration (µs)" if field == "duration_us" else field.replace(".", " ").replace("_", " ")


def _time(term: Term) -> str:
    value = term.value
    if isinstance(value, Range):
        now = Relative()
        if isinstance(value.low, Relative) and value.high in {None, now}:
            return _since(value.low)
        return _range(value)
    words = {">": "after", ">=": "since", "<": "before", "<=": "until"}
    if isinstance(value, Relative) and term.op in {">", ">="}:
        return _since(value)
    if term.op in words:
        return f"{words[term.op]} {_shown(value)}"
    if isinstance(value, Relative) and value.day:
        return _shown(value)
    return f"{'on' if _is_day(value) else 'at'} {_shown(value)}"


def _is_day(value: Value) -> bool:
    return isinstance(value, Span) and value.end_us - value.start_us == DAY_US


def _since(value: Relative) -> str:
    ago_us = -value.offset_us
    if value.day or ago_us <= 0:
        return f"since {_shown(value)}"
    return f"in the last {_duration(ago_us)}"


def _duration(us: int, one: str = "") -> str:
    for unit, unit_us in _UNITS:
        if us % unit_us == 0 and (unit != "week" or us > unit_us):
            count = us // unit_us
            if count == 1:
                return f"{one}{unit}"
            return f"{_SMALL[count] if count < len(_SMALL) else f'{count:,}'} {unit}s"
    return f"{us:,} microseconds"


def _range(value: Range) -> str:
    if value.low is None:
        return f"up to {_shown(value.high)}"
    if value.high is None:
        return f"from {_shown(value.low)} on"
    return f"between {_shown(value.low)} and {_shown(value.high)}"


def _shown(value: Value) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return f"{value:,}"
        case Pattern():
            return "*".join(value.pieces)
        case Span() | Relative():
            return _relative(value) if isinstance(value, Relative) else time_text(value)
        case Network():
            return value.text
    return str(value)


def _relative(value: Relative) -> str:
    if value.day or value.offset_us == 0:
        return time_text(value)
    ago = value.offset_us < 0
    return f"{_duration(abs(value.offset_us))} {'ago' if ago else 'from now'}"


def _quoted(value: str | Pattern) -> str:
    return f"“{_shown(value)}”"
