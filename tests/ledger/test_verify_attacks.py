"""Attacks of somebody who holds DIR, and how far each one is found (docs/explanation/format.md)."""

import shutil

import pytest

from whodid.errors import LedgerError, RefusedError
from whodid.ledger.leaf import LeafFlag
from whodid.ledger.manifest import read_manifest
from whodid.ledger.opening import open_ledger
from whodid.ledger.sequenced import DUPLICATE, Sequenced, parse_sequenced
from whodid.ledger.verify import verify_ledger
from whodid.ledger.wal_record import encode_record
from whodid.ledger.wal_scan import WalScan
from whodid.merkle.checkpoint import Checkpoint
from whodid.merkle.commitment import commit_rows


def records(directory, ledger_id):
    scan = WalScan(directory, ledger_id)
    return list(scan.records()), scan


def put_records(directory, ledger_id, bodies, old):
    """Rewrite the last write-ahead file: the records of `old` that it held, then these bodies."""
    scan = records(directory, ledger_id)[1]
    last = scan.files[-1]
    data = bytearray(last.path.read_bytes())
    at, lsn, previous = 128, last.header.first_lsn, last.header.previous_hash
    for body in bodies:
        header, previous = encode_record(
            ledger_id, last.header.generation, lsn, lsn - 1, previous, body
        )
        data[at : at + len(header) + len(body)] = header + body
        at, lsn = at + len(header) + len(body), lsn + 1
    data[at : last.end] = bytes(max(last.end - at, 0))
    last.path.write_bytes(data)


@pytest.fixture
def killed(make_ledger, tmp_path):
    """A ledger killed after 3 durable batches that no checkpoint covers; (ledger, copy of DIR)."""
    ledger = make_ledger(tmp_path, wal_file_bytes=1 << 16)
    ledger.open()
    ledger.add(60)
    directory = ledger.copy(tmp_path / "killed")
    ledger.sequencer.close()
    ledger._lock.release()
    ledger.head_then = (directory / "checkpoint").read_text()
    return ledger, directory


def verify_killed(ledger, directory):
    """Verify as it was at the kill: the signer's head of then, with the private keys of now."""
    (ledger.keys.path / "head").write_text(ledger.head_then)
    return ledger.verify(directory)


# --- sealed files --------------------------------------------------------------------------------


def test_two_blocks_swapped(sample, copy):
    one, two = sorted((copy / "payload").iterdir())
    one_bytes, two_bytes = one.read_bytes(), two.read_bytes()
    one.write_bytes(two_bytes)
    two.write_bytes(one_bytes)
    wheres = {fault.where for fault in sample.verify(copy).faults}
    assert {f"payload/{one.name}", f"payload/{two.name}"} <= wheres


def test_two_leaf_files_swapped(sample, copy):
    one, two = sorted((copy / "leaves").iterdir())
    one_bytes, two_bytes = one.read_bytes(), two.read_bytes()
    one.write_bytes(two_bytes)
    two.write_bytes(one_bytes)
    verdict = sample.verify(copy)
    assert {f"leaves/{one.name}", f"leaves/{two.name}"} <= {f.where for f in verdict.faults}
    assert "roots, sources and identities from entry 0 on" in verdict.not_opened[0]


@pytest.mark.parametrize("folder", ["leaves", "payload"])
def test_a_sealed_file_removed(sample, copy, folder):
    gone = sorted((copy / folder).iterdir())[1]
    gone.unlink()
    verdict = sample.verify(copy)
    assert (f"{folder}/{gone.name}", 72, "the file is missing") in [
        (fault.where, fault.entry, fault.problem) for fault in verdict.faults
    ]


