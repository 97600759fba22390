"""Tables are what plain Python counts over all events, however they are stored and asked for."""

import importlib.util
import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whodid.errors import UsageError
from whodid.index.analyst import Analyst
from whodid.index.evaluate import states_of
from whodid.index.stats import run_stats
from whodid.index.tally import Tally
from whodid.index.vocabulary import Vocabularies
from whodid.query.countable import COUNTED, FUNCTIONS, SEVERAL
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.match import matcher
from whodid.query.own import is_own
from whodid.query.parse import parse
from whodid.query.pipes import Key, Limit, Measure, Order, Sort, Stats
from whodid.query.times import resolve
from whodid.query.tree import Query

START_US = 4_000_000_000_000_000
KINDS = {name: field.kind for name, field in SEARCH_FIELDS.items()}
MINUTE_US = 60_000_000


def _load(name):
    file = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"index_{name}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


naive_table = _load("naive_stats").naive_table

keys = st.one_of(
    st.sampled_from([n for n in COUNTED if KINDS[n] != "time" and n not in SEVERAL]).map(Key),
    st.sampled_from(["outcome", "access", "source", "actor", "_conflict"]).map(Key),
    st.builds(
        Key, st.sampled_from(["time", "received"]),
        st.sampled_from([MINUTE_US, 7 * MINUTE_US, 1440 * MINUTE_US, "day", "week", "month",
                         "year"]),
    ),
)  # fmt: skip
several = st.sampled_from(sorted(SEVERAL)).map(Key)


def _measures():
    for function, kinds in FUNCTIONS.items():
        fields = [name for name in COUNTED if KINDS[name] in kinds]
        yield st.builds(Measure, st.just(function), st.sampled_from(fields))
    numbers = [name for name in COUNTED if KINDS[name] == "integer"]
    yield st.builds(
        Measure, st.just("percentile"), st.sampled_from(numbers), st.sampled_from([1, 50, 95, 99])
    )


measures = st.one_of(st.just(Measure("count")), *_measures())
tables = st.builds(
    Stats,
    st.tuples(st.lists(keys, max_size=2), st.lists(several, max_size=1))
    .map(lambda pair: tuple(pair[0] + pair[1])),
    st.lists(measures, min_size=1, max_size=3, unique_by=lambda m: m.name).map(tuple),
).filter(lambda stats: len(set(stats.columns)) == len(stats.columns))  # fmt: skip
filters = st.sampled_from(
    ["*", "*", "access:read", "rows:>5 OR actor:alice", "-outcome:denied", "alice", "nowhere",
     'message:"10.0.0.1" -actor:bob', "time:>2096-10-02T07:06:42Z", "_conflict:true"]
)  # fmt: skip


@pytest.fixture(scope="module")
def analyst(mixed_log):
    return Analyst(mixed_log.searcher())


def selected(log, node, *, own=True):
    """Return (events, states of an event) of what matches."""
    flags = {id(event): log.flags[index] for index, event in log.events.items()}

    def states(event):
        found = set(states_of(flags[id(event)]))
        if event.envelope.quarantine is not None:
            found.add("_quarantined")
        if event.envelope.redactions:
            found.add("_redacted")
        return found

    matches = matcher(node, states)
    events = [event for event in log.events.values() if matches(event)]
    return [event for event in events if own or not is_own(event)], states


def asked(text):
    return resolve(parse(text), START_US)


def same(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-12)
    return type(a) is type(b) and a == b


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stats=tables, text=filters, own=st.booleans())
def test_tables_are_what_plain_python_counts(stats, text, own, mixed_log, analyst):
    query = asked(text)
    events, states = selected(mixed_log, query.filter, own=own)
    expected = naive_table(stats, events, states)
    counted = analyst.stats(Query(query.filter, "", stats), durable=mixed_log.size, own=own)
    table = counted.table
    depth = len(stats.by)
    assert [column.name for column in table.columns] == list(stats.columns)
    assert len(table.rows) == len(expected) == table.groups
    for row in table.rows:
        wanted = expected[tuple(row[:depth])]
        assert all(map(same, row[depth:], wanted)), (row, wanted)
    assert table.exact
    assert (table.events, table.other) == (len(events), 0)
    everything, _ = selected(mixed_log, query.filter)
    assert counted.hidden_own == len(everything) - len(events)


