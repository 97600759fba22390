"""Order, time, identity, answers, publishing."""

import errno

import pytest

from ledger_kit import FaultyDisk, Hand
from whodid.errors import IntegrityError, LedgerError, RefusedError, StoppedError, UsageError
from whodid.ledger.batch import BatchBuilder, parse_batch
from whodid.ledger.leaf import LeafFlag, LeafType
from whodid.ledger.reader import LedgerReader
from whodid.ledger.sequenced import CONFLICT, DUPLICATE
from whodid.ledger.state_db import OWN_SOURCE
from whodid.limits import CLOCK_BACK_MAX_US
from whodid.merkle.checkpoint import parse_body, verify_note
from whodid.merkle.tree import root_of, verify_inclusion


@pytest.fixture
def hand(tmp_path):
    hand = Hand(tmp_path).open()
    yield hand
    hand.close()


def leaves(hand):
    reader = LedgerReader(hand.directory, hand.keys)
    found = [row.leaf() for row in reader.rows(0, reader.size)]
    reader.close()
    return found


# --- order and time ------------------------------------------------------------------------------


def test_entries_have_no_gaps_and_keep_their_order(hand):
    receipts = [hand.add(range(5 * i, 5 * i + 5)) for i in range(6)]
    assert [(r.first, r.end) for r in receipts] == [(2 + 5 * i, 7 + 5 * i) for i in range(6)]
    assert hand.numbers() == list(range(30))
    assert [leaf.type for leaf in leaves(hand)][:3] == [
        LeafType.SOURCE,
        LeafType.SOURCE,
        LeafType.EVENT,
    ]


def test_a_receipt_proves_its_rows(hand):
    hand.add([1])
    receipt = hand.add([2, 3, 4])
    hashes = hand.roots()
    assert receipt.root == root_of(hashes[receipt.first : receipt.end])
    assert receipt.size == hand.sequencer.size == len(hashes)


def test_a_group_is_one_fsync_and_one_time(hand):
    hand.reopen(FaultyDisk())
    hand.disk.calls.clear()
    answers = hand.commit(hand.batch([1]), hand.batch([2, 3]), hand.batch([4]))
    assert hand.disk.calls["sync_data"] == 1
    assert [(a.first, a.end) for a in answers] == [(2, 3), (3, 5), (5, 6)]
    assert len({leaf.appended_us for leaf in leaves(hand)[2:]}) == 1


def test_time_never_decreases(hand):
    for step in (0, 50, -10, -CLOCK_BACK_MAX_US // 2, 0, 7):
        hand.clock.now_us += step
        hand.add([hand.sequencer.size])
    times = [leaf.appended_us for leaf in leaves(hand)]
    assert times == sorted(times)
    assert len(set(times[2:])) < len(times[2:]), "a clock that went back a little is held still"


def test_a_clock_far_back_stops_the_log(hand):
    hand.add([1])
    hand.clock.now_us -= CLOCK_BACK_MAX_US + 100
    with pytest.raises(StoppedError, match="clock went back"):
        hand.add([2])
    hand.clock.now_us += 10**9
    with pytest.raises(StoppedError, match="clock went back"):
        hand.add([3])
    assert hand.numbers() == [1]
    hand.reopen()
    hand.add([4])
    hand.check()


def test_a_clock_that_is_back_at_a_start_stops_the_log(hand):
    hand.add([1])
    for seal in (False, True):
        if seal:
            hand.seal()
        hand.kill()
        hand.clock.now_us -= 10**9
        hand.open()
        with pytest.raises(StoppedError, match="clock"):
            hand.add([2])
        hand.clock.now_us += 10**9
        hand.reopen()


# --- what is refused -----------------------------------------------------------------------------


def test_an_undeclared_source(hand):
    row = hand.row(1)
    row.source_id = b"?" * 16
    [answer] = hand.commit(hand.builder.build([row]))
    assert isinstance(answer, RefusedError)
    assert "undeclared source" in str(answer)


def test_a_batch_of_another_ledger(hand):
    [answer] = hand.commit(BatchBuilder(b"x" * 16, hand.keys.public_kek()).build([hand.row(1)]))
    assert isinstance(answer, RefusedError)


def test_a_batch_under_an_unknown_key(hand):
    data = bytearray(hand.batch([1]))
    data[46:48] = b"\0\x07"
    [answer] = hand.commit(bytes(data))
    assert "unknown key (version 7)" in str(answer)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"flags": int(LeafFlag.CONFLICT)}, "conflict"),
        ({"flags": 64}, "flags"),
        ({"type": 0}, "type"),
        ({"type": 10}, "type"),
        ({"flags": int(LeafFlag.NO_IDENTITY)}, "identity tag"),
        ({"type": int(LeafType.KEY)}, "identity tag"),
        ({"identity_tag": bytes(16)}, "identity tag"),
    ],
)
def test_rows_that_break_a_rule(hand, change, reason):
    row = hand.row(1)
    for name, value in change.items():
        setattr(row, name, value)
    [answer] = hand.commit(hand.builder.build([row]))
    assert isinstance(answer, RefusedError | UsageError)
    assert reason in str(answer)
    assert hand.numbers() == []