@pytest.mark.parametrize(
    "pattern", ["leaves/*", "payload/*", "identity/*", "wal/0*", "manifest", "keys.db", "state.db",
                "checkpoint", "checkpoints.log"],
)  # fmt: skip
def test_a_file_of_another_ledger(sample, make_ledger, tmp_path, copy, pattern):
    other = make_ledger(tmp_path / "other")
    other.open()
    other.add(70)
    other.seal()
    other.add(300, source="other")
    other.seal()
    other.add(300)
    other.close()
    mine, theirs = max(copy.glob(pattern)), max(other.directory.glob(pattern))
    shutil.copy(theirs, mine)
    verdict = sample.verify(copy)
    assert not verdict.ok
    name = mine.relative_to(copy).as_posix()
    assert any(name == fault.where or name in fault.problem for fault in verdict.faults)


def test_a_whole_other_ledger_under_this_key(sample, make_ledger, tmp_path):
    other = make_ledger(tmp_path / "other")
    other.close()
    verdict = verify_ledger(other.directory, vkey=sample.keys.vkey())
    assert {"checkpoint", "checkpoints.log", "manifest"} <= {f.where for f in verdict.faults}


def test_an_older_manifest_leads_nowhere(make_ledger, tmp_path):
    ledger = make_ledger(tmp_path)
    ledger.open()
    ledger.add(300)
    ledger.seal()
    older = (ledger.directory / "manifest").read_bytes()
    ledger.add(600)  # into new files, so that sealing gives old ones back
    ledger.seal()
    ledger.close()
    assert ledger.verify().ok
    (ledger.directory / "manifest").write_bytes(older)
    verdict = ledger.verify()
    assert not verdict.ok
    assert any("records from" in fault.problem for fault in verdict.faults)


# --- tail, rollback ------------------------------------------------------------------------------


def test_the_tail_cut_at_a_record(sample, copy):
    found, scan = records(copy, sample.keys.ledger_id)
    last = scan.files[-1]
    data = bytearray(last.path.read_bytes())
    data[found[-1].offset :] = bytes(len(data) - found[-1].offset)
    last.path.write_bytes(data)
    verdict = sample.verify(copy)
    assert verdict.leaves < 673
    assert any(
        fault.where == "checkpoint" and "its tail was cut" in fault.problem
        for fault in verdict.faults
    )
    assert any("was durable and is missing" in fault.problem for fault in verdict.faults)


def test_an_older_copy_is_found_through_the_signer(make_ledger, tmp_path):
    ledger = make_ledger(tmp_path)
    ledger.open()
    ledger.add(40)
    ledger.close()
    older = ledger.copy(tmp_path / "older")
    head = (ledger.keys.path / "head").read_bytes()
    note = (ledger.directory / "checkpoint").read_text()
    ledger.open()
    ledger.add(40)
    ledger.close()
    later = (ledger.directory / "checkpoint").read_text()

    shutil.rmtree(ledger.directory)
    shutil.copytree(older, ledger.directory)
    verdict = ledger.verify()
    assert not verdict.ok
    assert verdict.rollback.startswith("fault")
    assert any(fault.where == "head (key folder)" for fault in verdict.faults)
    with pytest.raises(LedgerError):  # nor is it written to again
        open_ledger(ledger.directory, keys_root=ledger.keys_root, clock=ledger.clock)

    (ledger.keys.path / "head").write_bytes(head)  # the head restored too: nobody here can tell
    verdict = ledger.verify()
    assert verdict.ok
    assert "not checked" in verdict.rollback
    verdict = ledger.verify(head=later)  # but a head that was kept elsewhere can
    assert not verdict.ok
    assert verdict.rollback.startswith("fault")
    assert ledger.verify(head=note).rollback == "checked against the given head of 42 entries"


def test_a_fork_with_the_log_key_is_found_by_a_head_kept_elsewhere(sample, copy):
    head = Checkpoint("log.example/whodid/test", 200, bytes(32))
    verdict = sample.verify(copy, head=head)
    assert [(fault.where, fault.entry) for fault in verdict.faults] == [("the given head", 199)]
    assert verdict.rollback.startswith("fault")


