"""The dedup table: verdicts, runs, and what is derived again."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_kit import FaultyDisk, Hand
from whodid.errors import FormatError, IntegrityError
from whodid.ledger import identity
from whodid.ledger.identity import IdentityTable
from whodid.ledger.identity_run import HEADER, read_run, run_paths
from whodid.ledger.sequenced import ACCEPTED, CONFLICT, DUPLICATE
from whodid.storage.posix import PosixDisk

ERASED = bytes(8)


def tag(n):
    return hashlib.sha256(b"%d" % n).digest()[:16]


def content(v):
    return b"content%d" % v


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "identity").mkdir()
    return tmp_path


def table_of(folder, disk=None):
    return IdentityTable(folder, disk or PosixDisk())


def offer(table, rows, end, below=None, has=None):
    """Stage and keep (number, version) rows; return the verdicts."""
    staged = {}
    verdicts = table.stage(
        [tag(n) for n, _ in rows], [content(v) for _, v in rows], has or [True] * len(rows),
        below if below is not None else {}, staged,
    )  # fmt: skip
    table.keep(staged, end)
    return list(verdicts)


def test_within_a_batch(folder):
    rows = [(1, 0), (1, 0), (1, 1), (1, 1), (1, 0), (2, 0)]
    assert offer(table_of(folder), rows, 9) == [
        ACCEPTED, DUPLICATE, CONFLICT, DUPLICATE, DUPLICATE, ACCEPTED,
    ]  # fmt: skip


def test_across_batches_of_a_group(folder):
    table, group = table_of(folder), {}
    for rows, verdict in (
        ([(1, 0)], ACCEPTED),
        ([(1, 0)], DUPLICATE),
        ([(1, 1)], CONFLICT),
        ([(1, 0)], DUPLICATE),
    ):
        overlay = {}
        found = table.stage(
            [tag(n) for n, _ in rows], [content(v) for _, v in rows], [True], group, overlay
        )
        group.update(overlay)
        assert list(found) == [verdict]
    assert table._fresh == {}, "nothing is kept before it is durable"


def test_rows_without_identity_are_always_accepted(folder):
    table = table_of(folder)
    assert offer(table, [(1, 0)] * 3, 3, has=[False] * 3) == [ACCEPTED] * 3
    assert offer(table, [(1, 0)], 4) == [ACCEPTED]


@pytest.mark.parametrize("runs", [1, 2, 4, 9])
def test_across_runs_and_merges(folder, runs):
    table = table_of(folder)
    for run in range(runs):
        offer(table, [(10 * run + i, 0) for i in range(10)], 10 * run + 10)
        table.flush()
    assert table.covered == 10 * runs
    assert len(table.runs) < 5
    for again in (table, table_of(folder)):
        assert offer(again, [(n, 0) for n in range(10 * runs)], 99) == [DUPLICATE] * 10 * runs
        assert offer(again, [(5, 1), (10 * runs, 0)], 99) == [CONFLICT, ACCEPTED]


def test_versions_of_one_identity_in_several_runs(folder):
    table = table_of(folder)
    for version in range(3):
        assert offer(table, [(1, version)], version + 1) == [CONFLICT if version else ACCEPTED]
        table.flush()
    assert offer(table, [(1, 0), (1, 1), (1, 2), (1, 3)], 9) == [DUPLICATE] * 3 + [CONFLICT]


def test_the_log_and_the_runs_are_joined(folder):
    """After a restart the tail knows a conflict, a run the first content: both are duplicates."""
    table = table_of(folder)
    offer(table, [(1, 0)], 1)
    table.flush()
    table.keep_more({tag(1): (content(1),)}, 2)
    assert offer(table, [(1, 0), (1, 1), (1, 2)], 3) == [DUPLICATE, DUPLICATE, CONFLICT]


def test_what_was_erased_is_a_duplicate_of_anything(folder):
    table = table_of(folder)
    table.keep_more({tag(1): (ERASED,)}, 1)
    table.flush()
    assert offer(table_of(folder), [(1, 7), (1, 8)], 2) == [DUPLICATE] * 2


def test_tags_that_share_their_first_half(folder):
    table = table_of(folder)
    twins = [b"\1" * 8 + bytes([i]) * 8 for i in range(5)]
    table.keep_more({twin: (content(i),) for i, twin in enumerate(twins[:4])}, 4)
    table.flush()
    found = table.stage(twins, [content(i) for i in range(5)], [True] * 5, {}, {})
    assert list(found) == [DUPLICATE] * 4 + [ACCEPTED]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), max_size=30), st.data())
def test_like_a_naive_table(tmp_path_factory, rows, data):
    folder = tmp_path_factory.mktemp("naive")
    (folder / "identity").mkdir()
    table, naive = table_of(folder), {}
    at = 0
    while at < len(rows):
        end = data.draw(st.integers(at + 1, len(rows)))
        expected = []
        for n, v in rows[at:end]:
            known = naive.setdefault(n, set())
            expected.append(DUPLICATE if v in known else CONFLICT if known else ACCEPTED)
            known.add(v)
        assert offer(table, rows[at:end], end) == expected
        at = end
        match data.draw(st.integers(0, 3)):
            case 0:
                table.flush()
            case 1:
                table.flush()
                table = table_of(folder)


# --- runs on disk --------------------------------------------------------------------------------


def three_runs(folder):
    table = table_of(folder)
    for run in range(3):
        offer(table, [(run, 0)], run + 1)
        table.flush()
    return table


def test_a_run_comes_back(folder):
    three_runs(folder)
    runs = [read_run(path) for path in run_paths(folder / "identity")]
    assert [(run.first, run.end) for run in runs] == [(0, 1), (1, 2), (2, 3)]


@given(st.data())
def test_any_altered_byte_of_a_run_is_found(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("run")
    (folder / "identity").mkdir()
    offer(table_of(folder), [(n, 0) for n in range(3)], 3)
    table = table_of(folder)
    offer(table, [(n, 0) for n in range(3)], 3)
    table.flush()
    [path] = run_paths(folder / "identity")
    whole = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    else:
        del whole[data.draw(st.integers(0, len(whole) - 1)) :]
    path.write_bytes(whole)
    with pytest.raises((IntegrityError, FormatError)):
        read_run(path)


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("harm", ["missing", "altered", "alien"])
def test_what_is_behind_a_broken_run_is_dropped(folder, number, harm):
    three_runs(folder)
    path = run_paths(folder / "identity")[number]
    if harm == "missing":
        path.unlink()
    elif harm == "alien":
        path.write_bytes(b"no run at all")
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert table_of(folder).covered == number
    assert len(run_paths(folder / "identity")) == number


def test_a_newer_format_is_a_refusal(folder):
    three_runs(folder)
    path = run_paths(folder / "identity")[1]
    data = bytearray(path.read_bytes())
    data[7] = 2
    path.write_bytes(data)
    with pytest.raises(FormatError, match="upgrade"):
        table_of(folder)


def test_a_crash_between_a_merge_and_the_removal_of_its_parts(folder):
    three_runs(folder)
    parts = {path: path.read_bytes() for path in run_paths(folder / "identity")}
    table = table_of(folder)
    offer(table, [(3, 0)], 4)
    table.flush()
    assert len(table.runs) == 1
    for path, data in parts.items():
        path.write_bytes(data)
    again = table_of(folder)
    assert [(run.first, run.end) for run in again.runs] == [(0, 4)]
    assert len(run_paths(folder / "identity")) == 1


def test_an_overlapping_run_does_not_hide_the_ones_behind(folder):
    three_runs(folder)
    table = table_of(folder)
    table.add_run(0, 2, [])
    assert [(run.first, run.end) for run in table_of(folder).runs] == [(0, 2), (2, 3)]


@pytest.mark.parametrize("column", [0, 1, 2])
@pytest.mark.parametrize("harm", ["altered", "cut"])
def test_no_verdict_rests_on_a_run_that_was_altered_meanwhile(folder, column, harm):
    table = table_of(folder)
    offer(table, [(n, 0) for n in range(3)], 3)
    table.flush()
    [path] = run_paths(folder / "identity")
    at = HEADER.size + 24 * column
    with path.open("r+b") as file:
        if harm == "cut":
            file.truncate(at + 23)
        else:
            file.seek(at + 9)
            byte = file.read(1)
            file.seek(at + 9)
            file.write(bytes([byte[0] ^ 1]))
    with pytest.raises(OSError, match="derived anew"):
        offer(table, [(n, 0) for n in range(3)], 6)
    assert offer(table, [(9, 0)], 4) == [ACCEPTED], "the filter knows that it is new"
    assert table_of(folder).covered == 0


def test_a_run_of_many_blocks(folder):
    """The first and last row of each block, and what lies between two, with one tag in many."""
    table = table_of(folder)
    table.keep_more({tag(n): (content(n % 10),) for n in range(3000)}, 3000)
    same = b"\x80" * 8
    table.keep_more({same + n.to_bytes(8, "big"): (content(n % 10),) for n in range(1500)}, 4500)
    table.flush()
    again = table_of(folder)
    assert offer(again, [(n, n % 10) for n in range(3000)], 9000) == [DUPLICATE] * 3000
    twins = [same + n.to_bytes(8, "big") for n in range(1501)]
    found = again.stage(twins, [content(n % 10) for n in range(1501)], [True] * 1501, {}, {})
    assert list(found) == [DUPLICATE] * 1500 + [ACCEPTED]
    assert offer(again, [(n, 0) for n in range(3000, 6000)], 9000) == [ACCEPTED] * 3000


def test_a_broken_run_is_not_merged_and_the_log_goes_on(folder, caplog):
    table = three_runs(folder)
    path = run_paths(folder / "identity")[1]
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    offer(table, [(3, 0)], 4)
    table.flush()
    assert len(table.runs) == 4
    assert path.name in caplog.text
    assert offer(table, [(n, 0) for n in range(5)], 5) == [DUPLICATE] * 4 + [ACCEPTED]


def test_large_runs_are_not_merged(folder, monkeypatch):
    monkeypatch.setattr(identity, "MERGED_ROWS", 8)
    table = table_of(folder)
    for run in range(20):
        offer(table, [(4 * run + i, 0) for i in range(4)], 4 * run + 4)
        table.flush()
    assert [run.count for run in table.runs] == [16] * 5
    assert offer(table, [(n, 0) for n in range(81)], 99) == [DUPLICATE] * 80 + [ACCEPTED]


@pytest.mark.parametrize("mode", ["lost", "torn", "kept"])
def test_a_run_that_cannot_be_written(folder, mode, monkeypatch):
    monkeypatch.setattr(identity, "RUN_ROWS", 3)
    disk = FaultyDisk()
    table = table_of(folder, disk)
    table._flush_rows = 3
    disk.arm("create", "identity", mode)
    offer(table, [(n, 0) for n in range(3)], 3)
    table.flush_if_large()
    assert disk.spent
    assert table.runs == []
    assert offer(table, [(n, 0) for n in range(3)], 3) == [DUPLICATE] * 3
    offer(table, [(3, 0)], 4)
    table.flush_if_large()
    table.flush()
    assert offer(table_of(folder), [(n, 0) for n in range(4)], 9) == [DUPLICATE] * 4
    assert table_of(folder).covered == 4


@pytest.mark.parametrize("mode", ["lost", "torn", "kept"])
def test_a_merge_that_cannot_be_written(folder, mode):
    three_runs(folder)
    disk = FaultyDisk()
    table = table_of(folder, disk)
    offer(table, [(3, 0)], 4)
    disk.arm("create", "0{16}-0{15}4$", mode)
    with pytest.raises(OSError, match="as the test wants"):
        table.flush()
    assert disk.spent
    for again in (table, table_of(folder)):
        assert offer(again, [(n, 0) for n in range(5)], 5) == [DUPLICATE] * 4 + [ACCEPTED]


# --- derived again from leaves and blocks --------------------------------------------------------


@pytest.fixture
def hand(tmp_path):
    hand = Hand(tmp_path).open()
    yield hand
    hand.close()


@pytest.mark.parametrize("harm", ["deleted", "altered", "nothing"])
def test_runs_are_derived_from_sealed_files(hand, harm):
    hand.add(range(40))
    hand.seal()
    hand.add(range(40, 50))
    hand.add([5], version=1)
    hand.acked[5] = 2
    hand.close()
    for path in run_paths(hand.directory / "identity"):
        if harm == "deleted":
            path.unlink()
        elif harm == "altered":
            path.write_bytes(path.read_bytes()[:-1])
    hand.open()
    answers = hand.commit(
        hand.batch(range(50)), hand.batch([5], version=1), hand.batch([5], version=2)
    )
    assert [(a.accepted, a.duplicate, a.conflict) for a in answers] == [
        (0, 50, 0),
        (0, 1, 0),
        (1, 0, 1),
    ]


def test_derived_runs_are_few(hand, monkeypatch):
    monkeypatch.setattr("whodid.ledger.sealer.UNIT_ROWS", 8)
    hand.add(range(100))
    assert hand.seal() == 102
    hand.add(range(100, 104))
    hand.close()
    for path in run_paths(hand.directory / "identity"):
        path.unlink()
    hand.open(FaultyDisk())
    assert hand.disk.calls["create"] == 1
    [answer] = hand.commit(hand.batch(range(104)))
    assert answer.duplicate == 104


def test_a_block_that_cannot_be_read_counts_as_erased(hand):
    hand.add(range(10))
    hand.seal()
    hand.close()
    for path in (*run_paths(hand.directory / "identity"), *(hand.directory / "payload").iterdir()):
        path.unlink()
    hand.open()
    [answer] = hand.commit(hand.batch(range(11), version=3))
    assert (answer.duplicate, answer.accepted, answer.conflict) == (10, 1, 0)


def test_runs_ahead_of_the_log_are_dropped(hand):
    hand.add(range(5))
    hand.close()
    table = IdentityTable(hand.directory, PosixDisk())
    offer(table, [(n, 0) for n in range(100)], 1000)
    table.flush()
    hand.open()
    assert hand.sequencer._p.identity.covered <= hand.sequencer.size
    [answer] = hand.commit(hand.batch(range(6)))
    assert (answer.duplicate, answer.accepted) == (5, 1)
