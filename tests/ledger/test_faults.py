"""The table of faults, one row per durable write of the sequencer.

Columns: what is done, the call that fails, the error, and what the sequencer must then do:
*refused* (nothing of it counts, the next try may succeed), *stopped* (every later append is refused
with the reason, reads go on), *goes on* (nobody notices). Each row is tried with the write lost,
torn and kept; then the ledger is killed and opened with a sound disk, and nothing that was
acknowledged is lost, nothing is there twice, everything signed still holds. (The sealer's writes
are in test_sealer, those of the write-ahead log alone in test_wal.)
"""

import errno

import pytest

from ledger_kit import MODES, FaultyDisk, Hand
from whodid.errors import IntegrityError, LedgerError, RefusedError, StoppedError
from whodid.ledger.client import SequencerClient
from whodid.ledger.reader import LedgerReader
from whodid.ledger.wal_scan import WalScan

REFUSED, STOPPED, GOES_ON = "refused", "stopped", "goes on"
EIO, ENOSPC, EDQUOT = errno.EIO, errno.ENOSPC, errno.EDQUOT

TABLE = [
    # append one batch
    ("append", "write_at", r"wal/\d+$", EIO, STOPPED),
    ("append", "write_at", r"wal/\d+$", ENOSPC, STOPPED),
    ("append", "sync_data", r"wal/\d+$", EIO, STOPPED),
    # append into a new write-ahead file: a spare is renamed, or a file made
    ("roll", "rename", r"wal/\d+$", EIO, REFUSED),
    ("roll", "rename", r"wal/\d+$", ENOSPC, REFUSED),
    ("roll", "sync_folder", r"wal$", EIO, REFUSED),
    ("roll", "preallocate", r"wal/\d+$", ENOSPC, REFUSED),
    ("roll", "preallocate", r"spare", ENOSPC, GOES_ON),
    ("roll", "write_at", r"wal/\d+$", EIO, STOPPED),
    ("roll", "sync_data", r"wal/0*2$", EIO, STOPPED),
    # publish: the signer's head, the checkpoint, the log of checkpoints
    ("publish", "create", r"head$", EIO, STOPPED),
    ("publish", "create", r"head$", ENOSPC, REFUSED),
    ("publish", "rename", r"head$", EIO, STOPPED),
    ("publish", "create", r"checkpoint$", EIO, STOPPED),
    ("publish", "create", r"checkpoint$", ENOSPC, REFUSED),
    ("publish", "create", r"checkpoint$", EDQUOT, REFUSED),
    ("publish", "sync_folder", r"L$", EIO, STOPPED),
    ("publish", "sync_data", r"checkpoints.log$", EIO, STOPPED),
    ("publish", "sync_data", r"checkpoints.log$", ENOSPC, REFUSED),
    # seal: the manifest and its chapters, giving write-ahead files back, the dedup table
    ("seal", "create", r"manifest$", EIO, REFUSED),
    ("seal", "create", r"manifest$", ENOSPC, REFUSED),
    ("seal", "sync_folder", r"L$", EIO, REFUSED),
    ("seal", "create", r"manifest-0", EIO, REFUSED),
    ("seal", "sync_folder", r"payload$", EIO, REFUSED),
    ("seal", "rename", r"\.dirty$", EIO, None),
    ("seal", "create", r"identity/", ENOSPC, REFUSED),
    ("seal", "sync_data", r"\.dirty$", EIO, GOES_ON),
    # a dedup run of its own accord
    ("flush", "create", r"identity/", EIO, GOES_ON),
    ("flush", "create", r"identity/", ENOSPC, GOES_ON),
]


@pytest.fixture
def hand(tmp_path, monkeypatch):
    monkeypatch.setattr("whodid.ledger.sealer.UNIT_ROWS", 16)
    monkeypatch.setattr("whodid.ledger.manifest.CHAPTER_FILES", 2)
    hand = Hand(tmp_path, wal_file_bytes=1 << 13).open()
    hand.add(range(5))
    hand.publish()
    hand.add(range(5, 20))
    yield hand
    hand.close()


def do(hand, what, disk):
    """Do it once, up to the error that the caller sees."""
    match what:
        case "append":
            hand.add([100, 101])
        case "roll":
            hand.add([100, 101], pad=2500)
        case "publish":
            hand.publish(keep=True)
        case "seal":
            hand.add(range(100, 140))
            hand.add(range(140, 180))
            hand.seal()
        case "flush":
            hand.add(range(100, 110))