def test_one_refusal_does_not_touch_its_group(hand):
    bad = hand.row(9)
    bad.source_id = b"?" * 16
    answers = hand.commit(hand.batch([1]), hand.builder.build([bad]), hand.batch([2]))
    assert [isinstance(a, LedgerError) for a in answers] == [False, True, False]
    assert hand.numbers() == [1, 2]


# --- identity ------------------------------------------------------------------------------------


def test_duplicates_within_a_batch_a_group_and_across(hand):
    [first, second] = hand.commit(hand.batch([1, 2, 1]), hand.batch([2, 3]))
    assert (list(first.verdicts), list(second.verdicts)) == ([0, 0, DUPLICATE], [DUPLICATE, 0])
    [third] = hand.commit(hand.batch([3, 4, 1]))
    assert list(third.verdicts) == [DUPLICATE, 0, DUPLICATE]
    assert (third.accepted, third.duplicate) == (1, 2)
    assert hand.numbers() == [1, 2, 3, 4]


def test_a_conflict_is_kept_and_flagged(hand):
    hand.add([1])
    [answer] = hand.commit(hand.batch([1], version=1))
    assert (answer.conflict, answer.duplicate, answer.accepted) == (1, 0, 1)
    assert list(answer.verdicts) == [CONFLICT]
    assert [leaf.flags & LeafFlag.CONFLICT for leaf in leaves(hand)[2:]] == [0, LeafFlag.CONFLICT]
    [again] = hand.commit(hand.batch([1, 1], version=1))
    assert again.duplicate == 2


@pytest.mark.parametrize("how", ["reopened", "sealed", "both", "recycled"])
def test_a_conflict_is_remembered(hand, how):
    hand.add([1])
    if how in {"both", "recycled"}:
        hand.seal()
    if how == "recycled":
        hand.fill(range(100, 400))
        hand.seal()
        hand.reopen()
    [answer] = hand.commit(hand.batch([1], version=1))
    assert answer.conflict == 1
    if how in {"sealed", "both"}:
        hand.seal()
    hand.reopen()
    answers = hand.commit(hand.batch([1]), hand.batch([1], version=1), hand.batch([1], version=2))
    assert [(a.duplicate, a.conflict) for a in answers] == [(1, 0), (1, 0), (0, 1)]


def test_rows_without_identity_are_never_duplicates(hand):
    [answer] = hand.commit(hand.batch([1, 1], identity=False))
    assert answer.accepted == 2
    assert hand.commit(hand.batch([1], identity=False))[0].accepted == 1


