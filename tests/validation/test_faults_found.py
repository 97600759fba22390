"""A running server whose files are altered: found within one round, named, told; mended, forgotten.

Every kind of file that is in the folder of a small ledger, each altered in place under the running
processes; hash tiles, which only a large ledger has, are with `tests/ledger/test_verify_tree.py`.
"""

import json
import os
import shutil
import sqlite3
import threading
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from running_server import RunningServer, wait_until
from whodid.ledger.opening import keys_of
from whodid.validation.report_file import ReportFiles

pytestmark = pytest.mark.slow

_REWRITTEN = {"checkpoint", "head"}
_SETTING, _OTHER = b"jsonapp", b"jsonapq"  # format and domain of the source `app`


class Victim:
    """A server, its report, and hands that alter a file and put it back as it was."""

    def __init__(self, folder):
        self.server = RunningServer(folder).init()
        eager, known = str(Path(__file__).with_name("eager")), self.server.env.get("PYTHONPATH")
        self.server.env |= {
            "WHODID_VERIFY_BUSY_SHARE": "1",
            "PYTHONPATH": os.pathsep.join([eager, known] if known else [eager]),
            # What is sealed in the midst of a test writes the manifest and the keys anew.
            "WHODID_LEDGER_SEAL_AFTER_SECONDS": "86400",
        }  # fmt: skip
        self.directory = self.server.directory
        self.server.run("source", "add", "app", "--format", "json")
        self.writer = self.server.token("--source", "app")
        self.reader = self.server.token("--user", "ann")
        self.older = folder / "older"
        self.server.start()
        self.files = ReportFiles(self.directory, keys_of(self.directory, folder / "keys"))
        self.post(0, 700)
        wait_until(lambda: self.first("leaves"), "a unit is sealed")
        self.older.mkdir()
        for name in ("checkpoint", "manifest", "keys.db"):
            shutil.copy(self.directory / name, self.older)
        self.post(700, 1500)
        wait_until(lambda: len(self.all("leaves")) > 1, "another unit is sealed")
        self.post(1500, 1560)  # the tests' own events do not fill the next one
        wait_until(lambda: len(self.all("leaves")) > 2, "and a third")

    def post(self, start, end):
        rows = [
            json.dumps({
                "id": f"e{n}", "timestamp": "2026-11-22T10:00:00Z", "userId": f"u{n % 9}",
                "action": "READ", "resource": f"file-{n}",
            })
            for n in range(start, end)
        ]  # fmt: skip
        headers = {"Content-Type": "application/x-ndjson"}
        with self.server.client(self.writer) as client:
            answer = client.post("/v1/events", content="\n".join(rows), headers=headers)
        assert answer.json()["accepted"] == end - start

    def health(self):
        with self.server.client() as client:
            return client.get("/healthz").json()

    def quiet(self):
        """Wait until all is signed: a checkpoint that is altered before would be written anew."""

        def signed():
            health = self.health()
            return health["size"] == health["published"]

        wait_until(signed, "everything is signed")

    def all(self, folder):
        return sorted((self.directory / folder).iterdir())

    def first(self, folder):
        return next(iter(self.all(folder)), None)

    def round(self):
        """Ask for a round and return the report at its end."""

        def ended():
            report = self.files.report()  # none before the first round's first step
            return report.last.finished_us if report and report.last else 0

        before = ended()
        self.files.ask()
        wait_until(
            lambda: ended() > before and not self.files.report().doing and not self.files.asked(),
            "a round ends",
        )
        return self.files.report()

    def found(self):
        """Return the report of the first round that finds something, of twenty.

        One may begin just when the server has put a whole file in the place of the altered one.
        """
        for _ in range(20):
            report = self.round()
            if report.faults:
                break
        return report

    def counted(self):
        """Tell whether the metrics, which may be older, have the faults of the report."""
        with self.server.client() as client:
            told = client.get("/metrics").text.splitlines()
        return f"whodid_verify_faults {len(self.files.report().faults)}" in told

    def told(self):
        """Return the fault events: (file, words), once all that is stored can be found."""

        def current():
            health = self.health()
            return health["size"] - health["indexed"] < 3  # the look itself is an event

        wait_until(current, "what is stored is indexed")
        query = {"q": 'service:whodid action:"integrity fault"', "limit": 1000}
        with self.server.client(self.reader) as client:
            found = client.get("/v1/search", params=query).json()
        return [(event.get("resource.name"), event["reason"]) for event in found["events"]]


@pytest.fixture(scope="module")
def victim(tmp_path_factory):
    found = Victim(tmp_path_factory.mktemp("victim"))
    yield found
    found.server.stop()


def in_place(path, data):
    """Write as somebody would who wants to be seen by nobody: same file, same inode."""
    with path.open("r+b") as file:
        file.truncate(len(data))
        file.write(data)


