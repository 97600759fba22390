"""What maps say spares a look at segments, and never changes an answer."""

import random

import numpy as np
import pytest
from tests.index.ranges.conftest import CALLER

from chance import SEED
from whodid.index import search
from whodid.index.ranges import sieve as module
from whodid.index.ranges.sieve import Sieve
from whodid.ledger.reader import LedgerReader
from whodid.query.parse import parse
from whodid.query.times import resolve


@pytest.fixture
def sieve(mapped):
    return opened(mapped.directory, mapped.keys)


def opened(directory, keys):
    reader = LedgerReader(directory, keys)
    found = Sieve(reader, keys)
    found.refresh(reader.size)
    return found


def values(mapped, column):
    """Return value → entries, of the events of the first two ranges."""
    found = {}
    for index, event in mapped.log.events.items():
        value = event.field(column)
        for one in value if isinstance(value, tuple) else (value,):
            if one and index < 8192:
                found.setdefault(one.casefold(), []).append(index)
    return found


@pytest.mark.parametrize("column", ["actor.id", "resource.name", "correlation", "action"])
def test_few_entries_are_named_and_many_are_left_to_the_columns(mapped, sieve, column):
    known = values(mapped, column)
    assert known
    named = 0
    for value, entries in known.items():
        found = sieve.entries(column, value.upper(), 0, 8192)
        if found is None:
            assert max(np.bincount(np.array(entries) >> 12)) > 8
            continue
        named += 1
        assert set(entries) <= set(found.tolist())
    assert sieve.entries(column, "nobody has this", 0, 8192).tolist() == []
    assert named or column != "correlation"


def test_nothing_is_said_of_what_has_no_map(mapped, sieve):
    assert sieve.entries("actor.id", "nobody has this", 8000, mapped.log.size) is None
    assert sieve.entries("message", "nobody has this", 0, 4096) is None


def test_a_part_of_the_ranges(mapped, sieve):
    value, entries = next(
        (value, entries)
        for value, entries in values(mapped, "correlation").items()
        if len(entries) < 8 and entries[0] < 4096
    )
    at = entries[0]
    assert sieve.entries("correlation", value, 0, at).tolist() == []
    assert sieve.entries("correlation", value, at, at + 1).tolist() == [at]


def test_a_map_that_cannot_be_read_says_nothing_and_is_asked_for_again(mapped, tmp_path):
    copy = mapped.log.copy(tmp_path / "damaged")
    path = copy.directory / "index" / "maps" / "12-0000000000000000"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    found = opened(copy.directory, copy.keys)
    asked = [found.entries("actor.id", f"nobody {n}", 0, 4096) for n in range(64)]
    assert any(one is None for one in asked)
    assert path.with_name(f"{path.name}.damaged").exists()
    assert found.entries("actor.id", "nobody", 4096, 8192).tolist() == []


def test_a_map_of_another_root_says_nothing(mapped, tmp_path):
    copy = mapped.log.copy(tmp_path / "swapped")
    maps = copy.directory / "index" / "maps"
    (maps / "12-0000000000000000").write_bytes((maps / "12-0000000000004096").read_bytes())
    found = opened(copy.directory, copy.keys)
    assert found.entries("actor.id", "nobody has this", 0, 4096) is None


def test_searches_say_the_same_with_and_without(mapped, monkeypatch):
    texts = [f"correlation:{value}" for value in list(values(mapped, "correlation"))[:40]]
    texts += ["actor:alice", "actor:ALICE", 'actor:"alice smith"', "session:none"]
    texts += ["actor:nobody", "-actor:nobody", "actor:nobody OR action:read", "resource:nobody"]
    texts += [f"{text} -outcome:success" for text in texts[:10]]

    def answers():
        reading = mapped.reading()
        return [
            (found.total, [hit.index for hit in found.events])
            for text in texts
            for found in [reading.search(CALLER, text, limit=100)]
        ]

    before = answers()
    monkeypatch.setattr(module.Sieve, "entries", lambda *_: None)
    monkeypatch.setattr(module.Sieve, "near", lambda _, tables, __: tables)
    monkeypatch.setattr(module.Sieve, "listed", lambda *_: None)
    assert answers() == before


@pytest.fixture(scope="module")
def parted(mapped, tmp_path_factory):
    """The same ledger with small segments, of which maps cover most."""
    copy = mapped.log.copy(tmp_path_factory.mktemp("parted"))
    for path in copy.index_files():
        if path.is_file():
            path.unlink()
    copy.index(segment_rows=512)
    return copy


def asked(searcher, size, text, **more):
    return searcher.search(resolve(parse(text), 0), durable=size, **more)


