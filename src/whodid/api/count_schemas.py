"""Schemas of what is counted: tables, rows of SQL, histograms, facets; and of chains."""

from whodid.api.schema_parts import (
    FACET,
    INSTANT,
    MAYBE_MEANT,
    MAYBE_NUMBER,
    MAYBE_TEXT,
    NUMBER,
    TEXT,
    TEXTS,
    YES_NO,
    Schema,
    listed,
    reference,
    shape,
)

_ABOUT: dict[str, Schema] = {
    "hidden_own": NUMBER, "checkpoint": TEXT, "size": NUMBER, "warnings": TEXTS,
}  # fmt: skip
_KINDS = ["text", "number", "time", "state", "mean"]
_CELL: Schema = {"type": ["string", "number", "boolean", "null"]}


def counted_schemas() -> dict[str, Schema]:
    """Return them by name."""
    return {
        "Chains": _chains(),
        "Table": _table(),
        "SqlAnswer": shape(
            "The rows of SQL, each a list in the order of the columns; `more` when there were more "
            "than may be shown; `events` is how many rows the table had.",
            columns=listed(shape("A column.", name=TEXT, type=TEXT)),
            rows=listed(listed({})), more=YES_NO, events=NUMBER, **_ABOUT, newer=MAYBE_NUMBER,
            meant=MAYBE_MEANT,
        ),
        "Histogram": _histogram(),
        "Facets": shape(
            "The most frequent values of some fields.",
            facets=listed(FACET), events=NUMBER, is_exact=YES_NO, **_ABOUT,
        ),
    }  # fmt: skip


def _chains() -> Schema:
    step = shape(
        "The event of a step, and what is not sure about its time.",
        at=INSTANT, doubts=TEXTS, event=reference("Event"),
    )  # fmt: skip
    chain = shape(
        "Events of one value, one for each step.",
        value={"type": ["string", "integer"]}, start=INSTANT, seconds={"type": "number"},
        steps=listed(step),
    )  # fmt: skip
    return shape(
        "The chains of a search with | sequence, the newest first; `value` is what their "
        "events share in the field `by`.",
        by=TEXT, chains=listed(chain), total=NUMBER, total_is_exact=YES_NO,
        next=MAYBE_TEXT, **_ABOUT, newer=MAYBE_NUMBER, meant=MAYBE_MEANT,
    )  # fmt: skip


def _table() -> Schema:
    column = shape(
        "A column; events are grouped by those that are keys.",
        name=TEXT, kind={"type": "string", "enum": _KINDS}, key=YES_NO,
    )  # fmt: skip
    return shape(
        "The table of a search with | stats.",
        columns=listed(column), rows=listed(listed(_CELL)), total_groups=NUMBER,
        events=NUMBER, events_is_exact=YES_NO, other_events=NUMBER, **_ABOUT,
        newer=MAYBE_NUMBER, meant=MAYBE_MEANT,
    )  # fmt: skip


def _histogram() -> Schema:
    bar = shape(
        "A stretch of time and its events by outcome.",
        start=INSTANT, end=INSTANT, success=NUMBER, denied=NUMBER, failure=NUMBER,
        unknown=NUMBER,
    )  # fmt: skip
    return shape(
        "How many events there were when, one bar after the other.",
        bucket=TEXT, bars=listed(bar), events=NUMBER, is_exact=YES_NO, **_ABOUT,
    )  # fmt: skip
