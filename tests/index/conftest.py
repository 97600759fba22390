"""A ledger of events that a test makes up, and those who index and search it."""

import itertools
import random
import shutil

import pytest

from whodid.event import (
    EMPTY_CONTENT,
    Change,
    Content,
    Context,
    Envelope,
    Event,
    Redaction,
    What,
    When,
    Where,
    Who,
    encode_groups,
)
from whodid.index.evaluate import states_of
from whodid.index.follower import Follower
from whodid.index.search import Searcher
from whodid.ledger.batch import BatchBuilder, Row, parse_batch
from whodid.ledger.leaf import LeafFlag, LeafType
from whodid.ledger.opening import Settings, init_ledger, keys_of, open_ledger
from whodid.ledger.reader import LedgerReader
from whodid.ledger.sealer import Sealer
from whodid.ledger.tags import Tagger, domain_key
from whodid.query.match import matcher
from whodid.query.own import is_own

START_US = 4_000_000_000_000_000  # later than the real clock, which made the ledger


class StoredLog:
    """A ledger to read. `events` are all its events by index, `flags` their leaf flags."""

    def __init__(self, directory, keys, events, flags):
        self.directory = directory
        self.keys = keys
        self.events = events
        self.flags = flags
        self.size = LedgerReader(directory, keys).size

    def copy(self, folder):
        shutil.copytree(self.directory, folder / "L")
        return StoredLog(folder / "L", self.keys, self.events, self.flags)

    def follower(self, **settings):
        reader = LedgerReader(self.directory, self.keys)
        settings.setdefault("monotonic", itertools.count(0, 1000).__next__)
        return Follower(self.directory, self.keys, reader, **settings)

    def index(self, **settings):
        """Bring the index to the end with a new follower, and return it."""
        follower = self.follower(**settings)
        while follower.step(self.size):
            pass
        assert follower.behind(self.size) == 0
        return follower

    def searcher(self, **settings):
        reader = LedgerReader(self.directory, self.keys)
        settings.setdefault("monotonic", lambda: 0.0)
        return Searcher(self.directory, self.keys, reader, **settings)

    def index_files(self):
        return sorted((self.directory / "index").iterdir())

    def expected(self, node, *, own=True):
        """Return what a search must find: (time, index), newest first, by `query.match` alone."""
        now = []
        matches = matcher(node, lambda _: states_of(now[-1]))
        found = []
        for index, event in self.events.items():
            now.append(self.flags[index])
            if matches(event) and (own or not is_own(event)):
                time_us = event.when.received if event.when.time is None else event.when.time
                found.append((time_us, index))
        return sorted(found, reverse=True)


class EventLog(StoredLog):
    """A ledger open for writing."""

    def __init__(self, folder):
        directory = folder / "L"
        keys_root = folder / "keys"
        self._keys_root = keys_root
        self._settings = Settings(wal_file_bytes=1 << 20, free_bytes_min=0)
        init_ledger(
            directory,
            origin="log.example/whodid/test",
            keys_root=keys_root,
            settings=self._settings,
        )
        keys = keys_of(directory, keys_root)
        super().__init__(directory, keys, {}, {})
        self._now = itertools.count(START_US, 1000)
        self._number = itertools.count()
        self._open()

    def _open(self):
        self.sequencer, self._lock = open_ledger(
            self.directory,
            keys_root=self._keys_root,
            clock=self._now.__next__,
            settings=self._settings,
        )
        self._builder = BatchBuilder(self.keys.ledger_id, self.keys.public_kek())
        self.reader = LedgerReader(self.directory, self.keys)

    def reopen(self):
        """Go on, after `close`, with what is in the folder now."""
        self._open()
        self.size = self.reader.size
        for table in (self.events, self.flags):
            for index in [index for index in table if index >= self.size]:
                del table[index]

    def append(self, events, *, class_=0, identity=None):
        """Commit events as one batch; `identity` makes all but the first conflicts."""
        rows = [self._row(event, class_, identity) for event in events]
        (receipt,) = self.sequencer.commit([parse_batch(self._builder.build(rows))])
        self.size = self.reader.refresh()
        for row in self.reader.rows(receipt.first, receipt.end):
            if row.event() is not None:
                self.events[row.index] = row.event()
                self.flags[row.index] = row.leaf().flags
        return receipt

    def _row(self, event, class_, identity):
        name = event.envelope.source
        # a source has one class: the same name in another class is another source to the ledger
        declared = f"{name}-{class_}" if class_ else name
        source = self.sequencer.declare_source(declared, "json", name, class_)
        tagger = Tagger(domain_key(self.keys.identity_root(), name))
        groups = encode_groups(event)
        flags = 0
        if event.envelope.quarantine is not None:
            flags |= LeafFlag.QUARANTINED
        if event.envelope.redactions:
            flags |= LeafFlag.REDACTED
        tag = tagger.identity(1, identity or b"%d" % next(self._number))
        content = tagger.content(b"".join(groups))
        return Row(
            int(LeafType.EVENT), int(flags), class_, source.source_id, 0, 0, tag, content, groups
        )  # fmt: skip

    def seal(self, *, force=False):
        sealer = Sealer(self.reader, self.keys, self.sequencer.seal, self._now.__next__)
        while sealer.run_once(self.size, force=force):
            pass

    def close(self):
        self.sequencer.close()
        self._lock.release()