def prepare(hand, what, kind, pattern, monkeypatch):
    if what == "roll" and kind == "preallocate":
        hand.close()  # without spares, the file itself is made
        for spare in (hand.directory / "wal").glob("spare-*"):
            spare.unlink()
    if what == "flush":
        monkeypatch.setattr("whodid.ledger.identity.RUN_ROWS", 12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("what", "kind", "pattern", "error", "expected"), TABLE)
def test_fault(hand, monkeypatch, what, kind, pattern, error, expected, mode):
    prepare(hand, what, kind, pattern, monkeypatch)
    disk = FaultyDisk()
    hand.reopen(disk)
    disk.arm(kind, pattern, mode, error)
    seen = GOES_ON
    try:
        do(hand, what, disk)
    except RefusedError:
        seen = REFUSED
    except StoppedError:
        seen = STOPPED
    for worker in hand.sequencer._p.wal._workers:
        worker.join()
    assert disk.spent, "the fault was never met"
    assert seen == (expected or (GOES_ON if mode == "kept" else REFUSED))

    # The same sequencer, at once.
    reader = LedgerReader(hand.directory, hand.keys)
    assert len(list(reader.rows(0, hand.sequencer.size))) == hand.sequencer.size, "reads go on"
    reader.close()
    if seen == STOPPED:
        with pytest.raises(StoppedError):
            hand.add([200])
        assert hand.sequencer.stopped
        assert hand.sequencer.size == len(hand.acked) + 2
    else:
        hand.add([200])
        hand.publish()
        hand.check()
        if seen == REFUSED:
            hand.resend()
            hand.check()

    # After a kill, on a sound disk.
    hand.reopen()
    for numbers, data in hand.sent.items():
        hand.send(numbers, data)
    hand.publish()
    hand.check()
    again = hand.commit(*(hand.batch(numbers) for numbers in hand.sent))
    assert [(a.accepted, a.duplicate) for a in again] == [(0, len(n)) for n in hand.sent]
    hand.seal()
    assert hand.sequencer.manifest.sealed == hand.sequencer.size
    hand.reopen()
    hand.check()


def add_until_refused(hand):
    for number in range(100, 110):
        hand.add([number], pad=900)


def test_nothing_was_stored_when_it_is_refused(hand):
    """The promise of RefusedError, read from the log itself."""
    disk = FaultyDisk()
    hand.reopen(disk)
    disk.arm("rename", r"wal/\d+$", "kept", ENOSPC)
    with pytest.raises(RefusedError, match=r"disk is full.*nothing was stored"):
        add_until_refused(hand)
    before = hand.sequencer.size
    hand.kill()
    assert hand.open().sequencer.size == before
    assert max(hand.numbers()) == before - 3 + 80


# --- full disk -----------------------------------------------------------------------------------


def test_a_disk_that_is_nearly_full(tmp_path):
    hand = Hand(tmp_path, free_bytes_min=1 << 20)
    disk = FaultyDisk()
    hand.open(disk)
    hand.add([1])
    disk.free = (1 << 20) - 1
    with pytest.raises(
        RefusedError, match="has 0 MiB left, less than the 1 MiB it keeps"
    ) as caught:
        hand.add([2])
    assert caught.value.retry_after_s >= 1
    hand.publish()
    assert hand.seal() == 3, "what was taken is still sealed"
    assert hand.numbers() == [1]
    disk.free = 1 << 20
    hand.resend()
    hand.check()
    assert hand.numbers() == [1, 2]
    hand.close()


def test_a_disk_that_is_full_for_a_while(hand):
    """Every write fails for lack of space; then there is room again, without a restart."""
    disk = FaultyDisk()
    hand.reopen(disk)
    for kind, pattern in (("create", ""), ("rename", r"wal/\d+$"), ("preallocate", "")):
        disk.arm(kind, pattern, "lost", ENOSPC, times=10**6)
        for attempt in range(4):
            try:
                hand.add([1000 + attempt], pad=2500)
                hand.publish(keep=True)
            except RefusedError:
                continue
        disk.disarm()
    assert hand.sequencer.stopped is None
    hand.resend()
    hand.publish()
    hand.check()
    hand.reopen()
    hand.check()


