"""A ledger long enough for ranges, and those who map it."""

import pytest
from tests.index.conftest import EventLog, make_events

from whodid.app.answer import Caller
from whodid.app.reading import LedgerReading
from whodid.index.ranges.maker import RangeMaker
from whodid.ledger.local import LocalSequencer
from whodid.ledger.reader import LedgerReader
from whodid.query.rights import EVERYTHING

CALLER = Caller("auditor", "cli", rights=EVERYTHING)
BATCH = 2_000


class MappedLog:
    """An `EventLog` with an index, and the maps of its ranges."""

    def __init__(self, folder, count):
        self.log = EventLog(folder)
        for start in range(0, count, BATCH):
            size = min(BATCH, count - start)
            self.log.append(make_events(size, 100 + start, sources=("app", "db", "whodid")))
        self.log.seal()
        self.directory, self.keys = self.log.directory, self.log.keys
        self.port = LocalSequencer(self.log.sequencer, self.log._lock)

    def maker(self):
        self.log.size = self.log.reader.refresh()
        follower = self.log.index()
        self.port.publish()
        return RangeMaker(
            self.directory, self.keys, LedgerReader(self.directory, self.keys), follower, self.port
        )

    def map(self):
        """Make all maps that can be made; return the maker."""
        maker = self.maker()
        while maker.step():
            pass
        return maker

    def named(self):
        """Return (index, tail) of the entries that name ranges."""
        reader = LedgerReader(self.directory, self.keys)
        leaves = ((i, reader.leaf_bytes(i)) for i in range(reader.size))
        return [(i, leaf[94:]) for i, leaf in leaves if leaf[1] == 4]

    def reading(self):
        return LedgerReading(self.directory, self.keys, self.port, self.log._now.__next__)

    def prove(self, text, **options):
        return self.reading().prove(CALLER, text, **options)


@pytest.fixture(scope="session")
def mapped(tmp_path_factory):
    """Two ranges of 4,096, and a few hundred entries behind them. Not to be altered."""
    found = MappedLog(tmp_path_factory.mktemp("mapped"), 8_700)
    found.map()
    yield found
    found.log.close()


@pytest.fixture
def mapping(tmp_path):
    """One range of 4,096 entries, whose map is not made yet."""
    found = MappedLog(tmp_path, 4_200)
    yield found
    found.log.close()
