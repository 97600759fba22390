"""`whodid overview`: as text and as a document."""

from datetime import UTC, datetime, timedelta

USAGE = 2


def test_the_last_week(cli):
    now = datetime.now(UTC)
    cli.ingest(
        *({"timestamp": (now - timedelta(days=days, minutes=1)).isoformat(), "userId": who,
           "action": "READ", "resource": f"file-{days}", "status": status}
          for days, who, status in ((0, "new\u001b[31m", "DENIED"), (1, "alice", "SUCCESS"),
                                    (9, "alice", "SUCCESS"), (9, "gone", "SUCCESS")))
    )  # fmt: skip
    text = cli("overview").stdout
    assert "2  events, 2 in the period before" in text
    assert "1  denied, 0 in the period before" in text
    assert "\nnew actor (1)\n             1  new" in text
    assert "\nnot used any more: actor (1)\n             1  gone" in text
    assert "\nrefused and failed most\n             1  new" in text
    assert "\x1b" not in text
    document = cli.json("overview", "--period", "month")
    assert document["events"] == {"now": 4, "last": 0, "earlier": 0}
    assert "nothing is known of the time before: all of it is new" in document["warnings"]
    cli("overview", "--period", "year", rc=USAGE)
