"""How sources are doing: rates, lags, clocks, gaps and silence."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest

from whodid.app.answer import Caller, SourceInfo
from whodid.app.intake import LedgerIntake
from whodid.app.reading import LedgerReading
from whodid.app.rows import RowMaker
from whodid.app.source_state import Gaps, SourceState, state_document
from whodid.index.follower import Follower
from whodid.index.lags import Way
from whodid.index.rhythm import MINUTES, Rhythm, rhythm_of
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.reader import LedgerReader
from whodid.query.rights import EVERYTHING, NOTHING, rights
from whodid.sources.intake import Delivery

ALL = Caller("ada", "api", rights=EVERYTHING)
HOUR_US = 3_600_000_000
SECOND_US = 1_000_000


class Log:
    def __init__(self, directory, keys, port, clock):
        self.directory, self.keys, self.port, self.clock = directory, keys, port, clock
        self.intake = LedgerIntake(
            RowMaker(keys.identity_root(), port.sources),
            BatchBuilder(keys.ledger_id, keys.public_kek()), port,
        )  # fmt: skip
        for name in ("shop", "hr", "empty"):
            port.declare_source(name, "json", name)
        self.reading = LedgerReading(directory, keys, port, clock)

    def send(self, source, *records):
        """Records of (seconds on the way, further fields); the clock goes on by a second."""
        self.clock.now_us += SECOND_US
        now = datetime.fromtimestamp(self.clock.now_us // SECOND_US, UTC)
        data = []
        for way, more in records:
            record = {"userId": "alice", "action": "READ", **more}
            if way is not None:
                record["timestamp"] = (now - timedelta(seconds=way)).isoformat()
            data.append(msgspec.json.encode(record))
        self.intake.accept(Delivery(source, data, self.clock.now_us // SECOND_US * SECOND_US))

    def index(self):
        reader = LedgerReader(self.directory, self.keys)
        follower = Follower(self.directory, self.keys, reader)
        while follower.step(self.port.status().size):
            pass
        reader.close()

    def states(self, caller=ALL):
        return {state.info.name: state for state in self.reading.source_states(caller)}


@pytest.fixture
def log(directory, keys, port, clock):
    made = Log(directory, keys, port, clock)
    yield made
    made.reading._reader.close()


@pytest.mark.parametrize("indexed", [False, True])
def test_rate_and_way_of_the_last_hour(log, indexed):
    log.send("shop", *((5, {}) for _ in range(4)))
    log.clock.now_us += 3 * HOUR_US
    ways = [1, 2, 3, 4, 500]
    log.send("shop", *((way, {"resource": str(way)}) for way in ways), (None, {}))
    if indexed:
        log.index()
    found = log.states()
    shop = found["shop"]
    assert (shop.rhythm.hour, shop.rhythm.hours[-4:], shop.rhythm.week) == (6, [4, 0, 0, 6], 10)
    assert shop.heard_us == log.clock.now_us // SECOND_US * SECOND_US
    way = shop.way
    assert (way.events, way.median_us, way.p95_us, way.least_us, way.ahead) == (
        5, 3 * SECOND_US, 500 * SECOND_US, SECOND_US, 0,
    )  # fmt: skip
    assert shop.clock == "even"
    assert (found["empty"].rhythm, found["empty"].way, found["empty"].heard_us) == (None,) * 3
    assert found["hr"].clock is None


def test_clocks(log):
    log.send("shop", (-1, {}), (-3, {}), (-60, {}), (10, {}))
    log.send("hr", (301, {}), (9000, {}))
    found = log.states()
    assert (found["shop"].clock, found["shop"].way.ahead) == ("ahead", 2)
    assert found["shop"].way.least_us == -60 * SECOND_US
    assert found["hr"].clock == "behind or late"


def test_gaps_where_a_source_numbers_its_events(log):
    log.send("shop", *((1, {"epoch": 7, "seq": n}) for n in (1, 2, 5, 6, 9, 8)))
    log.index()
    log.send("shop", *((1, {"epoch": 7, "seq": n}) for n in (10, 12)),
             *((1, {"epoch": 8, "seq": n}) for n in (1, 2)))  # fmt: skip
    log.send("hr", (1, {}))
    found = log.states()
    assert found["shop"].gaps == Gaps(10, 3, 4)  # 3 4, 7, 11
    assert found["hr"].gaps == Gaps(0, 0, 0)
    log.clock.now_us += 25 * HOUR_US
    log.send("shop", (1, {"epoch": 8, "seq": 5}))
    assert log.states()["shop"].gaps == Gaps(1, 0, 0), "of the last 24 hours"


def test_rights_hold(log):
    log.send("shop", (1, {"userId": "alice", "epoch": 1, "seq": 1}),
             (99, {"userId": "bob", "epoch": 1, "seq": 3}))  # fmt: skip
    log.clock.now_us += SECOND_US
    log.send("hr", (1, {"userId": "bob"}))
    few = Caller("rita", "api", rights=rights("actor:alice", ["rows"]))
    found = log.states(few)
    assert set(found) == {"shop"}
    shop = found["shop"]
    assert (shop.info.events, shop.rhythm.hour, shop.way.events, shop.gaps) == (1, 1, 1, None)
    assert shop.way.p95_us == SECOND_US
    assert shop.heard_us is not None
    keeper = log.states(Caller("adam", "api", rights=NOTHING))
    assert keeper["shop"].gaps == Gaps(2, 1, 1), "who runs the place, but reads no event"


def test_it_is_an_event_and_the_sums_agree(log):
    log.send("shop", (1, {}), (2, {}))
    states = log.states()
    infos = {info.name: info for info in log.reading.sources(ALL)}
    for name in ("shop", "hr", "empty"):
        assert states[name].info == infos[name]
    found = log.reading.search(ALL, "service:whodid action:list").events
    assert [hit.event.what.resource_name for hit in found] == ["sources", "sources"]


def minutes(*heard):
    found = np.zeros(MINUTES, dtype=np.int64)
    for at in heard:
        found[at] += 1
    return found


def state(rhythm):
    info = SourceInfo("s", "json", "s", 0, 1, 0, 1)
    return SourceState(info, 1, rhythm, None, None)


@pytest.mark.parametrize(
    ("heard", "pause", "silent"),
    [
        (range(0, MINUTES, 30), 30, False),
        (range(0, MINUTES - 60, 30), 30, True),
        (range(0, MINUTES - 8, 2), 2, False),  # less than ten minutes are nothing
        (range(MINUTES - 300, MINUTES - 200, 5), None, False),  # known for less than a day
        ([0, 3000, 6000], None, False),  # too few
        ([*range(0, 3000, 60), *range(6000, 8000, 60)], 6000 - 2940, False),  # a weekend
        ([], None, False),
    ],
)
def test_silence_against_the_usual_pauses(heard, pause, silent):
    rhythm = rhythm_of(minutes(*heard))
    assert rhythm.pause_minutes == pause
    assert state(rhythm).silent is silent


def test_the_document_of_what_is_not_known():
    document = state_document(state(None))
    assert (document["last_hour"], document["silent"], document["lag"]) == (0, False, None)
    assert (document["clock"], document["sequence"], document["pause_seconds"]) == (None,) * 3
    known = state_document(
        msgspec.structs.replace(
            state(Rhythm(1, [1] * 24, 9, 90, 60)), way=Way(2, 1_500_000, 2_000_000, -1, 0)
        )
    )
    assert (known["silent"], known["silent_seconds"], known["pause_seconds"]) == (True, 5400, 3600)
    assert known["lag"]["median_seconds"] == 1.5
    assert known["clock"] == "even"
