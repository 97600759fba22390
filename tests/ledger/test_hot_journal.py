"""A writer that was killed in the midst of a commit: what it left behind keeps nobody out."""

import contextlib
import sqlite3
import subprocess
import sys

import pytest

from ledger_kit import Hand
from whodid.ledger.formats import DATABASES, database_format
from whodid.ledger.keys_db import load_readonly
from whodid.ledger.layout import KEYS_DB

_KILLED = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode = DELETE")
db.execute("PRAGMA cache_size = 1")
db.execute("BEGIN IMMEDIATE")
for number in range(2000):
    db.execute("INSERT INTO killed VALUES (?)", (os.urandom(200),))
os._exit(0)
"""


@pytest.fixture
def hand(tmp_path):
    hand = Hand(tmp_path).open()
    hand.add(range(10))
    hand.seal()
    hand.close()
    yield hand
    hand.close()


def kill_a_writer(path):
    """Leave a database with half of a transaction in it, and the journal that undoes it."""
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE killed (data BLOB)")
    db.commit()
    db.close()
    subprocess.run([sys.executable, "-c", _KILLED, str(path)], check=True)
    assert path.with_name(f"{path.name}-journal").stat().st_size > 0
    with (
        contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader,
        pytest.raises(sqlite3.OperationalError, match="readonly"),  # so it is a hot one
    ):
        reader.execute("PRAGMA user_version")


@pytest.mark.parametrize("name", list(DATABASES))
def test_the_format_is_read_and_the_log_opens(hand, name):
    path = hand.directory / name
    kill_a_writer(path)
    before = path.read_bytes()
    assert database_format(path) == DATABASES[name]
    assert path.read_bytes() == before, "who asks for the format writes nothing"
    hand.open()
    hand.add(range(10, 20))
    assert hand.seal() > 0
    db = load_readonly(hand.directory / KEYS_DB)
    assert db.execute("SELECT count(*) FROM data_keys").fetchone()[0] >= 2
    db.close()
