"""`whodid profile`: all about an actor, a resource or an address."""

USAGE = 2


def records():
    for day in range(1, 15):
        yield {"timestamp": f"2026-11-{day:02d}T09:00:00Z", "userId": "alice", "action": "READ",
               "resource": f"file-{day % 2}", "ip": "10.0.0.1"}  # fmt: skip
    yield {"timestamp": "2026-11-14T10:00:00Z", "userId": "alice", "action": "READ",
           "resource": "payroll\u001b[31m", "ip": "203.0.113.9"}  # fmt: skip
    yield {"timestamp": "2026-11-03T10:00:00Z", "userId": "bob", "action": "READ",
           "resource": "file-1", "ip": "10.0.0.2"}  # fmt: skip


def test_all_about_an_actor(cli):
    cli.ingest(*records())
    text = cli("profile", "actor", "alice").stdout
    lines = text.splitlines()
    assert lines[0] == "alice: 15 events, 2026-11-01 09:00 to 2026-11-14 10:00 UTC"
    assert lines[3] == "Mon  ·········█" + "·" * 14
    assert "\nresource\n           7  file-0\n           7  file-1\n           1  payroll" in text
    assert "\nnew in the last 7 days before its last event\n           1  resource payroll" in text
    assert "1  ip 203.0.113.9, since 2026-11-14 10:00" in text
    assert "\nothers with the same resource\n           1  bob, in 1 events" in text
    assert "\x1b" not in text
    document = cli.json("profile", "resource", "file-1")
    assert (document["kind"], document["events"]) == ("resource", 8)
    assert cli.json("profile", "ip", "10.0.0.2")["facets"]
    [event] = [e for e in cli.events() if e.what.resource_name == "alice"]
    assert (event.what.action, event.context.endpoint) == ("profile", "cli")


def test_what_is_not_there_and_what_cannot_be_asked(cli):
    cli.ingest(*records())
    assert cli("profile", "actor", "nobody").stdout == "no event names this actor\n"
    assert "all of it is new" in cli("profile", "resource", "payroll\u001b[31m").stdout
    assert "no address" in cli("profile", "ip", "x", rc=USAGE).stderr
    cli("profile", "planet", "earth", rc=USAGE)
