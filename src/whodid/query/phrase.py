"""A search in English: "reads of customers by alice, in the last 7 days, that did not succeed".

As far as reasonable: common terms have their own place in the phrase, the others follow as "that
…" or "with …". It explains; the text of a search is what defines it.
"""

from collections.abc import Sequence as Items

from whodid.query.phrase_clauses import NOUNS, PLACES, clause, place
from whodid.query.phrase_pipes import field_words, with_pipes
from whodid.query.phrase_words import duration, either, joined
from whodid.query.tree import And, Everything, Node, Not, Or, Query, Sequence, Term

_ORDER = tuple(dict.fromkeys(PLACES.values()))


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
    within = f"within {duration(sequence.span_us, 'one ')}"
    phrase = f"{steps}, {within}, with the same {field_words(sequence.by)}"
    return f"{phrase}, among {among}" if among else phrase


def _events(node: Node) -> str:
    if isinstance(node, Everything):
        return "all events"
    if isinstance(node, Not) and isinstance(node.item, Everything):
        return "no events"
    items = node.items if isinstance(node, And) else (node,)
    subject = ""
    places: dict[str, list[str]] = {}
    when: list[str] = []
    clauses: list[str] = []
    for item in items:
        noun = "" if subject else _subject(item)
        placed = place(item)
        if noun:
            subject = noun
        elif placed is not None:
            places.setdefault(placed[0], []).append(placed[1])
        elif isinstance(item, Term) and item.field == "time" and not when:
            when.append(clause(item))
        else:
            clauses.append(clause(item, inside=len(items) > 1 and not _told_flat(item)))
    where = [f"{word} {f' and {word} '.join(places[word])}" for word in _ORDER if word in places]
    near = [told for told in clauses if _is_near(told)]
    where += [" and ".join(near)] if near else []
    others = [told for told in clauses if told not in near]
    return _put_together(" ".join([subject or "events", *where]), when, others)


def _is_near(told: str) -> bool:
    """Tell whether a clause belongs right behind the places: `not by alice`."""
    return any(told.startswith(f"not {word} ") for word in _ORDER) and " or " not in told


def _told_flat(node: Node) -> bool:
    """Tell whether a node among others is one thought, which needs no brackets."""
    inner = node.item if isinstance(node, Not) else node
    return (
        isinstance(inner, And | Or)
        and all(isinstance(i, Term) for i in inner.items)
        and (len({i.field for i in inner.items if isinstance(i, Term)}) == 1)
    )


def _put_together(what: str, when: Items[str], clauses: Items[str]) -> str:
    if not clauses:
        return " ".join([what, *when])
    if len(clauses) == 1 and not when:
        return f"{what} {clauses[0]}"
    told = joined(clauses, "and")
    if when or not told.startswith("that ") or any(", " in one for one in clauses):
        return ", ".join([what, *when, told])
    return f"{what} {told}"


def _subject(node: Node) -> str:
    """Return the noun for the kind of access asked for, one or several."""
    items = node.items if isinstance(node, Or) else (node,)
    nouns = [
        NOUNS.get(item.value.casefold(), "")
        for item in items
        if isinstance(item, Term) and item.field == "access" and isinstance(item.value, str)
    ]
    return either(nouns) if len(nouns) == len(items) and all(nouns) else ""
