"""What a table must hold, by plain Python over all events: thirty lines that nobody doubts."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from whodid.query.countable import SEVERAL
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.match import texts_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEAST, MOST = -(2**63) + 2, 2**63 - 2


def naive_table(stats, events, states):
    """Return the rows as a dictionary from the group's values to the measured ones."""
    groups = defaultdict(list)
    if not stats.by:
        groups[()] = []
    for event in events:
        for key in _combinations([_values(event, k, states) for k in stats.by]):
            groups[key].append(event)
    return {
        key: [_measured(measure, members) for measure in stats.measures]
        for key, members in groups.items()
    }


def _combinations(choices):
    found = [()]
    for values in choices:
        found = [(*before, value) for before in found for value in values]
    return found


def _values(event, key, states):
    kind = SEARCH_FIELDS[key.field].kind
    if kind == "time":
        return [_start(_time(event, key.field), key.bucket)]
    if kind == "state":
        return [key.field in states(event)]
    return _stored(event, key.field) or [None]


def _stored(event, name):
    """Return the different values of a field, none for a missing one."""
    field = SEARCH_FIELDS[name]
    given = [event.field(column) for column in field.columns]
    if field.kind == "integer":
        return [min(max(given[0], LEAST), MOST)] if given[0] is not None else []
    texts = [texts_of(value) for value in given]
    if name not in SEVERAL:
        return list(next((found for found in texts if found), ()))
    return list(dict.fromkeys(text for found in texts for text in found))


def _time(event, name):
    when = event.when
    return when.received if name == "received" or when.time is None else when.time


def _start(at_us, bucket):
    if isinstance(bucket, int):
        return at_us // bucket * bucket
    day = (EPOCH + timedelta(microseconds=at_us)).replace(hour=0, minute=0, second=0, microsecond=0)
    if bucket == "week":
        day -= timedelta(days=day.weekday())
    if bucket in {"month", "year"}:
        day = day.replace(day=1)
    if bucket == "year":
        day = day.replace(month=1)
    return (day - EPOCH) // timedelta(microseconds=1)


def _measured(measure, events):
    if measure.field is None:
        return len(events)
    if SEARCH_FIELDS[measure.field].kind == "time":
        values = [_time(event, measure.field) for event in events]
    else:
        values = [value for event in events for value in _stored(event, measure.field)]
    match measure.function:
        case "count":
            timed = SEARCH_FIELDS[measure.field].kind == "time"
            return sum(timed or bool(_stored(event, measure.field)) for event in events)
        case "count_distinct":
            return len(set(values))
    if not values:
        return None
    match measure.function:
        case "sum":
            return sum(values)
        case "avg":
            return sum(values) / len(values)
        case "min":
            return min(values)
        case "max":
            return max(values)
    return sorted(values)[-(-len(values) * measure.percent // 100) - 1]
