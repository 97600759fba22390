"""What an audit with fresh eyes broke, each with its mend: doors that lie, DIR in hostile hands."""

import errno
import os
import sqlite3
import struct
import threading
from collections import Counter

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ledger_kit import FaultyDisk, Hand
from whodid.errors import InputError, IntegrityError, LedgerError, RefusedError
from whodid.ledger import blocks, sealer
from whodid.ledger.batch import parse_batch
from whodid.ledger.frame import FRAME_PLAIN_BYTES_MAX, Columns, Rows
from whodid.ledger.leaves import decode_leaf_file
from whodid.ledger.sequenced import DUPLICATE, Sequenced, parse_sequenced
from whodid.ledger.state_db import Receipt
from whodid.ledger.verify import verify_ledger
from whodid.ledger.wal_scan import WalScan

replace = msgspec.structs.replace
TRIGGER = "CREATE TRIGGER t AFTER INSERT ON data_keys BEGIN DELETE FROM data_keys; END"
ENDLESS = (
    "CREATE VIEW sources AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT"
    " x AS name, x AS source_id, x AS format, x AS domain, x AS class, x AS opened_us FROM c"
)


@pytest.fixture
def hand(tmp_path):
    hand = Hand(tmp_path, wal_file_bytes=1 << 20).open()
    yield hand
    hand.close()


def refused(hand, data, reason):
    [answer] = hand.commit(data)
    assert isinstance(answer, RefusedError)
    assert reason in str(answer)


# --- a door that lies ----------------------------------------------------------------------------


def test_a_content_tag_of_zero_cannot_make_later_records_duplicates(hand):
    poison = replace(hand.row(1), content_tag=bytes(8))
    refused(hand, hand.builder.build([poison]), "no content tag")
    hand.add([1])
    assert hand.numbers() == [1]


def test_a_tail_on_an_event(hand):
    refused(hand, hand.builder.build([replace(hand.row(1), tail=b"alice@example.com")]), "tail")


def test_the_zero_byte_of_a_row_is_zero(hand):
    data = bytearray(hand.batch([1]))
    row = 8 + 16 + 16 + 4 + 2 + 2 + 80 + 8 + 16
    data[row + 1] = 1
    with pytest.raises(InputError, match="do not add up"):
        parse_batch(bytes(data))


@pytest.mark.parametrize("recycled", [False, True])
def test_a_batch_id_used_again_for_other_events_gets_no_receipt(hand, recycled):
    batch_id = os.urandom(16)
    first = hand.batch([1, 2], batch_id=batch_id)
    [receipt] = hand.commit(first)
    if recycled:
        _, when, _ = hand.sequencer._p.receipts.pop(batch_id)
        hand.sequencer._p.state.keep_receipts([(when, receipt)], 0)
    assert hand.commit(first) == [receipt]
    refused(hand, hand.batch([3, 4], batch_id=batch_id), "another batch")
    refused(hand, hand.batch([1, 2, 3], batch_id=batch_id), "another batch")
    assert isinstance(receipt, Receipt)
    assert hand.numbers() == [1, 2]


