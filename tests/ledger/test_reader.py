"""Rows across the border of what is sealed, while that border moves."""

import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_kit import Hand
from whodid.errors import IntegrityError, UsageError
from whodid.ledger import block_reader, sealer
from whodid.ledger.frame import Look
from whodid.ledger.read_memory import ReadMemory
from whodid.ledger.reader import LedgerReader


@pytest.fixture
def hand(tmp_path, monkeypatch):
    monkeypatch.setattr(sealer, "UNIT_ROWS", 16)
    hand = Hand(tmp_path, wal_file_bytes=1 << 13).open()
    yield hand
    hand.close()


@pytest.fixture
def reader(hand):
    reader = LedgerReader(hand.directory, hand.keys)
    yield reader
    reader.close()


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    hand = Hand(tmp_path_factory.mktemp("mixed"), wal_file_bytes=1 << 13).open()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealer, "UNIT_ROWS", 16)
        for start in range(0, 60, 7):
            hand.add(range(start, start + 7))
        hand.seal(force=False)
        for start in range(63, 100, 5):
            hand.add(range(start, start + 5))
    yield hand
    hand.close()


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(st.data())
def test_any_range(mixed, data):
    reader = LedgerReader(mixed.directory, mixed.keys)
    size = reader.size
    assert (size, reader.manifest.sealed) == (105, 64)
    first = data.draw(st.integers(0, size))
    end = data.draw(st.integers(first, size))
    rows = list(reader.rows(first, end))
    assert [row.index for row in rows] == list(range(first, end))
    for row in rows:
        if row.index >= 2:
            assert row.groups[6].startswith(b'{"n":%d,' % (row.index - 2))
        assert reader.row(row.index) == row
        assert reader.leaf_bytes(row.index) == row.leaf_bytes
    types = [t for chunk in reader.groups(first, end, (6, 0)) for t in chunk.types.tolist()]
    raws = [raw for chunk in reader.groups(first, end, (6, 0)) for raw in chunk.groups[0]]
    assert types == [row.type for row in rows]
    assert raws == [row.groups[6] for row in rows]
    reader.close()


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(st.lists(st.sets(st.integers(0, 104)).map(sorted), min_size=1, max_size=3), st.booleans())
def test_any_pick(mixed, asked, little_memory):
    memory = ReadMemory(frames=1, leaf_files=1, block_heads=1) if little_memory else ReadMemory()
    reader = LedgerReader(mixed.directory, mixed.keys, memory)
    rows = list(LedgerReader(mixed.directory, mixed.keys).rows(0, 105))
    for indexes in asked:
        found = sorted(reader.pick(indexes), key=lambda row: row.index)
        assert found == [rows[index] for index in indexes]
        look = Look(lambda data: b'"n":1' in data, (b'"n":1',))
        headed = {row.index: row for row in reader.find(indexes)}
        assert sorted(headed) == indexes
        for index, row in headed.items():
            assert row.head() == rows[index].head()
            assert row.groups == rows[index].groups
            assert row.event() == rows[index].event()
        few = {row.index for row in reader.find(indexes, look)}
        assert few == {
            index for index in indexes if any(b'"n":1' in part for part in rows[index].groups)
        }
    reader.close()


def test_a_block_that_is_damaged_costs_its_own_rows(hand, reader):
    hand.add(range(62))
    hand.seal()
    reader.refresh()
    path = sorted((hand.directory / "payload").iterdir())[2]
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    found = {row.index: row.groups is not None for row in reader.pick([1, 20, 33, 40, 60])}
    assert found == {1: True, 20: True, 33: False, 40: False, 60: True}
    path.write_bytes(whole)
    assert all(row.groups is not None for row in reader.pick([1, 20, 33, 40, 60]))


def test_a_leaf_file_that_is_altered_after_it_was_read_is_named(hand, reader):
    hand.add(range(62))
    hand.seal()
    reader.refresh()
    before = reader.leaf_bytes(3)
    reader.leaf_bytes(20)
    path = min((hand.directory / "leaves").iterdir())
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(IntegrityError, match=path.name):
        reader.leaf_bytes(3)
    path.write_bytes(whole)
    assert reader.leaf_bytes(20)
    assert reader.leaf_bytes(3) == before


def test_sealing_between_two_rows(hand, reader):
    hand.add(range(40))
    reader.refresh()
    rows = reader.rows(0, reader.size)
    found = [next(rows).index for _ in range(3)]
    hand.seal()
    found += [row.index for row in rows]
    assert found == list(range(42))


def test_recycling_between_two_looks(hand, reader):
    for start in range(0, 200, 10):
        hand.add(range(start, start + 10))
    reader.refresh()
    size = reader.size
    rows = reader.rows(0, size)
    found = [next(rows).index for _ in range(3)]
    hand.seal(force=False)
    for start in range(200, 400, 10):
        hand.add(range(start, start + 10))
    hand.seal(force=False)
    assert not reader._tail.records[0].path.exists()
    found += [row.index for row in rows]
    assert found == list(range(size))
    assert reader.refresh() == hand.sequencer.size
    assert [row.index for row in reader.rows(0, reader.size)] == list(range(reader.size))


