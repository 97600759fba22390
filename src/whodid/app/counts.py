"""What a face gets when it asks to count: tables, histograms, facets. Values only."""

from typing import Any

from msgspec import Struct

from whodid.index.coded import bucket_end
from whodid.index.facets import Facet
from whodid.index.histogram import Bar
from whodid.index.stats import Column

__all__ = ["Bar", "Column", "Facet", "FacetsAnswer", "HistogramAnswer", "TableAnswer", "bucket_end"]


class TableAnswer(Struct, frozen=True):
    """The table of a search with `| stats`, and what it could not see.

    A value is text, int (µs UTC in a column of times), float, bool, or None: missing.
    `total_groups` counts all groups, shown or not; `other_events` those events that are in none of
    them; the rest is as in `SearchAnswer`.
    """

    columns: list[Column]
    rows: list[list[Any]]
    total_groups: int
    events: int
    events_is_exact: bool
    other_events: int
    hidden_own: int
    checkpoint: str
    size: int
    warnings: list[str]
    newer: int | None = None


class HistogramAnswer(Struct, frozen=True):
    """How many events there were when. `bucket` is the width in words; no bars: no events."""

    bucket: str
    bars: list[Bar]
    events: int
    is_exact: bool
    hidden_own: int
    checkpoint: str
    size: int
    warnings: list[str]


class FacetsAnswer(Struct, frozen=True):
    """The most frequent values of some fields."""

    facets: list[Facet]
    events: int
    is_exact: bool
    hidden_own: int
    checkpoint: str
    size: int
    warnings: list[str]