@pytest.fixture(scope="session")
def mixed_log(tmp_path_factory):
    """Events in every place: two segments, sealed without a segment, write-ahead log; conflicts."""
    log = EventLog(tmp_path_factory.mktemp("mixed"))
    log.append(make_events(300, 1))
    log.append(make_events(40, 2), class_=1)
    log.append(make_events(3, 3, sources=("app",)), identity=b"the same")
    log.index()
    log.append(make_events(60, 4))
    log.index(segment_rows=1 << 20)
    log.seal(force=True)
    log.append(make_events(30, 5))
    log.seal(force=True)
    log.append(make_events(20, 6))
    log.append(make_events(20, 7))
    yield log
    log.close()


@pytest.fixture
def made():
    """The function that makes events up."""
    return make_events


@pytest.fixture
def event_log(tmp_path):
    log = EventLog(tmp_path)
    yield log
    log.close()


@pytest.fixture(scope="session")
def indexed_log(tmp_path_factory):
    """150 events in three segments."""
    log = EventLog(tmp_path_factory.mktemp("indexed"))
    log.append(make_events(100, 1))
    log.append(make_events(50, 2), class_=3)
    log.seal(force=True)
    assert log.index(segment_rows=64).findings == []
    log.close()
    return log


@pytest.fixture
def indexed(indexed_log, tmp_path):
    """A copy of it, of which anything may be altered."""
    return indexed_log.copy(tmp_path / "copy")


WORDS = (
    "alice", "Alice", "ALICE smith", "bob", "groß", "GROSS", "Kelvin \u212a", "über", "a*b",
    "", "x\0y", "10.0.0.1", 'quote"s', "back\\slash", "tab\tline\nend", "日本", "FILE_UPLOAD",
)  # fmt: skip
NUMBERS = (0, 1, 7, 1000, -1, 2**63 - 1, -(2**63), 2**70)


def uuid(number):
    return f"018c0000-0000-7000-8000-{number:012x}"


def make_events(count, seed=1, *, sources=("app", "db", "whodid")):
    """Return events with every field, many values in common, few times, some without one."""
    draw = random.Random(seed)
    return [_event(draw, seed * 1_000_000 + number, sources) for number in range(count)]


def _event(draw, number, sources):
    def some(values=WORDS):
        return draw.choice((None, None, *values))

    def several():
        return tuple(draw.choices(WORDS, k=draw.choice((0, 0, 1, 3))))

    who = Who(some(), some(), some(("user", "agent")), some(), some(), several())
    what = What(
        some(), some(("read", "create")), some(), some(), some(), several(), several(),
        some(("success", "denied")), some(), some(NUMBERS), some(NUMBERS),
    )  # fmt: skip
    addresses = ("10.0.0.1", "10.0.0.200", "::ffff:10.0.0.1", "2001:db8::1", "no address")
    where = Where(some(addresses), some(), some((22, 443)), some(), several())
    context = Context(
        some(), some(), some(), f"c{number}" if draw.random() < 0.5 else None, some(), some(),
        some(), some(NUMBERS),
    )  # fmt: skip
    content = EMPTY_CONTENT
    if draw.random() < 0.5:
        changes = (Change("email", some(), some()),) if draw.random() < 0.5 else ()
        content = Content(some(), changes, some(), several())
    raw = " ".join(draw.choices(WORDS, k=3)).encode()
    if draw.random() < 0.1:
        raw = b"\xff\xfe {\\u00fcber} \\x41lice"
    envelope = Envelope(
        draw.choice(sources), some(("json", "postgres")) or "auto", draw.choice((1, 2)),
        draw.choice(("none", "native")), some(), several(), some(),
        (Redaction(0, 3, "password"),) if draw.random() < 0.2 else (), some(),
    )  # fmt: skip
    time_us = draw.choice((None, *range(START_US, START_US + 8_000_000, 1_000_000)))
    when = When(uuid(number), START_US + draw.randrange(9) * 1_000_000, time_us, some())
    return Event(when, who, what, where, context, content, raw, envelope)
