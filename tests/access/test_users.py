import sqlite3

import pytest

from state_keys import KEYS
from whodid.access.doorkeeper import Doorkeeper
from whodid.access.password import Cost
from whodid.access.users import User
from whodid.errors import RefusedError, UsageError


def test_right_password_lets_in_and_others_do_not(doorkeeper, alice):
    users = doorkeeper.users
    assert users.check("alice", "correct horse") == alice
    assert users.check("ALICE", "correct horse") == alice
    assert users.check("alice", "wrong") is None
    assert users.check("bob", "correct horse") is None
    assert users.check("alice\0", "correct horse") is None
    assert users.check("a" * 100_000, "x" * 100_000) is None


@pytest.mark.parametrize(
    "name", ["", " alice", "alice\n", "al ice", "-alice", "a" * 65, "al\0ice", "älice", "<b>"]
)
def test_bad_names_are_refused(doorkeeper, name):
    with pytest.raises(UsageError, match="user name"):
        doorkeeper.users.add(name, "correct horse", "administrator")


@pytest.mark.parametrize("name", ["validator", "Sealer", "unknown", "SOMEBODY"])
def test_nobody_passes_for_a_part_of_whodid(doorkeeper, name):
    with pytest.raises(UsageError, match="its own events"):
        doorkeeper.users.add(name, "correct horse", "administrator")


def test_a_name_is_given_once_whatever_its_case(doorkeeper, alice):
    with pytest.raises(UsageError, match="already"):
        doorkeeper.users.add("Alice", "another horse", "administrator")
    assert doorkeeper.users.check("alice", "correct horse") == alice


def test_unknown_role_is_refused(doorkeeper):
    with pytest.raises(UsageError, match="reader, investigator"):
        doorkeeper.users.add("bob", "correct horse", role="root")


def test_user_without_password_has_no_password(doorkeeper):
    doorkeeper.users.add("demo", None, "administrator")
    assert doorkeeper.users.check("demo", "") is None
    assert doorkeeper.users.find("demo").role == "administrator"


def test_new_password_ends_sessions_and_links(doorkeeper, alice):
    bob = doorkeeper.users.add("bob", "correct horse", "administrator")
    hers, his = doorkeeper.sessions.open(alice), doorkeeper.sessions.open(bob)
    link = doorkeeper.sessions.issue_link(alice)
    doorkeeper.users.set_password("Alice", "battery staple")
    assert doorkeeper.users.check("alice", "correct horse") is None
    assert doorkeeper.users.check("alice", "battery staple").version > alice.version
    assert doorkeeper.sessions.find(hers) is None
    assert doorkeeper.sessions.redeem(link) is None
    assert doorkeeper.sessions.find(his) is not None
    with pytest.raises(UsageError, match="no user"):
        doorkeeper.users.set_password("carol", "battery staple")


def test_users_outlive_the_process(doorkeeper, alice, directory, clock):
    again = Doorkeeper(directory, KEYS, clock, Cost(8, 1, 1))
    assert again.users.all() == [User("alice", "administrator", clock(), version=clock())]
    assert again.users.check("alice", "correct horse") == alice


def test_no_secret_is_in_the_file(doorkeeper, alice, directory):
    tokens = [
        doorkeeper.sessions.open(alice),
        doorkeeper.sessions.issue_link(alice),
        doorkeeper.source_tokens.issue("crm", "one"),
        doorkeeper.read_tokens.issue(alice, "one"),
    ]
    data = (directory / "state.db").read_bytes()
    assert b"correct horse" not in data
    for token in tokens:
        assert token.split("_", 1)[1].encode() not in data


def test_locked_database_is_a_refusal(doorkeeper, directory, monkeypatch):
    monkeypatch.setattr(
        "whodid.access.tables.open_durable", lambda path: sqlite3.connect(path, timeout=0)
    )
    other = sqlite3.connect(directory / "state.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(RefusedError, match=r"^state\.db: .*locked"):  # strangers are told: no path
        doorkeeper.users.add("bob", "correct horse", "administrator")
    other.execute("ROLLBACK")
    other.close()
    doorkeeper.users.add("bob", "correct horse", "administrator")


def test_a_folder_without_a_ledger_is_refused_and_left_alone(tmp_path):
    with pytest.raises(UsageError, match="no ledger here"):
        Doorkeeper(tmp_path, KEYS)
    assert list(tmp_path.iterdir()) == []
