"""Many segments made at once, in other processes: the same as one after the other."""

import os
import signal
import time
from concurrent.futures.process import BrokenProcessPool

import pytest

from whodid.index import rebuild
from whodid.index.verify_index import compare
from whodid.ledger.reader import LedgerReader
from whodid.ledger.verification.workers import Workers
from whodid.query.tree import Everything, Query


@pytest.fixture
def long_log(event_log, made):
    event_log.append(made(330, 1))
    event_log.seal(force=True)
    return event_log


def found(log):
    page = log.searcher().search(Query(Everything()), limit=500, durable=log.size, own=True)
    assert page.warnings == []
    return [hit.row.index for hit in page.rows]


def test_segments_made_by_others_are_those_of_one(long_log, monkeypatch):
    calls = []
    honest = rebuild.Rebuilder.build

    def counted(self, ranges):
        calls.append(list(ranges))
        return honest(self, ranges)

    monkeypatch.setattr(rebuild.Rebuilder, "build", counted)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    follower = long_log.index(segment_rows=64)
    follower.close()
    assert calls == [[(0, 64), (64, 128)]], "of five full ranges four are many, three are not"
    assert follower.findings == []
    assert compare(long_log.directory, long_log.keys, LedgerReader(
        long_log.directory, long_log.keys)) == []  # fmt: skip
    assert found(long_log) == [index for _, index in long_log.expected(Everything())]


def test_one_processor_makes_them_alone(long_log, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(rebuild.Rebuilder, "build", None)
    long_log.index(segment_rows=64)
    assert len(found(long_log)) == len(long_log.events)


def test_a_process_that_is_killed_is_done_without(long_log, monkeypatch):
    def killed(_self, _function, _jobs):
        raise BrokenProcessPool

    monkeypatch.setattr(Workers, "in_order", killed)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    long_log.index(segment_rows=64)
    assert len(found(long_log)) == len(long_log.events)


def _sleep(_job):
    time.sleep(60)


def test_its_processes_end_with_it(tmp_path):
    child = os.fork()
    if not child:
        workers = Workers(2)
        workers.begin(_sleep, 1)
        time.sleep(0.1)
        pids = [str(pid) for pid in workers._pool._processes]
        (tmp_path / "pids.part").write_text(" ".join(pids))
        (tmp_path / "pids.part").rename(tmp_path / "pids")
        time.sleep(60)
        os._exit(0)
    deadline = time.monotonic() + 120
    while not (tmp_path / "pids").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    time.sleep(1.5)  # they have begun by then, or do not begin at all
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while any(map(_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_alive, pids))


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
