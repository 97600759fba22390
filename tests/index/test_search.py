"""The searcher answers as `query.match` does over all events, however they are stored."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whodid.index import order
from whodid.index.segment import Segment
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.parse import parse
from whodid.query.times import resolve
from whodid.query.tree import (
    And,
    Everything,
    Network,
    Not,
    Or,
    Pattern,
    Query,
    Range,
    Span,
    Term,
    Text,
)

START_US = 4_000_000_000_000_000
TEXTS = ["alice", "ALICE", "smith", "gross", "groß", "k", "über", "", "x", "10.0.0.1", "quote",
         "slash", "line", "日本", "FILE_UPLOAD", "upload", "read", "app", "whodid", "password",
         "c5", "none", "c3000007", "018c0000-0000-7000-8000-0000000f4245"]  # fmt: skip
text_values = st.one_of(
    st.sampled_from(TEXTS),
    st.sampled_from([("al", ""), ("", "ice"), ("", "o", ""), ("a", "e"), ("Ü", ""), ("", "\u212a"),
                     ("018c", "f4245"), ("", "\\", ""), ("", "uplo", ""),
                     ("c30000", ""), ("no", "e")]).map(Pattern),
)  # fmt: skip
integers = st.sampled_from([0, 1, 7, 8, 1000, -1, 2**63 - 1, -(2**63), 22])
spans = st.builds(
    lambda at, width: Span(START_US + at * 500_000, START_US + (at + width) * 500_000),
    st.integers(-2, 20), st.integers(1, 6),
)  # fmt: skip
networks = st.sampled_from(["10.0.0.1", "10.0.0.0/24", "::ffff:0:0/96", "2001:db8::/32"])
ops = st.sampled_from(["has", ">", ">=", "<", "<="])


def ranged(values):
    return st.tuples(st.none() | values, st.none() | values).filter(any).map(lambda p: Range(*p))


def _terms(name):
    kind = SEARCH_FIELDS[name].kind
    exists = st.just(Term(name, "exists"))
    if kind in {"exact", "words"}:
        return st.one_of(
            exists,
            text_values.map(lambda value: Term(name, "has", value)),
            st.sampled_from(TEXTS).map(lambda value: Term(name, "is", value)),
            st.sampled_from(["^a", "(?i)alice", "[0-9]+$"]).map(lambda r: Term(name, "regex", r)),
        )
    if kind == "state":
        return exists | st.booleans().map(lambda value: Term(name, "has", value))
    if kind == "ip":
        return st.one_of(
            exists,
            networks.map(lambda text: Term(name, "has", Network(text))),
            st.just(Term(name, "has", Pattern(("10.", "")))),
            st.just(Term(name, "range", Range(Network("10.0.0.1"), Network("10.0.0.99")))),
        )
    values = integers if kind == "integer" else spans
    return st.one_of(
        exists,
        st.builds(lambda op, value: Term(name, op, value), ops, values),
        ranged(values).map(lambda value: Term(name, "range", value)),
    )


leaves = st.one_of(
    st.just(Everything()),
    text_values.filter(lambda value: value != "").map(Text),
    st.sampled_from(sorted(SEARCH_FIELDS)).flatmap(_terms),
    st.sampled_from(["time", "_conflict", "source", "actor", "resource", "message"]).flatmap(
        _terms
    ),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(lambda items: And(tuple(items))),
        st.lists(inner, min_size=2, max_size=3).map(lambda items: Or(tuple(items))),
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def searcher(mixed_log):
    return mixed_log.searcher()


def found(page):
    return [(hit.time_us, hit.index) for hit in page.rows]


def ask(text):
    return resolve(parse(text), START_US)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(node=trees)
def test_it_finds_what_the_matcher_finds(node, mixed_log, searcher):
    expected = mixed_log.expected(node)
    page = searcher.search(Query(node), limit=1000, durable=mixed_log.size, own=True)
    assert found(page) == expected
    assert (page.total, page.total_is_exact) == (len(expected), True)
    assert (page.next, page.warnings, page.size) == (None, [], mixed_log.size)
    for hit in page.rows:
        assert hit.event == mixed_log.events[hit.index]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(node=trees, limit=st.integers(1, 60))
def test_pages_hold_everything_once(node, limit, mixed_log, searcher):
    expected = mixed_log.expected(node)
    before, rows = None, []
    while True:
        page = searcher.search(
            Query(node), limit=limit, before=before, durable=mixed_log.size, own=True
        )
        assert len(page.rows) <= limit
        rows += found(page)
        before = page.next
        if before is None:
            break
        assert len(page.rows) == limit
    assert rows == expected


@pytest.mark.parametrize("text", ["*", "alice", "actor:alice OR message:alice", "outcome:denied"])
def test_own_events_are_hidden_and_counted(text, mixed_log, searcher):
    query = ask(text)
    page = searcher.search(query, limit=1000, durable=mixed_log.size)
    visible = mixed_log.expected(query.filter, own=False)
    assert found(page) == visible
    assert page.hidden_own == len(mixed_log.expected(query.filter)) - len(visible) > 0


def test_own_events_are_shown_when_the_search_asks_for_them(mixed_log, searcher):
    page = searcher.search(ask("source:whodid"), limit=1000, durable=mixed_log.size)
    assert page.hidden_own == 0
    assert page.total == len(mixed_log.expected(Term("source", "is", "whodid"))) > 0


def test_conflicts_are_both_kept_and_found(mixed_log, searcher):
    page = searcher.search(ask("_conflict:true"), limit=10, durable=mixed_log.size, own=True)
    assert page.total == 2


def test_an_entry_that_is_only_in_the_write_ahead_log_is_found(event_log, made):
    searcher = event_log.searcher()
    for number in range(5):
        (event,) = made(1, 10 + number)
        event_log.append([event])
        query = ask(f"id:{event.when.id}")
        page = searcher.search(query, limit=1, durable=event_log.size, own=True)
        assert [hit.event for hit in page.rows] == [event]


def test_what_is_not_durable_yet_is_not_shown(event_log, made):
    event_log.append(made(5, 1))
    durable = event_log.size
    event_log.append(made(5, 2))
    page = event_log.searcher().search(ask("*"), limit=100, durable=durable, own=True)
    assert (page.total, page.size) == (5, durable)


def test_entries_beyond_the_hot_part_are_missed_aloud(event_log, made):
    event_log.append(made(30, 1))
    page = event_log.searcher(hot_rows_max=10).search(
        ask("*"), limit=100, durable=event_log.size, own=True
    )
    assert page.total == 10
    newest = set(range(event_log.size - 10, event_log.size))
    assert {hit.index for hit in page.rows} == newest
    behind = event_log.size - 10
    assert page.warnings == [f"the index is {behind} entries behind; they were not searched"]


@pytest.fixture
def small_chunks(monkeypatch):
    """Few rows between two looks at the clock."""
    monkeypatch.setattr(order, "_ROWS_FIRST", 64)


@pytest.mark.usefixtures("small_chunks")
def test_a_page_that_takes_too_long_ends_and_goes_on(mixed_log):
    """The clock jumps 6 s at each look, so one page opens few rows; together they find all."""
    now = iter(range(0, 10**9, 6))
    searcher = mixed_log.searcher(monotonic=now.__next__)
    expected = mixed_log.expected(Text("alice"))
    before, rows, pages = None, [], 0
    while pages == 0 or before is not None:
        page = searcher.search(
            ask("alice"), limit=1000, before=before, durable=mixed_log.size, own=True
        )
        rows += found(page)
        pages += 1
        if page.next is not None:
            assert not page.total_is_exact
            assert page.warnings
        before = page.next
    assert pages > 1
    assert rows == expected


@pytest.mark.usefixtures("small_chunks")
def test_a_total_that_takes_too_long_is_not_exact(mixed_log):
    now = iter(range(0, 10**9, 2))
    searcher = mixed_log.searcher(monotonic=now.__next__)
    page = searcher.search(ask("alice"), limit=3, durable=mixed_log.size, own=True)
    assert len(page.rows) == 3
    assert not page.total_is_exact
    assert page.total < len(mixed_log.expected(Text("alice")))
    assert "not counted" in page.warnings[0]


def test_an_event_is_found_by_its_id(mixed_log, searcher):
    for index in (20, 200, 345, 400, mixed_log.size - 1):
        row = searcher.by_id(mixed_log.events[index].when.id.upper())
        assert (row.index, row.event()) == (index, mixed_log.events[index])
    assert searcher.by_id("018c0000-0000-7000-8000-ffffffffffff") is None
    assert searcher.by_id("no id") is None


def test_ids_that_are_no_uuids_are_found_too(event_log, made):
    events = made(4, 1)
    odd = [event.when.__class__(f"id {n}", event.when.received) for n, event in enumerate(events)]
    events = [event.__class__(when, *_rest(event)) for event, when in zip(events, odd, strict=True)]
    event_log.append(events[:2])
    event_log.index()
    event_log.append(made(2, 2) + events[2:])
    event_log.index()
    searcher = event_log.searcher()
    assert [searcher.by_id(f"id {n}").event() for n in range(4)] == events
    page = searcher.search(ask('id:"ID 3"'), limit=9, durable=event_log.size, own=True)
    assert [hit.event for hit in page.rows] == [events[3]]


def _rest(event):
    return [getattr(event, name) for name in event.__struct_fields__[1:]]


def test_sources_are_counted(mixed_log, searcher):
    counts = searcher.source_counts()
    for name in ("app", "db", "whodid"):
        events = [e for e in mixed_log.events.values() if e.envelope.source == name]
        times = [e.when.received if e.when.time is None else e.when.time for e in events]
        assert counts[name].events == len(events)
        assert counts[name].newest_us == max(times)
        assert counts[name].received_us == max(e.when.received for e in events)
    assert set(counts) == {"app", "db", "whodid"}


def test_events_whose_payload_is_damaged_are_missed_aloud(event_log, made):
    event_log.append(made(20, 1), class_=0)
    readable = sorted(event_log.events)
    event_log.append(made(20, 2), class_=1)
    event_log.seal(force=True)
    block = next(
        path for path in (event_log.directory / "payload").iterdir() if path.name[-1] == "1"
    )
    data = bytearray(block.read_bytes())
    data[-1] ^= 1
    block.write_bytes(data)
    event_log.index()
    searcher = event_log.searcher()
    for text in ("*", "NOT nosuchword"):
        page = searcher.search(ask(text), limit=100, durable=event_log.size, own=True)
        first_class = [hit.index for hit in page.rows]
        assert sorted(first_class) == readable
        assert page.warnings == ["20 entries have no readable content and were not searched"]


@pytest.mark.parametrize("text", ["*", "source:app", "-source:nobody"])
def test_a_page_that_ends_where_a_table_does_is_not_the_last(event_log, made, text):
    """Tables apart in time, as a steady stream makes them."""
    events = [
        msgspec.structs.replace(
            event, when=msgspec.structs.replace(event.when, time=START_US + number)
        )
        for number, event in enumerate(made(120, 1, sources=("app",)))
    ]
    for start in range(0, 120, 40):
        event_log.append(events[start : start + 40])
        event_log.index(segment_rows=32)
    searcher, query = event_log.searcher(), parse(text)
    expected = event_log.expected(query.filter)
    for limit in range(1, 130):
        page = searcher.search(query, limit=limit, durable=event_log.size, own=True)
        assert found(page) == expected[:limit]
        assert (page.next is None) == (limit >= len(expected)), limit


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "alice",
        "outcome:denied",
        "actor:alice",
        "-action:read",
        "resource:*li*",
        "-resource:*nts*",
        "actor:*bob* or ali*",
    ],
)
@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_without_a_total_the_pages_are_the_same(text, limit, mixed_log, searcher):
    query, before = ask(text), None
    options = {"limit": limit, "durable": mixed_log.size, "own": True}
    for _ in range(5):
        whole = searcher.search(query, before=before, **options)
        page = searcher.search(query, before=before, total=False, **options)
        assert (found(page), page.next) == (found(whole), whole.next)
        assert page.total <= whole.total
        assert not page.total_is_exact or page.total == whole.total
        assert page.warnings == []
        before = page.next
        if before is None:
            break


def test_without_a_total_few_rows_are_opened_rather_than_a_dictionary(event_log, made, monkeypatch):
    event_log.append(made(200, 1, sources=("app",)))
    event_log.index(segment_rows=64)
    read = []
    once = Segment.once
    monkeypatch.setattr(Segment, "once", lambda self, name: read.append(name) or once(self, name))
    query = ask("resource:*lic*")
    expected = event_log.expected(query.filter)
    assert expected
    options = {"limit": 1000, "durable": event_log.size, "own": True}
    assert found(event_log.searcher().search(query, total=False, **options)) == expected
    assert read == []
    assert found(event_log.searcher().search(query, **options)) == expected
    assert "resource.name$" in read


def test_without_a_total_older_segments_stay_closed(event_log, made, monkeypatch):
    """Of what is behind a full page nothing is read."""
    for seed in range(6):
        event_log.append(made(64, seed, sources=("app",)))
    event_log.index(segment_rows=64)
    searcher = event_log.searcher()
    asked = ask("-actor:nobody")
    read = []
    whole = Segment._read
    monkeypatch.setattr(
        Segment, "_read", lambda self, chunk: read.append(self.first) or whole(self, chunk)
    )
    page = searcher.search(asked, limit=3, durable=event_log.size, own=True, total=False)
    assert not page.total_is_exact
    closed = len(set(read))
    searcher.search(asked, limit=3, durable=event_log.size, own=True)
    assert closed < len(set(read)) >= 6
