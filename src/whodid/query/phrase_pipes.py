"""The pipes of a search in English, around the phrase of its filter.

"the number of reads of customers by resource name, most first, the first 20".
"""

from whodid.query.phrase_words import COUNTS
from whodid.query.pipes import Key, Measure, Order, Stats
from whodid.query.render_pipes import bucket_text
from whodid.query.tree import Query

_BUCKETS = {"m": "minute", "h": "hour", "d": "day"}
_TIMES = {"min": "the earliest", "max": "the latest"}
_VALUES = {"sum": "the sum of", "avg": "the mean of", "min": "the least", "max": "the greatest"}
_PLAIN = {"actor.id": "actor id", "duration_us": "duration (µs)", "resource.name": "resource name"}


def with_pipes(query: Query, events: str) -> str:
    """Return the phrase of a whole search, given that of its filter."""
    phrase = events if query.stats is None else _table(query.stats, events)
    if query.sort is not None:
        orders = [_order(order, query.stats) for order in query.sort.orders]
        phrase += f", {', then '.join(orders)}"
    if query.limit is not None:
        count = query.limit.count
        word = "first" if query.sequence is None else "newest"
        phrase += f", the {word} one" if count == 1 else f", the {word} {count:,}"
    return phrase


def _table(stats: Stats, events: str) -> str:
    measures = [_measure(measure) for measure in stats.measures]
    first = measures[0] == "the number" and len(measures) > 1 and "," not in events
    if first:
        phrase = _listed([f"the number of {events}", *measures[1:]])
    else:
        joiner = " in " if "number of different" in measures[-1] else " of "
        phrase = f"{_listed(measures)}{joiner}{events}"
    keys = [_key(key) for key in stats.by if key.bucket is None]
    times = [_key(key) for key in stats.by if key.bucket is not None]
    if keys:
        comma = "," if first or "," in events or " by " in events else ""
        phrase += f"{comma} by {_listed(keys)}"
    return f"{phrase}, {_listed(times)}" if times else phrase


def _measure(measure: Measure) -> str:
    name = field_words(measure.field or "")
    if measure.function == "count":
        return f"the number with {name}" if measure.field else "the number"
    if measure.function == "count_distinct":
        return f"the number of different {name} values"
    if measure.function == "percentile":
        ordinal = "median" if measure.percent == 50 else f"{_ordinal(measure.percent)} percentile"
        return f"the {ordinal} of {name}"
    if measure.field in {"time", "received"}:
        return f"{_TIMES[measure.function]} {name}"
    return f"{_VALUES[measure.function]} {name}"


def _ordinal(number: int) -> str:
    last = 0 if 10 < number % 100 < 14 else number % 10
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(last, 'th') }"


def _key(key: Key) -> str:
    if key.bucket is None:
        return field_words(key.field)
    text = bucket_text(key.bucket)
    if not text[0].isdigit():
        return f"per {text}"
    number, unit = text[:-1], _BUCKETS[text[-1]]
    return f"per {unit}" if number == "1" else f"per {number} {unit}s"


def field_words(field: str) -> str:
    """Return a field's name as words."""
    return _PLAIN.get(field) or field.strip("_").replace(".", " ").replace("_", " ")


def _order(order: Order, stats: Stats | None) -> str:
    measure = None
    if stats is not None:
        measure = next((item for item in stats.measures if item.name == order.name), None)
    key = order.name if measure is None else measure.field or ""
    if measure is not None and measure.function in {"count", "count_distinct"}:
        word = "most first" if order.descending else "fewest first"
        return word if len(stats.measures if stats else ()) == 1 else f"{word} by {order.name}"
    if key in {"time", "received"}:
        return f"{'newest' if order.descending else 'oldest'} first"
    if measure is not None:
        return f"{'greatest' if order.descending else 'least'} {field_words(key)} first"
    if key in COUNTS:
        return f"{'most' if order.descending else 'fewest'} {key} first"
    if key == "duration_us":
        return f"the {'longest' if order.descending else 'shortest'} first"
    return f"sorted by {field_words(key)}{', descending' if order.descending else ''}"


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
