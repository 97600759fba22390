"""The JSON form of what was counted: tables, histograms, facets. Times are RFC 3339 in UTC."""

from typing import Any

from whodid.app.counts import Column, Facet, FacetsAnswer, HistogramAnswer, TableAnswer
from whodid.app.instant import instant

Document = dict[str, Any]


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
        **_read_at(answer),
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
        **_read_at(answer),
    }


def facets_document(answer: FacetsAnswer) -> Document:
    """Return the JSON form of facets."""
    return {
        "facets": [_facet(facet) for facet in answer.facets],
        "events": answer.events,
        "is_exact": answer.is_exact,
        **_read_at(answer),
    }


def _facet(facet: Facet) -> Document:
    return {
        "field": facet.field,
        "values": [{"value": value, "count": count} for value, count in facet.values],
        "distinct": facet.distinct,
        "missing": facet.missing,
        "is_exact": facet.exact,
    }


def _value(column: Column, value: Any) -> Any:
    return instant(value) if column.kind == "time" and value is not None else value


def _read_at(answer: TableAnswer | HistogramAnswer | FacetsAnswer) -> Document:
    """Return what every answer says of itself: what it hid, where it was read, what it missed."""
    return {
        "hidden_own": answer.hidden_own,
        "checkpoint": answer.checkpoint,
        "size": answer.size,
        "warnings": answer.warnings,
    }
