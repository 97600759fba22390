"""A refused write token is an event: counted at the door, written by a process that may."""

import asyncio
import contextlib
import sqlite3

import pytest

from state_keys import KEYS
from whodid.access.source_tokens import SourceTokens
from whodid.app.door_tokens import DoorTokens
from whodid.app.refused_tokens import refusal_event
from whodid.ledger.refusals import Refused
from whodid.ledger.state_db import Source, StateDb
from whodid.sources.http import IngestApp

DAY_US = 24 * 3600 * 1_000_000


@pytest.fixture
def directory(tmp_path):
    with contextlib.closing(StateDb(tmp_path, KEYS.doors)) as db:
        db.add_source(Source("crm", b"c" * 16, "json", "crm"))
    SourceTokens(tmp_path, KEYS)  # makes the tables
    return tmp_path


@pytest.fixture
def door(directory, clock):
    with contextlib.closing(DoorTokens(directory, KEYS.doors, clock)) as it:
        yield it


def post(door, clock, token, ip="203.0.113.9", query=b""):
    """Send a request without records; return the status."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "path": "/v1/events", "method": "POST", "query_string": query,
        "client": (ip, 1), "headers": [(b"authorization", b"Bearer " + token.encode())],
    }  # fmt: skip
    if not token:
        scope["headers"] = []

    class Never:
        accept = None

    app = IngestApp(Never(), door, clock, fallback=None, refused=door.refused)
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"]


def test_each_reason_is_told_apart(door, directory, clock):
    tokens = SourceTokens(directory, KEYS, clock)
    good, revoked, expired = (tokens.issue("crm", name, clock() + DAY_US) for name in "gre")
    ids = {info.name: info.id for info in tokens.all()}
    tokens.revoke(ids["r"])
    forged = tokens.issue("crm", "f")
    with contextlib.closing(sqlite3.connect(directory / "state.db")) as db, db:
        db.execute("UPDATE access_tokens SET expires_us = 1 WHERE name = 'f'")
    assert post(door, clock, good) == 400, "let in, and without records"
    assert post(door, clock, good, query=b"source=other") == 403
    assert post(door, clock, revoked) == 401
    assert post(door, clock, forged) == 401
    assert post(door, clock, "wd_" + "A" * 43) == 401
    assert post(door, clock, "nonsense") == 401
    assert post(door, clock, "") == 401
    clock.now_us += 2 * DAY_US
    assert post(door, clock, expired) == 401
    found = [(item.reason, item.token) for item in door.refusals.take()]
    assert found == [
        ("another source's", ids["g"]), ("revoked", ids["r"]), ("forged", ""), ("unknown", ""),
        ("malformed", ""), ("no", ""), ("expired", ids["e"]),
    ]  # fmt: skip


def test_a_token_itself_is_never_in_what_is_told(door, clock):
    token = "wd_" + "S" * 43
    post(door, clock, token)
    assert token not in repr(door.refusals.take())


def test_a_flood_is_one_event_with_a_count(door, clock):
    for _ in range(500):
        post(door, clock, "wd_" + "A" * 43)
    [item] = door.refusals.take()
    caller, act = refusal_event(item)
    assert (caller.name, caller.ip) == ("unknown", "203.0.113.9")
    assert (act.action, act.rows, act.ok) == ("send events", 500, False)
    assert "unknown token, 500 times from 2026-" in act.reason


def test_the_event_of_a_network_and_of_a_known_token():
    caller, act = refusal_event(Refused("revoked", "2001:db8::/64", "ab12", 1, 5, 5))
    assert (caller.name, caller.ip) == ("token ab12", None)
    assert act.reason == "revoked token, from 2001:db8::/64"