def test_a_full_disk_at_a_start_is_said(hand):
    hand.close()
    disk = FaultyDisk()
    disk.arm("sync_data", "wal", "lost", ENOSPC)
    with pytest.raises(LedgerError, match=r"cannot be opened.*No space left"):
        hand.open(disk)
    hand.open()
    hand.check()


# --- fsync, and what a start makes of it ---------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_a_group_whose_fsync_failed_is_answered_by_nobody(hand, mode):
    disk = FaultyDisk()
    hand.reopen(disk)
    disk.arm("sync_data", r"wal/\d+$", mode)
    answers = hand.commit(hand.batch([100]), hand.batch([101]), hand.batch([102]))
    assert [type(answer) for answer in answers] == [StoppedError] * 3
    assert "fsync failed" in str(answers[0])
    assert hand.sequencer.size == 22
    [answer] = hand.commit(hand.batch([103]))
    assert isinstance(answer, StoppedError)
    hand.publish()
    hand.reopen()
    assert set(hand.numbers()) in ({*range(20)}, {*range(20), 100}, {*range(20), 100, 101, 102})
    hand.check()


def test_a_fault_of_a_group_over_two_files(hand):
    for mode in MODES:
        disk = FaultyDisk()
        hand.reopen(disk)
        disk.arm("write_at", r"wal/\d+$", mode)
        first = 100 * (1 + MODES.index(mode))
        batches = [hand.batch([first + i], pad=900) for i in range(8)]
        assert all(isinstance(a, StoppedError) for a in hand.commit(*batches))
        hand.reopen()
        hand.check()
        for number, data in enumerate(batches):
            hand.send([first + number], data)
        hand.check()


# --- what stands in the write-ahead log ----------------------------------------------------------


def last_record(hand):
    scan = WalScan(hand.directory, hand.keys.ledger_id)
    record = list(scan.records())[-1]
    return scan.files[-1].path, record


def test_a_broken_durable_record_stops_the_log(hand):
    hand.add([100])
    path, record = last_record(hand)
    hand.publish()  # the head covers it
    hand.kill()
    data = bytearray(path.read_bytes())
    data[record.offset + 150] ^= 1
    path.write_bytes(data)
    for _ in range(2):
        with pytest.raises(IntegrityError, match="signed") as caught:
            hand.open()
    assert f"{path} offset {record.offset}" in str(caught.value)
    assert path.read_bytes() == bytes(data)


def test_a_broken_record_below_a_later_one_stops_the_log(hand):
    hand.add([100])
    path, record = last_record(hand)
    hand.add([101])
    hand.kill()
    (hand.keys.path / "head").unlink()
    (hand.directory / "checkpoint").unlink()
    data = bytearray(path.read_bytes())
    data[record.offset + 150] ^= 1
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match=f"record {record.lsn} was durable") as caught:
        hand.open()
    assert f"{path} offset {record.offset}" in str(caught.value)


def test_a_torn_tail_beyond_the_mark_is_healed(hand):
    hand.add([100])
    path, record = last_record(hand)
    hand.kill()
    data = bytearray(path.read_bytes())
    data[record.offset + 150] ^= 1
    path.write_bytes(data)
    hand.acked.pop(100)
    hand.open()
    hand.check()
    hand.resend()
    hand.check()
    assert hand.numbers().count(100) == 1


def test_a_log_that_was_cut_stops(hand):
    for start in range(100, 160, 10):
        hand.add(range(start, start + 10), pad=100)
    hand.publish()
    hand.kill()
    newest = max(p for p in (hand.directory / "wal").iterdir() if p.name.isdigit())
    newest.unlink()
    with pytest.raises(IntegrityError, match="were signed"):
        hand.open()


def test_an_older_manifest_that_was_put_back_stops(hand):
    for start in range(100, 400, 40):
        hand.add(range(start, start + 40))
    hand.seal()
    old = (hand.directory / "manifest").read_bytes()
    for start in range(400, 800, 40):
        hand.add(range(start, start + 40))
    hand.seal()
    hand.kill()
    (hand.directory / "manifest").write_bytes(old)
    payload = sorted((hand.directory / "payload").iterdir())
    with pytest.raises(IntegrityError, match=r"are missing|the log ends at"):
        hand.open()
    assert sorted((hand.directory / "payload").iterdir()) == payload, "nothing was cleared away"


def test_nobody_listens_after_a_kill(hand):
    client = SequencerClient(hand.directory, "door", retry_s=0.0)
    with pytest.raises(RefusedError, match="does not answer"):
        client.status()
