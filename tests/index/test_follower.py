"""The follower's files: bounded, encrypted, made again when anything about them is wrong."""

import contextlib
import itertools
import shutil

import pytest

from whodid.errors import LedgerError
from whodid.index import follower as follower_module
from whodid.index import rebuild
from whodid.index.catalog import read_catalog
from whodid.index.verify_index import compare
from whodid.ledger.layout import MARKER
from whodid.ledger.reader import LedgerReader
from whodid.ledger.writer_lock import bind
from whodid.query.parse import parse
from whodid.storage.posix import PosixDisk


def answer(log, text="*", **settings):
    page = log.searcher(**settings).search(parse(text), limit=1000, durable=log.size, own=True)
    return [(hit.time_us, hit.index) for hit in page.rows], page.total, page.warnings


def differences(log):
    return compare(log.directory, log.keys, LedgerReader(log.directory, log.keys))


def entries(log):
    return read_catalog(log.directory, log.keys.ledger_id)


def test_segments_cover_the_ledger_and_say_what_it_says(indexed):
    assert [(e.first, e.end) for e in entries(indexed)] == [(0, 64), (64, 128), (128, indexed.size)]
    assert differences(indexed) == []


def test_small_segments_are_joined(event_log, made):
    follower = event_log.follower(segment_rows=256)
    for number in range(70):
        event_log.append(made(5, number))
        while follower.step(event_log.size):
            pass
        here = [e.count for e in entries(event_log) if e.first < 256]
        if sum(here) == 256:
            assert here == [256]
        assert all(a >= 2 * b for a, b in itertools.pairwise(here))
    assert len(list(event_log.index_files())) == len(entries(event_log)) + 1
    assert differences(event_log) == []
    expected = event_log.expected(parse("*").filter)
    assert answer(event_log) == (expected, len(expected), [])


def test_few_new_entries_wait_for_more(event_log, made):
    now = [0.0]
    follower = event_log.follower(monotonic=lambda: now[0])
    event_log.append(made(50, 1))
    assert follower.step(event_log.size) == event_log.size
    event_log.append(made(5, 2, sources=("app",)))
    assert follower.step(event_log.size) == 0
    assert follower.behind(event_log.size) == 5
    now[0] = 2.0
    assert follower.step(event_log.size) == 5


def test_only_what_is_durable_is_indexed(event_log, made):
    event_log.append(made(5, 1))
    durable = event_log.size
    event_log.append(made(5, 2))
    follower = event_log.follower()
    while follower.step(durable):
        pass
    assert entries(event_log)[-1].end == durable


def test_nothing_of_an_event_is_readable_in_the_files(event_log, made):
    event_log.append(made(50, 1))
    event_log.index()
    for path in event_log.index_files():
        data = path.read_bytes()
        assert b"alice" not in data
        assert b"app" not in data.replace(b"ledger", b"")
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("again", ["same process", "new process"])
@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_a_deleted_file_is_made_again(number, again, indexed):
    follower = indexed.index(segment_rows=64)
    before = answer(indexed)
    indexed.index_files()[number].unlink()
    assert answer(indexed)[:2] == before[:2]
    if again == "new process":
        follower = indexed.follower(segment_rows=64)
    while follower.step(indexed.size):
        pass
    assert len(follower.findings) == (number < 3)
    assert [(e.first, e.end) for e in entries(indexed)] == [
        (0, 64), (64, 128), (128, indexed.size)
    ]  # fmt: skip
    assert answer(indexed) == before
    assert differences(indexed) == []


@pytest.mark.parametrize("number", [0, 1, 2, 3])
@pytest.mark.parametrize("where", [0, 7, 12, 24, 60, 140, 0.5, -1])
def test_an_altered_file_is_named_and_made_again(number, where, indexed):
    before = answer(indexed)
    path = indexed.index_files()[number]
    data = bytearray(path.read_bytes())
    at = int(where * len(data)) if isinstance(where, float) else min(where, len(data) - 1)
    data[at] ^= 0x55
    path.write_bytes(data)
    assert any(path.name in line for line in differences(indexed))
    answered = answer(indexed)
    follower = indexed.index(segment_rows=64)
    assert any(path.name in line for line in follower.findings)
    assert answer(indexed) == before
    assert answered[:2] == before[:2]  # even before that, from the ledger


@pytest.mark.parametrize("size", [0, 10, 130, 1000])
def test_a_torn_file_is_made_again(size, indexed):
    before = answer(indexed)
    for path in indexed.index_files():
        path.write_bytes(path.read_bytes()[:size])
    assert answer(indexed)[:2] == before[:2]
    indexed.index(segment_rows=64)
    assert answer(indexed) == before
    assert differences(indexed) == []


def test_without_its_folder_the_index_is_made_again(indexed):
    before = answer(indexed)
    shutil.rmtree(indexed.directory / "index")
    assert differences(indexed) == []
    assert answer(indexed) == before
    follower = indexed.index(segment_rows=64)
    assert follower.findings == []
    assert answer(indexed) == before


def test_swapped_segments_are_found(indexed):
    before = answer(indexed)
    first, second = indexed.index_files()[:2]
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)
    assert len(differences(indexed)) == 2
    assert answer(indexed)[:2] == before[:2]
    indexed.index(segment_rows=64)
    assert answer(indexed) == before


