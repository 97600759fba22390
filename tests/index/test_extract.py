"""What is given away of events is what they hold, from whatever table it comes."""

import importlib.util
from pathlib import Path

import pytest

from whodid.app.sql import child
from whodid.app.sql.columns import table_of
from whodid.errors import RefusedError, UsageError
from whodid.index.analyst import Analyst, Extraction
from whodid.index.extract import INDEX
from whodid.query.match import texts_of
from whodid.query.parse import parse
from whodid.query.rights import EVERYTHING, rights
from whodid.query.times import resolve
from zipf_events import zipf_events

TABLE = table_of(EVERYTHING)
MOST = 2**63 - 2


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    file = Path(__file__).with_name("conftest.py")
    spec = importlib.util.spec_from_file_location("index_conftest", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    log = module.EventLog(tmp_path_factory.mktemp("extract"))
    log.append(zipf_events(500, 1))
    log.append(zipf_events(3, 9), identity=b"the same")
    log.index(segment_rows=128)
    log.seal(force=True)
    log.append(zipf_events(100, 3))
    yield log
    log.close()


def wanted(event, index, known, flags):
    """The value of a column, read from the event alone."""
    field = known.field
    if field == INDEX:
        return index
    if field == "time":
        return event.when.received if event.when.time is None else event.when.time
    if field == "received":
        return event.when.received
    match field:
        case "_quarantined":
            return event.envelope.quarantine is not None
        case "_redacted":
            return bool(event.envelope.redactions)
        case "_conflict":
            return bool(flags & 8)
    value = known.opened(event) if known.opened else event.field(field)
    if known.column.kind == "number":
        return None if value is None else min(max(value, -MOST), MOST)
    if known.column.kind == "texts":
        return list(texts_of(value)) or None
    return value


def taken(log, text, names, *, own=True, rows_max=10_000):
    """The rows of these columns as the child makes them, and what was said."""
    knowns = [TABLE[name] for name in names]
    fields = [k for k in knowns if not k.opened]
    texts = [k for k in knowns if k.opened]
    rows = []

    def take(count, columns):
        made = [
            child._array(known.column, parts, count)
            for known, parts in zip([*fields, *texts], columns, strict=True)
        ]
        plain = [
            array.cast("int64").to_pylist() if k.column.kind == "time" else array.to_pylist()
            for k, array in zip([*fields, *texts], made, strict=True)
        ]
        assert all(len(column) == count for column in plain)
        rows.extend(zip(*plain, strict=True))

    extraction = Extraction(
        tuple(k.field for k in fields), tuple(k.opened for k in texts), take, rows_max, "ask less"
    )
    query = resolve(parse(text), 0)
    found = Analyst(log.searcher()).extracted(query, extraction, durable=log.size, own=own)
    return rows, found, [*fields, *texts]


@pytest.mark.parametrize("text", ["", "rows:>5 OR actor:alice", "alice", "actor:nobody"])
@pytest.mark.parametrize("name", [name for name in TABLE if name != INDEX])
def test_every_column_is_what_the_events_hold(log, name, text):
    rows, found, knowns = taken(log, text, [INDEX, name])
    assert len(rows) == found.events
    from whodid.ledger.leaf import LeafFlag

    for index, value in rows:
        event, flags = log.events[index], log.flags[index]
        expected = wanted(event, index, knowns[1], 8 if flags & LeafFlag.CONFLICT else 0)
        assert value == expected, (name, index)


def test_all_columns_at_once_and_own_events(log):
    rows, found, _ = taken(log, "", list(TABLE))
    assert len(rows) == len(log.events)
    hidden, told, _ = taken(log, "", [INDEX], own=False)
    assert len(hidden) + told.hidden_own == len(rows)
    assert found.exact
    assert found.size == log.size


def test_more_than_may_be_is_refused_before_anything_is_given(log):
    given = []
    extraction = Extraction((INDEX,), (), lambda *item: given.append(item), 10, "ask less")
    with pytest.raises(UsageError, match="more than 10: ask less"):
        Analyst(log.searcher()).extracted(parse(""), extraction, durable=log.size, own=True)
    assert given == []


def test_an_index_that_changes_meanwhile_gives_nothing_twice(log, monkeypatch):
    searcher = log.searcher()
    over = searcher.over
    monkeypatch.setattr(
        searcher, "over", lambda work, **more: (over(work, **more), over(work, **more))
    )  # fmt: skip
    extraction = Extraction((INDEX,), (), lambda *_: None, 10_000, "")
    with pytest.raises(RefusedError, match="made anew"):
        Analyst(searcher).extracted(parse(""), extraction, durable=log.size)


def test_denied_fields_are_no_columns():
    table = table_of(rights("", ["ip", "content", "actor"]))
    assert {"ip", "message", "statement", "actor_id", "actor_name"}.isdisjoint(table)
    assert {"actor_type", "time", "id", "index"} <= set(table)
