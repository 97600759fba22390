"""Histograms, facets and events in another order, against plain Python over all events."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whodid.index.analyst import Analyst, Wanted
from whodid.query.countable import COUNTED, SEVERAL, why_not_sorted
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.match import texts_of
from whodid.query.parse import parse
from whodid.query.pipes import Order, Sort
from whodid.query.times import resolve
from whodid.query.tree import Query

START_US = 4_000_000_000_000_000
LEAST, MOST = -(2**63) + 2, 2**63 - 2
FILTERS = st.sampled_from(["*", "access:read", "-outcome:denied", "alice", "nowhere",
                           "time:>2096-10-02T07:06:42Z", 'message:"10.0.0.1" OR rows:>5',
                           ])  # fmt: skip
SORTABLE = [name for name, field in SEARCH_FIELDS.items() if why_not_sorted(field) is None]


def asked(text):
    return resolve(parse(text), START_US)


def time_of(event):
    return event.when.received if event.when.time is None else event.when.time


@pytest.fixture(scope="module")
def analyst(mixed_log):
    return Analyst(mixed_log.searcher())


def overview(log, analyst, query, wanted, *, scanned):
    """Ask as a face does: when rows were opened for the page, over the events it found."""
    found = None
    if scanned:
        page = analyst._searcher.search(query, limit=5, durable=log.size, own=True)
        found = page.found
    return analyst.overview(query, wanted, durable=log.size, own=True, found=found)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=FILTERS, bars=st.sampled_from([1, 3, 60]), scanned=st.booleans())
def test_histogram(text, bars, scanned, mixed_log, analyst):
    query = asked(text)
    found = overview(mixed_log, analyst, query, Wanted(bars), scanned=scanned)
    events = [mixed_log.events[index] for _, index in mixed_log.expected(query.filter)]
    assert (found.events, found.exact) == (len(events), True)
    if not events:
        assert found.histogram is None
        return
    made = found.histogram
    assert made.exact
    assert len(made.bars) <= bars
    for before, after in zip(made.bars, made.bars[1:], strict=False):
        assert before.end_us == after.start_us
    counted = Counter()
    for event in events:
        (bar,) = [n for n, b in enumerate(made.bars) if b.start_us <= time_of(event) < b.end_us]
        counted[bar, event.what.outcome or "unknown"] += 1
    for number, bar in enumerate(made.bars):
        for word in ("success", "denied", "failure", "unknown"):
            assert getattr(bar, word) == counted[number, word]
    assert sum(bar.count for bar in made.bars) == len(events)


def test_a_histogram_is_as_wide_as_the_time_that_was_asked_for(mixed_log, analyst):
    def width(text, bars=60):
        found = analyst.overview(
            asked(text), Wanted(bars), durable=mixed_log.size, own=True
        ).histogram
        return found.bars[0].start_us, found.bars[-1].end_us, found.bucket

    start, end, bucket = width("time:[2096-10-01 TO 2096-10-03]")
    assert end - start == 3 * 86_400_000_000
    assert bucket == 3 * 3_600_000_000
    assert width("time:[0001 TO 9999]")[2] == 1_000_000  # absurd bounds: over the events
    assert width("time:[2090 TO 2099]")[2] == "year"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    text=FILTERS, scanned=st.booleans(), values=st.sampled_from([1, 3, 100]),
    field=st.sampled_from([n for n in COUNTED if SEARCH_FIELDS[n].kind not in {"time", "state"}]),
)  # fmt: skip
def test_facets(text, scanned, values, field, mixed_log, analyst):
    query = asked(text)
    wanted = Wanted(0, (field,), values)
    (facet,) = overview(mixed_log, analyst, query, wanted, scanned=scanned).facets
    events = [mixed_log.events[index] for _, index in mixed_log.expected(query.filter)]
    counted, missing = Counter(), 0
    for event in events:
        here = values_of(event, field)
        counted.update(here)
        missing += not here
    assert (facet.distinct, facet.missing, facet.exact) == (len(counted), missing, True)
    assert facet.values == sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:values]


def values_of(event, name):
    field = SEARCH_FIELDS[name]
    given = [event.field(column) for column in field.columns]
    if field.kind == "integer":
        return [] if given[0] is None else [min(max(given[0], LEAST), MOST)]
    texts = [texts_of(value) for value in given]
    if name in SEVERAL:
        return list(dict.fromkeys(text for found in texts for text in found))
    return list(next((found for found in texts if found), ()))


def _key(value, descending):
    if value is None:
        return (1, 0)
    if isinstance(value, str):
        return (0, [-ord(c) for c in value] + [1] if descending else [ord(c) for c in value])
    return (0, -value if descending else value)


def _sorted_by(event, name):
    if name in {"time", "received"}:
        return time_of(event) if name == "time" else event.when.received
    return next(iter(values_of(event, name)), None)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    text=FILTERS, limit=st.integers(1, 50),
    orders=st.lists(st.builds(Order, st.sampled_from(SORTABLE), st.booleans()),
                    min_size=1, max_size=3, unique_by=lambda order: order.name),
)  # fmt: skip
def test_events_in_another_order(text, limit, orders, mixed_log, analyst):
    node = asked(text).filter
    query = Query(node, "", None, Sort(tuple(orders)))
    page = analyst.ordered(query, limit=limit, durable=mixed_log.size, own=True)
    rows = mixed_log.expected(node)

    def key(row):
        event = mixed_log.events[row[1]]
        keys = [_key(_sorted_by(event, o.name), o.descending) for o in orders]
        return [*keys, -row[0], -row[1]]

    assert [(hit.time_us, hit.index) for hit in page.rows] == sorted(rows, key=key)[:limit]
    assert (page.total, page.total_is_exact, page.next) == (len(rows), True, None)
    for hit in page.rows:
        assert hit.event == mixed_log.events[hit.index]
