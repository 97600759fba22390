"""`whodid alerts`: lists, acts and silences, on a folder."""

import msgspec

from alert_kit import finding_of, head
from whodid.app.alerting import open_alerts
from whodid.app.answer import Hit
from whodid.clock import system_clock
from whodid.ledger.local import reach_sequencer
from whodid.ledger.opening import keys_of
from whodid.ledger.reader import LedgerReader

USAGE = 2


def raise_one(cli, rule="burst", level="high", why="3 failed logins"):
    """Raise an alert as the detector would, about the events of the ledger."""
    with cli.keys_here():
        keys = keys_of(cli.directory)
        reader = LedgerReader(cli.directory, keys)
        hits = [
            Hit(row.index, row.event(), 0, 0)
            for row in reader.rows(0, reader.refresh())
            if row.event() is not None and row.event().envelope.source != "whodid"
        ]
        reader.close()
        port = reach_sequencer(cli.directory)
        try:
            alerts = open_alerts(cli.directory, keys, port, system_clock)
            key = (("actor.id", "bob\u001b[31m"),)
            alerts.take([finding_of(hits, head(rule, level), key, why)])
        finally:
            port.close()


def test_the_life_of_an_alert(cli):
    cli.ingest({"timestamp": "2026-11-19T10:00:02Z", "userId": "bob", "action": "LOGIN"})
    assert "0 shown; 0 open, 0 acknowledged" in cli("alerts").stderr
    raise_one(cli)
    listed = cli("alerts")
    assert "Title of burst (actor.id bob" in listed.stdout
    assert "\x1b" not in listed.stdout
    assert "1 open (1 high)" in listed.stderr
    [alert] = cli.json("alerts")["alerts"]
    assert cli.json("alerts", "list", "--level", "critical")["alerts"] == []
    assert len(cli.json("alerts", "list", "--rule", "burst")["alerts"]) == 1
    shown = cli("alerts", "show", alert["id"]).stdout
    assert "3 failed logins" in shown
    assert "raised 1 events" in shown
    assert cli("alerts", "ack", alert["id"], "--note", "I look").stdout == (
        f"alert {alert['id']}: acknowledged\n"
    )
    assert cli.json("alerts", "assign", alert["id"], "omar")["assignee"] == "omar"
    cli("alerts", "note", alert["id"], "hm")
    cli("alerts", "close", alert["id"], rc=USAGE)
    cli("alerts", "close", alert["id"], "--as", "nothing", rc=USAGE)
    closed = cli.json(
        "alerts", "close", alert["id"], "--as", "false-positive", "--note", "a script"
    )
    assert closed["disposition"] == "false positive"
    assert cli.json("alerts")["alerts"] == []
    assert "closed, as false positive" in cli("alerts", "list", "--state", "all").stdout
    assert cli.json("alerts", "reopen", alert["id"])["state"] == "open"
    document = cli.json("alerts", "show", alert["id"])
    acts = [record["act"] for record in document["records"]]
    assert acts == ["fired", "acknowledge", "assign", "note", "close", "reopen"]
    cli("alerts", "show", "nothing", rc=USAGE)
    cli("alerts", "explode", rc=USAGE)
    own = [event for event in cli.own() if event.what.action == "close alert"]
    assert [msgspec.json.decode(event.raw)["note"] for event in own] == ["a script"]


def test_muting(cli):
    cli.ingest({"timestamp": "2026-11-19T10:00:02Z", "userId": "bob", "action": "LOGIN"})
    raise_one(cli)
    told = cli("alerts", "silence", "--rule", "burst", "--try").stdout
    assert "1 of 1 alerts of the last 30 days would have been muted" in told
    assert cli.json("alerts", "silence", "--rule", "burst", "--try", "--days", "7")["days"] == 7
    cli("alerts", "silence", "--rule", "burst", rc=USAGE)  # no reason
    cli("alerts", "silence", "--reason", "x", rc=USAGE)
    cli("alerts", "silence", "--key", "actor", "--reason", "x", rc=USAGE)
    cli("alerts", "silence", "--key", "a=b", "--key", "a=c", "--reason", "x", rc=USAGE)
    made = cli.json("alerts", "silence", "--rule", "burst", "--hours", "2", "--reason", "a drill")
    assert (made["kind"], made["rule"]) == ("silence", "burst")
    assert cli.json("alerts")["muted"] == 1
    assert len(cli.json("alerts", "--muted")["alerts"]) == 1
    assert "a drill" in cli("alerts", "silences").stdout
    cli("alerts", "unmute", made["id"], "--note", "over")
    assert "nothing is muted" in cli("alerts", "silences").stderr
    assert "ended" in cli("alerts", "silences", "--all").stdout
    kept = cli.json("alerts", "silence", "--rule", "burst", "--exclude", "--reason", "not here")
    assert (kept["kind"], kept["expires"]) == ("exclusion", None)
    cli("alerts", "unmute", made["id"], rc=USAGE)
