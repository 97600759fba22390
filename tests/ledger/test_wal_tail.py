"""Following the write-ahead log while it is written, rolled, recycled and torn."""

import pytest

from ledger_kit import FaultyDisk, Hand
from whodid.ledger.wal_tail import WalTail


@pytest.fixture
def hand(tmp_path):
    hand = Hand(tmp_path, wal_file_bytes=1 << 13).open()
    yield hand
    hand.close()


@pytest.fixture
def tail(hand):
    tail = WalTail(hand.directory, hand.keys.ledger_id)
    yield tail
    tail.close()


def test_it_sees_each_record_once_and_in_order(hand, tail):
    tail.poll()
    for number in range(40):
        hand.add([2 * number, 2 * number + 1])
        assert tail.poll() == 1
        assert tail.poll() == 0
    assert [r.lsn for r in tail.records] == list(range(1, 43))
    assert [
        (a.end, b.first)
        for a, b in zip(tail.records, tail.records[1:], strict=False)
        if a.end != b.first
    ] == []
    assert len({r.path for r in tail.records}) > 2
    assert tail.end == hand.sequencer.size


def test_a_record_is_read_again(hand, tail):
    hand.add([1, 2, 3])
    tail.poll()
    s = tail.open(tail.records[-1])
    assert (s.first, s.end) == (2, 5)


def test_a_file_that_was_taken_but_not_begun(hand, tail):
    """A kill between the two hung every reader."""
    hand.add([1])
    tail.poll()
    before = list(tail.records)
    path = tail._path.with_name(f"{int(tail._path.name) + 1:016d}")
    path.write_bytes(bytes(1 << 13))
    assert tail.poll() == 0
    assert tail.records == before
    path.unlink()
    hand.add([2])
    assert tail.poll() == 1


@pytest.mark.parametrize("number", [1, 2])
def test_a_broken_chain_ends_the_poll(hand, tail, number):
    for i in range(40):
        hand.add([i])
    broken = hand.directory / "wal" / f"{number:016d}"
    data = bytearray(broken.read_bytes())
    data[300] ^= 1
    broken.write_bytes(data)
    tail.poll()
    seen = len(tail.records)
    assert seen < 42
    tail.poll()
    assert len(tail.records) == seen


def test_a_recycled_file_starts_it_again_at_the_oldest(hand, tail):
    for i in range(20):
        hand.add([i])
    tail.poll()
    hand.seal()
    stale = tail.records[0]
    for i in range(20, 60):
        hand.add([i])
    hand.seal()
    hand.add([99])
    hand.sequencer._p.wal._workers[-1].join()
    tail.poll()
    assert not stale.path.exists()
    assert tail.open(stale) is None
    assert tail.end == hand.sequencer.size
    assert tail.first > 0


def test_half_a_record_is_not_seen(hand, tail):
    hand.add([1])
    tail.poll()
    disk = FaultyDisk()
    hand.reopen(disk)
    disk.arm("write_at", "0000001$", "torn")
    with pytest.raises(Exception, match="write failed"):
        hand.add([2])
    assert tail.poll() == 0
    hand.reopen()
    hand.resend()
    assert tail.poll() == 1
    assert tail.end == hand.sequencer.size


def test_forget(hand, tail):
    for i in range(5):
        hand.add([10 * i + j for j in range(4)])
    tail.poll()
    tail.forget(2 + 9)
    assert tail.first == 2 + 8
    tail.forget(1000)
    assert (tail.records, tail.first, tail.end) == ([], 0, 0)
    hand.add([77])
    assert tail.poll() == 1


def test_no_files_yet(tmp_path):
    (tmp_path / "wal").mkdir()
    tail = WalTail(tmp_path, bytes(16))
    assert (tail.poll(), tail.end) == (0, 0)
