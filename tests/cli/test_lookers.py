"""`whodid lookers`: who looked, as text and as a document."""

USAGE = 2


def test_who_looked(cli):
    cli.ingest({"timestamp": "2026-11-19T10:00:02Z", "userId": "bob", "action": "READ"})
    assert "0 of 0 looks" in cli("lookers").stderr
    cli("search", "actor:bob\u001b[31m")
    cli("trace", "corr-1")
    found = cli("lookers", "action:search")
    assert "search 1" in found.stdout
    assert "actor:bob" in found.stdout
    assert "\x1b" not in found.stdout
    assert "1 of 1 looks, 0 refused" in found.stderr
    document = cli.json("lookers", "--of", "trace", "corr-1")
    [one] = document["lookers"]
    assert (one["acts"], document["subject"]["value"]) == ({"trace": 1}, "corr-1")
    assert cli.json("lookers", "--limit", "1", "action:review")["total"] == 3
    cli("lookers", "--of", "planet", "earth", rc=USAGE)
    cli("lookers", "(", rc=USAGE)
