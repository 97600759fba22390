"""The JSON form of what was counted: tables, histograms, facets. Times are RFC 3339 in UTC."""

from typing import Any, Protocol

from whodid.app.counts import Column, Facet, FacetsAnswer, HistogramAnswer, TableAnswer
from whodid.app.instant import instant

Document = dict[str, Any]


class ReadAt(Protocol):
    """What every answer says of itself."""

    @property
    def hidden_own(self) -> int:
        """Matching events of whodid itself that are not shown."""

    @property
    def checkpoint(self) -> str:
        """The signed note that it was read at."""

    @property
    def size(self) -> int:
        """Entries of the log that it saw."""

    @property
    def warnings(self) -> list[str]:
        """What it could not see."""


def table_document(answer: TableAnswer) -> Document:
    """Return the JSON form of a table; what is missing is null."""
    return {
        "columns": [
            {"name": column.name, "kind": column.kind, "key": column.key}
            for column in answer.columns
        ],
        "rows": [
            [_value(column, value) for column, value in zip(answer.columns, row, strict=True)]
            for row in answer.rows
        ],
        "total_groups": answer.total_groups,
        "events": answer.events,
        "events_is_exact": answer.events_is_exact,
        "other_events": answer.other_events,
        **read_at(answer),
        "newer": answer.newer,
    }


def histogram_document(answer: HistogramAnswer) -> Document:
    """Return the JSON form of a histogram."""
    return {
        "bucket": answer.bucket,
        "bars": [
            {
                "start": instant(bar.start_us),
                "end": instant(bar.end_us),
                "success": bar.success,
                "denied": bar.denied,
                "failure": bar.failure,
                "unknown": bar.unknown,
            }
            for bar in answer.bars
        ],
        "events": answer.events,
        "is_exact": answer.is_exact,
        **read_at(answer),
    }


def facets_document(answer: FacetsAnswer) -> Document:
    """Return the JSON form of facets."""
    return {
        "facets": [facet_document(facet) for facet in answer.facets],
        "events": answer.events,
        "is_exact": answer.is_exact,
        **read_at(answer),
    }


def facet_document(facet: Facet) -> Document:
    """Return the JSON form of a facet."""
    return {
        "field": facet.field,
        "values": [{"value": value, "count": count} for value, count in facet.values],
        "distinct": facet.distinct,
        "missing": facet.missing,
        "is_exact": facet.exact,
    }


def _value(column: Column, value: Any) -> Any:
    return instant(value) if column.kind == "time" and value is not None else value


def read_at(answer: ReadAt) -> Document:
    """Return what every answer says of itself: what it hid, where it was read, what it missed."""
    return {
        "hidden_own": answer.hidden_own,
        "checkpoint": answer.checkpoint,
        "size": answer.size,
        "warnings": answer.warnings,
    }