def test_the_index_of_another_ledger_is_not_taken(indexed, event_log, made):
    other = event_log
    other.append(made(200, 9))
    shutil.copytree(indexed.directory / "index", other.directory / "index", dirs_exist_ok=True)
    assert differences(other) == ["index/catalog: altered, or of another ledger"]
    expected = other.expected(parse("*").filter)
    assert answer(other)[0] == expected
    other.index()
    assert answer(other) == (expected, 200, [])
    assert differences(other) == []


def test_an_index_of_a_longer_history_is_dropped(event_log, tmp_path, made):
    """A copy of the ledger, taken before, beside the index made after."""
    event_log.append(made(150, 1))
    early = event_log.copy(tmp_path / "early")
    event_log.append(made(30, 3))
    event_log.index(segment_rows=64)
    shutil.rmtree(early.directory / "index")
    shutil.copytree(event_log.directory / "index", early.directory / "index")
    assert len(differences(early)) == 1
    before = answer(early)
    follower = early.index(segment_rows=64)
    assert len(follower.findings) == 1
    assert entries(early)[-1].end == early.size
    assert answer(early) == before
    assert differences(early) == []


def test_an_index_of_another_history_is_dropped(event_log, tmp_path, made):
    """A copy that went on with other entries, beside the first one's index."""
    event_log.append(made(150, 1))
    early = event_log.copy(tmp_path / "early")
    event_log.append(made(30, 3))
    event_log.index(segment_rows=64)
    event_log.close()
    stolen = (event_log.directory / "index").rename(tmp_path / "index")
    for path in event_log.directory.iterdir():
        if path.name != MARKER:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    unmarked = shutil.ignore_patterns(MARKER)
    shutil.copytree(early.directory, event_log.directory, dirs_exist_ok=True, ignore=unmarked)
    (event_log.keys.path / "head").unlink()  # the signer would not let this happen
    bind(event_log.keys, event_log.directory, PosixDisk())  # nor would the binding
    event_log.reopen()
    event_log.append(made(30, 4))
    shutil.rmtree(event_log.directory / "index")
    stolen.rename(event_log.directory / "index")
    assert any("another one in the ledger" in line for line in differences(event_log))
    expected = event_log.expected(parse("*").filter)
    assert answer(event_log)[0] == expected
    follower = event_log.index(segment_rows=64)
    assert follower.findings
    assert answer(event_log) == (expected, len(expected), [])
    assert differences(event_log) == []


def test_a_follower_killed_anywhere_leaves_an_index_that_goes_on(event_log, made, monkeypatch):
    """It dies at each write of a file in turn, before and after it, then a new one goes on."""
    event_log.append(made(150, 1))
    expected = event_log.expected(parse("*").filter)
    write = rebuild.write_file

    class Killed(BaseException):
        pass

    for fatal, late in itertools.product(range(12), (False, True)):
        shutil.rmtree(event_log.directory / "index")
        writes = itertools.count()

        def dying(path, data, fatal=fatal, late=late, writes=writes):
            if next(writes) != fatal:
                return write(path, data)
            if late:
                write(path, data)
            else:
                path.with_name(path.name + ".tmp").write_bytes(data[: len(data) // 2])
            raise Killed

        monkeypatch.setattr(rebuild, "write_file", dying)
        monkeypatch.setattr(follower_module, "write_file", dying)
        with contextlib.suppress(Killed):
            event_log.index(segment_rows=64)
        monkeypatch.setattr(rebuild, "write_file", write)
        monkeypatch.setattr(follower_module, "write_file", write)
        assert answer(event_log) == (expected, 150, [])
        event_log.index(segment_rows=64)
        assert answer(event_log) == (expected, 150, [])
        assert len(event_log.index_files()) == len(entries(event_log)) + 1


def test_a_searcher_goes_on_while_segments_are_joined(event_log, made):
    follower = event_log.follower(segment_rows=1024)
    searcher = event_log.searcher()
    for number in range(12):
        event_log.append(made(20, number))
        follower.step(event_log.size)
        event_log.append(made(3, 100 + number))
        page = searcher.search(parse("*"), limit=1000, durable=event_log.size, own=True)
        found = [(hit.time_us, hit.index) for hit in page.rows]
        assert found == event_log.expected(parse("*").filter)
        assert page.warnings == []


def test_wrong_content_under_a_right_hash_is_named(indexed):
    """Who holds the public key can make segments and a catalog; `verify` compares the content."""
    from whodid.index.cache import ArrayCache
    from whodid.index.segment import Segment
    from whodid.index.table import MemoryTable

    follower = indexed.follower(segment_rows=64)
    entry = entries(indexed)[1]
    path = indexed.directory / "index" / entry.name
    table = Segment(path, indexed.keys.ledger_id, indexed.keys.keks(), ArrayCache(0)).load()
    arrays = dict(table.arrays)
    codes = arrays["actor.id"].copy()
    codes[5] = 0 if codes[5] else 1
    arrays["actor.id"] = codes
    follower.behind(0)
    follower._replace([entry], MemoryTable(table.first, arrays))
    (line,) = differences(indexed)
    assert f"entry {entry.first + 5}: actor.id" in line


def test_a_ledger_that_cannot_be_read_is_an_error(indexed):
    shutil.rmtree(indexed.directory / "index")
    for path in (indexed.directory / "leaves").iterdir():
        path.write_bytes(b"")
    follower = indexed.follower(segment_rows=64)
    with pytest.raises(LedgerError):
        follower.step(indexed.size)