def test_kept_checkpoints_cut_off_are_not_told(sample, copy):
    """They are a memory, not a proof: whoever holds DIR may drop some (said in format.md)."""
    log = copy / "checkpoints.log"
    first = log.read_bytes().split(b"\n\n")[:2]
    log.write_bytes(b"\n\n".join(first) + b"\n\n")
    assert sample.verify(copy).ok


# --- write-ahead log -----------------------------------------------------------------------------


def test_an_older_write_ahead_file_in_place_of_a_newer(sample, copy):
    one, two = sorted((copy / "wal").glob("0*"))[:2]
    shutil.copy(one, two)
    verdict = sample.verify(copy)
    assert any(
        fault.where == f"wal/{two.name}" and "under another name" in fault.problem
        for fault in verdict.faults
    )


def test_an_older_record_over_a_newer_one(sample, copy):
    found, scan = records(copy, sample.keys.ledger_id)
    here = [record for record in found if record.generation == scan.files[-1].header.generation]
    old, new = here[0], here[-1]
    path = scan.files[-1].path
    data = bytearray(path.read_bytes())
    data[new.offset : new.end] = bytes(new.end - new.offset)
    data[new.offset : new.offset + old.end - old.offset] = data[old.offset : old.end]
    path.write_bytes(data)
    verdict = sample.verify(copy)
    assert any(
        fault.where == f"wal/{path.name}" and f"offset {new.offset}" in fault.problem
        for fault in verdict.faults
    )


def test_a_missing_write_ahead_file(sample, copy):
    first = min((copy / "wal").glob("0*"))
    first.unlink()
    verdict = sample.verify(copy)
    assert any("are gone" in f.problem or "starts at" in f.problem for f in verdict.faults)


def test_a_torn_tail_beyond_the_durable_mark_is_a_warning(killed):
    ledger, directory = killed
    found, scan = records(directory, ledger.keys.ledger_id)
    path = scan.files[-1].path
    data = bytearray(path.read_bytes())
    data[found[-1].end - 600 :] = bytes(len(data) - found[-1].end + 600)
    path.write_bytes(data)
    verdict = verify_killed(ledger, directory)
    assert verdict.ok, verdict.faults
    assert verdict.leaves == 42
    assert "a write that a crash cut off" in verdict.warnings[0]


def test_an_altered_record_at_or_below_the_durable_mark_is_a_fault(killed, flip):
    ledger, directory = killed
    found, scan = records(directory, ledger.keys.ledger_id)
    path = scan.files[-1].path
    flip(path, found[-2].offset + 500)
    verdict = verify_killed(ledger, directory)
    [fault] = verdict.faults
    assert (fault.where, fault.entry) == (f"wal/{path.name}", 22)
    assert "it was durable" in fault.problem


def test_a_byte_in_the_zeros_is_a_fault(killed, flip):
    ledger, directory = killed
    path = records(directory, ledger.keys.ledger_id)[1].files[-1].path
    flip(path, 60_000)
    [fault] = verify_killed(ledger, directory).faults
    assert "non-zero byte at offset 60000" in fault.problem


def test_a_replayed_batch_is_found_though_its_chain_is_right(killed):
    ledger, directory = killed
    found, _ = records(directory, ledger.keys.ledger_id)
    bodies = [record.body for record in found]
    last = parse_sequenced(bodies[-1])
    replayed = Sequenced(last.end, last.appended_us, last.verdicts, last.batch).encode()
    put_records(directory, ledger.keys.ledger_id, [*bodies, replayed], found)
    problems = [fault.problem for fault in verify_killed(ledger, directory).faults]
    assert any("repeats the batch of entry 42" in problem for problem in problems)
    assert any("the same commitment as entry 42" in problem for problem in problems)
    assert any("the same identity as entry 42" in problem for problem in problems)
    shutil.rmtree(ledger.directory / "wal")
    shutil.copytree(directory / "wal", ledger.directory / "wal")
    with pytest.raises(LedgerError, match="it was replayed"):  # nor does the next start take it
        open_ledger(ledger.directory, keys_root=ledger.keys_root, clock=ledger.clock)


