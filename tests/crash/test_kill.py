"""kill -9 of any process of the server while writers are at work.

At least four writers send batches of events with ids of their own, and send again, with the same
ids, what got no answer. After each kill the server must come back by itself and take events again.
At the end: what was acknowledged is there once, what was sent is there at most once, `verify` finds
nothing, and the index says what the ledger says.

WHODID_KILLS is how often (6; 100 in CI), WHODID_SEED chooses when and whom.
"""

import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from chance import SEED
from kill_traffic import RECOVERY_S, HttpWriters, Readers, SocketWriters
from whodid.access.read_tokens import ReadTokens
from whodid.access.source_tokens import SourceTokens
from whodid.access.users import Users
from whodid.clock import system_clock
from whodid.config.settings import ServerSettings, Settings, VerifySettings
from whodid.index.verify_index import compare
from whodid.ledger.client import SequencerClient
from whodid.ledger.leaf import LeafType
from whodid.ledger.opening import init_ledger, keys_of, open_ledger
from whodid.ledger.reader import LedgerReader
from whodid.ledger.verify import verify_ledger
from whodid.serve import child as children
from whodid.serve.control import tell
from whodid.serve.supervisor import Supervisor
from whodid.validation.report_file import ReportFiles

pytestmark = pytest.mark.slow

_OWN_FRAME = re.compile(r'File "[^"]*/whodid/[a-z]').search
KILLS = int(os.environ.get("WHODID_KILLS", "6"))


def round_after(directory, since_us):
    """Return the report once a round that began after this has ended."""
    files = ReportFiles(directory, keys_of(directory))
    deadline = time.monotonic() + 2 * RECOVERY_S
    while time.monotonic() < deadline:
        report = files.report()
        if report and report.last and report.last.started_us > since_us:
            return report
        files.ask()
        time.sleep(0.2)
    raise AssertionError("no round of validation ended")


def acknowledged_after(writers, since):
    """Wait until a writer was answered again; that is the recovery."""
    deadline = time.monotonic() + RECOVERY_S
    while len(writers.acked) <= since:
        assert not writers.failures, writers.failures
        assert time.monotonic() < deadline, "the server did not come back"
        time.sleep(0.01)


def kill_at_random(writers, names, victims, kills):
    """Kill a process of a random name, `kills` times; return how often each name was hit.

    `victims(name)` returns the ids of the processes that live.
    """
    chance = random.Random(SEED)
    hit = Counter()
    while hit.total() < kills:
        acknowledged_after(writers, len(writers.acked))
        time.sleep(chance.random() * 0.4)
        name = chance.choice(names)
        while not (pids := victims(name)):
            time.sleep(0.01)
        os.kill(chance.choice(pids), signal.SIGKILL)
        hit[name] += 1
    acknowledged_after(writers, len(writers.acked))
    return hit


def check(directory, writers):
    """Nothing acknowledged is lost, nothing is there twice, everything verifies."""
    assert writers.failures == []
    keys = keys_of(directory)
    with closing(LedgerReader(directory, keys)) as reader:
        found = Counter(
            json.loads(row.groups[6])["id"]
            for row in reader.rows(0, reader.size)
            if row.type == LeafType.EVENT and row.event().envelope.source == "app"
        )
        assert writers.acked - found.keys() == set(), "acknowledged events are lost"
        assert [id_ for id_, count in found.items() if count > 1] == [], "events are there twice"
        assert found.keys() - writers.sent == set()
        own = [row.event() for row in reader.rows(0, reader.size) if row.type == LeafType.EVENT]
        false = [event.what for event in own if event.what.action == "integrity fault"]
        assert false == [], "validation saw faults that were none"
        assert compare(directory, keys, reader) == []
    verdict = verify_ledger(directory, keys=keys)
    assert verdict.ok, verdict.faults
    sequencer, lock = open_ledger(directory)
    assert sequencer.manifest.sealed > 0
    sequencer.close()
    lock.release()
    verdict = verify_ledger(directory, keys=keys)
    assert verdict.ok, verdict.faults
    return len(found)


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    """An empty ledger with one source; processes started in the test have small bounds."""
    monkeypatch.setenv("WHODID_KEYS", str(tmp_path / "keys"))
    small = str(Path(__file__).with_name("small"))
    known = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([small, known] if known else [small]))
    directory = tmp_path / "L"
    init_ledger(directory, origin="log.example/whodid/crash")
    return directory


# --- through the doors ---------------------------------------------------------------------------


def test_kill_any_process_of_the_server(ledger, monkeypatch, capfd):
    monkeypatch.setattr(children, "_BACKOFF_MAX_S", children._BACKOFF_S)
    sequencer, lock = open_ledger(ledger)
    sequencer.declare_source("app", "json", "app")
    sequencer.close()
    lock.release()
    keys = keys_of(ledger).state_keys()
    token = SourceTokens(ledger, keys).issue("app", "crash test")
    ann = Users(ledger, keys).add("ann", None, "investigator")
    reader = ReadTokens(ledger, keys).issue(ann, "crash test")
    verify = VerifySettings(busy_share=1.0)
    server = Supervisor(ledger, Settings(server=ServerSettings(port=0), verify=verify))
    ended = threading.Event()

    def watch():
        while not ended.wait(0.05):
            for child in server._children:
                server._watch(child)

    server.start()
    watcher = threading.Thread(target=watch)
    watcher.start()
    writers = HttpWriters(server.port, token).start()
    readers = Readers(ledger, server.port, reader).start()
    names = ("sequencer", "door", "follower", "faces", "detector", "validator")
    try:
        hit = kill_at_random(writers, names, server.pids, KILLS)
        settle(server.pids, ledger)
        readers.wait()
        writers.stop()
        report = round_after(ledger, system_clock())
        assert report.faults == []
        assert report.last.ok
    finally:
        writers.stop()
        readers.stop()
        ended.set()
        watcher.join()
        server.end()
    output = capfd.readouterr()
    said = output.out + output.err
    print(f"{dict(hit)}; {len(writers.acked)} events; {check(ledger, writers)} stored")
    print(said)
    assert tracebacks(said) == []
    assert set(re.findall(r"ended with status (-?\d+)", said)) <= {str(-signal.SIGKILL)}


