"""Answers as of a size of the log: those of a log that never went on."""

import msgspec
import pytest

from whodid.app.answer import Caller
from whodid.app.chains import chains_document
from whodid.app.count_document import table_document
from whodid.app.document import answer_document
from whodid.app.intake import LedgerIntake
from whodid.app.reading import LedgerReading
from whodid.app.rows import RowMaker
from whodid.app.sql.answer import sql_document
from whodid.errors import AccessDeniedError, QueryError, UsageError
from whodid.index.follower import Follower
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.reader import LedgerReader
from whodid.merkle.checkpoint import parse_body, verify_note
from whodid.query.rights import EVERYTHING, NOTHING, rights
from whodid.sources.intake import Delivery

ALL = Caller("ada", "api", rights=EVERYTHING)
SEARCHES = ("", "actor:alice", "outcome:denied time:[2026-10-01 TO now]", "needle", "-actor:bob",
            "time:[now-30d TO now]", "actor:alice | sort -rows", "rows:>3 | limit 4")  # fmt: skip
TABLES = ("| stats by (actor) count(), max(time)", "needle | stats count()",
          "outcome:denied | stats by (resource) count() | sort -count")  # fmt: skip
CHAINS = ("time:[now-30d TO now] | sequence by actor [rows:>2] -> [outcome:denied] within 2d",
          "needle | sequence by resource.name [*] -> [actor:bob] within 9d")  # fmt: skip
SQL = "select index, actor_id, rows, now() from events order by index"


class Log:
    """A ledger and how it grows; `seal` indexes everything so far."""

    def __init__(self, directory, keys, port, clock):
        self.directory, self.keys, self.port, self.clock = directory, keys, port, clock
        self.intake = LedgerIntake(
            RowMaker(keys.identity_root(), port.sources),
            BatchBuilder(keys.ledger_id, keys.public_kek()), port,
        )  # fmt: skip
        port.declare_source("shop", "json", "shop")
        self.reading = LedgerReading(directory, keys, port, clock)
        self.number = 0

    def grow(self, count):
        data = []
        for _ in range(count):
            n = self.number = self.number + 1
            data.append(msgspec.json.encode({
                "id": f"0190a0a0-0000-7000-8000-{n:012x}", "userId": ("alice", "bob")[n % 2],
                "action": "READ", "resource": f"file-{n % 7}", "rows": n % 11,
                "status": "DENIED" if n % 5 == 0 else "SUCCESS",
                "timestamp": f"2026-11-{1 + n * 13 % 17:02d}T10:{n * 7 % 60:02d}:00Z",
                "message": "a needle" if n % 9 == 0 else "hay",
            }))  # fmt: skip
        self.clock.now_us += 3_600_000_000
        self.intake.accept(Delivery("shop", data, self.clock()))
        return self.port.status().size

    def index(self):
        reader = LedgerReader(self.directory, self.keys)
        follower = Follower(self.directory, self.keys, reader)
        while follower.step(self.port.status().size):
            pass
        reader.close()

    def answers(self, at, **options):
        found = [
            answer_document(self.reading.search_at(ALL, text, at, **options)) for text in SEARCHES
        ]
        found += [table_document(self.reading.table_at(ALL, text, at)) for text in TABLES]
        found += [
            chains_document(self.reading.chains_at(ALL, text, at, **options)) for text in CHAINS
        ]
        sql = sql_document(self.reading.sql(ALL, SQL, "time:[now-30d TO now]", at=at))
        found.append(msgspec.json.decode(b"".join(sql)))
        for document in found:
            document.pop("newer")
        return found


@pytest.fixture
def log(directory, keys, port, clock):
    made = Log(directory, keys, port, clock)
    yield made
    made.reading._reader.close()


@pytest.mark.parametrize("indexed", ["never", "before", "after", "both"])
def test_what_came_later_is_in_no_answer(log, indexed):
    log.grow(40)
    at = log.grow(33)
    if indexed in {"before", "both"}:
        log.index()
    before = log.answers(at)
    assert before[0]["total"] == 73
    log.grow(50)
    if indexed in {"after", "both"}:
        log.index()
    log.grow(5)
    assert log.answers(at) == before
    middle = log.answers(at - 20)
    log.reading.search(ALL, "")
    assert log.answers(at - 20) == middle
    assert middle[0]["total"] == 53


def test_each_size_has_exactly_its_entries(log):
    log.grow(20)
    log.index()
    size = log.grow(9)
    for at in range(1, size + 1):
        answer = log.reading.search_at(ALL, "", at, own=True, limit=100)
        indexes = sorted(hit.index for hit in answer.events)
        assert indexes == [n for n in range(at) if n in indexes]
        assert answer.total == len(indexes)
        assert answer.size == at
    assert indexes[-1] == at - 1


def test_the_checkpoint_is_signed_for_that_size(log, keys):
    at = log.grow(12)
    log.grow(7)
    answer = log.reading.search_at(ALL, "actor:alice", at)
    assert parse_body(verify_note(answer.checkpoint.encode(), keys.vkey())).size == at
    assert answer.newer == log.port.status().size - 1 - at  # the read itself came after
    table = log.reading.table_at(ALL, TABLES[0], at)
    assert (table.checkpoint, table.size) == (answer.checkpoint, at)


def test_pages_follow_each_other_however_the_log_grows(log):
    at = log.grow(30)
    first = log.reading.search_at(ALL, "", at, limit=20)
    log.grow(30)
    second = log.reading.search_at(ALL, "", at, limit=20, before=first.next)
    assert (second.next, len(first.events) + len(second.events)) == (None, 30)
    assert not {hit.index for hit in first.events} & {hit.index for hit in second.events}


def test_now_is_when_its_last_entry_was_taken(log):
    at = log.grow(3)
    log.clock.now_us += 400 * 86_400_000_000
    log.grow(1)
    assert log.reading.search_at(ALL, "received:[now-1d TO now]", at).total == 3
    assert log.reading.search(ALL, "received:[now-1d TO now]").total == 1


def test_it_is_recorded_and_rights_hold(log):
    at = log.grow(10)
    few = Caller("rita", "api", rights=rights("actor:bob", ["rows"]))
    answer = log.reading.search_at(few, "", at)
    assert {hit.event.who.actor_id for hit in answer.events} == {"bob"}
    assert all(hit.event.what.rows is None for hit in answer.events)
    for refused, text in ((few, "rows:>1"), (Caller("x", "api", rights=NOTHING), "")):
        with pytest.raises(AccessDeniedError):
            log.reading.search_at(refused, text, at)
    found = log.reading.search(ALL, "service:whodid action:search").events
    assert [hit.event.what.outcome for hit in found] == ["denied", "denied", "success"]
    assert {hit.event.what.resource_name for hit in found} == {f"events of the first {at} entries"}


@pytest.mark.parametrize("off", [-(10**9), 1, 10**9])
def test_sizes_that_the_log_does_not_have(log, off):
    at = log.grow(2)
    with pytest.raises(UsageError, match="entries"):
        log.reading.search_at(ALL, "", at + off)


def test_each_kind_of_answer_has_its_own_question(log):
    at = log.grow(2)
    with pytest.raises(QueryError):
        log.reading.search_at(ALL, TABLES[0], at)
    with pytest.raises(QueryError):
        log.reading.table_at(ALL, "actor:alice", at)