def pages(searcher, size, text, limit, **more):
    """What all pages of an answer say."""
    found, before = [], None
    while True:
        page = asked(searcher, size, text, limit=limit, before=before, **more)
        found.append((page.total, page.total_is_exact, page.hidden_own,
                      [hit.index for hit in page.rows], page.next))  # fmt: skip
        before = page.next
        if before is None:
            return found


def test_pages_are_the_same_where_few_entries_are_opened_and_where_columns_decide(
    mapped, parted, monkeypatch
):
    draw = random.Random(SEED)
    ids = list(values(mapped, "correlation"))
    texts = []
    for _ in range(25):
        one, other, third = draw.sample(ids, 3)
        texts += [
            f"correlation:{one}", f"correlation:{one} OR correlation:{other}",
            f"correlation:{one} OR correlation:{other} OR correlation:{third}",
            f"(correlation:{one} OR correlation:{other}) -outcome:success",
            f"correlation:{one} session:alice", f"correlation:{one.upper()} access:read",
            f"(correlation:{one} OR correlation:{other} OR correlation:{third}) alice",
            f"correlation:{one} OR session:nobody", f"correlation:{one} source:whodid",
        ]  # fmt: skip
    opened = []
    decided = search.decided

    def noted(entries, *more, **options):
        opened.append(len(entries))
        return decided(entries, *more, **options)

    monkeypatch.setattr(search, "decided", noted)

    def answers():
        searcher, found = parted.searcher(), []
        for text in texts:
            found += pages(searcher, parted.size, text, 2)
            found += pages(searcher, parted.size, text, 100, own=True)
        return found

    before = answers()
    assert sum(opened) > 25
    monkeypatch.setattr(module.Sieve, "listed", lambda *_: None)
    opened.clear()
    assert answers() == before
    assert not any(opened)


def test_as_of_a_size_no_later_entry_is_opened(mapped, parted):
    known = values(mapped, "correlation")
    chosen = [value for value, entries in known.items() if entries[0]][:: len(known) // 4]
    entries = sorted(entry for value in chosen for entry in known[value])
    assert len(entries) > 2
    text = " OR ".join(f"correlation:{value}" for value in chosen)
    searcher = parted.searcher()
    for entry in entries:
        for at in (entry, entry + 1):
            page = asked(searcher, parted.size, text, limit=50, own=True, at=at)
            assert sorted(hit.index for hit in page.rows) == [n for n in entries if n < at]
            assert page.total == len(page.rows)


def test_entries_of_a_tree(mapped, sieve):
    tables = [Span(first, 512) for first in range(0, 9216, 512)]
    every = values(mapped, "correlation")
    known = {value: e for value, e in every.items() if " " not in value and len(e) < 8}
    one, other = list(known)[:2]

    def listed(text, tables=tables):
        found = sieve.listed(tables, parse(text).filter)
        return None if found is None else set(found.tolist())

    assert set(known[one]) <= listed(f"correlation:{one}")
    assert set(known[one]) | set(known[other]) <= listed(
        f"correlation:{one} OR correlation:{other}"
    )
    assert listed(f"correlation:{one} correlation:nowhere") == set()
    assert listed(f"correlation:{one} alice") == listed(f"correlation:{one}")
    assert listed(f"correlation:{one} OR alice") is None
    assert listed(f"-correlation:{one}") is None
    at = known[one][0] // 512
    assert not listed(f"correlation:{one}", tables[:at]) & set(range(at * 512, 9216))
    assert listed("correlation:nowhere", []) == set()


class Span:
    """As much of a table as tells which entries it holds."""

    def __init__(self, first, count):
        self.first, self.count = first, count


def test_tables_without_a_value_are_left_out(mapped, sieve):
    tables = [Span(first, 512) for first in range(0, 9216, 512)]
    behind = [table for table in tables if table.first + 512 > 8192]
    seen = set()
    for value, entries in list(values(mapped, "correlation").items())[:300]:
        for text in (f"correlation:{value}", f"outcome:success correlation:{value}"):
            near = sieve.near(tables, parse(text).filter)
            holding = {
                table for table in tables for at in entries if at // 512 * 512 == table.first
            }
            assert holding | set(behind) <= set(near)
            seen.add(len(near))
    assert min(seen) == len(behind) + 1
    assert sieve.near(tables, parse("correlation:nowhere").filter) == behind
    for text in ("-correlation:nowhere", "correlation:no*", "nowhere", "access:read", "rows:3"):
        assert sieve.near(tables, parse(text).filter) == tables, text


def test_few_values_are_remembered(sieve):
    for number in range(200):
        sieve.entries("actor.id", f"nobody {number}", 0, 4096)
    assert len(sieve._values) == 64
