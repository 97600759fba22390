"""Which fields can be grouped, counted, added up and sorted by.

That is those with a column: texts that are only found by opening rows cannot. A new field is
countable unless it is named here.
"""

from whodid.query.fields import SEARCH_FIELDS, Field

OPENED: frozenset[str] = frozenset(
    {"message", "changes", "statement", "params", "native_id", "original_time"}
)
"""Fields whose values no column holds: long texts, and what is new in nearly every event."""

SEVERAL: frozenset[str] = frozenset(
    {
        "actor.groups", "group", "resource.labels", "resources", "resource", "via", "labels",
        "redactions",
    }
)  # fmt: skip
"""Fields of which one event can have several values; it is counted once for each of them."""

FUNCTIONS: dict[str, tuple[str, ...]] = {
    "count": ("exact", "words", "integer", "time", "ip"),
    "count_distinct": ("exact", "words", "integer", "ip"),
    "sum": ("integer",),
    "avg": ("integer",),
    "min": ("integer", "time"),
    "max": ("integer", "time"),
}
"""Function → kinds of fields that it takes; percentiles take what `sum` does."""

PERCENTILES: tuple[str, ...] = ("p50", "p90", "p95", "p99")
"""The usual ones, for suggestions; any from p1 to p99 will do."""


def why_not_counted(field: Field) -> str | None:
    """Say why a field cannot be grouped by or counted; None when it can."""
    if field.name in OPENED:
        return f"'{field.name}' is kept with the events, not in a column"
    if field.name == "id":
        return "each event has an 'id' of its own"
    return None


def why_not_sorted(field: Field) -> str | None:
    """Say why events cannot be sorted by a field; None when they can."""
    if field.name in SEVERAL:
        return f"an event can have several of '{field.name}'"
    if field.kind == "state":
        return f"'{field.name}' is true or false"
    return why_not_counted(field)


COUNTED: tuple[str, ...] = tuple(
    name for name, field in SEARCH_FIELDS.items() if why_not_counted(field) is None
)
"""Every name by which events can be grouped."""
