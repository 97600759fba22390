"""From the pipes back to text, and a whole search with them: `parse(query_text(q)) == q`."""

from whodid.query.pipes import Key, Limit, Measure, Sort, Stats
from whodid.query.render import to_text
from whodid.query.times import duration_text
from whodid.query.tree import Everything, Query, Sequence

_UNITS_US = (("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000))


def query_text(query: Query) -> str:
    """Write a whole search; nothing for everything without pipes."""
    parts = [] if isinstance(query.filter, Everything) else [to_text(query.filter)]
    pipes = pipes_text(query)
    return " ".join([*parts, pipes] if pipes else parts)


def pipes_text(query: Query) -> str:
    """Write the pipes of a search alone, empty when it has none."""
    first = _stats(query.stats) or _sequence(query.sequence)
    parts = [first, _sort(query.sort), _limit(query.limit)]
    return " ".join(part for part in parts if part)


def bucket_text(bucket: int | str) -> str:
    """Write the width of a bucket of time, such as `1h`."""
    if isinstance(bucket, str):
        return bucket
    unit, unit_us = next(pair for pair in _UNITS_US if bucket % pair[1] == 0)
    return f"{bucket // unit_us}{unit}"


def _stats(stats: Stats | None) -> str:
    if stats is None:
        return ""
    by = f" by ({', '.join(map(_key, stats.by))})" if stats.by else ""
    return f"| stats{by} {', '.join(map(_measure, stats.measures))}"


def _sequence(sequence: Sequence | None) -> str:
    if sequence is None:
        return ""
    steps = " -> ".join(f"[{to_text(step)}]" for step in sequence.steps)
    return f"| sequence by {sequence.by} {steps} within {duration_text(sequence.span_us)}"


def _key(key: Key) -> str:
    return key.field if key.bucket is None else f"{key.field}:{bucket_text(key.bucket)}"


def _measure(measure: Measure) -> str:
    return f"{measure.call} as {measure.given}" if measure.given else measure.call


def _sort(sort: Sort | None) -> str:
    if sort is None:
        return ""
    names = [f"{'-' if order.descending else ''}{order.name}" for order in sort.orders]
    return f"| sort {', '.join(names)}"


def _limit(limit: Limit | None) -> str:
    return "" if limit is None else f"| limit {limit.count}"
