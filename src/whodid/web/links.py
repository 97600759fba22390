"""Addresses of searches, and searches made narrower by one value.

Every link is a search text in a URL, so that a page can be shared, and changed by hand.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from whodid.app.instant import instant
from whodid.limits import WEB_LINK_VALUE_CHARS_MAX
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.render import to_text
from whodid.query.tree import Everything, Node, Range, Span, Term, Value, all_of
from whodid.query.values import one_address

_SECOND_US = 1_000_000


def search_url(
    text: str, *, own: bool = False, columns: Sequence[str] = (), before: str | None = None,
    past: Sequence[str] = (),
) -> str:  # fmt: skip
    """Return the address of a search.

    `past` are the cursors of the pages before this one, `columns` the fields of a column view.
    """
    pairs = [("q", text)] if text else []
    if own:
        pairs.append(("own", "1"))
    if columns:
        pairs.append(("columns", ",".join(columns)))
    if before:
        pairs.append(("before", before))
    pairs += [("past", cursor) for cursor in past]
    return "/?" + urlencode(pairs, safe=",") if pairs else "/"


def export_url(text: str, form: str, *, own: bool = False) -> str:
    """Return the address of all events of a search in a form of `app.export_formats`."""
    pairs = [("q", text), ("format", form), *([("own", "1")] if own else [])]
    return "/v1/export?" + urlencode(pairs)


def proof_url(text: str, *, own: bool = False) -> str:
    """Return the address of an answer with the proof that nothing is missing."""
    return "/v1/search?" + urlencode(
        [("q", text), ("prove", "1"), *([("own", "1")] if own else [])]
    )


def pinned_url(size: int, text: str, *, own: bool = False, before: str | None = None) -> str:
    """Return the address of a search as of a size of the log."""
    pairs = [
        ("q", text),
        *([("own", "1")] if own else []),
        *([("before", before)] if before else []),
    ]
    return f"/at/{size}?" + urlencode(pairs)


def event_url(event_id: str) -> str:
    """Return the address of an event's page."""
    return f"/events/{quote(event_id, safe='')}"


def alert_url(alert_id: str) -> str:
    """Return the address of an alert's page."""
    return f"/alerts/{quote(alert_id, safe='')}"


def alerts_url(field: str, value: str) -> str:
    """Return the address of all alerts whose events have this value in common."""
    return "/alerts?" + urlencode([("state", "all"), ("key", urlencode([(field, value)]))])


def rule_url(rule_id: str) -> str:
    """Return the address of a rule's page."""
    return f"/rules/{quote(rule_id, safe='')}"


def trace_url(trace_id: str, *, stated: bool = False) -> str:
    """Return the address of the story of an id."""
    return f"/trace/{quote(trace_id, safe='')}" + ("?stated=1" if stated else "")


def profile_url(kind: str, value: str) -> str:
    """Return the address of the profile of an actor, a resource or an address."""
    return f"/profile/{kind}/{quote(value, safe='')}"


def lookers_url(
    kind: str | None = None, value: str = "", text: str | None = None, before: str | None = None
) -> str:
    """Return the address of who looked: at one thing, and which looks `text` finds among them."""
    pairs = [("of", kind), ("named", value)] if kind else []
    pairs += [("q", text)] if text is not None else []
    pairs += [("before", before)] if before else []
    return "/lookers?" + urlencode(pairs) if pairs else "/lookers"


def around_url(terms: Iterable[Node], time_us: int, event_id: str, *, own: bool = False) -> str:
    """Return the address of what happened around an event among those that these terms find."""
    pairs = [("q", text_of(terms)), ("at", instant(time_us)), ("id", event_id)]
    return "/around?" + urlencode([*pairs, *([("own", "1")] if own else [])])


def exact_term(field: str, value: Any) -> Term | None:
    """Return the term that finds this value of the field, None when no link should be made.

    That is: text that was cut by a page, that a search box cannot hold (what does not print), or
    that is no value of the field's kind.
    """
    kind = SEARCH_FIELDS[field].kind
    known: Value = None
    if kind == "integer":
        known = value
    elif kind in {"exact", "ip"} and isinstance(value, str) and can_be_typed(value):
        known = one_address(value) if kind == "ip" else value
    return None if known is None else Term(field, "has", known)


def whole_term(field: str, value: Any) -> Term | None:
    """Return the term that finds this value, of texts that are searched by words too."""
    if SEARCH_FIELDS[field].kind == "words" and isinstance(value, str) and can_be_typed(value):
        return Term(field, "is", value)
    return exact_term(field, value)


def around(time_us: int, minutes: int) -> Term:
    """Return the time range of so many minutes before and after, in whole seconds."""
    reach_us = minutes * 60 * _SECOND_US
    low, high = (
        (time_us + shift_us) // _SECOND_US * _SECOND_US for shift_us in (-reach_us, reach_us)
    )
    return Term("time", "range", Range(Span(low, low + _SECOND_US), Span(high, high + _SECOND_US)))


def text_of(terms: Iterable[Node]) -> str:
    """Return the text of all the terms together; nothing for everything."""
    node = all_of(terms)
    return "" if isinstance(node, Everything) else to_text(node)


def can_be_typed(value: str) -> bool:
    """Tell whether a search box can hold this text as it is."""
    return bool(value) and len(value) <= WEB_LINK_VALUE_CHARS_MAX and value.isprintable()