def test_a_row_dropped_as_a_duplicate_that_is_none(killed):
    ledger, directory = killed
    found, _ = records(directory, ledger.keys.ledger_id)
    bodies = [record.body for record in found]
    last = parse_sequenced(bodies[-1])
    verdicts = bytearray(last.verdicts)
    verdicts[3] = DUPLICATE
    bodies[-1] = Sequenced(last.first, last.appended_us, bytes(verdicts), last.batch).encode()
    put_records(directory, ledger.keys.ledger_id, bodies, found)
    problems = [fault.problem for fault in verify_killed(ledger, directory).faults]
    assert any("1 rows were dropped as duplicates" in problem for problem in problems)


def test_a_row_flagged_as_a_conflict_that_is_none(killed):
    ledger, directory = killed
    found, _ = records(directory, ledger.keys.ledger_id)
    bodies = [record.body for record in found]
    last = parse_sequenced(bodies[-1])
    verdicts = bytes([2]) + last.verdicts[1:]
    bodies[-1] = Sequenced(last.first, last.appended_us, verdicts, last.batch).encode()
    put_records(directory, ledger.keys.ledger_id, bodies, found)
    faults = verify_killed(ledger, directory).faults
    assert any((f.entry, "flagged as a conflict" in f.problem) == (42, True) for f in faults)


def test_what_was_appended_after_the_last_checkpoint_may_be_dropped_whole(killed):
    """The bound that the design states: what is younger than a checkpoint is only acknowledged."""
    ledger, directory = killed
    found, _ = records(directory, ledger.keys.ledger_id)
    put_records(directory, ledger.keys.ledger_id, [r.body for r in found[:-1]], found)
    verdict = verify_killed(ledger, directory)
    assert verdict.ok
    assert verdict.leaves == 42


# --- doors, databases ----------------------------------------------------------------------------


def test_a_door_whose_payload_is_not_what_it_committed_to(make_ledger, tmp_path, monkeypatch):
    def lie(seeds, rows):
        honest = commit_rows(seeds, rows)
        return [*honest[:2], bytes(32), *honest[3:]]

    ledger = make_ledger(tmp_path)
    ledger.open()
    source = ledger.source()
    monkeypatch.setattr("whodid.ledger.batch.commit_rows", lie)
    ledger.commit([ledger.row(source, n) for n in range(5)])
    ledger.close()
    [fault] = ledger.verify().faults
    assert fault.entry == 4
    assert "not what its leaf commits to" in fault.problem


@pytest.mark.parametrize(
    ("field", "at"), [("flags", 3), ("class", 5), ("epoch", 8), ("seq", 16), ("content", 79)]
)
def test_the_clear_part_of_a_batch_that_no_checkpoint_covers(killed, field, at):
    ledger, directory = killed
    found, _ = records(directory, ledger.keys.ledger_id)
    bodies = [bytearray(record.body) for record in found]
    row = 24 + 20 + 136 + 16 + 5 * 80  # header and verdicts, batch header, one source, five rows
    bodies[-1][row + at] ^= 4
    put_records(directory, ledger.keys.ledger_id, [bytes(body) for body in bodies], found)
    faults = verify_killed(ledger, directory).faults
    assert any((fault.entry, "does not decrypt" in fault.problem) == (42, True) for fault in faults)


def test_an_event_that_names_another_source(make_ledger, tmp_path):
    ledger = make_ledger(tmp_path)
    ledger.open()
    app, other = ledger.source(), ledger.source("other")
    row = ledger.row(app, 1)
    row.source_id = other.source_id
    ledger.commit([row])
    ledger.close()
    [fault] = ledger.verify().faults
    assert "the event says source 'app', its leaf that of 'other'" in fault.problem