def test_rows_too_large_for_one_frame_are_sealed_in_several():
    part = b"x" * (FRAME_PLAIN_BYTES_MAX // 12)
    groups = [(part, *[b""] * 7)] * 16  # more than a reader would open in one frame
    rows = Rows([bytes(16)] * 16, groups, [bytes(8)] * 16)
    data, _, key = blocks.encode_block(b"l" * 16, 0, 16, 0, range(16), Columns.of(rows))
    block = blocks.decode_block(data, "block")
    assert [count for _, _, count in block.frames] == [3, 3, 3, 3, 3, 1]
    assert block.read_frame(5, key).groups == groups[15:]


def test_a_unit_ends_early_when_its_payload_is_large(hand, monkeypatch):
    monkeypatch.setattr(sealer, "UNIT_BYTES_MAX", 1000)
    hand.add(range(20))
    hand.seal()
    assert len(list((hand.directory / "payload").iterdir())) > 2
    assert hand.numbers() == list(range(20))
    hand.close()
    assert verify_ledger(hand.directory, keys=hand.keys, processes=1).ok


# --- keys ----------------------------------------------------------------------------------------


def test_threads_of_one_builder_never_share_a_frame_number(hand):
    rows = [hand.row(n, pad=500) for n in range(20)]
    built = []

    def build():
        built.extend([hand.builder.build(rows) for _ in range(50)])

    threads = [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keks = hand.keys.keks()
    used = Counter()
    for data in built:
        batch = parse_batch(data)
        batch.open(keks)
        used[batch.wrapped_key, batch.frame_number] += 1
    assert len(built) == 200
    assert max(used.values()) == 1


def test_a_forked_builder_has_a_key_of_its_own(hand, monkeypatch):
    before = parse_batch(hand.batch([1]))
    monkeypatch.setattr(os, "getpid", lambda: 1)
    assert parse_batch(hand.batch([2])).wrapped_key != before.wrapped_key


def test_a_wrong_private_key_does_not_turn_payload_into_nothing(hand):
    hand.add(range(5))
    path = hand.keys.path / "kek-1.key"
    right = path.read_text()
    path.write_text(X25519PrivateKey.generate().private_bytes_raw().hex())
    with pytest.raises(LedgerError, match="not the private half"):
        hand.seal()
    assert list((hand.directory / "payload").iterdir()) == []
    path.write_text(right)
    hand.seal()
    assert hand.numbers() == list(range(5))


# --- DIR in hostile hands ------------------------------------------------------------------------


def test_a_row_without_identity_cannot_be_dropped_as_a_duplicate(hand):
    batch = parse_batch(hand.batch([1, 2], identity=False))
    body = Sequenced(0, 1, bytes((DUPLICATE, 0)), batch).encode()
    with pytest.raises(IntegrityError, match="without an identity"):
        parse_sequenced(body)


@pytest.fixture
def closed(hand):
    hand.add(range(40))
    hand.seal()
    hand.add(range(40, 60))
    hand.close()
    return hand


def check(closed):
    return verify_ledger(closed.directory, keys=closed.keys, processes=1)


@pytest.mark.parametrize("pattern", ["checkpoint", "leaves/*", "wal/0*", "identity/*", "keys.db"])
def test_a_pipe_does_not_hold_verification_up(closed, pattern):
    path = max(closed.directory.glob(pattern))
    path.unlink()
    os.mkfifo(path)
    verdict = check(closed)
    assert not verdict.ok
    assert verdict.faults[0].where == path.relative_to(closed.directory).as_posix()


@pytest.mark.parametrize(
    ("name", "statements"),
    [
        ("keys.db", ["ALTER TABLE data_keys RENAME TO o",
                     "CREATE TABLE data_keys(key_id, kek_version, wrapped)",
                     "INSERT INTO data_keys SELECT key_id, kek_version, NULL FROM o"]),
        ("keys.db", [TRIGGER]),
        ("state.db", ["ALTER TABLE sources RENAME TO o",
                      "CREATE TABLE sources(name, source_id, format, domain, class, opened_us)",
                      "INSERT INTO sources SELECT 5, source_id, 6, 7, 'x', 0 FROM o"]),
        ("state.db", ["DROP TABLE receipts", "CREATE TABLE receipts(batch_id, receipt)",
                      "INSERT INTO receipts VALUES (1, 2)"]),
        ("state.db", ["ALTER TABLE sources RENAME TO o",
                      ENDLESS]),
    ],
)  # fmt: skip
def test_a_database_of_other_types_views_or_triggers_is_a_fault(closed, name, statements):
    db = sqlite3.connect(closed.directory / name)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()
    assert name in {fault.where for fault in check(closed).faults}


def test_headers_of_records_that_are_none_are_soon_enough(closed):
    path = max((closed.directory / "wal").glob("0*"))
    data = bytearray(path.read_bytes())
    for at in range(len(data) // 2, len(data) - 200, 48):
        place = (b"WREC", closed.keys.ledger_id, 1, 9, 9, len(data) - at - 112)
        data[at : at + 48] = struct.pack(">4s16sQQQI", *place)
    path.write_bytes(data)
    scan = WalScan(closed.directory, closed.keys.ledger_id)
    last = list(scan.records())[-1].lsn
    assert scan.durable_lsn > last, "it must not pass for a torn write"
    assert not check(closed).ok


def test_a_leaf_file_that_claims_to_be_huge(closed):
    path = next((closed.directory / "leaves").iterdir())
    data = path.read_bytes()
    # A zstd frame whose header claims 2^56 bytes (RFC 8878, 3.1.1.1).
    bomb = bytes.fromhex("28b52ffd") + b"\xe0" + (1 << 56).to_bytes(8, "little") + b"\x01\x00\x00"
    with pytest.raises(IntegrityError, match="too many bytes"):
        decode_leaf_file(data[:36] + struct.pack(">I", len(bomb)) + bomb, "leaves")


def test_a_seal_request_cannot_name_another_place_or_smuggle_lines(hand):
    hand.add(range(5))
    asked = []
    sealing = hand.sealer()
    sealing._submit = asked.append
    sealing.run_once(hand.sequencer.size, force=True)
    sealing._reader.close()
    [request] = asked
    block, leaves = request.files
    for wrong in (
        replace(request, suffix="/../../x"),
        replace(request, files=[replace(block, path="payload/../../x"), leaves]),
        replace(request, files=[replace(block, sha256="0 0 0\nfile x"), leaves]),
    ):
        with pytest.raises(IntegrityError):
            hand.sequencer.seal(wrong)


def test_a_proof_after_a_checkpoint_that_could_not_be_written(tmp_path):
    disk = FaultyDisk()
    hand = Hand(tmp_path).open(disk)
    hand.add(range(3))
    hand.publish()
    hand.add(range(3, 6))
    disk.arm("create", "/checkpoint", error=errno.ENOSPC)
    with pytest.raises(RefusedError):
        hand.sequencer.publish()
    note, _ = hand.sequencer.prove(2)
    assert note.split("\n")[1] == str(hand.sequencer.published)
    hand.close()
