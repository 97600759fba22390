"""What comes after the filter: parsed, written back, said in English, and what it reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.errors import QueryError
from whodid.limits import QUERY_LIMIT_ROWS_MAX, STATS_KEYS_MAX, STATS_MEASURES_MAX
from whodid.query.countable import (
    COUNTED,
    FUNCTIONS,
    OPENED,
    SEVERAL,
    why_not_counted,
    why_not_sorted,
)
from whodid.query.fields import SEARCH_FIELDS, TEXT_COLUMNS
from whodid.query.names import RAW, columns_named, named
from whodid.query.parse import parse
from whodid.query.phrase import query_sentence
from whodid.query.pipes import Key, Limit, Measure, Order, Sort, Stats
from whodid.query.render_pipes import pipes_text, query_text
from whodid.query.times import resolve
from whodid.query.tree import Everything, Query, Range, Relative, Term

HOUR_US = 3_600_000_000


def test_the_whole_of_it():
    query = parse(
        "actor:alice | stats by (resource.name, time:1h) count(), sum(rows) as total p95(bytes)"
        " | sort -count, time | limit 20"
    )
    assert query.filter == Term("actor", "has", "alice")
    assert query.stats == Stats(
        (Key("resource.name"), Key("time", HOUR_US)),
        (Measure("count"), Measure("sum", "rows", 0, "total"), Measure("percentile", "bytes", 95)),
    )
    assert query.stats.columns == ("resource.name", "time", "count", "total", "p95(bytes)")
    assert query.sort == Sort((Order("count", True), Order("time")))
    assert query.limit == Limit(20)


@pytest.mark.parametrize(
    ("text", "stats"),
    [
        ("| stats by outcome", Stats((Key("outcome"),), (Measure("count"),))),
        ("| stats count() by outcome", Stats((Key("outcome"),), (Measure("count"),))),
        ("| STATS COUNT(*) BY (Outcome)", Stats((Key("outcome"),), (Measure("count"),))),
        ("|stats by actor, ip, count()", Stats((Key("actor"), Key("ip")), (Measure("count"),))),
        ("| stats by (time:month)", Stats((Key("time", "month"),), (Measure("count"),))),
        ("| stats by (time:1day)", Stats((Key("time", "day"),), (Measure("count"),))),
        ("| stats by (received:2h)", Stats((Key("received", 2 * HOUR_US),), (Measure("count"),))),
        ("| stats by (_redacted)", Stats((Key("_redacted"),), (Measure("count"),))),
        ("| stats max( time )as last", Stats((), (Measure("max", "time", 0, "last"),))),
        ("| stats count(rows)", Stats((), (Measure("count", "rows"),))),
    ],
)  # fmt: skip
def test_ways_to_write_stats(text, stats):
    assert parse(text).stats == stats
    assert parse(text).filter == Everything()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("| stats count() | sort -count()", "count"),
        ("| stats sum(rows) | sort SUM(rows)", "sum(rows)"),
        ("| stats sum(rows) as x | sort -sum(rows)", "x"),
        ("| stats sum(rows) as Sum | sort sum", "Sum"),
        ("| sort -Rows", "rows"),
        ("| sort +user", "user"),
    ],
)
def test_ways_to_name_a_column(text, name):
    (order,) = parse(text).sort.orders
    assert order.name == name


@pytest.mark.parametrize(
    ("text", "position", "suggestion", "reason"),
    [
        ("a |", 3, None, "a stage is missing"),
        ("a | stat x", 4, "stats", "no stage 'stat'"),
        ("a | head 5", 4, "limit", "no stage 'head'"),
        ("a | b", 4, None, "needs quotes"),
        ("| stats", 7, None, "needs something to count"),
        ("| stats by (actr)", 12, "actor", "unknown field 'actr'"),
        ("| stats by ()", 12, None, "a field is missing"),
        ("| stats by (actor", 11, None, "not closed"),
        ("| stats by (message)", 12, None, "kept with the events"),
        ("| stats by (id)", 12, None, "of its own"),
        ("| stats by (time)", 12, "time:1h", "needs a width"),
        ("| stats by (time:1w)", 17, None, "no width"),
        ("| stats by (time:31d)", 17, None, "no width"),
        ("| stats by (time:0h)", 17, None, "no width"),
        ("| stats by (actor:1h)", 18, None, "no time"),
        ("| stats by (labels, resource)", 20, None, "several of 'labels' and of 'resource'"),
        ("| stats by (ip, ip)", 16, None, "two columns 'ip'"),
        ("| stats count() count()", 16, None, "two columns 'count'"),
        ("| stats total(rows)", 8, None, "no function 'total'"),
        ("| stats mean(rows)", 8, "avg", "no function 'mean'"),
        ("| stats p0(rows)", 8, "p90", "no function 'p0'"),
        ("| stats p100(rows)", 8, None, "no function 'p100'"),
        ("| stats count", 8, "count()", "needs brackets"),
        ("| stats sum()", 8, None, "needs a field"),
        ("| stats sum(actor)", 12, None, "is not a number"),
        ("| stats sum(time)", 12, None, "is not a number"),
        ("| stats count_distinct(time)", 23, None, "is not"),
        ("| stats count_distinct(id)", 23, None, "of its own"),
        ("| stats sum(rows", 8, None, "not closed"),
        ("| stats sum(rows) as -x", 21, None, "a name has"),
        ("| stats count() | sort cont", 23, "count", "no column 'cont'"),
        ("| sort", 6, None, "column to sort by is missing"),
        ("| sort rows, -rows", 13, None, "sorted by twice"),
        ("| sort resource", 7, None, "several of 'resource'"),
        ("| sort statement", 7, None, "kept with the events"),
        ("| sort _erased", 7, None, "true or false"),
        ("| sort nme", 7, None, "unknown field"),
        ("| sort rows)", 11, None, "does not belong here"),
        ("| limit", 7, None, "needs a number"),
        ("| limit 0", 8, None, "needs a number"),
        (f"| limit {QUERY_LIMIT_ROWS_MAX + 1}", 8, None, "10,000"),
        ("| limit 5 | sort rows", 10, None, "at most one of each"),
        ("| limit 5 | limit 5", 10, None, "at most one of each"),
    ],
)
def test_errors_have_a_position(text, position, suggestion, reason):
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert (caught.value.position, caught.value.suggestion) == (position, suggestion)
    assert reason in str(caught.value)


def test_bounds():
    keys = [name for name in COUNTED if name not in SEVERAL and "time" not in name][:8]
    keys.remove("received")
    parse(f"| stats by ({', '.join(keys[:STATS_KEYS_MAX])})")
    with pytest.raises(QueryError, match="at most"):
        parse(f"| stats by ({', '.join(keys[: STATS_KEYS_MAX + 1])})")
    many = [f"p{number}(rows)" for number in range(1, STATS_MEASURES_MAX + 1)]
    parse(f"| stats {' '.join(many)}")
    with pytest.raises(QueryError, match="more than"):
        parse(f"| stats {' '.join(many)} p99(rows)")


def test_a_bar_that_is_searched_for_needs_quotes():
    assert parse('"a | b"').stats is None
    assert parse("action:~(a|b) | limit 1").limit == Limit(1)


# --- round trip ----------------------------------------------------------------------------------

_names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.]{0,8}", fullmatch=True)
_kinds = {name: field.kind for name, field in SEARCH_FIELDS.items()}
_times = [name for name in COUNTED if _kinds[name] == "time"]
_buckets = st.one_of(
    st.sampled_from(["day", "week", "month", "year"]),
    st.integers(1, 30 * 1440).map(lambda minutes: minutes * 60_000_000),
)
_keys = st.one_of(
    st.sampled_from([name for name in COUNTED if name not in _times]).map(Key),
    st.builds(Key, st.sampled_from(_times), _buckets),
)


def _measures():
    def of(function):
        kinds = FUNCTIONS["sum" if function == "percentile" else function]
        fields = st.sampled_from([name for name in COUNTED if _kinds[name] in kinds])
        percent = st.integers(1, 99) if function == "percentile" else st.just(0)
        return st.builds(Measure, st.just(function), fields, percent, _names | st.just(""))

    return st.one_of(
        st.builds(Measure, st.just("count"), given=_names | st.just("")),
        *(of(function) for function in [*FUNCTIONS, "percentile"]),
    )


def _apart(stats):
    return len(set(stats.columns)) == len(stats.columns)


_stats = st.builds(
    Stats,
    st.lists(_keys, max_size=STATS_KEYS_MAX)
    .map(tuple)
    .filter(lambda keys: sum(key.field in SEVERAL for key in keys) < 2),
    st.lists(_measures(), min_size=1, max_size=4).map(tuple),
).filter(_apart)
_limits = st.none() | st.integers(1, QUERY_LIMIT_ROWS_MAX).map(Limit)
_filters = st.sampled_from(["*", "alice", "actor:a* OR -ip:10.0.0.0/8", 'statement:"drop | x"'])


def _sorts(names):
    orders = st.lists(
        st.builds(Order, st.sampled_from(names), st.booleans()),
        min_size=1, max_size=3, unique_by=lambda order: order.name,
    )  # fmt: skip
    return st.none() | orders.map(lambda found: Sort(tuple(found)))


_sortable = [name for name, field in SEARCH_FIELDS.items() if why_not_sorted(field) is None]
_pairs = st.tuples(_filters.map(lambda text: parse(text).filter), _stats | st.none())
_queries = _pairs.flatmap(
    lambda pair: st.builds(
        Query, st.just(pair[0]), st.just(""), st.just(pair[1]),
        _sorts(pair[1].columns if pair[1] else _sortable), _limits,
    )
)  # fmt: skip


@given(_queries)
def test_text_and_back(query):
    text = query_text(query)
    again = parse(text)
    assert again == query
    assert query_text(again) == text
    assert text.endswith(pipes_text(query))
    assert query_sentence(query)
    assert columns_named(query) <= set(SEARCH_FIELDS) | {RAW}


@given(st.text(alphabet="| statsorlimbyc(),.:-1p\"'a", max_size=60))
def test_garbage_is_refused_with_a_place(text):
    found, place = None, 0
    try:
        found = parse("| " + text)
    except QueryError as error:
        place = error.position
    assert 0 <= place <= len(text) + 2
    assert found is None or parse(query_text(found)) == found


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("access:read resource:customers | stats by (resource.name) | sort -count | limit 20",
         "the number of reads of customers by resource name, most first, the first 20"),
        ("| stats by (time:1h, outcome)", "the number of events by outcome, per hour"),
        ("actor:alice | stats by (resource)", "the number of events by alice, by resource"),
        ("| stats count_distinct(actor)", "the number of different actor values in events"),
        ("access:read | stats by (outcome, time:1d) count(), count_distinct(actor), sum(rows)",
         ("the number of reads, the number of different actor values and the sum of rows, "
          "by outcome, per day")),
        ("| stats p50(rows) p99(rows)",
         "the median of rows and the 99th percentile of rows of events"),
        ("| stats by (actor) max(time) | sort -max(time)",
         "the latest time of events by actor, newest first"),
        ("access:read | sort -rows | limit 1", "reads, most rows first, the first one"),
        ("| stats by (time:15m) sum(bytes)", "the sum of bytes of events, per 15 minutes"),
    ],
)  # fmt: skip
def test_sentences(text, sentence):
    assert query_sentence(parse(text)) == sentence


# --- what is read --------------------------------------------------------------------------------


def test_every_field_that_a_search_reads_is_named():
    query = parse("actor:a -rows:>5 | stats by (resource, time:1d) sum(bytes) | sort -sum(bytes)")
    assert [(item.column, item.use) for item in named(query)] == [
        ("actor.id", "filter"), ("actor.name", "filter"), ("rows", "filter"),
        ("resource.name", "group"), ("resources", "group"), ("time", "group"),
        ("received", "group"), ("bytes", "compute"),
    ]  # fmt: skip
    assert [item.position for item in named(query)][-1] == query.text.index("sum(")
    assert columns_named(parse("| sort -duration_us, user")) == {
        "duration_us", "actor.id", "actor.name",
    }  # fmt: skip
    assert columns_named(parse("hello")) == {*TEXT_COLUMNS, RAW}
    assert columns_named(parse("_erased:true")) == {"_erased"}


def test_relative_times_are_resolved_and_the_pipes_stay():
    query = parse("time:[now-1h TO now] | stats by (actor) | limit 3")
    resolved = resolve(query, HOUR_US)
    assert (resolved.stats, resolved.limit) == (query.stats, query.limit)
    assert query.filter.value == Range(Relative(-HOUR_US), Relative())
    assert resolved.filter.value != query.filter.value


def test_what_can_be_counted_fits_the_fields():
    assert set(SEARCH_FIELDS) >= OPENED | SEVERAL
    for name, field in SEARCH_FIELDS.items():
        if name in COUNTED:
            assert why_not_counted(field) is None
    assert {"id", *OPENED} == set(SEARCH_FIELDS) - set(COUNTED)
