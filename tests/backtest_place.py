"""A ledger, who fills it and who looks over its history."""

from whodid.app.answer import Caller
from whodid.app.backtesting import Backtesting
from whodid.app.own import OwnEvents
from whodid.app.rows import RowMaker
from whodid.index.follower import Follower
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.reader import LedgerReader
from whodid.ledger.sealer import Sealer
from whodid.query.rights import EVERYTHING
from whodid.sources.intake import Delivery

ROOT = Caller("root", "cli", rights=EVERYTHING)


class Place:
    """A ledger, who fills it and who asks it."""

    def __init__(self, directory, keys, port, clock):
        self.directory, self.keys, self.port, self.clock = directory, keys, port, clock
        for name, kind in (("trail", "cloudtrail"), ("crm", "json"), ("fast", "json")):
            port.declare_source(name, kind, name)
        self.builder = BatchBuilder(keys.ledger_id, keys.public_kek())
        self.maker = RowMaker(keys.identity_root(), port.sources)

    def send(self, events):
        rows = [
            row
            for source, record, received_us in events
            for row in self.maker.make(Delivery(source, [record], received_us)).rows
        ]
        for start in range(0, len(rows), 250):
            self.port.submit(self.builder.build(rows[start : start + 250]))

    def index(self, *, rows=512):
        reader = LedgerReader(self.directory, self.keys)
        size = self.port.status().size
        sealer = Sealer(reader, self.keys, self.port.seal, self.clock)
        while sealer.run_once(size, force=True):
            pass
        follower = Follower(self.directory, self.keys, reader, segment_rows=rows)
        while follower.step(size - 50):  # the last ones are read from the write-ahead log
            pass
        reader.close()

    def backtesting(self):
        own = OwnEvents(self.port, self.builder, self.keys.identity_root(), self.clock)
        return Backtesting(self.directory, self.keys, self.port, own, self.clock)

    def own_events(self):
        reader = LedgerReader(self.directory, self.keys)
        events = [row.event() for row in reader.rows(0, self.port.status().size)]
        reader.close()
        return [e for e in events if e is not None and e.envelope.source == "whodid"]
