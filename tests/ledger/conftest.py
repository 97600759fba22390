"""A small ledger, made through the real path, and hands that alter it."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from ledger_kit import Hand
from ledger_served import Served
from whodid.errors import WhodidError
from whodid.event import (
    EMPTY_CONTENT,
    EMPTY_CONTEXT,
    Envelope,
    Event,
    What,
    When,
    Where,
    Who,
    encode_groups,
)
from whodid.ledger.batch import BatchBuilder, Row, parse_batch
from whodid.ledger.keys import KeyFolder
from whodid.ledger.leaf import LeafFlag, LeafType
from whodid.ledger.opening import Settings, init_ledger, keys_of, open_ledger
from whodid.ledger.reader import LedgerReader
from whodid.ledger.sealer import Sealer
from whodid.ledger.tags import Tagger, domain_key
from whodid.ledger.verify import verify_ledger

START_US = 4_000_000_000_000_000  # later than the real clock, which made the ledger


class Clock:
    """A clock that a test moves; a millisecond a look."""

    def __init__(self):
        self.now = START_US

    def __call__(self):
        self.now += 1000
        return self.now


class SmallLedger:
    """A ledger in `directory`, its keys below `keys_root`; open for writing between calls."""

    def __init__(self, folder: Path, origin="log.example/whodid/test", wal_file_bytes=1 << 15):
        self.directory = folder / "L"
        self.keys_root = folder / "keys"
        self.clock = Clock()
        self.settings = Settings(wal_file_bytes=wal_file_bytes, free_bytes_min=0)
        init_ledger(self.directory, origin=origin, keys_root=self.keys_root)
        first = self.directory / "wal" / f"{1:016d}"
        os.truncate(first, wal_file_bytes)  # made in the default size; the rest is zeros
        self.keys = keys_of(self.directory, self.keys_root)
        self.sequencer = None
        self.next = 0

    def open(self):
        self.sequencer, self._lock = open_ledger(
            self.directory, keys_root=self.keys_root, clock=self.clock, settings=self.settings
        )
        self.builder = BatchBuilder(self.keys.ledger_id, self.keys.public_kek())
        return self.sequencer

    def close(self):
        if self.sequencer is not None:
            self.sequencer.close()
            self._lock.release()
            self.sequencer = None

    def row(self, source, number, *, flags=int(LeafFlag.SEQ_SENDER), seq=None, raw=None, class_=0):
        tagger = Tagger(domain_key(self.keys.identity_root(), source.domain))
        raw = raw or b'{"n":%d,"pad":"%s"}' % (
            number, hashlib.sha256(b"%d" % number).hexdigest().encode(),
        )  # fmt: skip
        event = Event(
            When(f"018c0000-0000-7000-8000-{number:012d}", START_US, START_US + number),
            Who(actor_id=f"user-{number % 7}"),
            What("read", "read", "file", f"file-{number % 11}", outcome="success"),
            Where("192.0.2.7"),
            EMPTY_CONTEXT,
            EMPTY_CONTENT,
            raw,
            Envelope(source.name, "json", 1, "client", str(number)),
        )
        return Row(
            int(LeafType.EVENT), flags, class_, source.source_id, 1,
            number if seq is None else seq, tagger.identity(1, str(number).encode()),
            tagger.content(raw), encode_groups(event),
        )  # fmt: skip

    def source(self, name="app", class_=0):
        return self.sequencer.declare_source(name, "json", name, class_)

    def add(self, count, *, rows_each=20, source="app"):
        """Append events of new numbers."""
        sender = self.source(source)
        numbers = range(self.next, self.next + count)
        self.next += count
        for start in range(0, count, rows_each):
            self.commit([self.row(sender, n) for n in numbers[start : start + rows_each]])

    def commit(self, rows):
        return self.commit_batch(self.builder.build(rows))

    def commit_batch(self, data):
        [receipt] = self.sequencer.commit([parse_batch(data)])
        if isinstance(receipt, WhodidError):
            raise receipt
        return receipt

    def seal(self):
        """Seal everything that is durable, also partial units."""
        self.sequencer.publish(keep=True)
        reader = LedgerReader(self.directory, self.keys)
        sealer = Sealer(reader, self.keys, self.sequencer.seal, self.clock)
        try:
            while sealer.run_once(self.sequencer.size, force=True):
                pass
        finally:
            reader.close()
        assert sealer.mismatches == []

    def verify(self, directory=None, **options):
        options.setdefault("keys", self.keys)
        return verify_ledger(directory or self.directory, processes=1, **options)

    def copy(self, folder: Path):
        """Return a copy of DIR as it is."""
        shutil.copytree(self.directory, folder, ignore=shutil.ignore_patterns("sock"))
        return folder


@pytest.fixture
def tmp_path():
    """A folder in memory where there is one: these tests sync a lot, and none needs a real disk."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 1 << 30
    with tempfile.TemporaryDirectory(dir=memory if roomy else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def make_ledger():
    """The class, for tests that need a ledger of their own."""
    return SmallLedger


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """Closed and never changed by a test: two sealed ranges, a write-ahead tail of two files."""
    ledger = SmallLedger(tmp_path_factory.mktemp("sample"))
    ledger.open()
    ledger.add(70)
    ledger.seal()
    ledger.add(300, source="other")
    ledger.seal()
    ledger.add(300)
    ledger.close()
    return ledger


@pytest.fixture
def copy(sample, tmp_path):
    """A copy of the sample to alter."""
    return sample.copy(tmp_path / "copy")


@pytest.fixture
def key_folder(sample, tmp_path):
    """A copy of the sample's key folder to alter."""
    root = tmp_path / "keys"
    shutil.copytree(sample.keys_root, root)
    return KeyFolder(sample.keys.ledger_id, root)


def flip(path: Path, offset: int, mask: int = 1) -> None:
    """Change bits of one byte."""
    data = bytearray(path.read_bytes())
    data[offset] ^= mask
    path.write_bytes(data)


@pytest.fixture(name="flip", scope="session")
def flip_fixture():
    return flip


@pytest.fixture
def served(tmp_path):
    """Yield a running sequencer behind its socket."""
    hand = Hand(tmp_path).open()
    served = Served(hand)
    yield served
    for client in served.clients:
        client.close()
    served.stop()
    hand.close()