def test_an_identity_that_is_not_the_events(make_ledger, tmp_path):
    ledger = make_ledger(tmp_path)
    ledger.open()
    app = ledger.source()
    row, other = ledger.row(app, 1), ledger.row(app, 2)
    row.identity_tag = other.identity_tag
    ledger.commit([row])
    ledger.close()
    [fault] = ledger.verify().faults
    assert (fault.entry, fault.problem) == (2, "the identity tag is not that of the event")


def test_flags_that_are_not_the_events(make_ledger, tmp_path):
    ledger = make_ledger(tmp_path)
    ledger.open()
    app = ledger.source()
    quarantined, anonymous = ledger.row(app, 1), ledger.row(app, 2)
    quarantined.flags |= LeafFlag.QUARANTINED
    anonymous.flags |= LeafFlag.NO_IDENTITY
    anonymous.identity_tag = bytes(16)
    ledger.commit([quarantined, anonymous])
    ledger.close()
    faults = ledger.verify().faults
    assert [(fault.entry, "the flags of its leaf" in fault.problem) for fault in faults] == [
        (2, True), (3, True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"type": 11}, "type that is not known"),
        ({"flags": 64}, "flags that are not known"),
        ({"identity_tag": bytes(16)}, "no identity tag"),
        ({"flags": 32}, "deny"),
        ({"flags": 16}, "conflict flag"),
    ],
)
def test_leaves_that_verify_would_fault_are_refused(make_ledger, tmp_path, change, word):
    ledger = make_ledger(tmp_path)
    ledger.open()
    row = ledger.row(ledger.source(), 1)
    for name, value in change.items():
        setattr(row, name, value)
    with pytest.raises(RefusedError, match=word):
        ledger.commit([row])
    ledger.close()
    assert ledger.verify().ok


def test_conflicts_and_duplicates_of_honest_senders_are_no_faults(make_ledger, tmp_path):
    ledger = make_ledger(tmp_path)
    ledger.open()
    app = ledger.source()
    ledger.commit([ledger.row(app, n) for n in range(5)])
    receipt = ledger.commit([ledger.row(app, 1), ledger.row(app, 2, raw=b'{"other":1}')])
    assert (receipt.duplicate, receipt.conflict) == (1, 1)
    ledger.seal()
    ledger.close()
    assert ledger.verify().faults == []


@pytest.mark.parametrize("name", ["keys.db", "state.db", "checkpoint", "checkpoints.log"])
def test_a_missing_file(sample, copy, name):
    (copy / name).unlink()
    verdict = sample.verify(copy)
    assert name in {fault.where for fault in verdict.faults}


def test_a_manifest_that_is_missing_or_rubbish(sample, copy):
    for data in (None, b"", b"rubbish\n", b"\xff" * 40):
        (copy / "manifest").unlink()
        if data is not None:
            (copy / "manifest").write_bytes(data)
        verdict = sample.verify(copy)
        assert "manifest" in {fault.where for fault in verdict.faults}
        (copy / "manifest").write_bytes(b"")


def test_chapters_are_read_and_checked(make_ledger, tmp_path, monkeypatch):
    monkeypatch.setattr("whodid.ledger.manifest.CHAPTER_FILES", 2)
    ledger = make_ledger(tmp_path)
    ledger.open()
    for _ in range(4):
        ledger.add(20)
        ledger.seal()
    ledger.close()
    assert len(read_manifest(ledger.directory, None).chapters) >= 2
    assert ledger.verify().ok
    chapter = ledger.directory / "manifest-00000001"
    data = chapter.read_bytes()
    for altered in (data[:-1], data[:30] + b"9" + data[31:], None):
        chapter.unlink() if altered is None else chapter.write_bytes(altered)
        assert chapter.name in {fault.where for fault in ledger.verify().faults}
