"""The time of a page, chosen by links: each sets the `time:` of its search text."""

from collections.abc import Callable, Sequence

from whodid.query.parse import parse
from whodid.query.tree import Query, Term
from whodid.web.time_range import Choice, items_of, with_time

PERIODS = (
    ("Last hour", "1h"), ("Last day", "1d"), ("7 days", "1w"), ("30 days", "30d"),
    ("All time", None),
)  # fmt: skip
"""(words, how long in the terms of a search; None: all of it)."""


def last(width: str) -> str:
    """Return the search text of the last stretch of time: `1w` is the last seven days."""
    return f"time:[now-{width} TO now]"


def choices(
    query: Query,
    href: Callable[[str], str],
    periods: Sequence[tuple[str, str | None]] = PERIODS,
) -> list[Choice]:
    """Return the links; `href` makes the address of the page for a search text."""
    times = [item for item in items_of(query) if isinstance(item, Term) and item.field == "time"]
    found = []
    for words, width in periods:
        term = None if width is None else parse(last(width)).filter
        assert term is None or isinstance(term, Term)
        chosen = times == ([] if term is None else [term])
        found.append(Choice(words, href(with_time(query, term)), chosen))
    return found
