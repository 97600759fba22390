"""Units, classes, partial units, crashes between the steps, payload that is not what was said."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from ledger_kit import FaultyDisk, Hand
from whodid.errors import IntegrityError, RefusedError
from whodid.ledger import sealer
from whodid.ledger.blocks import decode_block
from whodid.ledger.leaf import LeafFlag
from whodid.ledger.leaves import decode_leaf_file
from whodid.ledger.reader import LedgerReader
from whodid.ledger.seal_request import SealRequest
from whodid.limits import SEAL_AFTER_S
from whodid.merkle.commitment import commit_rows


@pytest.fixture
def hand(tmp_path, monkeypatch):
    monkeypatch.setattr(sealer, "UNIT_ROWS", 16)
    hand = Hand(tmp_path).open()
    yield hand
    hand.close()


def names(hand, folder):
    return sorted(path.name for path in (hand.directory / folder).iterdir())


def test_full_units_only(hand):
    hand.add(range(50))
    assert hand.seal(force=False) == 48
    assert names(hand, "leaves") == [f"{first:016d}-0016" for first in (0, 16, 32)]
    assert names(hand, "payload") == [f"{first:016d}-0016-0" for first in (0, 16, 32)]
    assert hand.sequencer.manifest.sealed == 48
    hand.check()
    assert hand.seal(force=False) == 0
    hand.add(range(50, 70))
    assert hand.seal(force=False) == 16
    hand.check()


def test_units_at_once_are_bounded(hand, monkeypatch):
    monkeypatch.setattr(sealer, "UNITS_AT_ONCE", 2)
    hand.add(range(100))
    one = hand.sealer()
    assert [one.run_once(hand.sequencer.size) for _ in range(4)] == [32, 32, 32, 0]
    one._reader.close()


def test_nothing_beyond_the_limit(hand):
    hand.add(range(50))
    one = hand.sealer()
    assert one.run_once(31) == 16
    assert one.run_once(31) == 0
    one._reader.close()


def test_a_partial_unit_after_ten_minutes(hand):
    hand.add(range(10))
    assert hand.seal(force=False) == 0
    hand.clock.now_us += int(SEAL_AFTER_S * 1e6) - 1000
    assert hand.seal(force=False) == 0
    hand.clock.now_us += 2000
    assert hand.seal(force=False) == 12
    assert names(hand, "leaves") == [f"{0:016d}-0012"]
    hand.add(range(10, 20))
    assert hand.seal(force=False) == 4, "the unit's rest, then whole units only"
    assert names(hand, "leaves") == [f"{0:016d}-0012", f"{12:016d}-0004"]
    hand.check()


def test_a_block_for_each_class(hand):
    others = [hand.sequencer.declare_source(f"app {n}", "json", "app", n) for n in (1, 2)]
    ids = [source.source_id for source in (hand.source, *others)]
    rows = [hand.row(n, class_=n % 3) for n in range(28)]
    hand.commit(hand.builder.build([replace(r, source_id=ids[r.class_]) for r in rows]))
    hand.seal()
    assert names(hand, "payload") == sorted(
        f"{first:016d}-{count:04d}-{class_}"
        for first, count in ((0, 16), (16, 16))
        for class_ in range(3)
    )
    found = {}
    for name in names(hand, "payload"):
        block = decode_block((hand.directory / "payload" / name).read_bytes(), name)
        found |= dict.fromkeys(block.indexes, block.class_)
    assert [found[4 + n] for n in range(28)] == [n % 3 for n in range(28)]
    assert hand.numbers() == list(range(28))


def test_leaves_and_content_tags_are_stored(hand):
    hand.add(range(14))
    before = hand.roots()
    reader = LedgerReader(hand.directory, hand.keys)
    tags = b""
    while len(tags) < 16 * 8:
        tags += reader.unsealed(len(tags) // 8, 16).rows.content_tags
    reader.close()
    hand.seal()
    file = decode_leaf_file((hand.directory / "leaves" / f"{0:016d}-0016").read_bytes(), "f")
    assert hand.roots() == before
    assert len(file.table) == 16
    again = LedgerReader(hand.directory, hand.keys)
    assert b"".join(row[2] for _, row in again._payload.rows(0, 16)) == tags
    again.close()


def test_the_log_is_recycled(hand):
    for start in range(0, 400, 20):
        hand.add(range(start, start + 20), pad=80)
        hand.seal(force=False)
    hand.sequencer._p.wal._workers[-1].join()
    assert len(hand.sequencer._p.wal.files()) < 4
    hand.check()
    hand.reopen()
    hand.resend()
    hand.check()


# --- what goes wrong -----------------------------------------------------------------------------

STEPS = [
    ("create", r"payload/", "sealer"),
    ("create", r"leaves/", "sealer"),
    ("rename", r"payload/", "sealer"),
    ("sync_folder", r"leaves$", "sealer"),
    ("sync_folder", r"leaves$", "sequencer"),
    ("sync_folder", r"payload$", "sequencer"),
    ("create", r"/manifest$", "sequencer"),
    ("create", r"/manifest-0", "sequencer"),
    ("rename", r"/manifest$", "sequencer"),
    ("sync_folder", r"/L$", "sequencer"),
]


@pytest.mark.parametrize("ending", ["again", pytest.param("killed", marks=pytest.mark.slow)])
@pytest.mark.parametrize("mode", ["lost", "torn", "kept"])
@pytest.mark.parametrize(("kind", "pattern", "who"), STEPS)
def test_a_failure_at_each_step(hand, monkeypatch, kind, pattern, who, mode, ending):
    monkeypatch.setattr("whodid.ledger.manifest.CHAPTER_FILES", 2)
    hand.add(range(14))
    hand.seal()
    hand.add(range(14, 50))
    hand.publish()
    disk = FaultyDisk()
    hand.reopen(disk)
    disk.arm(kind, pattern, mode)
    with pytest.raises(RefusedError, match="as the test wants"):
        hand.seal(disk=disk if who == "sealer" else None)
    assert disk.spent
    hand.check()
    hand.add(range(50, 60))
    if ending == "killed":
        hand.reopen()
        named = {file.path.split("/")[1] for file in manifest_files(hand)}
        assert set(names(hand, "payload")) | set(names(hand, "leaves")) == named
    hand.seal()
    assert hand.sequencer.manifest.sealed == hand.sequencer.size
    hand.publish()
    hand.check()
    hand.reopen()
    hand.check()


def manifest_files(hand):
    from whodid.ledger.manifest import all_files

    return list(all_files(hand.directory, hand.sequencer.manifest))


@pytest.mark.parametrize("after", ["keys", "blocks", "leaves", "request"])
def test_a_kill_between_the_steps(hand, monkeypatch, after):
    class Killed(BaseException):
        pass

    def killed(*_):
        raise Killed

    hand.add(range(40))
    one = hand.sealer()
    monkeypatch.setattr(one, "_clear", lambda *_: None)
    match after:
        case "keys":
            monkeypatch.setattr(sealer, "encode_leaf_table", killed)
        case "blocks":
            write = one._write
            monkeypatch.setattr(
                one,
                "_write",
                lambda path, *rest: killed() if "leaves" in path else write(path, *rest),
            )
        case "leaves":
            monkeypatch.setattr(one, "_released", killed)
        case "request":
            monkeypatch.setattr(one, "_submit", killed)
    with pytest.raises(Killed):
        one.run_once(hand.sequencer.size)
    one._reader.close()
    monkeypatch.undo()
    monkeypatch.setattr(sealer, "UNIT_ROWS", 16)
    hand.check()
    assert hand.seal() == 42
    hand.check()
    hand.reopen()
    assert all("." not in name for name in names(hand, "payload") + names(hand, "leaves"))
    hand.check()


def test_a_sealer_clears_up_while_the_ledger_opens(hand, monkeypatch):
    """It may outlive its sequencer, and take away what the next one has just listed."""
    left = hand.directory / "payload/0000000000000000-0016-0.1a2b"
    left.write_bytes(b"half")
    is_file = Path.is_file

    def gone_once_seen(path):
        found = is_file(path)
        if path == left:
            path.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(Path, "is_file", gone_once_seen)
    hand.reopen()
    assert not left.exists()
    hand.check()


def test_two_sealers_at_once(hand):
    """What one wrote is never named with the hash of what the other wrote."""
    hand.add(range(40))
    one, two = hand.sealer(), hand.sealer()
    submit = one._submit
    held = []
    one._submit = held.append
    one._clear = lambda *_: None
    one.run_once(hand.sequencer.size)
    assert two.run_once(hand.sequencer.size) == 32
    with pytest.raises(IntegrityError, match="cannot seal up to"):
        submit(held[0])
    one._reader.close()
    two._reader.close()
    hand.check()
    hand.reopen()
    hand.check()


def test_a_request_that_is_sent_again(hand):
    hand.add(range(40))
    one = hand.sealer()
    requests = []
    submit = one._submit
    one._submit = lambda request: (requests.append(request), submit(request))
    one.run_once(hand.sequencer.size)
    one._reader.close()
    before = hand.sequencer.manifest
    assert hand.sequencer.seal(requests[0]) == before
    hand.check()


def request_of(hand):
    """Return a sound request that was not given in."""
    hand.add(range(40))
    one = hand.sealer()
    held = []
    one._submit, one._clear = held.append, lambda *_: None
    one.run_once(hand.sequencer.size)
    one._reader.close()
    return held[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda r: {"digest": bytes(32)},
        lambda r: {"sealed": r.sealed + 1},
        lambda r: {"sealed": r.sealed + 1000},
        lambda r: {"sealed": 0},
        lambda r: {"files": []},
        lambda r: {"files": r.files[:-1]},
        lambda r: {"files": r.files[2:]},
        lambda r: {"files": [*r.files, type(r.files[0])("wal/x", 1, "00", 3, 1)]},
    ],
)
def test_a_request_that_does_not_fit(hand, change):
    request = request_of(hand)
    parts = {name: getattr(request, name) for name in SealRequest.__struct_fields__}
    with pytest.raises(IntegrityError):
        hand.sequencer.seal(SealRequest(**(parts | change(request))))
    assert hand.sequencer.manifest.sealed == 0
    hand.sequencer.seal(request)
    hand.check()


def test_files_that_are_not_there(hand):
    request = request_of(hand)
    (hand.directory / (request.files[1].path + request.suffix)).unlink()
    with pytest.raises(RefusedError, match="failed"):
        hand.sequencer.seal(request)
    assert hand.sequencer.manifest.sealed == 0
    assert hand.seal() == 42
    hand.check()


# --- payload that is not what the leaf says ------------------------------------------------------


def forged(hand, numbers, where):
    """Return a batch as no honest door sends it."""
    data = bytearray(hand.batch(numbers))
    if where == "body":
        data[-1] ^= 1
    elif where == "key":
        data[60] ^= 1
    return bytes(data)


def test_a_wrong_commitment_is_kept_and_reported(hand, monkeypatch):
    def lying(seeds, groups):
        return [bytes(32), *commit_rows(seeds, groups)[1:]]

    hand.add(range(5))
    monkeypatch.setattr("whodid.ledger.batch.commit_rows", lying)
    [answer] = hand.commit(hand.batch([7, 8, 9]))
    monkeypatch.setattr("whodid.ledger.batch.commit_rows", commit_rows)
    hand.add(range(10, 20))
    one = hand.sealer()
    one.run_once(hand.sequencer.size, force=True)
    one._reader.close()
    assert one.mismatches == [answer.first]
    assert hand.numbers() == [*range(5), 7, 8, 9, *range(10, 20)]


@pytest.mark.parametrize("where", ["body", "key"])
def test_a_body_that_does_not_open_does_not_jam_the_log(hand, where):
    hand.add(range(5))
    [answer] = hand.commit(forged(hand, [7, 8, 9], where))
    hand.add(range(10, 20))
    broken = list(range(answer.first, answer.end))
    for sealed in (False, True):
        if sealed:
            one = hand.sealer()
            one.run_once(hand.sequencer.size, force=True)
            one._reader.close()
            assert one.mismatches == broken
        reader = LedgerReader(hand.directory, hand.keys)
        rows = list(reader.rows(0, reader.size))
        groups = [
            part for chunk in reader.groups(0, reader.size, (6,)) for part in chunk.here.tolist()
        ]
        reader.close()
        assert [row.index for row in rows if row.groups is None] == broken
        assert [index for index, here in enumerate(groups) if not here] == broken
        assert [row.event() for row in rows if row.index in broken] == [None] * 3
    hand.reopen()
    assert hand.sequencer.size == 2 + 5 + 3 + 10


def test_a_unit_without_any_payload(hand):
    hand.add(range(14))
    hand.commit(forged(hand, range(100, 116), "body"))
    assert hand.seal() == 32
    assert names(hand, "payload") == [f"{0:016d}-0016-0"]
    assert hand.sequencer.size == 32
    assert len(hand.roots()) == 32


def test_rows_that_a_leaf_file_would_not_give_back(hand, monkeypatch):
    """Were such a row ever let in, nothing would be sealed rather than altered."""
    monkeypatch.setattr("whodid.ledger.batch_rules.first_broken_rule", lambda _: None)
    row = hand.row(1)
    row.flags = int(LeafFlag.NO_IDENTITY)
    hand.commit(hand.builder.build([row]))
    with pytest.raises(IntegrityError, match="cannot be stored as they are"):
        hand.seal()
    assert hand.sequencer.manifest.sealed == 0


def test_what_waits_long_is_sealed_soon_and_the_rest_small(hand, monkeypatch):
    asked = []
    honest = sealer.encode_block

    def encode(*arguments, soon):
        asked.append(soon)
        return honest(*arguments, soon=soon)

    monkeypatch.setattr(sealer, "encode_block", encode)
    monkeypatch.setattr(sealer, "UNITS_AT_ONCE", 1)
    hand.add(range(80))
    one = hand.sealer()
    one._soon_entries = 40
    while one.run_once(80):
        pass
    one._reader.close()
    assert asked == [True, True, True, False, False], "40 are left when three units are sealed"
    hand.check()
    other = hand.sealer()
    hand.add(range(80, 200))
    while other.run_once(200):
        pass
    other._reader.close()
    assert not any(asked[5:]), "a command has time"
