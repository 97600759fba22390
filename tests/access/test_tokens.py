import contextlib
import os
import re
import sqlite3

import pytest

from state_keys import KEYS
from whodid.access.source_tokens import SourceGrant, SourceTokenReader
from whodid.errors import RefusedError, UsageError
from whodid.ledger.state_db import Source, StateDb
from whodid.limits import TOKEN_CACHE_MAX


@pytest.fixture
def reader(directory, doorkeeper, clock):
    with contextlib.closing(SourceTokenReader(directory, KEYS.doors, clock)) as it:
        yield it


def test_a_write_token_stands_for_its_source(doorkeeper, reader):
    token = doorkeeper.source_tokens.issue("nginx", "web server 1")
    assert re.fullmatch(r"wd_[A-Za-z0-9_-]{43}", token)
    assert reader.source_of(token) == SourceGrant("nginx", "combined")


@pytest.mark.parametrize("source", ["whodid", "unknown", "", "ngin%"])
def test_no_token_for_our_own_or_an_undeclared_source(doorkeeper, source):
    with pytest.raises(UsageError, match="declare it"):
        doorkeeper.source_tokens.issue(source, "x")


@pytest.mark.parametrize(
    "wrong", ["", "wd_", "wd_" + "A" * 43, "\0", "x" * 10**6, "wd_é", "wdr_" + "A" * 43]
)
def test_wrong_tokens_are_nobody(reader, wrong):
    assert reader.source_of(wrong) is None


def test_a_revoked_token_ends_within_two_seconds(doorkeeper, reader, clock):
    tokens = doorkeeper.source_tokens
    token, other = tokens.issue("crm", "one"), tokens.issue("crm", "two")
    assert reader.source_of(token)
    one = next(info for info in tokens.all("crm") if info.name == "one")
    assert tokens.revoke(one.id).revoked_us == clock()
    clock.pass_s(2)
    assert reader.source_of(token) is None
    assert reader.source_of(other)
    with pytest.raises(UsageError, match="no valid token"):
        tokens.revoke(one.id)
    assert [info.valid(clock()) for info in tokens.all()] == [
        info.name == "two" for info in tokens.all()
    ]


def test_an_expired_token_ends_at_once_even_when_remembered(doorkeeper, reader, clock):
    token = doorkeeper.source_tokens.issue("crm", "short", clock() + 1_000_000)
    assert reader.source_of(token)
    clock.pass_s(1)
    assert reader.source_of(token) is None


@pytest.mark.parametrize("expires_us", [0, -1, 1_700_000_000_000_000, 2**63, 10**30])
def test_absurd_ends_are_refused(doorkeeper, expires_us):
    with pytest.raises(UsageError, match="expires"):
        doorkeeper.source_tokens.issue("crm", "x", expires_us)


@pytest.mark.parametrize("name", ["", "x" * 101, "a\nb", "a\0", "\ud800"])
def test_bad_token_names_are_refused(doorkeeper, name):
    with pytest.raises(UsageError, match="name"):
        doorkeeper.source_tokens.issue("crm", name)


def test_the_reader_reads_again_only_after_two_seconds(doorkeeper, reader, clock, monkeypatch):
    token = doorkeeper.source_tokens.issue("crm", "one")
    assert reader.source_of(token)
    with monkeypatch.context() as patch:
        patch.setattr(reader, "_read", None)
        clock.pass_s(1.9)
        assert reader.source_of(token)
        clock.pass_s(0.1)
        with pytest.raises(TypeError):
            reader.source_of(token)
    assert reader.source_of(token)


def test_when_it_cannot_read_it_refuses(doorkeeper, reader, directory, clock):
    token = doorkeeper.source_tokens.issue("crm", "one")
    assert reader.source_of(token)
    os.rename(directory / "state.db", directory / "away")
    reader.close()
    clock.pass_s(9.9)
    assert reader.source_of(token)
    with pytest.raises(RefusedError):
        reader.source_of("wd_" + "A" * 43)
    clock.pass_s(0.1)
    with pytest.raises(RefusedError, match=r"^state\.db: "):
        reader.source_of(token)
    os.rename(directory / "away", directory / "state.db")
    assert reader.source_of(token)


def test_the_reader_cannot_write(doorkeeper, reader):
    reader.source_of("wd_" + "A" * 43)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._db.execute("DELETE FROM access_tokens")


def test_what_the_reader_remembers_is_bounded(doorkeeper, reader):
    reader._known = {bytes([i >> 8, i & 255]): (0, None, None) for i in range(TOKEN_CACHE_MAX)}
    assert reader.source_of(doorkeeper.source_tokens.issue("crm", "one"))
    assert len(reader._known) == 1


def test_a_source_declared_later_gets_tokens(doorkeeper, reader, directory):
    with contextlib.closing(StateDb(directory, KEYS.doors)) as db:
        db.add_source(Source("hr", b"h" * 16, "json", "hr"))
    assert reader.source_of(doorkeeper.source_tokens.issue("hr", "one")).name == "hr"


def test_a_read_token_stands_for_its_user(doorkeeper, alice, clock):
    token = doorkeeper.read_tokens.issue(alice, "laptop", clock() + 1_000_000)
    grant = doorkeeper.read_tokens.find(token)
    assert (grant.user, grant.name) == (alice, "laptop")
    identity = doorkeeper.bearer(token)
    assert (identity.user, identity.by, identity.id) == (alice, "token", grant.token_id)
    clock.pass_s(1)
    assert doorkeeper.bearer(token) is None


def test_a_revoked_read_token_is_nobody_at_once(doorkeeper, alice):
    token = doorkeeper.read_tokens.issue(alice, "laptop")
    (info,) = doorkeeper.read_tokens.all(alice)
    doorkeeper.read_tokens.revoke(info.id)
    assert doorkeeper.read_tokens.find(token) is None


def test_kinds_of_tokens_do_not_mix(doorkeeper, reader, alice):
    write, read = (
        doorkeeper.source_tokens.issue("crm", "w"),
        doorkeeper.read_tokens.issue(alice, "r"),
    )
    assert doorkeeper.read_tokens.find(write) is None
    assert doorkeeper.read_tokens.find("wdr_" + write[3:]) is None
    assert reader.source_of(read) is None
    (info,) = doorkeeper.read_tokens.all()
    with pytest.raises(UsageError):
        doorkeeper.source_tokens.revoke(info.id)