def _sort_key(value, descending):
    if value is None:
        return (1, 0)
    if isinstance(value, str):
        return (0, [-ord(c) for c in value] + [1] if descending else [ord(c) for c in value])
    return (0, -value if descending else value)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stats=tables, data=st.data())
def test_order_and_limit(stats, data, mixed_log, analyst):
    orders = data.draw(
        st.lists(st.builds(Order, st.sampled_from(stats.columns), st.booleans()),
                 min_size=1, max_size=3, unique_by=lambda order: order.name)
    )  # fmt: skip
    limit = data.draw(st.integers(1, 40))
    query = Query(parse("*").filter, "", stats, Sort(tuple(orders)))
    whole = analyst.stats(query, durable=mixed_log.size, own=True).table
    named = {order.name for order in orders}
    orders += [Order(key.name) for key in stats.by if key.name not in named]
    place = {name: number for number, name in enumerate(stats.columns)}

    def key(row):
        return [_sort_key(row[place[o.name]], o.descending) for o in orders]

    assert list(map(key, whole.rows)) == sorted(map(key, whole.rows))
    cut = analyst.stats(
        Query(query.filter, "", stats, query.sort, Limit(limit)), durable=mixed_log.size, own=True
    ).table
    assert cut.rows == whole.rows[:limit]
    assert (cut.groups, cut.events) == (whole.groups, whole.events)


def test_the_usual_order_is_most_first_or_by_time(mixed_log, analyst):
    table = analyst.stats(asked("| stats by (access)"), durable=mixed_log.size).table
    counts = [row[1] for row in table.rows]
    assert counts == sorted(counts, reverse=True)
    table = analyst.stats(asked("| stats by (outcome, time:1m)"), durable=mixed_log.size).table
    times = [row[1] for row in table.rows]
    assert times == sorted(times)


def test_own_events_are_counted_when_they_are_asked_for(mixed_log, analyst):
    counted = analyst.stats(asked("source:whodid | stats by (source)"), durable=mixed_log.size)
    assert counted.hidden_own == 0
    assert [row[0] for row in counted.table.rows] == ["whodid"]


def test_what_is_not_opened_in_time_is_not_counted_aloud(mixed_log):
    now = iter(range(0, 10**9, 20))
    analyst = Analyst(mixed_log.searcher(monotonic=now.__next__))
    counted = analyst.stats(asked("alice | stats count()"), durable=mixed_log.size, own=True)
    assert not counted.table.exact
    assert any("not opened in time" in warning for warning in counted.warnings)
    assert counted.table.rows[0][0] < len(selected(mixed_log, asked("alice").filter)[0])


def test_tables_not_reached_in_time_are_said(mixed_log):
    now = iter(range(0, 10**9, 6))
    analyst = Analyst(mixed_log.searcher(monotonic=now.__next__))
    counted = analyst.stats(asked("| stats count()"), durable=mixed_log.size, own=True)
    missed = len(mixed_log.events) - counted.table.events
    assert missed > 0
    assert not counted.table.exact
    assert f"{missed:,} events were not counted in time: ask for less time" in counted.warnings


class _Small:
    """A run over the log with bounds of a test's own."""

    def __init__(self, log, monkeypatch, **bounds):
        self._searcher = log.searcher()
        self._size = log.size
        from whodid.index import stats

        def tally(keys, measures, vocabularies):
            return Tally(keys, measures, vocabularies, **bounds)

        monkeypatch.setattr(stats, "Tally", tally)

    def ask(self, text, words=None):
        from whodid.index.analyst import _selected

        query = asked(text)

        def count(view):
            chosen, _ = _selected(query, view, own=True)
            words_ = words or Vocabularies()
            return run_stats(query.stats, query.sort, query.limit, chosen, words_, view.monotonic)

        return self._searcher.over(count, durable=self._size)