def test_a_batch_of_duplicates_writes_nothing(hand):
    hand.add(range(10))
    lsn = hand.sequencer.durable_lsn
    [answer] = hand.commit(hand.batch(range(10)))
    assert (answer.accepted, answer.duplicate) == (0, 10)
    assert (answer.first, answer.end, answer.size) == (12, 12, 12)
    assert hand.sequencer.durable_lsn == lsn
    hand.check()


# --- retries -------------------------------------------------------------------------------------


@pytest.mark.parametrize("between", ["nothing", "reopen", "seal", "recycle", "recycle and reopen"])
def test_a_retried_batch_gets_its_first_receipt(hand, between):
    data = hand.batch([1, 2, 3], batch_id=b"b" * 16)
    [first] = hand.commit(data)
    hand.commit(hand.batch([4]))
    if between == "seal":
        hand.seal()
    if between.startswith("recycle"):
        hand.fill(range(100, 400))
        hand.seal()
        assert b"b" * 16 not in hand.sequencer._p.receipts
    if between.endswith("reopen"):
        hand.reopen()
    size = hand.sequencer.size
    assert hand.commit(data) == [first]
    assert hand.sequencer.size == size


def test_a_batch_twice_in_one_group(hand):
    data = hand.batch([1, 2])
    first, second = hand.commit(data, data)
    assert first == second
    assert hand.numbers() == [1, 2]


def test_receipts_are_kept_a_day(hand):
    data = hand.batch([1])
    hand.commit(data)
    hand.fill(range(100, 400))
    hand.seal()
    hand.clock.now_us += 25 * 3600 * 10**6
    hand.fill(range(1000, 1400))
    hand.seal()
    assert hand.sequencer._p.state.receipt(parse_batch(data).batch_id) is None
    [answer] = hand.commit(data)
    assert (answer.accepted, answer.duplicate) == (0, 1), "the identity is known all the same"


def test_a_receipt_that_cannot_be_read_is_a_refusal(hand, monkeypatch):
    def broken(_):
        raise OSError(errno.EIO, "state.db")

    monkeypatch.setattr(hand.sequencer._p.state, "receipt", broken)
    with pytest.raises(RefusedError, match="unknown whether"):
        hand.add([1])
    monkeypatch.undo()
    hand.resend()
    hand.check()


# --- sources -------------------------------------------------------------------------------------


def test_a_source_is_declared_once(hand):
    size = hand.sequencer.size
    again = hand.sequencer.declare_source("app", "other", "other", 5)
    assert again == hand.source
    assert hand.sequencer.size == size
    hand.reopen()
    assert hand.sequencer.sources["app"] == again
    assert set(hand.sequencer.sources) == {"app", OWN_SOURCE}


def test_a_source_that_cannot_be_kept(hand, monkeypatch):
    def broken(_):
        raise OSError(errno.ENOSPC, "state.db")

    monkeypatch.setattr(hand.sequencer._p.state, "add_source", broken)
    with pytest.raises(RefusedError, match="cannot be kept"):
        hand.sequencer.declare_source("new", "json", "new")
    monkeypatch.undo()
    assert hand.sequencer.declare_source("new", "json", "new").name == "new"
    hand.add([1])
    hand.check()


def test_no_source_is_declared_by_a_stopped_log(hand):
    hand.sequencer.stopped = "for a reason"
    with pytest.raises(StoppedError, match="for a reason"):
        hand.sequencer.declare_source("new", "json", "new")
    assert "new" not in hand.sequencer.sources


# --- publishing ----------------------------------------------------------------------------------


def test_a_checkpoint_covers_everything_durable(hand):
    hand.add(range(5))
    note = hand.publish()
    head = parse_body(verify_note(note, hand.keys.vkey()))
    assert (head.size, head.root) == (7, root_of(hand.roots()))
    assert hand.sequencer.published == 7
    assert (hand.directory / "checkpoint").read_text() == note


