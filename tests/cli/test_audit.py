"""Each use of the command line is an own event, written first; without it there is no answer."""

import hashlib
import json
import os
import pwd

import pytest

from whodid.errors import RefusedError, StoppedError
from whodid.ledger.local import LocalSequencer

ME = pwd.getpwuid(os.getuid()).pw_name


def acts(events):
    return [
        (e.what.action, e.what.access, e.what.resource_name, e.what.outcome, e.content.statement)
        for e in events
    ]


def test_reads_are_own_events(shared):
    event_id = shared.json("search", "actor:john*", "--limit", 1)["events"][0]["id"]
    reads = {
        ("search", "actor:john*", "--own"): ("search", "events", "actor:john*"),
        ("show", event_id): ("show", event_id, None),
        ("show", event_id, "--proof"): ("prove", event_id, None),
        ("source", "list"): ("list", "sources", None),
        ("token", "list"): ("list", "tokens", None),
    }
    for command, (action, resource, content) in reads.items():
        before = len(shared.own())
        shared(*command)
        [event] = shared.own()[before:]
        assert acts([event]) == [(action, "read", resource, "success", content)]
        assert (event.who.actor_id, event.who.actor_type) == (ME, "user")
        assert event.context.endpoint == "cli"
        assert event.where.ip is None


def test_administrative_acts_are_own_events(cli):
    assert acts(cli.own()) == [("create user", "administer", "ann", "success", None)]
    cli("source", "add", "crm", "--format", "json")
    token = cli("token", "issue", "--source", "crm", "--name", "loader").stdout.strip()
    reader = cli("token", "issue", "--user", "ann").stdout.strip()
    [written, read] = cli.json("token", "list")["tokens"]
    cli("token", "revoke", written["id"])
    cli("token", "revoke", read["id"])
    link = cli("login", "ann", "--link").stdout.strip()
    cli("passwd", "ann", "--password-stdin", stdin="another password\n")
    cli.ingest({"id": "1", "userId": "bob", "action": "READ"}, source="auto")
    expected = [
        ("declare source", "administer", "crm", "success", None),
        ("issue token", "administer", "crm", "success", "loader"),
        ("issue token", "administer", "ann", "success", "cli"),
        ("list", "read", "tokens", "success", None),
        ("revoke token", "administer", written["id"], "success", None),
        ("revoke token", "administer", read["id"], "success", None),
        ("issue login link", "administer", "ann", "success", None),
        ("set password", "administer", "ann", "success", None),
        ("declare source", "administer", "auto", "success", None),
        ("ingest", "create", "auto", "success", "-"),
    ]
    assert acts(cli.own())[1:] == expected
    for event in cli.own():
        assert (event.who.actor_id, event.context.endpoint) == (ME, "cli")
        groups = json.dumps([str(event)])
        for secret in (token, reader, link.rsplit("/", 1)[1], "another password"):
            assert secret not in groups, "no secret is ever written"


def test_an_act_that_failed_says_so(cli):
    before = len(cli.own())
    cli("passwd", "nobody", "--password-stdin", stdin="long enough\n", rc=2)
    cli("passwd", "ann", "--password-stdin", stdin="short\n", rc=2)
    cli("token", "revoke", "ffffffffffff", rc=2)
    cli("token", "issue", "--user", "nobody", rc=2)
    cli("token", "issue", "--source", "nothing", rc=2)
    cli("token", "issue", "--source", "whodid", rc=2)
    events = acts(cli.own()[before:])
    assert [event[3] for event in events] == ["success", "denied"] * 6
    assert cli.json("token", "list")["tokens"] == []


def test_the_actor_is_the_user_that_runs_and_not_what_the_environment_says(shared):
    shared("search", "x", LOGNAME="mallory", USER="mallory", USERNAME="mallory", LNAME="mallory")
    assert shared.own()[-1].who.actor_id == ME


@pytest.mark.parametrize("fault", [RefusedError, StoppedError])
def test_no_event_no_answer(shared, monkeypatch, fault):
    event_id = shared.json("search", "actor:john*")["events"][0]["id"]

    def submit(_self, _batch):
        raise fault("the disk is full")

    size = len(shared.events())
    monkeypatch.setattr(LocalSequencer, "submit", submit)
    for command in (
        ("search", "actor:john*"),
        ("search", "actor:john*", "--json"),
        ("show", event_id),
        ("show", event_id, "--proof", "--json"),
        ("source", "list"),
        ("source", "add", "crm"),
        ("token", "list"),
        ("token", "issue", "--source", "json"),
        ("token", "issue", "--user", "ann"),
        ("token", "revoke", "ffffffffffff"),
        ("login", "ann", "--link"),
        ("passwd", "ann", "--password-stdin"),
        ("ingest", "--source", "json", "-"),
        ("ingest", "--source", "combined", "-"),
    ):
        result = shared(*command, rc=1, stdin='{"userId":"zoe","action":"READ"}\n')
        assert result.stdout == "", command
        assert result.stderr == "whodid: the disk is full\n", command
    monkeypatch.undo()
    assert len(shared.events()) == size
    assert shared.json("token", "list")["tokens"] == []
    assert shared.json("source", "list")["sources"][-1]["name"] == "json"


def test_own_events_are_hidden_counted_and_found(shared):
    answer = shared.json("search", "")
    assert {event["source"] for event in answer["events"]} == {"json"}
    assert answer["hidden_own"] == len(shared.own()) - 1
    assert "of whodid's own are hidden; --own shows them" in shared("search").stderr
    asked = shared.json("search", "service:whodid")
    assert {event["source"] for event in asked["events"]} == {"whodid"}
    assert shared.json("search", "", "--own")["total"] == len(shared.events()) - 1


def test_the_query_text_of_a_search_is_found_in_the_content_only(shared):
    shared("search", "a-very-special-word")
    event = shared.own()[-1]
    assert event.content.statement == "a-very-special-word"
    assert "special" not in str((event.what, event.who, event.where, event.context))


def hash_of(*folders):
    """Return the path, size, mode, time and hash of everything in folders."""
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            stat = path.stat()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            found[str(path)] = (stat.st_size, stat.st_mode, stat.st_mtime_ns, content)
    return found


def test_verify_offline_writes_nothing_anywhere(shared):
    folders = (shared.directory, shared.folder / "keys")
    shared("search", "")
    before = hash_of(*folders)
    for options in ((), ("--index",), ("--json",)):
        shared("verify", shared.directory, *options)
    assert hash_of(*folders) == before
