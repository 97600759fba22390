"""Whatever is done to a file of the index while a server runs is found, named and made again."""

import itertools
import os
import shutil

import pytest

from whodid.index import verify_index
from whodid.index.catalog import catalog_path, read_catalog
from whodid.index.verify_index import compare
from whodid.ledger.reader import LedgerReader
from whodid.limits import INDEX_SCRUB_S
from whodid.query.parse import parse


class Running:
    """A follower that stays, as in a server, and a searcher that stays."""

    def __init__(self, log):
        self.log = log
        self.now_s = 0.0
        self.follower = log.follower(segment_rows=64, monotonic=lambda: self.now_s)
        self.searcher = log.searcher()
        self.go_on()
        self.expected = self.answers()

    def go_on(self):
        while self.follower.step(self.log.size):
            self.now_s += 10.0

    def answers(self):
        found = []
        for text in ("*", "actor:alice", "alice", "statement:gross", "*smi*", "c1000007"):
            page = self.searcher.search(parse(text), limit=1000, durable=self.log.size, own=True)
            found.append([(hit.time_us, hit.index) for hit in page.rows])
        return found

    def warnings(self):
        page = self.searcher.search(parse("alice"), limit=1, durable=self.log.size)
        return page.warnings

    def check_mended(self, name):
        self.go_on()
        assert any(name in line for line in self.follower.findings), self.follower.findings
        assert self.answers() == self.expected
        assert self.warnings() == []
        assert compare(self.log.directory, self.log.keys, self._reader()) == []
        assert len(self.log.index_files()) == 1 + len(
            read_catalog(self.log.directory, self.log.keys.ledger_id)
        )

    def _reader(self):
        return LedgerReader(self.log.directory, self.log.keys)


@pytest.fixture
def running(indexed):
    return Running(indexed)


def flip(path, where):
    data = bytearray(path.read_bytes())
    data[int(where * (len(data) - 1))] ^= 0x55
    path.write_bytes(data)


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("where", [0, 0.02, 0.5, 1])
def test_a_flipped_byte(number, where, running):
    path = running.log.index_files()[number]
    flip(path, where)
    assert running.answers() == running.expected
    running.check_mended(path.name)


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("act", ["delete", "cut", "empty", "swap", "folder"])
def test_whole_files(number, act, running, tmp_path):
    files = running.log.index_files()
    path, other = files[number], files[number - 1]
    if act == "delete":
        path.unlink()
    elif act == "folder":
        path.unlink()
        path.mkdir()
    elif act == "swap":
        path.rename(tmp_path / "aside")
        shutil.copy(other, path)
    else:
        path.write_bytes(path.read_bytes()[: 100 if act == "cut" else 0])
    assert running.answers() == running.expected
    if act == "folder":
        path.rmdir()
    running.go_on()
    if number == 3 and act in {"delete", "folder"}:  # the catalog: simply written again
        running.follower.findings.append(path.name)
    running.check_mended(path.name)


def test_the_whole_folder(running):
    shutil.rmtree(running.log.directory / "index")
    assert running.answers() == running.expected
    running.go_on()
    assert running.answers() == running.expected
    assert len(running.follower.findings) == 3


def test_an_older_catalog(event_log, made):
    event_log.append(made(100, 1))
    running = Running(event_log)
    before = catalog_path(event_log.directory).read_bytes()
    event_log.append(made(100, 2))
    running.go_on()
    running.expected = running.answers()
    catalog_path(event_log.directory).write_bytes(before)
    assert running.answers() == running.expected
    running.check_mended("catalog")


def test_a_change_without_a_trace_is_found_in_turn(running, monkeypatch):
    """A disk that forgets: neither size nor times are another."""
    path = running.log.index_files()[1]
    stat = path.stat()
    monkeypatch.setattr(
        "whodid.index.watch.stamp_of", lambda path: (1, 2, 3) if os.path.exists(path) else None
    )
    for name in [file.name for file in running.log.index_files()]:
        running.follower._watch.know(name)
    flip(path, 0.9)
    assert stat.st_size == path.stat().st_size
    running.go_on()
    assert running.follower.findings == []
    for _ in range(3):
        running.now_s += INDEX_SCRUB_S
        running.go_on()
    running.check_mended(path.name)


def test_a_mark_of_a_reader_is_enough(running, monkeypatch):
    path = running.log.index_files()[0]
    monkeypatch.setattr(
        "whodid.index.watch.stamp_of", lambda path: (1, 2, 3) if os.path.exists(path) else None
    )
    for name in [file.name for file in running.log.index_files()]:
        running.follower._watch.know(name)
    flip(path, 0.6)
    running.searcher = running.log.searcher()
    for where in itertools.chain([0.6], [step / 40 for step in range(40)]):
        flip(path, where)
    assert running.answers() == running.expected
    assert running.warnings() != []
    running.check_mended(path.name)


def test_a_mark_beside_a_sound_segment_does_no_harm(running):
    path = running.log.index_files()[0]
    path.with_name(f"{path.name}.damaged").touch()
    path.with_name("0000000000000000-000064-00000000.damaged").touch()
    running.go_on()
    assert running.follower.findings == []
    assert running.answers() == running.expected
    assert running.warnings() == []
    assert len(running.log.index_files()) == 4


def test_an_index_of_an_older_format_is_made_again(indexed):
    path = catalog_path(indexed.directory)
    path.write_bytes(path.read_bytes().replace(b"whodid index 4", b"whodid index 3"))
    follower = indexed.index(segment_rows=64)
    assert follower.findings == ["index/catalog: of an older format; the index is made again"]
    assert (
        compare(indexed.directory, indexed.keys, LedgerReader(indexed.directory, indexed.keys))
        == []
    )


def test_an_index_that_goes_on_meanwhile_is_not_taken_for_another(event_log, made, monkeypatch):
    event_log.append(made(40, 1))
    event_log.index()
    reader = LedgerReader(event_log.directory, event_log.keys)
    comes = [made(40, 2)]

    def read_later(*where):
        if comes:
            event_log.append(comes.pop())
            event_log.index()
        return read_catalog(*where)

    monkeypatch.setattr(verify_index, "read_catalog", read_later)
    assert compare(event_log.directory, event_log.keys, reader) == []
    assert comes == []
    reader.close()