def tracebacks(said):
    """Return those of our own code.

    A process of a pool whose parent is killed before it has said what to do ends with one, too.
    """
    parts = said.split("Traceback (most recent call last)")[1:]
    return [part for part in parts if "in spawn_main" not in part or _OWN_FRAME(part)]


def settle(pids, directory):
    """Wait until the follower has sealed and indexed for a while, all processes living."""
    deadline = time.monotonic() + RECOVERY_S
    client = SequencerClient(directory, "door", retry_s=RECOVERY_S)
    with closing(client):
        while client.status().sealed == 0:
            assert time.monotonic() < deadline, "nothing is sealed"
            time.sleep(0.1)
    while not all(pids(name) for name in ("sequencer", "door", "follower", "faces", "validator")):
        assert time.monotonic() < deadline, "a process does not come back"
        time.sleep(0.1)


def test_kill_the_supervisor(ledger, tmp_path):
    """Its processes end with it, however it ends, and the next server goes on."""
    sequencer, lock = open_ledger(ledger)
    sequencer.declare_source("app", "json", "app")
    sequencer.close()
    lock.release()
    token = SourceTokens(ledger, keys_of(ledger).state_keys()).issue("app", "crash test")
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from whodid.cli import main; main()", "serve"]
    command += ["--dir", str(ledger), "--port", str(port)]
    writers = HttpWriters(port, token).start()
    chance = random.Random(SEED)
    with (tmp_path / "said").open("wb") as said:
        for _ in range(max(3, KILLS // 20)):
            server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
            try:
                acknowledged_after(writers, len(writers.acked))
                time.sleep(chance.random() * 2)
            finally:
                server.kill()
                server.wait()
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            acknowledged_after(writers, len(writers.acked))
            writers.stop()
            assert round_after(ledger, system_clock()).faults == []
        finally:
            writers.stop()
            server.terminate()
            server.wait(RECOVERY_S)
    deadline = time.monotonic() + RECOVERY_S
    while served_by(ledger):  # those of a server that was killed notice by themselves
        assert time.monotonic() < deadline, "processes outlive their server"
        time.sleep(0.1)
    text = (tmp_path / "said").read_text()
    print(f"{len(writers.acked)} events; {check(ledger, writers)} stored")
    # A door whose sequencer went with the supervisor gives its requests up, and says so.
    assert "nobody caught" not in text, text


def served_by(directory):
    """Return the ids of the processes that serve this ledger."""
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit():
                words = (folder / "cmdline").read_bytes().decode().split("\0")
                if "whodid.serve" in words and str(directory) in words:
                    found.append(int(folder.name))
    return found


# --- through the sequencer's socket --------------------------------------------------------------


class Processes:
    """The sequencer and the follower alone, started again whenever they end."""

    def __init__(self, directory):
        self.directory = directory
        self.running = {}
        self.statuses = Counter()
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch)

    def start(self):
        for name in ("sequencer", "follower"):
            self._spawn(name)
        self.thread.start()
        return self

    def _spawn(self, name):
        command = [sys.executable, "-m", "whodid.serve", name, "--dir", str(self.directory)]
        self.running[name] = process = subprocess.Popen(command, stdin=subprocess.PIPE)
        tell(process.stdin, Settings())

    def _watch(self):
        while not self.ended.wait(0.02):
            with self.lock:
                for name, process in list(self.running.items()):
                    if process.poll() is not None:
                        process.stdin.close()
                        self.statuses[process.returncode] += 1
                        self._spawn(name)

    def victims(self, name):
        with self.lock:
            process = self.running[name]
            return [process.pid] if process.poll() is None else []

    def end(self):
        self.ended.set()
        self.thread.join()
        for name in ("follower", "sequencer"):
            process = self.running[name]
            process.stdin.close()
            process.wait(RECOVERY_S)


def test_kill_the_sequencer_and_the_follower(ledger, capfd):
    processes = Processes(ledger).start()
    admin = SequencerClient(ledger, "admin", retry_s=RECOVERY_S)
    with closing(admin):
        source = admin.declare_source("app", "json", "app")
    writers = SocketWriters(ledger, keys_of(ledger), source).start()
    try:
        names = ("sequencer", "follower")
        hit = kill_at_random(writers, names, processes.victims, max(3, KILLS // 4))
        settle(lambda _: [1], ledger)
    finally:
        writers.stop()
        processes.end()
    output = capfd.readouterr()
    print(f"{dict(hit)}; {len(writers.acked)} events; {check(ledger, writers)} stored")
    print(output.out + output.err)
    assert tracebacks(output.err) == []
    assert set(processes.statuses) <= {-signal.SIGKILL}


def test_two_servers_on_one_ledger(ledger):
    """The second refuses and says so; the first goes on."""
    processes = Processes(ledger).start()
    admin = SequencerClient(ledger, "admin", retry_s=RECOVERY_S)
    with closing(admin):
        admin.status()
        command = [sys.executable, "-m", "whodid.serve", "sequencer", "--dir", str(ledger)]
        second = subprocess.run(
            command, check=False, input="{}\n", capture_output=True, text=True, timeout=RECOVERY_S
        )
        assert second.returncode == 78
        assert "another process writes to this ledger" in second.stderr
        assert admin.status().stopped is None
    processes.end()
