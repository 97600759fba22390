"""Who can write state.db but holds no keys becomes nobody, and is noticed."""

import contextlib
import sqlite3

import pytest

from state_keys import KEYS
from whodid.access.doorkeeper import Doorkeeper
from whodid.access.password import Cost, PasswordHasher
from whodid.access.secret import LINK_PREFIX, READ_PREFIX, SESSION_PREFIX, SOURCE_PREFIX, token_hash
from whodid.access.source_tokens import SourceTokenReader
from whodid.errors import UsageError
from whodid.ledger.keys import StateKeys
from whodid.ledger.row_mac import insert, signed

LIGHT = Cost(8, 1, 1)


@pytest.fixture
def forge(directory):
    """Write rows as somebody with DIR and another program would."""

    def execute(statement, *values):
        with contextlib.closing(sqlite3.connect(directory / "state.db")) as db, db:
            return db.execute(statement, values).rowcount

    return execute


def add_row(directory, key, table, **row):
    with contextlib.closing(sqlite3.connect(directory / "state.db")) as db, db:
        insert(db, table, signed(key, table, row))


def test_a_user_that_whodid_did_not_write_is_nobody(doorkeeper, alice, forge):
    hashed = PasswordHasher(LIGHT).hash("correct horse")
    forge("INSERT INTO access_users VALUES ('eve', 'investigator', ?, 1, NULL, '', 1, ?)",
          hashed, b"m" * 32)  # fmt: skip
    assert doorkeeper.log_in("eve", "correct horse", None).user is None
    assert doorkeeper.users.find("eve") is None
    assert [user.name for user in doorkeeper.users.all()] == ["alice"]
    assert doorkeeper.take_forged() == ["access_users eve"]
    assert doorkeeper.take_forged() == [], "said once"


@pytest.mark.parametrize(
    "change", ["role = 'investigator'", "filter = NULL", "deny = ''", "version = version + 1"]
)
def test_altered_rights_take_the_user_away(doorkeeper, forge, change):
    rita = doorkeeper.users.add(
        "rita", "correct horse", "reader", filter_text="source:crm", deny=["ip"]
    )
    session = doorkeeper.sessions.open(rita)
    token = doorkeeper.read_tokens.issue(rita, "one")
    assert forge(f"UPDATE access_users SET {change} WHERE name = 'rita'") == 1
    assert doorkeeper.log_in("rita", "correct horse", None).user is None
    assert doorkeeper.session(session) is None
    assert doorkeeper.bearer(token) is None


def test_a_password_put_into_the_table_opens_nothing(doorkeeper, alice, forge):
    forge("UPDATE access_users SET password = ?", PasswordHasher(LIGHT).hash("known to eve"))
    assert doorkeeper.log_in("alice", "known to eve", None).user is None


def test_another_users_password_hash_does_not_fit(doorkeeper, alice, forge):
    doorkeeper.users.add("bob", "battery staple", "reader")
    of_bob = "(SELECT {} FROM access_users WHERE name = 'bob')"
    forge(
        f"UPDATE access_users SET password = {of_bob.format('password')}, "
        f"mac = {of_bob.format('mac')} WHERE name = 'alice'"
    )
    assert doorkeeper.log_in("alice", "battery staple", None).user is None


def test_sessions_links_and_tokens_of_ones_own_making(doorkeeper, alice, forge, directory):
    tokens = {prefix: prefix + "A" * 43 for prefix in (SESSION_PREFIX, LINK_PREFIX, READ_PREFIX)}
    hashes = {prefix: token_hash(token, prefix) for prefix, token in tokens.items()}
    far, version, mac = 2**60, alice.version, b"m" * 32
    forge("INSERT INTO access_sessions VALUES (?, 'alice', ?, ?, ?, ?)",
          hashes[SESSION_PREFIX], far, far, version, mac)  # fmt: skip
    forge("INSERT INTO access_links VALUES (?, 'alice', ?, ?, ?)",
          hashes[LINK_PREFIX], far, version, mac)  # fmt: skip
    forge("INSERT INTO access_tokens VALUES (?, 'wdr_', 'i', 'alice', 'n', 1, NULL, NULL, NULL, ?)",
          hashes[READ_PREFIX], mac)  # fmt: skip
    assert doorkeeper.session(tokens[SESSION_PREFIX]) is None
    assert doorkeeper.redeem(tokens[LINK_PREFIX], None).user is None
    assert doorkeeper.bearer(tokens[READ_PREFIX]) is None
    assert doorkeeper.take_forged() == [
        "access_sessions alice", "access_links alice", "access_tokens n",
    ]  # fmt: skip


def test_a_session_moved_to_another_user(doorkeeper, alice, forge):
    bob = doorkeeper.users.add("bob", "battery staple", "reader")
    session = doorkeeper.sessions.open(bob)
    forge("UPDATE access_sessions SET user = 'alice', user_version = ?", alice.version)
    assert doorkeeper.session(session) is None


def test_a_revoked_token_that_is_unrevoked_in_the_table(doorkeeper, alice, forge, directory, clock):
    read, write = doorkeeper.read_tokens, doorkeeper.source_tokens
    one, two = read.issue(alice, "r"), write.issue("crm", "w")
    for tokens in (read, write):
        tokens.revoke(tokens.all()[0].id)
    assert forge("UPDATE access_tokens SET revoked_us = NULL") == 2
    assert doorkeeper.bearer(one) is None
    with contextlib.closing(SourceTokenReader(directory, KEYS.doors, clock)) as reader:
        assert reader.source_of(two) is None
        assert reader.why_not(two) == ("forged", None)


def test_a_write_token_for_a_source_with_altered_settings(doorkeeper, forge, directory, clock):
    token = doorkeeper.source_tokens.issue("crm", "w")
    forge("UPDATE sources SET format = 'combined' WHERE name = 'crm'")
    with contextlib.closing(SourceTokenReader(directory, KEYS.doors, clock)) as reader:
        assert reader.source_of(token) is None
        assert reader.why_not(token)[0] == "forged"
    with pytest.raises(UsageError, match="no source"):
        doorkeeper.source_tokens.issue("crm", "again")


def test_the_key_of_a_door_makes_no_user_and_no_reader(doorkeeper, alice, directory):
    token = READ_PREFIX + "A" * 43
    add_row(directory, KEYS.doors, "access_users", name="eve", role="investigator", password=None,
            created_us=1, filter=None, deny="", version=1)  # fmt: skip
    add_row(directory, KEYS.doors, "access_tokens", token_hash=token_hash(token, READ_PREFIX),
            kind="wdr_", id="x", holder="alice", name="n", issued_us=1, expires_us=None,
            revoked_us=None, user_version=None)  # fmt: skip
    assert doorkeeper.users.find("eve") is None
    assert doorkeeper.bearer(token) is None
    # a read token signed as a write token is none either: its kind is signed too
    hidden = SOURCE_PREFIX + "B" * 43
    add_row(directory, KEYS.doors, "access_tokens", token_hash=token_hash(hidden, SOURCE_PREFIX),
            kind="wd_", id="y", holder="alice", name="n", issued_us=1, expires_us=None,
            revoked_us=None, user_version=None)  # fmt: skip
    assert doorkeeper.bearer(hidden) is None


def test_with_other_keys_everything_is_forged_and_bounded(doorkeeper, alice, directory, clock):
    for number in range(150):
        doorkeeper.users.add(f"u{number}", None, "reader")
    other = Doorkeeper(directory, StateKeys(bytes(32), bytes(32)), clock, LIGHT)
    assert other.users.all() == []
    assert len(other.take_forged()) == 100
