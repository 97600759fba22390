"""state.db is bound to the key folder: once, as it is, and only by who holds the folder."""

import contextlib
import sqlite3

import pytest

from whodid.access.sessions import Sessions
from whodid.access.source_tokens import SourceTokens
from whodid.access.users import Users
from whodid.errors import FormatError, RefusedError
from whodid.ledger.local import LocalSequencer
from whodid.ledger.opening import Settings, init_ledger, keys_of, open_ledger
from whodid.ledger.state_db import read_sources
from whodid.ledger.verify import verify_ledger
from whodid.upgrade.steps import upgrade

OLD = """
CREATE TABLE access_users (name TEXT PRIMARY KEY COLLATE NOCASE, role TEXT NOT NULL,
    password TEXT, created_us INTEGER NOT NULL) STRICT;
INSERT INTO access_users VALUES ('ann', 'administrator', NULL, 5);
CREATE TABLE access_sessions (token_hash BLOB PRIMARY KEY, user TEXT NOT NULL COLLATE NOCASE,
    opened_us INTEGER NOT NULL, seen_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO access_sessions VALUES (x'00', 'ann', 1, 1);
CREATE TABLE access_tokens (token_hash BLOB PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL
    UNIQUE, holder TEXT NOT NULL, name TEXT NOT NULL, issued_us INTEGER NOT NULL,
    expires_us INTEGER, revoked_us INTEGER) STRICT, WITHOUT ROWID;
INSERT INTO access_tokens VALUES (x'01', 'wd_', 'aa', 'shop', 'old', 1, NULL, NULL);
INSERT INTO access_tokens VALUES (x'02', 'wdr_', 'bb', 'ann', 'old', 1, NULL, NULL);
ALTER TABLE sources DROP COLUMN mac;
"""


@pytest.fixture
def directory(tmp_path, monkeypatch):
    monkeypatch.setenv("WHODID_KEYS", str(tmp_path / "keys"))
    init_ledger(tmp_path / "L", origin="log.example/whodid/bound")
    with port(tmp_path / "L") as sequencer:
        sequencer.declare_source("shop", "json", "shop")
    return tmp_path / "L"


@contextlib.contextmanager
def port(directory):
    found = LocalSequencer(*open_ledger(directory, settings=Settings(1 << 20, 0)))
    try:
        yield found
    finally:
        found.close()


def execute(directory, script):
    with contextlib.closing(sqlite3.connect(directory / "state.db")) as db:
        db.executescript(script)
        db.commit()


def test_a_new_ledger_is_bound_from_the_first(directory):
    keys = keys_of(directory)
    assert keys.has_access_key()
    assert keys.state_keys().access != keys.state_keys().doors != keys.identity_root()
    assert set(read_sources(directory, keys.doors_key())) == {"whodid", "shop"}
    assert read_sources(directory, bytes(32)) == {}


def test_a_ledger_of_before_is_bound_once_as_it_is(directory):
    keys = keys_of(directory)
    for name in ("access.key", "doors.key"):
        (keys.path / name).unlink()
    execute(directory, OLD)
    assert not verify_ledger(directory, keys=keys).faults, "there is no key to check with yet"
    with pytest.raises(FormatError, match="run `whodid upgrade"):
        open_ledger(directory)
    assert "rows of state.db are signed" in upgrade(directory)
    with port(directory) as sequencer:
        assert set(sequencer.sources()) == {"whodid", "shop"}
    bound = keys_of(directory).state_keys()
    [ann] = Users(directory, bound).all()
    assert (ann.name, ann.role, ann.filter, ann.deny) == ("ann", "administrator", "", ())
    assert [info.id for info in SourceTokens(directory, bound).all()] == ["aa"]
    assert Sessions(directory, bound).open(ann)
    assert verify_ledger(directory, keys=keys).ok
    # what is added without the keys after that is not taken over at the next start
    execute(
        directory, "INSERT INTO access_users (name, role, created_us) VALUES ('eve','reader',1)"
    )
    with port(directory):
        pass
    assert [user.name for user in Users(directory, bound).all()] == ["ann"]


def test_a_crash_in_the_middle_of_binding_is_made_good(directory, monkeypatch):
    keys = keys_of(directory)
    (keys.path / "access.key").unlink()
    before = keys.doors_key()
    monkeypatch.setattr(type(keys), "make_access_key", lambda *_: (_ for _ in ()).throw(OSError(5)))
    with pytest.raises(OSError, match="5"):
        upgrade(directory)
    monkeypatch.undo()
    monkeypatch.setenv("WHODID_KEYS", str(directory.parent / "keys"))
    assert upgrade(directory) == ["rows of state.db are signed"]
    with port(directory) as sequencer:
        assert set(sequencer.sources()) == {"whodid", "shop"}
    assert keys.doors_key() == before
    assert verify_ledger(directory, keys=keys).ok


COPIED = """
INSERT INTO access_users
SELECT 'eve', role, password, created_us, filter, deny, version, mac FROM access_users
"""


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("sources", "UPDATE sources SET domain = 'x' WHERE name = 'shop'"),
        ("sources", "UPDATE sources SET format = 'auto' WHERE name = 'shop'"),
        ("sources", "UPDATE sources SET mac = NULL WHERE name = 'shop'"),
        ("access_users", "UPDATE access_users SET role = 'investigator'"),
        ("access_users", "UPDATE access_users SET filter = NULL"),
        ("access_users", "UPDATE access_users SET deny = ''"),
        ("access_users", COPIED),
        ("access_tokens", "UPDATE access_tokens SET revoked_us = NULL"),
        ("access_tokens", "UPDATE access_tokens SET holder = 'whodid'"),
    ],
)  # fmt: skip
def test_verify_names_a_row_that_whodid_did_not_write(directory, table, change):
    keys = keys_of(directory)
    bound = keys.state_keys()
    Users(directory, bound).add("ann", None, "reader", filter_text="source:shop", deny=["ip"])
    tokens = SourceTokens(directory, bound)
    tokens.issue("shop", "one")
    tokens.revoke(tokens.all()[0].id)
    assert verify_ledger(directory, keys=keys).ok
    execute(directory, change)
    verdict = verify_ledger(directory, keys=keys)
    assert not verdict.ok
    problems = [fault.problem for fault in verdict.faults if fault.where == "state.db"]
    assert any(f"a row of {table} " in problem for problem in problems), problems


def test_an_altered_source_does_not_exist_for_the_sequencer(directory):
    execute(directory, "UPDATE sources SET domain = 'whodid' WHERE name = 'shop'")
    with port(directory) as sequencer:
        assert set(sequencer.sources()) == {"whodid"}
        with pytest.raises(RefusedError, match="cannot be kept"):
            sequencer.declare_source("shop", "json", "shop")
