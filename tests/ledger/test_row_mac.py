"""A row's mac covers the table and every column, and nothing can be moved between them."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.ledger.row_mac import insert, is_genuine, replace, row_mac, rows_of, signed

KEY = b"k" * 32
VALUES = st.none() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.binary()
NAMES = st.text("abc_", min_size=1, max_size=3).filter(lambda name: name != "mac")
ROWS = st.dictionaries(NAMES, VALUES, max_size=4)


@given(ROWS, ROWS, st.sampled_from(["t", "ta"]), st.sampled_from(["t", "ta"]))
def test_only_the_same_row_of_the_same_table_has_the_same_mac(one, other, table, elsewhere):
    same = row_mac(KEY, table, one) == row_mac(KEY, elsewhere, other)
    kinds = [[(name, type(row[name]), row[name]) for name in sorted(row)] for row in (one, other)]
    assert same == (table == elsewhere and kinds[0] == kinds[1])


def test_border_cases_that_must_differ():
    rows = [{"a": "x", "b": ""}, {"a": "", "b": "x"}, {"a": "xb"}, {"ab": "x"}, {"a": b"x"},
            {"a": None}, {"a": ""}, {"a": b""}, {"a": 0}, {"a": "0"}, {}]  # fmt: skip
    assert len({row_mac(KEY, "t", row) for row in rows}) == len(rows)


@pytest.mark.parametrize("mac", [None, b"", b"\0" * 32, "x" * 32, 7])
def test_a_mac_of_another_kind_is_none(mac):
    assert not is_genuine(KEY, "t", {"a": 1, "mac": mac})
    assert not is_genuine(KEY, "t", {"a": 1})


def test_what_is_written_is_read_back_genuine():
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE t (a TEXT PRIMARY KEY, b INTEGER, c BLOB, mac BLOB) STRICT")
    insert(db, "t", signed(KEY, "t", {"a": "é", "b": None, "c": b"\xff"}))
    replace(db, "t", signed(KEY, "t", {"a": "é", "b": -1, "c": b"\xff"}))
    [row] = rows_of(db.execute("SELECT * FROM t"))
    assert is_genuine(KEY, "t", row)
    assert not is_genuine(b"K" * 32, "t", row)
    for change in ("b = 2", "a = 'e'", "c = NULL", "mac = zeroblob(32)"):
        db.execute("SAVEPOINT s")
        db.execute(f"UPDATE t SET {change}")
        [altered] = rows_of(db.execute("SELECT * FROM t"))
        assert not is_genuine(KEY, "t", altered), change
        db.execute("ROLLBACK TO s")
    db.close()
