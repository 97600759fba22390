"""`whodid trace`: the story of an id as text and as a document."""

USAGE = 2


def test_a_story_is_told_in_order(cli):
    cli.ingest(
        {"timestamp": "2026-11-19T10:00:02Z", "userId": "bob", "action": "DELETE",
         "resource": "order/7", "status": "DENIED", "correlation_id": "corr-1"},
        {"timestamp": "2026-11-19T10:00:01Z", "userId": "alice", "action": "READ",
         "resource": "order/7", "service": "shop", "correlation_id": "corr-1", "session_id": "s-1"},
        {"timestamp": "2026-11-19T10:05:01Z", "userId": "alice", "action": "READ",
         "resource": "order/8", "service": "shop", "correlation_id": "corr-1"},
        {"timestamp": "2026-11-19T10:00:03Z", "userId": "alice", "action": "READ",
         "resource": "order/9\u001b[31m", "service": "shop", "session_id": "s-1"},
    )  # fmt: skip
    lines = cli("trace", "corr-1").stdout.splitlines()
    assert lines[0] == "2026-11-19T10:00:01.000000Z  4 events in 300.000 s: shop, json"
    assert lines[2] == "      +0.000 s  shop  alice read order/7"
    assert lines[3] == "      +1.000 s  json  bob was denied deleting order/7 (denied)"
    assert lines[4].startswith("~     +2.000 s  shop  alice read order/9")
    assert "\x1b" not in lines[4]
    assert lines[5].strip() == "… nothing for 5.0 minutes"
    assert len(cli("trace", "corr-1", "--stated").stdout.splitlines()) == len(lines) - 1
    document = cli.json("trace", "corr-1")
    assert [step["link"]["inferred"] for step in document["steps"]] == [False, False, True, False]
    assert (document["systems"], document["whole"]) == (["shop", "json"], True)


def test_an_id_that_nothing_has(cli):
    assert cli("trace", "corr-404").stdout == "nothing has this id\n"
    assert "characters" in cli("trace", "x" * 600, rc=USAGE).stderr


def test_an_id_that_only_own_events_have(cli):
    cli.ingest({"timestamp": "2026-11-19T10:00:02Z", "userId": "bob", "action": "READ"})
    cli("search", "bob")
    own = cli.json("search", "action:search", "--own")["events"][0]
    told = cli("trace", own["id"]).stdout
    assert told == "only 1 own event of whodid: in no story, `whodid search --own` shows them\n"
