"""A ledger in a test's hand: appended to, killed, opened again, and compared with what was said.

`FaultyDisk` makes one call of the durable path fail: *lost* (nothing of it is on the disk), *torn*
(a part of it), *kept* (all of it, but the caller is told that it failed).
"""

import contextlib
import errno
import os
import re
from collections import Counter
from hashlib import sha256

from whodid.errors import WhodidError
from whodid.event import (
    EMPTY_CONTENT,
    EMPTY_CONTEXT,
    EMPTY_WHERE,
    Envelope,
    Event,
    What,
    When,
    Who,
    encode_groups,
)
from whodid.ledger.batch import BatchBuilder, Row, parse_batch
from whodid.ledger.leaf import LeafFlag, LeafType
from whodid.ledger.opening import Settings, init_ledger, keys_of, open_ledger
from whodid.ledger.reader import LedgerReader
from whodid.ledger.sealer import Sealer
from whodid.ledger.tags import Tagger, domain_key
from whodid.merkle.checkpoint import parse_body, parse_note
from whodid.merkle.tree import root_of
from whodid.storage.posix import PosixDisk

START_US = 4_000_000_000_000_000  # behind any real clock
MODES = ("lost", "torn", "kept")


class Clock:
    """A clock that a test moves; each look is one µs later."""

    def __init__(self, now_us=START_US):
        self.now_us = now_us

    def __call__(self):
        self.now_us += 1
        return self.now_us


