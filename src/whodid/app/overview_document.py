"""The JSON form of an overview."""

from whodid.app.count_document import histogram_document, read_at
from whodid.app.document import Document
from whodid.app.instant import instant
from whodid.app.overview import FieldSurvey, OverviewAnswer, Ranked

_STRETCHES = ("now", "last", "earlier")


def overview_document(answer: OverviewAnswer) -> Document:
    """Return the JSON form of an overview; what the reader may not see is null or missing."""
    span, found = answer.span, answer.survey
    bars = histogram_document(answer.histogram)
    return {
        "period": answer.period,
        "start": instant(span.last_us),
        "end": instant(span.end_us),
        "last_start": instant(span.before_us),
        "earlier_start": instant(span.start_us),
        "events": _stretches(found.events),
        "outcomes": {name: _stretches(counts) for name, counts in found.outcomes.items()},
        "histogram": {"bucket": bars["bucket"], "bars": bars["bars"]},
        "fields": [_field(one) for one in found.fields],
        "pairs": None if found.pairs is None else _field(found.pairs),
        "grid": None if found.grid is None else {
            "rows": found.grid.rows, "columns": found.grid.columns, "counts": found.grid.counts,
        },
        "refused": [
            {"actor": values[0], "outcome": values[1], "events": counts[0]}
            for values, counts in found.ended.rows
        ],
        "late": [
            {"source": one.source, "late": one.late, "events": one.events} for one in found.late
        ],
        "is_exact": answer.is_exact,
        **read_at(answer),
    }  # fmt: skip


def _field(found: FieldSurvey) -> Document:
    lists = {
        "top": found.top, "new": found.new, "gone": found.gone, "more": found.more,
        "less": found.less,
    }  # fmt: skip
    return {
        "fields": found.fields,
        "distinct": _stretches(found.distinct),
        **{name: _ranked(one) for name, one in lists.items()},
        "is_exact": found.exact,
    }


def _ranked(found: Ranked) -> Document:
    rows = [{"values": values, **_stretches(counts)} for values, counts in found.rows]
    return {"total": found.total, "rows": rows}


def _stretches(counts: tuple[int, ...]) -> dict[str, int]:
    return dict(zip(_STRETCHES, counts, strict=True))
