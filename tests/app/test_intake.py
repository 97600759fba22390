import msgspec
import pytest

from whodid.app.intake import LedgerIntake
from whodid.app.rows import RowMaker
from whodid.clock import to_rfc3339
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.reader import LedgerReader
from whodid.sources.intake import Delivery

NOW = 1_795_000_000_000_000


def record(number, **more):
    fields = {"id": f"e-{number}", "timestamp": to_rfc3339(NOW), "userId": "a", "action": "READ"}
    return msgspec.json.encode({**fields, **more})


@pytest.fixture
def intake(keys, port):
    port.declare_source("crm", "json", "crm")
    builder = BatchBuilder(keys.ledger_id, keys.public_kek())
    return LedgerIntake(RowMaker(keys.identity_root(), port.sources), builder, port)


def test_accepted_duplicate_conflict_quarantined_add_up(intake):
    first = intake.accept(Delivery("crm", [record(1), record(2), b"rubbish"], NOW))
    assert (first.accepted, first.duplicate, first.quarantined) == (2, 0, 1)
    again = intake.accept(Delivery("crm", [record(1), record(2, action="WRITE"), record(3)], NOW))
    assert (again.accepted, again.duplicate, again.conflict) == (2, 1, 1)
    assert again.first == first.last + 1
    assert again.last == again.first + 1


def test_a_large_delivery_is_several_batches_and_one_tally(intake, directory, keys, port):
    records = [record(number) for number in range(9000)]
    tally = intake.accept(Delivery("crm", records, NOW))
    assert tally.accepted == 9000
    assert tally.last - tally.first == 8999
    reader = LedgerReader(directory, keys)
    rows = list(reader.rows(tally.first, tally.last + 1))
    assert [row.event().raw for row in rows] == records
    reader.close()


def test_all_duplicates_have_no_range(intake):
    intake.accept(Delivery("crm", [record(1)], NOW))
    tally = intake.accept(Delivery("crm", [record(1)], NOW))
    assert (tally.accepted, tally.duplicate, tally.first, tally.last) == (0, 1, None, None)