def test_many_checkpoints_are_consistent(hand):
    for i in range(12):
        hand.add(range(3 * i, 3 * i + 3))
        hand.publish(keep=i % 3 == 0)
        if i % 4 == 3:
            hand.seal()
        if i % 5 == 4:
            hand.reopen()
    hand.check()
    assert (hand.directory / "checkpoints.log").read_text().count("log.example/whodid/hand\n") >= 4


def test_proofs(hand):
    hand.add(range(20))
    hand.seal()
    hand.add(range(20, 30))
    hashes = hand.roots()
    for index in (0, 5, 21, 31, 7):
        note, proof = hand.sequencer.prove(index)
        head = parse_body(verify_note(note, hand.keys.vkey()))
        verify_inclusion(hashes[index], index, head.size, proof, head.root)
    for index in (-1, 32):
        with pytest.raises(UsageError, match="not in the log"):
            hand.sequencer.prove(index)


def test_a_proof_after_a_start_fits_its_checkpoint(hand):
    hand.add(range(3))
    hand.publish()
    (hand.directory / "checkpoint").write_text("an older one")
    head = hand.sequencer._p.signer.head
    hand.sequencer._note = ""
    note, proof = hand.sequencer.prove(2)
    found = parse_body(verify_note(note, hand.keys.vkey()))
    assert found.size >= head.size
    verify_inclusion(hand.roots()[2], 2, found.size, proof, found.root)


def test_an_older_copy_stops(hand):
    """The tail is cut behind a start: the signer's head knows better."""
    hand.add(range(5))
    hand.kill()
    wal = hand.directory / "wal" / f"{1:016d}"
    old = wal.read_bytes()
    hand.open()
    hand.add(range(5, 9))
    hand.publish()
    hand.kill()
    wal.write_bytes(old)
    with pytest.raises(IntegrityError, match="11 entries were signed, only 7 are here"):
        hand.open()


def test_another_history_stops(hand):
    hand.add(range(5))
    hand.kill()
    wal = hand.directory / "wal" / f"{1:016d}"
    old = wal.read_bytes()
    hand.open()
    hand.add([5])
    hand.publish()
    hand.kill()
    checkpoint, head = hand.directory / "checkpoint", hand.keys.path / "head"
    signed = checkpoint.read_bytes(), head.read_bytes()
    wal.write_bytes(old)
    checkpoint.unlink()
    head.unlink()
    hand.open()
    hand.add([6])
    hand.kill()
    checkpoint.write_bytes(signed[0])
    with pytest.raises(IntegrityError, match="do not give the root that was signed"):
        hand.open()
    checkpoint.unlink()
    head.write_bytes(signed[1])
    with pytest.raises(IntegrityError, match="do not give the root that was signed"):
        hand.open()


def test_an_altered_checkpoint_is_named(hand):
    hand.add([1])
    hand.publish()
    hand.kill()
    path = hand.directory / "checkpoint"
    path.write_bytes(path.read_bytes().replace(b"\n3\n", b"\n2\n"))
    with pytest.raises(IntegrityError, match=str(path)):
        hand.open()


@pytest.mark.slow
def test_a_wrong_tile_cache_is_made_again(tmp_path, monkeypatch):
    from whodid.merkle.tiles import tile_path

    hand = Hand(tmp_path, wal_file_bytes=1 << 22).open()
    row = hand.row(0, identity=False)
    for _ in range(17):
        hand.commit(hand.builder.build([row] * 4096))
    hand.publish()
    assert hand.seal() > 65_536
    hand.close()
    tile = hand.directory / tile_path(1, 0)
    whole = tile.read_bytes()
    for wrong in (b"\0" + whole[1:], whole[:-1], None):
        if wrong is None:
            tile.unlink()
        else:
            tile.write_bytes(wrong)
        hand.open()
        hand.publish()
        hand.close()
        assert tile.read_bytes() == whole
