import sqlite3

import pytest

from state_keys import KEYS
from whodid.errors import LedgerError
from whodid.ledger.state_db import Receipt, Source, StateDb, read_sources

SOURCE = Source("app", b"s" * 16, "json", "shared", 3, 77)


def receipt(number, verdicts=b"\0\0\1\2"):
    duplicate, conflict = verdicts.count(1), verdicts.count(2)
    first = 10 * number
    return Receipt(
        bytes([number]) * 16, first, first + len(verdicts) - duplicate, duplicate, conflict,
        verdicts, b"r" * 32, 99,
    )  # fmt: skip


@pytest.fixture
def state(tmp_path):
    state = StateDb(tmp_path, KEYS.doors)
    yield state
    state.close()


def test_sources_come_back(tmp_path, state):
    state.add_source(SOURCE)
    assert state.sources() == read_sources(tmp_path, KEYS.doors) == {"app": SOURCE}


def test_a_source_is_added_once(state):
    state.add_source(SOURCE)
    with pytest.raises(OSError, match=r"state.db"):
        state.add_source(SOURCE)
    assert state.sources() == {"app": SOURCE}


@pytest.mark.parametrize("verdicts", [b"\0", bytes(4096), b"\1\1", b"\0\0\1\2"])
def test_receipts_come_back(tmp_path, state, verdicts):
    kept = receipt(1, verdicts)
    state.keep_receipts([(1, kept)], 0)
    assert state.receipt(kept.batch_id) == kept
    again = StateDb(tmp_path, KEYS.doors)
    assert again.receipt(kept.batch_id) == kept
    again.close()
    assert state.receipt(b"x" * 16) is None


def test_a_batch_that_was_accepted_whole_is_small(tmp_path, state):
    state.keep_receipts([(1, receipt(n, bytes(4096))) for n in range(100)], 0)
    assert (tmp_path / "state.db").stat().st_size < 100_000


def test_old_receipts_go(state):
    state.keep_receipts([(n, receipt(n)) for n in range(5)], 0)
    state.keep_receipts([(5, receipt(5))], 3)
    assert [n for n in range(6) if state.receipt(receipt(n).batch_id)] == [3, 4, 5]


def test_a_retried_receipt_is_kept_once(state):
    state.keep_receipts([(1, receipt(1)), (1, receipt(1))], 0)
    assert state.receipt(receipt(1).batch_id) == receipt(1)


@pytest.mark.parametrize("content", [b"not a database" * 100, b"SQLite format 3\0" + b"\xff" * 200])
def test_a_broken_database_is_named(tmp_path, content):
    (tmp_path / "state.db").write_bytes(content)
    with pytest.raises(LedgerError, match=r"state.db"):
        StateDb(tmp_path, KEYS.doors)
    with pytest.raises(LedgerError, match=r"state.db"):
        read_sources(tmp_path, KEYS.doors)


def test_a_broken_receipt_is_a_failure_of_the_disk(tmp_path, state):
    state.keep_receipts([(1, receipt(1))], 0)
    with sqlite3.connect(tmp_path / "state.db") as db:
        db.execute("UPDATE receipts SET receipt = x'00'")
    db.close()
    with pytest.raises(OSError, match="does not decode"):
        state.receipt(receipt(1).batch_id)