@contextmanager
def insisting(path, data):
    """Alter it again whenever the server has written it anew, as it does with each entry."""
    done = threading.Event()

    def again():
        while not done.wait(0.05):
            with suppress(OSError):
                if data is None:
                    path.unlink(missing_ok=True)
                elif path.read_bytes() != data:
                    path.write_bytes(data)

    thread = threading.Thread(target=again)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def bytes_back(path, before, after):
    """Put altered bytes back, where they are still as altered."""
    with path.open("r+b") as file:
        for at in (at for at in range(len(before)) if before[at] != after[at]):
            file.seek(at)
            if file.read(1) == after[at : at + 1]:
                file.seek(at)
                file.write(before[at : at + 1])


def keys_back(path, before):
    """Put the keys back that an older file lacks; a block was sealed meanwhile, and has its own."""
    whole = path.with_name("keys.whole")
    whole.write_bytes(before)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("ATTACH ? AS whole", (str(whole),))
        db.execute("INSERT OR IGNORE INTO data_keys SELECT * FROM whole.data_keys")
    whole.unlink()


def flipped(data):
    at = len(data) * 2 // 3
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


KINDS = {
    "leaves, a flipped byte": ("leaves", "flip"),
    "leaves, cut": ("leaves", "cut"),
    "leaves, gone": ("leaves", "gone"),
    "payload, a flipped byte": ("payload", "flip"),
    "payload, cut": ("payload", "cut"),
    "payload, gone": ("payload", "gone"),
    "payload, another one": ("payload", "swap"),
    "checkpoint, a flipped byte": ("checkpoint", "flip"),
    "checkpoint, an older one": ("checkpoint", "older"),
    "checkpoint, gone": ("checkpoint", "gone"),
    "checkpoints.log, a flipped byte": ("checkpoints.log", "flip"),
    "checkpoints.log, gone": ("checkpoints.log", "gone"),
    "manifest, a flipped byte": ("manifest", "flip"),
    "manifest, an older one": ("manifest", "older"),
    "keys.db, an older one": ("keys.db", "older"),
    "keys.db, cut": ("keys.db", "cut"),
    "state.db, another setting": ("state.db", "setting"),
    "wal, a flipped byte": ("wal", "wal"),
    "identity, a flipped byte": ("identity", "flip"),
    "head, a flipped byte": ("head", "flip"),
}


def altered(victim, name, how):
    """Return (path, its bytes now, its bytes altered or None for: gone)."""
    folder = victim.directory if name != "head" else next((victim.server.folder / "keys").iterdir())
    path = folder / name
    if path.is_dir():
        path = victim.first(name)
    data = path.read_bytes()
    match how:
        case "flip":
            return path, data, flipped(data)
        case "cut":
            return path, data, data[: len(data) // 2]
        case "gone":
            return path, data, None
        case "swap":
            return path, data, victim.all(name)[1].read_bytes()
        case "older":
            older = (victim.older / name).read_bytes()
            assert older != data
            return path, data, older
        case "setting":
            assert data.count(_SETTING) == 1
            return path, data, data.replace(_SETTING, _OTHER)
    for path in victim.all("wal"):  # the last record, which is not sealed
        data = path.read_bytes()
        end = len(data.rstrip(b"\0"))
        if path.name.isdigit() and end > 4096 and end < len(data):
            return path, data, data[: end - 200] + bytes([data[end - 200] ^ 1]) + data[end - 199 :]
    raise AssertionError("no write-ahead file has room")


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_found_named_told_and_forgotten(victim, kind):
    name, how = KINDS[kind]
    known = len(victim.told())
    victim.quiet()
    path, before, after = altered(victim, name, how)
    if after is None:
        path.unlink()
    else:
        in_place(path, after)
    try:
        if name in _REWRITTEN:
            with insisting(path, after):
                report = victim.found()
        else:
            report = victim.round()
        where = [fault.where for fault in report.faults]
        wait_until(victim.counted, "the metrics tell how many faults stand")
    finally:
        if how in {"wal", "setting"}:  # the server may have written beside it
            bytes_back(path, before, after)
        elif not path.exists() or path.read_bytes() == after:  # else it was written anew
            path.write_bytes(before) if after is None else in_place(path, before)
        elif name == "keys.db":
            keys_back(path, before)
    named = "head (key folder)" if name == "head" else path.relative_to(victim.directory).as_posix()
    if (name, how) == ("keys.db", "older"):  # what is not in it is missed by what needs it
        assert all("is not in keys.db" in fault.problem for fault in report.faults)
        named = where[0]
    assert any(found == named or named.startswith(found) for found in where), where
    assert not report.last.ok or how == "older"
    wait_until(lambda: victim.round().faults == [], "it is forgotten once it is mended")
    told = victim.told()[: -known or None]  # the newest first
    assert any(found in (named, named.partition("/")[0]) for found, _ in told), told
    assert len(told) == len(set(told))