def test_sealed_and_recycled_within_one_refresh(hand, reader, monkeypatch):
    """The manifest is read, then the log: what was sealed between the two is not lost."""
    poll = reader._tail.poll

    def sealed_meanwhile():
        for start in range(0, 300, 10):
            hand.add(range(start, start + 10))
        hand.seal(force=False)
        monkeypatch.setattr(reader._tail, "poll", poll)
        return poll()

    monkeypatch.setattr(reader._tail, "poll", sealed_meanwhile)
    reader.refresh()
    assert reader.size == hand.sequencer.size
    assert [row.index for row in reader.rows(0, reader.size)] == list(range(reader.size))


def test_a_reader_beside_a_writer(hand):
    """One thread appends, seals and recycles; another reads all there is, again and again."""
    done, failures, looks = threading.Event(), [], []

    def read():
        reader = LedgerReader(hand.directory, hand.keys)
        try:
            while not done.is_set():
                size = reader.refresh()
                at = max(0, size - 60)
                indexes = [row.index for row in reader.rows(at, size)]
                assert indexes == list(range(at, size))
                looks.append(size)
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            failures.append(error)
        finally:
            reader.close()

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for start in range(0, 900, 15):
        hand.add(range(start, start + 15))
        if start % 60 == 0:
            hand.seal(force=False)
    start = 900
    while len(set(looks)) <= 3 and not failures and start < 30_000:  # the readers were put aside
        hand.add(range(start, start + 15))
        start += 15
        time.sleep(0.01)
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(set(looks)) > 3
    hand.check()


def test_an_index_that_is_not_there(reader):
    for index in (-1, 99):
        with pytest.raises(UsageError, match="not in the log"):
            reader.row(index)
        with pytest.raises(UsageError, match="not in the log"):
            reader.leaf_bytes(index)


def test_a_younger_entry_is_looked_for(hand, reader):
    hand.add([5])
    assert reader.row(2).groups[6].startswith(b'{"n":5,')


@pytest.mark.parametrize("share", [(0, 16), (1 << 24, 1)])
def test_rows_of_many_frames_are_found_however_they_are_shared_out(mixed, monkeypatch, share):
    """Of two threads each opens a few frames at a time, one at least."""
    monkeypatch.setattr(block_reader, "_SHARE_BYTES", share[0])
    monkeypatch.setattr(block_reader, "_SHARE", share[1])
    reader = LedgerReader(mixed.directory, mixed.keys)
    wanted = [*range(2, 64, 3), *range(64, 105, 2)]
    found = {row.index: row for row in reader.find(wanted)}
    assert sorted(found) == wanted
    assert all(row.groups == reader.row(index).groups for index, row in found.items())
    assert all(row.head().appended_us for row in found.values())
    look = Look(lambda data: b'{"n":4' in data, (b'{"n":4',))
    assert [row.index for row in reader.find(list(range(2, 64)), look)] == [6, *range(42, 52)]
    reader.close()


def test_no_entry_is_left_out_because_its_leaf_is_damaged(hand):
    hand.add(range(45))
    hand.seal()
    first, *_ = sorted((hand.directory / "leaves").iterdir())
    whole = first.read_bytes()
    first.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    reader = LedgerReader(hand.directory, hand.keys)
    assert {row.index for row in reader.find(list(range(16, 47)))} == set(range(16, 47))
    found = {row.index: row for row in reader.find([3, 20, 40])}
    assert [found[index].groups is None for index in (3, 20, 40)] == [True, False, False]
    assert found[3].event() is None
    with pytest.raises(IntegrityError, match=first.name):
        list(reader.pick([3, 20, 40]))
    reader.close()


def test_altered_sealed_files_are_named(hand):
    hand.add(range(30))
    hand.seal()
    for folder in ("leaves", "payload"):
        path = min((hand.directory / folder).iterdir())
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        reader = LedgerReader(hand.directory, hand.keys)
        with pytest.raises(IntegrityError, match=path.name):
            list(reader.rows(0, 32))
        path.unlink()
        with pytest.raises(IntegrityError, match=path.name):
            list(LedgerReader(hand.directory, hand.keys).rows(0, 32))
        path.write_bytes(whole)
        reader.close()


def test_a_broken_record_ends_the_log_for_a_reader(hand):
    hand.add(range(5))
    hand.add(range(5, 9))
    path = hand.directory / "wal" / f"{1:016d}"
    data = path.read_bytes().rstrip(b"\0")
    hand.kill()
    path.write_bytes((data[:-1] + bytes([data[-1] ^ 1])).ljust(1 << 13, b"\0"))
    reader = LedgerReader(hand.directory, hand.keys)
    assert reader.size == 7
    with pytest.raises(IntegrityError, match="entry 7"):
        list(reader.rows(0, 8))
    reader.close()