class FaultyDisk(PosixDisk):
    """A disk on which the call (kind, path pattern) that a test names fails once."""

    def __init__(self, free_bytes=1 << 40):
        self.calls = Counter()
        self.free = free_bytes
        self._armed = None
        self._written = {}

    def arm(self, kind, pattern="", mode="lost", error=errno.EIO, times=1):
        self._armed = [kind, re.compile(pattern), mode, error, times]

    @property
    def spent(self):
        return self._armed is None

    def disarm(self):
        self._armed = None

    @contextlib.contextmanager
    def _call(self, kind, path, lost, torn):
        self.calls[kind] += 1
        if self._armed is None or self._armed[0] != kind or not self._armed[1].search(str(path)):
            yield True
            return
        mode, error = self._armed[2:4]
        self._armed[4] -= 1
        if not self._armed[4]:
            self._armed = None
        if mode == "kept":
            yield True
        else:
            (torn if mode == "torn" else lost)()
            yield False
        raise OSError(error, f"{os.strerror(error)} (as the test wants, {mode})")

    def create(self, path, data, mode=0o600):
        def torn():
            path.with_name(path.name + ".tmp").write_bytes(data[: len(data) // 2])

        with self._call("create", path, lambda: None, torn) as go:
            if go:
                super().create(path, data, mode)

    def rename(self, old, new):
        with self._call("rename", new, lambda: None, lambda: None) as go:
            if go:
                super().rename(old, new)

    def remove(self, path):
        with self._call("remove", path, lambda: None, lambda: None) as go:
            if go:
                super().remove(path)

    def sync_folder(self, folder):
        with self._call("sync_folder", folder, lambda: None, lambda: None) as go:
            if go:
                super().sync_folder(folder)

    def preallocate(self, path, size_bytes):
        def torn():
            path.with_name(path.name + ".tmp").write_bytes(bytes(size_bytes // 2))

        with self._call("preallocate", path, lambda: None, torn) as go:
            if go:
                super().preallocate(path, size_bytes)

    def write_at(self, fd, data, offset):
        def torn():
            os.pwrite(fd, data[: len(data) // 2], offset)

        old = os.pread(fd, len(data), offset)
        with self._call("write_at", _name(fd), lambda: None, torn) as go:
            if go:
                self._written.setdefault(fd, []).append((offset, old, len(data)))
                super().write_at(fd, data, offset)

    def sync_data(self, fd):
        written = self._written.pop(fd, [])

        def restore(share):
            for offset, old, size in reversed(written):
                keep = int(size * share)
                os.pwrite(fd, old[keep:].ljust(size - keep, b"\0"), offset + keep)

        name = _name(fd)
        with self._call("sync_data", name, lambda: restore(0), lambda: restore(0.5)) as go:
            if go:
                super().sync_data(fd)

    def free_bytes(self, folder):
        return self.free


def _name(fd):
    return os.readlink(f"/proc/self/fd/{fd}")


class Hand:
    """One ledger and all that was said about it.

    `sent` is every batch (bytes) by the numbers of its rows; `acked` counts how often a receipt
    said that a number was accepted; `notes` are the published checkpoints.
    """

    def __init__(self, folder, wal_file_bytes=1 << 15, **settings):
        self.directory = folder / "L"
        self.keys_root = folder / "keys"
        self.clock = Clock()
        settings = {"free_bytes_min": 0, "lock_wait_s": 0.0} | settings
        self.settings = Settings(wal_file_bytes=wal_file_bytes, **settings)
        init_ledger(
            self.directory, origin="log.example/whodid/hand", keys_root=self.keys_root,
            clock=self.clock, settings=self.settings,
        )  # fmt: skip
        self.keys = keys_of(self.directory, self.keys_root)
        self.builder = BatchBuilder(self.keys.ledger_id, self.keys.public_kek())
        self.tagger = Tagger(domain_key(self.keys.identity_root(), "app"))
        self.sequencer = None
        self.disk = None
        self.sent = {}
        self.acked = Counter()
        self.notes = []

    # --- life ------------------------------------------------------------------------------------

    def open(self, disk=None):
        self.disk = disk or PosixDisk()
        self.sequencer, self.lock = open_ledger(
            self.directory, keys_root=self.keys_root, disk=self.disk, clock=self.clock,
            settings=self.settings,
        )  # fmt: skip
        self.source = self.sequencer.declare_source("app", "json", "app")
        return self

    def kill(self):
        """What `kill -9` leaves: the page cache."""
        if self.sequencer is not None:
            self.sequencer._p.wal.close()
            self.sequencer._p.state.close()
            self.lock.release()
            self.sequencer = None

    def close(self):
        if self.sequencer is not None:
            try:
                self.sequencer.close()
            finally:
                self.lock.release()
                self.sequencer = None

    def reopen(self, disk=None):
        self.kill()
        return self.open(disk)

    # --- appending -------------------------------------------------------------------------------

    def row(self, number, *, version=0, class_=0, identity=True, pad=0):
        raw = b'{"n":%d,"v":%d,"pad":"%s"}' % (number, version, os.urandom(pad).hex().encode())
        stable = b'{"n":%d,"v":%d}' % (number, version)
        event = Event(
            When(f"018c0000-0000-7000-8000-{number:012d}", START_US, START_US + number),
            Who(actor_id="alice"), What("read", "read"), EMPTY_WHERE, EMPTY_CONTEXT, EMPTY_CONTENT,
            raw, Envelope("app", "json", 1, "client", str(number)),
        )  # fmt: skip
        tag = self.tagger.identity(1, str(number).encode()) if identity else bytes(16)
        return Row(
            int(LeafType.EVENT), 0 if identity else int(LeafFlag.NO_IDENTITY), class_,
            self.source.source_id, 0, 0, tag, self.tagger.content(stable), encode_groups(event),
        )  # fmt: skip

    def batch(self, numbers, *, batch_id=None, **options):
        return self.builder.build([self.row(n, **options) for n in numbers], batch_id)

    def commit(self, *batches):
        """Commit batches as one group; return the answers."""
        return self.sequencer.commit([parse_batch(data) for data in batches])

    def add(self, numbers, **options):
        """Append events; raise what the sequencer answers. What it acknowledges is remembered."""
        numbers = list(numbers)
        data = self.batch(numbers, **options)
        self.sent[tuple(numbers)] = data
        return self.send(numbers, data)

    def fill(self, numbers):
        """Append so many bytes that write-ahead files are left behind."""
        for start in range(0, len(numbers), 50):
            self.add(numbers[start : start + 50], pad=100)

    def send(self, numbers, data):
        [answer] = self.commit(data)
        if isinstance(answer, WhodidError):
            raise answer
        for number in numbers:
            self.acked[number] = 1
        return answer

    def publish(self, **options):
        note = self.sequencer.publish(**options)
        self.notes.append(note)
        return note

    def sealer(self, disk=None):
        reader = LedgerReader(self.directory, self.keys)
        return Sealer(reader, self.keys, self.sequencer.seal, self.clock, disk)

    def seal(self, *, force=True, disk=None):
        """Seal what is durable; return the number of entries."""
        sealer = self.sealer(disk)
        count = 0
        try:
            while got := sealer.run_once(self.sequencer.size, force=force):
                count += got
        finally:
            sealer._reader.close()
        return count

    # --- checking --------------------------------------------------------------------------------

    def stored(self):
        """Return the raw records of all events, in order."""
        reader = LedgerReader(self.directory, self.keys)
        try:
            rows = list(reader.rows(0, reader.size))
        finally:
            reader.close()
        return [row.groups[6] for row in rows if row.type == LeafType.EVENT]

    def numbers(self):
        return [int(raw.split(b":")[1].split(b",")[0]) for raw in self.stored()]

    def roots(self):
        """Return the leaf hashes as a reader sees them."""
        reader = LedgerReader(self.directory, self.keys)
        try:
            return [sha256(b"\0" + row.leaf_bytes).digest() for row in reader.rows(0, reader.size)]
        finally:
            reader.close()

    def check(self):
        """No acknowledged event is lost, none is there twice, all that was signed still holds."""
        count = Counter(self.numbers())
        assert {n: count[n] for n in self.acked} == dict(self.acked)
        assert max(count.values(), default=1) == 1
        hashes = self.roots()
        assert self.sequencer.size == len(hashes)
        assert self.sequencer._p.tree.root() == root_of(hashes)
        for note in self.notes:
            head = parse_body(parse_note(note.encode())[0])
            assert head.size <= len(hashes)
            assert root_of(hashes[: head.size]) == head.root

    def resend(self):
        """Send everything again, each batch with its own id; nothing may be stored twice."""
        for numbers, data in self.sent.items():
            self.send(numbers, data)