def test_groups_beyond_the_bound_are_other_and_those_shown_exact(mixed_log, monkeypatch):
    text = "| stats by (actor, ip) count()"
    stats = parse(text).stats
    expected = naive_table(stats, *selected(mixed_log, asked(text).filter))
    table = _Small(mixed_log, monkeypatch, groups_max=20).ask(text)
    assert len(table.rows) == table.groups == 20 < len(expected)
    for row in table.rows:
        assert expected[tuple(row[:2])] == row[2:]
    assert sum(row[2] for row in table.rows) + table.other == len(mixed_log.events)
    assert not table.exact
    assert any("were not told apart" in warning for warning in table.warnings)


def test_texts_beyond_the_bound_are_other(mixed_log, monkeypatch):
    text = "| stats by (correlation)"
    expected = naive_table(parse(text).stats, *selected(mixed_log, asked(text).filter))
    table = _Small(mixed_log, monkeypatch).ask(text, Vocabularies(10))
    assert table.groups == 11
    for row in table.rows:
        assert expected[tuple(row[:1])] == row[1:]
    assert sum(row[1] for row in table.rows) + table.other == len(mixed_log.events)


def test_values_beyond_the_bound_are_refused(mixed_log, monkeypatch):
    small = _Small(mixed_log, monkeypatch, values_max=10)
    for text in ("| stats count_distinct(actor.name)", "| stats by (actor) p50(rows)"):
        with pytest.raises(UsageError, match="more different values"):
            small.ask(text)
    with pytest.raises(UsageError, match="more different values"):
        _Small(mixed_log, monkeypatch).ask("| stats count_distinct(host)", Vocabularies(3))


def test_vocabularies_are_forgotten_when_they_grow_and_answers_stay_right(mixed_log):
    analyst = Analyst(mixed_log.searcher())
    analyst._vocabularies = Vocabularies(texts_max=40)
    for text in ("| stats by (actor)", "| stats by (ip, host)", "| stats by (actor)") * 3:
        query = asked(text)
        expected = naive_table(query.stats, *selected(mixed_log, query.filter))
        table = analyst.stats(query, durable=mixed_log.size, own=True).table
        depth = len(query.stats.by)
        assert {tuple(row[:depth]): row[depth:] for row in table.rows} == expected


def test_rows_that_are_cut_without_a_limit_are_said(mixed_log, analyst, monkeypatch):
    from whodid.index import stats

    monkeypatch.setattr(stats, "STATS_ROWS", 5)
    counted = analyst.stats(asked("| stats by (actor)"), durable=mixed_log.size)
    assert len(counted.table.rows) == 5
    cut = counted.table.groups - 5
    assert f"{cut:,} more groups are not shown; | limit shows more" in counted.warnings
    limited = analyst.stats(asked("| stats by (actor) | limit 5"), durable=mixed_log.size)
    assert limited.warnings == []


def test_no_events_is_one_row_without_keys_and_none_with(mixed_log, analyst):
    text = (
        "actor:nobody-at-all | stats count(), sum(rows), max(time), count_distinct(ip), p50(rows)"
    )
    table = analyst.stats(asked(text), durable=mixed_log.size).table
    assert table.rows == [[0, None, None, 0, None]]
    table = analyst.stats(asked("actor:nobody | stats by (ip)"), durable=mixed_log.size).table
    assert (table.rows, table.groups) == ([], 0)


def test_dictionaries_are_read_once_and_not_kept(indexed_log):
    """A million entries of a field of many values would push everything else out of the cache."""
    searcher = indexed_log.searcher()
    counted = Analyst(searcher).stats(asked("| stats by (actor)"), durable=indexed_log.size)
    assert counted.table.rows
    kept = [str(key) for _, key in searcher._cache._arrays]
    assert any("numbers" in key for key in kept)
    assert not [key for key in kept if key.startswith("actor") and key.endswith(("$", "@"))]
